"""What payment tells of a booking besides its money: an intent opened, an intent failed, money that went back."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, Lifecycle, PaymentSummary, Status
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, CaptureUnknown
from holdfast.domains.booking.ops.advance import Advance, Because, updated
from holdfast.domains.booking.ops.offer import showing, withdrawn
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.records import BookingRecord, ReturnRecord
from holdfast.domains.booking.rules.machines import GIVEN_UP, Machines, to_lifecycle, to_refunded, to_status
from holdfast.kernel.database import transaction
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

# a booking whose money nobody has asked for yet: that an intent came with it was no request
UNASKED = Machines(Status.PENDING, Lifecycle.BOOKING_CREATED)


async def store(
    db: AsyncSession,
    before: BookingRecord,
    after: BookingRecord,
    changed: list[str],
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """Write what moved neither machine, and tell of it."""
    stored = replace(after, version=before.version + 1, updated_at=now)
    await queries.write(db, [stored], queries.MOVED)
    record(db, updated(before, stored, changed, actor=actor, now=now))


class ShowPayment:
    """Show the intent that was asked for: the one by which the booking is paid from now on. The sale of a PENDING
    booking goes on to payment_pending, which leaves its version as it is. BookingNotFound.

    Late news change nothing: an intent that is shown already may have been paid meanwhile.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, booking_id: BookingId, payment: PaymentSummary, *, now: datetime, actor: Actor
    ) -> None:
        async with transaction(self.db, VIOLATIONS):
            booking = await queries.get_for_update(self.db, booking_id)
            shown = booking.payment_summary
            known = shown is not None and shown.intent_id == payment.intent_id
            after = booking if known else showing(booking, payment)
            if booking.status in GIVEN_UP:
                after = withdrawn(after)
            if booking.machines == UNASKED:
                steps = to_lifecycle(booking.machines, Lifecycle.PAYMENT_PENDING)
                because = Because(
                    actor=actor,
                    reason="payment was asked for",
                    idempotency_key=f"intent:{payment.intent_id}",
                    metadata={"intent_id": str(payment.intent_id), "provider": payment.provider},
                )
                (moved,) = await Advance(self.db, self.inventory).execute(
                    [(after, steps)], because=because, now=now
                )
                if not known:
                    record(self.db, updated(booking, moved, ["payment"], actor=actor, now=now))
            elif not known:
                await store(self.db, booking, after, ["payment"], now=now, actor=actor)


class RecordFailure:
    """Fail a pending booking whose payment failed: only by the intent that it shows, and only while nothing was
    captured. An intent that was replaced meanwhile changes nothing. BookingNotFound."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, booking_id: BookingId, intent_id: UUID, *, reason: str | None, now: datetime, actor: Actor
    ) -> None:
        async with transaction(self.db, VIOLATIONS):
            booking = await queries.get_for_update(self.db, booking_id)
            shown = booking.payment_summary
            if shown is None or shown.intent_id != intent_id or shown.status == "succeeded":
                return
            failed = showing(booking, shown.model_copy(update={"status": "failed", "checkout_url": None}))
            if booking.status is not Status.PENDING or booking.kept.minor > 0:
                await store(self.db, booking, failed, ["payment"], now=now, actor=actor)
                return
            because = Because(
                actor=actor,
                reason=reason or "the payment failed",
                idempotency_key=f"intent-failed:{intent_id}",
                metadata={"intent_id": str(intent_id), "provider": shown.provider},
            )
            move = (failed, to_status(failed.machines, Status.FAILED))
            await Advance(self.db, self.inventory).execute([move], because=because, now=now)


class RecordReturn:
    """Note money that went back, once per refund. When all that was captured is back, and the booking is given up
    or still costs something, its lifecycle ends in `refunded`.

    What goes back while the booking still waits to be paid comes due again; what a confirmed one is given, not.

    Refusals: BookingNotFound; CaptureUnknown while the capture is not noted yet.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self,
        booking_id: BookingId,
        amount: Money,
        *,
        refund_id: UUID,
        capture_id: UUID,
        payment: PaymentSummary | None = None,
        now: datetime,
        actor: Actor,
    ) -> None:
        async with transaction(self.db, VIOLATIONS):
            booking = await queries.get_for_update(self.db, booking_id)
            capture = await queries.capture_of(self.db, capture_id)
            if capture is None or capture.booking_id != booking_id:
                raise CaptureUnknown
            gone = ReturnRecord(
                id=refund_id,
                booking_id=booking_id,
                capture_id=capture_id,
                amount_minor=amount.minor,
                currency=amount.currency,
                at=now,
            )
            if not await queries.insert_return(self.db, gone):
                return
            shown = booking.payment_summary
            after = booking
            if payment is not None and shown is not None and shown.intent_id == payment.intent_id:
                after = showing(after, payment)
            if capture.counted:
                after = returned(after, amount)
            steps = to_refunded(after.machines) if all_back(after) else ()
            if not steps:
                await store(self.db, booking, after, ["returned"], now=now, actor=actor)
                return
            because = Because(
                actor=actor,
                reason=f"{after.captured} {after.currency} returned",
                idempotency_key=f"refund:{refund_id}",
                metadata={"refund_id": str(refund_id)},
            )
            await Advance(self.db, self.inventory).execute([(after, steps)], because=because, now=now)


def returned(booking: BookingRecord, amount: Money) -> BookingRecord:
    """The booking with so much less of what was captured. While it is PENDING nothing is sold, so that no refund
    is a gift: it counts as asked back."""
    booking = replace(booking, returned_minor=booking.returned_minor + amount.minor)
    if booking.status is not Status.PENDING:
        return booking
    return replace(booking, asked_back_minor=max(booking.asked_back_minor, booking.returned_minor))


def all_back(booking: BookingRecord) -> bool:
    """Whether the sale is undone: everything captured went back, and not because the stay became free."""
    if booking.captured_minor == 0 or booking.returned_minor < booking.captured_minor:
        return False
    if booking.status is Status.PENDING:
        return False
    return booking.status in GIVEN_UP or booking.total.minor > 0
