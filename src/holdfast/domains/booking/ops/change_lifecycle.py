"""Move the sale on request: one edge of the lifecycle, the status moving along."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, Lifecycle, LifecycleChange, LifecycleView, Status
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, ItemsUnconfirmed
from holdfast.domains.booking.ops.advance import Advance, Because, Claimed
from holdfast.domains.booking.ops.claim_draft import ClaimDraft
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import items
from holdfast.domains.booking.records import BookingRecord
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.guards import admit, admit_refunded, same_version
from holdfast.domains.booking.rules.machines import LIFECYCLE_EDGES, to_lifecycle
from holdfast.kernel.database import transaction
from holdfast.kernel.idempotency import Answer, Once, keep, kept

# who may ask for which stage; the rest is the house's
RIGHTS = {Lifecycle.CANCELLED: Right.CANCEL, Lifecycle.SUPPLIER_CONFIRMED: Right.RUN}


class ChangeLifecycle:
    """Take a booking over exactly one edge of its lifecycle, its status moving along where the two must agree.

    Refusals: BookingNotFound, NotYourMove, VersionConflict, TransitionNotAllowed (naming the allowed edges);
    PaymentDue, CheckInNotOpen, ItemsUnconfirmed (guards that staff may override) and NotAllReturned; the
    inventory's and pricing's where a lead becomes a booking, and the inventory's when the hold is gone.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory, drafts: ClaimDraft) -> None:
        self.db = db
        self.inventory = inventory
        self.drafts = drafts

    async def execute(
        self,
        booking_id: BookingId,
        change: LifecycleChange,
        *,
        pending_ttl: timedelta,
        now: datetime,
        actor: Actor,
    ) -> Answer[LifecycleView]:
        once = Once.of(
            change.idempotency_key,
            caller=actor.caller,
            operation="change-lifecycle",
            subject=str(booking_id),
            payload=change,
        )
        async with transaction(self.db, VIOLATIONS):
            if earlier := await kept(self.db, once, LifecycleView):
                return earlier
            booking = await queries.get_for_update(self.db, booking_id)
            allow(actor, RIGHTS.get(change.to_status, Right.HOUSE), booking)
            same_version(booking.version, change.expected_version)
            steps = to_lifecycle(booking.machines, change.to_status)
            passed = [step.after.status for step in steps if step.after.status is not step.before.status]
            if change.to_status is Lifecycle.REFUNDED:
                admit_refunded(captured=booking.captured, returned_minor=booking.returned_minor)
            if change.to_status is Lifecycle.SUPPLIER_CONFIRMED and not change.override:
                await self.every_item_confirmed(booking_id)
            if Status.PENDING in passed:
                booking = await self.drafts.execute(booking, pending_ttl=pending_ttl, now=now)
            for status in passed:
                admit(status, booking.facts, now=now, override=change.override, actor=actor)
            because = Because(
                actor=actor,
                note=change.note,
                override=change.override,
                claimed=Claimed(change.actor_type, change.actor_id),
                idempotency_key=change.idempotency_key,
                metadata=change.metadata,
            )
            (moved,) = await Advance(self.db, self.inventory).execute([(booking, steps)], because=because, now=now)
            view = await lifecycle_of(self.db, moved)
            await keep(self.db, once, view, now=now)
        return Answer(view)

    async def every_item_confirmed(self, booking_id: BookingId) -> None:
        if await items.waiting(self.db, [booking_id]):
            raise ItemsUnconfirmed


class GetLifecycle:
    """Where a booking's sale stands, how it got there and where it may go, or BookingNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId, *, actor: Actor) -> LifecycleView:
        booking = await queries.get_by_id(self.db, booking_id)
        allow(actor, Right.SEE, booking)
        return await lifecycle_of(self.db, booking)


async def lifecycle_of(db: AsyncSession, booking: BookingRecord) -> LifecycleView:
    return LifecycleView(
        booking_id=booking.id,
        reference=booking.reference,
        lifecycle_status=booking.lifecycle_status,
        status=booking.status,
        version=booking.version,
        allowed=list(LIFECYCLE_EDGES[booking.lifecycle_status]),
        events=await queries.history_of(db, booking.id),
    )
