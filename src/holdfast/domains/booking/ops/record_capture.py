"""Money that arrived for a booking, in time or not.

PENDING              confirmed once what is due is covered; where its hold ran out, only if its time is still free
EXPIRED, FAILED      claimed again under the same id and confirmed, where that is covered and its time still free
  where it is not    the booking stays given up (PENDING expires), and the money goes back
CANCELLED, refunded  the money goes back
the others           kept; what is above the total goes back
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView, Lifecycle, PaymentSummary, RefundCause, Status
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, CaptureIdReused
from holdfast.domains.booking.ops.advance import Advance, Because, asked_back, refund_requested, updated
from holdfast.domains.booking.ops.claims import ClaimAll
from holdfast.domains.booking.ops.offer import showing
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.records import BookingRecord, CaptureRecord
from holdfast.domains.booking.rules.guards import payment_due
from holdfast.domains.booking.rules.machines import Step, back_to_confirmed, to_confirmed, to_status
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

# a no-show paid for what was kept for them
SENT_BACK = frozenset({Status.CANCELLED, Status.EXPIRED, Status.FAILED})


class RecordCapture:
    """Add captured money to a booking, once per `capture_id`, and do what this money makes possible (see above).
    The same capture again changes nothing. `payment` is the intent that took it, as it now stands.

    Money in another currency than the price's is noted beside the booking's own, and goes back.

    Refusals: BookingNotFound; CaptureIdReused. Then nothing is written.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self,
        booking_id: BookingId,
        amount: Money,
        *,
        capture_id: UUID,
        payment: PaymentSummary | None = None,
        now: datetime,
        actor: Actor,
    ) -> BookingView:
        async with transaction(self.db, VIOLATIONS):
            booking = await queries.get_for_update(self.db, booking_id)
            capture = CaptureRecord(
                id=capture_id,
                booking_id=booking_id,
                amount_minor=amount.minor,
                currency=amount.currency,
                at=now,
                counted=amount.currency == booking.currency,
            )
            if earlier := await queries.insert_capture(self.db, capture):
                if replace(earlier, at=now, counted=capture.counted) != capture:
                    raise CaptureIdReused
                return booking.view()
            taken = Taken(booking=booking, capture=capture, amount=amount, payment=payment, now=now, actor=actor)
            return (await self.settle(taken)).view()

    async def settle(self, taken: "Taken") -> BookingRecord:
        paid = taken.paid()
        covered = taken.counted and payment_due(paid.facts, taken.now) is None
        undone = paid.lifecycle_status is Lifecycle.REFUNDED
        if covered and paid.status is Status.PENDING and not undone:
            return await self.confirm(taken, paid)
        if (
            covered
            and (way := back_to_confirmed(paid.machines))
            and (claimed := await self.claim(paid, taken.now))
        ):
            return await self.advance(taken, claimed, way)
        if not taken.counted or paid.status in SENT_BACK or undone:
            cause = RefundCause.TOO_LATE if taken.counted else RefundCause.OTHER_CURRENCY
            return await self.keep(taken, paid, back=taken.amount, cause=cause)
        return await self.keep(taken, paid, back=excess(paid), cause=RefundCause.EXCESS)

    async def confirm(self, taken: "Taken", paid: BookingRecord) -> BookingRecord:
        """A pending booking whose money is there: its hold becomes permanent, or is claimed anew."""
        if claimed := await self.held(paid, taken.now) or await self.claim(paid, taken.now):
            return await self.advance(taken, claimed, to_confirmed(paid.machines))
        return await self.advance(taken, paid, to_status(paid.machines, Status.EXPIRED))

    async def held(self, booking: BookingRecord, now: datetime) -> BookingRecord | None:
        """The booking where its hold still stands, made permanent; None where it is gone."""
        if booking.reservation_id is None:
            return None
        (outcome,) = await self.inventory.commit_many([booking.reservation_id], now=now)
        return None if isinstance(outcome, Refusal) else booking

    async def claim(self, booking: BookingRecord, now: datetime) -> BookingRecord | None:
        """Take the booking's own time again, for good; None where it is not to be had any more."""
        await self.inventory.release_many(booking_ids=[booking.id], now=now)
        claimed = await ClaimAll(self.db, self.inventory).execute(booking, expires_at=None, now=now)
        return None if isinstance(claimed, Refusal) else claimed

    async def advance(self, taken: "Taken", paid: BookingRecord, way: tuple[Step, ...]) -> BookingRecord:
        back = excess(paid) if way[-1].after.status is Status.CONFIRMED else Money.zero(paid.currency)
        paid = asked_back(paid, back)
        (moved,) = await Advance(self.db, self.inventory).execute(
            [(paid, way)], because=taken.because, now=taken.now
        )
        self.give_back(taken, moved, back, RefundCause.EXCESS)
        return moved

    async def keep(self, taken: "Taken", paid: BookingRecord, *, back: Money, cause: RefundCause) -> BookingRecord:
        """Store the money and tell of it, and ask for what goes back."""
        if taken.counted:
            paid = asked_back(paid, back)
        paid = replace(paid, version=paid.version + 1)
        await queries.write(self.db, [paid], queries.MOVED)
        record(self.db, updated(taken.booking, paid, ["captured"], actor=taken.actor, now=taken.now))
        self.give_back(taken, paid, back, cause)
        return paid

    def give_back(self, taken: "Taken", booking: BookingRecord, back: Money, cause: RefundCause) -> None:
        if back.minor > 0:
            record(
                self.db,
                refund_requested(
                    booking,
                    back,
                    cause=cause,
                    reason=REASONS[cause],
                    capture_id=taken.capture.id,
                    actor=taken.actor,
                    now=taken.now,
                ),
            )


REASONS = {
    RefundCause.EXCESS: "more was paid than the booking costs",
    RefundCause.TOO_LATE: "the money came when there was nothing left to sell",
    RefundCause.OTHER_CURRENCY: "the booking is no longer sold in this currency",
}


@dataclass(frozen=True, kw_only=True)
class Taken:
    """One capture on its way into its booking."""

    booking: BookingRecord
    capture: CaptureRecord
    amount: Money
    payment: PaymentSummary | None
    now: datetime
    actor: Actor

    @property
    def counted(self) -> bool:
        return self.capture.counted

    @property
    def because(self) -> Because:
        named = (
            {"intent_id": str(self.payment.intent_id), "provider": self.payment.provider} if self.payment else {}
        )
        return Because(
            actor=self.actor,
            reason=f"{self.amount} {self.amount.currency} captured",
            idempotency_key=f"capture:{self.capture.id}",
            metadata={"capture_id": str(self.capture.id), **named},
        )

    def paid(self) -> BookingRecord:
        """The booking with this money, where it counts, and the intent that it now shows: one that is still asked
        for stays in view when another one was paid."""
        booking = replace(self.booking, updated_at=self.now)
        if self.counted:
            booking = replace(booking, captured_minor=(booking.captured + self.amount).minor)
        shown = booking.payment_summary
        current = shown is None or (self.payment is not None and shown.intent_id == self.payment.intent_id)
        if self.payment is not None and (current or booking.balance.minor <= 0):
            return showing(booking, self.payment)
        return booking


def excess(booking: BookingRecord) -> Money:
    """What the booking has above its total."""
    return max(booking.kept - booking.total, Money.zero(booking.currency))
