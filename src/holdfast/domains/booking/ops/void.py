"""Undo a sale: staff's own way, past the policy."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView, Status, Voiding
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, NotYourMove
from holdfast.domains.booking.ops.advance import Advance, Because
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.guards import same_version
from holdfast.domains.booking.rules.machines import to_status
from holdfast.kernel.database import transaction
from holdfast.kernel.idempotency import Answer, Once, keep, kept


class VoidBooking:
    """Cancel a booking from any status that is not final: everything it held is free, everything captured goes
    back whatever its policy says, and the audit record tells who did it and why.

    Refusals: BookingNotFound, NotYourMove, VersionConflict, TransitionNotAllowed.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, booking_id: BookingId, voiding: Voiding, *, now: datetime, actor: Actor
    ) -> Answer[BookingView]:
        once = Once.of(
            voiding.idempotency_key,
            caller=actor.caller,
            operation="void-booking",
            subject=str(booking_id),
            payload=voiding,
        )
        async with transaction(self.db, VIOLATIONS):
            if earlier := await kept(self.db, once, BookingView):
                return earlier
            booking = await queries.get_for_update(self.db, booking_id)
            allow(actor, Right.SEE, booking)
            if not actor.is_house:
                raise NotYourMove
            same_version(booking.version, voiding.expected_version)
            steps = to_status(booking.machines, Status.CANCELLED)
            because = Because(
                actor=actor,
                reason=voiding.reason,
                note="voided",
                void=True,
                idempotency_key=voiding.idempotency_key,
            )
            (voided,) = await Advance(self.db, self.inventory).execute(
                [(booking, steps)], because=because, now=now
            )
            view = voided.view()
            await keep(self.db, once, view, now=now)
        return Answer(view)
