"""Move a booking on request: confirm, check in, complete, cancel, mark as no-show."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView, Status, StatusChange
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS
from holdfast.domains.booking.ops.advance import Advance, Because
from holdfast.domains.booking.ops.claim_draft import PENDING_TTL, ClaimDraft
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.guards import admit, same_version
from holdfast.domains.booking.rules.machines import to_confirmed, to_status
from holdfast.kernel.database import transaction
from holdfast.kernel.idempotency import Answer, Once, keep, kept


class ChangeStatus:
    """Take a booking over one edge of its status, its lifecycle moving along.

    Refusals: BookingNotFound, VersionConflict, TransitionNotAllowed (the edges), ReservedForSystem, PaymentDue,
    CheckInNotOpen, NotYetNoShow (guards that staff may override), the inventory's when the hold is gone; those of
    a claim where a lead is to become a booking.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory, drafts: ClaimDraft) -> None:
        self.db = db
        self.inventory = inventory
        self.drafts = drafts

    async def execute(
        self,
        booking_id: BookingId,
        change: StatusChange,
        *,
        pending_ttl: timedelta = PENDING_TTL,
        now: datetime,
        actor: Actor,
    ) -> Answer[BookingView]:
        once = Once.of(
            change.idempotency_key,
            caller=actor.caller,
            operation="change-status",
            subject=str(booking_id),
            payload=change,
        )
        async with transaction(self.db, VIOLATIONS):
            if earlier := await kept(self.db, once, BookingView):
                return earlier
            booking = await queries.get_for_update(self.db, booking_id)
            allow(actor, Right.CANCEL if change.status is Status.CANCELLED else Right.RUN, booking)
            same_version(booking.version, change.expected_version)
            to_confirm = change.status is Status.CONFIRMED
            steps = to_confirmed(booking.machines) if to_confirm else to_status(booking.machines, change.status)
            admit(change.status, booking.facts, now=now, override=change.override, actor=actor)
            if change.status is Status.PENDING:
                booking = await self.drafts.execute(booking, pending_ttl=pending_ttl, now=now)
            because = Because(
                actor=actor,
                reason=change.reason,
                override=change.override,
                idempotency_key=change.idempotency_key,
            )
            moved = await Advance(self.db, self.inventory).execute([(booking, steps)], because=because, now=now)
            view = moved[0].view()
            await keep(self.db, once, view, now=now)
        return Answer(view)
