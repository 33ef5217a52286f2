"""What became of a refund, whoever brings the news."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.payment import (
    DifferenceKind,
    IntentStatus,
    PaymentRefunded,
    PaymentRefundFailed,
    RefundId,
    RefundStatus,
)
from holdfast.domains.payment.exceptions import VIOLATIONS
from holdfast.domains.payment.ops.discrepancies import note
from holdfast.domains.payment.ports import RefundReading
from holdfast.domains.payment.queries import intents, ledger, refunds
from holdfast.domains.payment.records import CaptureRecord, Discrepancy, RefundRecord
from holdfast.domains.payment.rules.pauses import pause
from holdfast.domains.payment.rules.postings import REFUND_FAILED, REFUND_MADE, REFUND_SETTLED, of_refund
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record
from holdfast.kernel.telemetry import REFUNDS


class SettleRefund:
    """End a pending refund as its provider says: posted, told, and where it failed, free to be refunded again.

    A refund that has ended stays so, but for one that failed and was made after all, while its payment has so much
    left. Where it has not, and where the provider takes a refund back later or made one of another amount, that is
    noted for a person to see. RefundNotFound.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, refund_id: RefundId, reading: RefundReading, *, now: datetime, actor: Actor
    ) -> RefundRecord:
        known = await refunds.get_refund(self.db, refund_id)
        async with transaction(self.db, VIOLATIONS):
            await intents.siblings_for_update(self.db, known.booking_id)
            capture = await intents.find_capture(self.db, known.intent_id, lock=True)
            refund = await refunds.find_refund(self.db, refund_id, lock=True)
            assert capture is not None
            assert refund is not None
            again_at = now + pause(refund.attempts)
            differs = difference(refund, capture, reading)
            if differs is not None:
                await note(self.db, differs, now=now, actor=actor)
                await refunds.postpone(self.db, refund_id, at=again_at, failure=None)
            elif refund.status is not RefundStatus.PENDING and not made_after_all(refund, reading):
                return refund
            elif reading.status is RefundStatus.PENDING:
                await refunds.postpone(self.db, refund_id, at=again_at, failure=None, ref=reading.ref or None)
            else:
                await self.end(refund, capture, reading, now=now, actor=actor)
        return await refunds.get_refund(self.db, refund_id)

    async def end(
        self, refund: RefundRecord, capture: CaptureRecord, reading: RefundReading, *, now: datetime, actor: Actor
    ) -> None:
        failed = reading.status is RefundStatus.FAILED
        await refunds.end(
            self.db, refund, reading.status, ref=reading.ref or None, failure=reading.failure, now=now
        )
        late = made_after_all(refund, reading)
        kind = REFUND_FAILED if failed else REFUND_MADE if late else REFUND_SETTLED
        if late:
            await intents.set_aside(self.db, capture, refund.amount_minor)
        posting = of_refund(kind, refund.id, refund.booking_id, refund.provider, refund.amount)
        await ledger.post(self.db, posting, now=now)
        about = {
            "occurred_at": now,
            "intent_id": refund.intent_id,
            "booking_id": refund.booking_id,
            "provider": refund.provider,
            "amount": str(refund.amount),
            "currency": refund.currency,
            "refund_id": refund.id,
        }
        if failed:
            await intents.set_aside(self.db, capture, -refund.amount_minor)
            record(self.db, PaymentRefundFailed(**about, reason=reading.failure))
        else:
            returned = Money(await refunds.returned_of(self.db, refund.intent_id), refund.currency)
            whole = returned.minor == capture.amount_minor
            status = IntentStatus.REFUNDED if whole else IntentStatus.PARTIALLY_REFUNDED
            await intents.write_intent(self.db, refund.intent_id, status=status, updated_at=now)
            taken = str(Money(capture.amount_minor, capture.currency))
            totals = {"refunded_total": str(returned), "captured_total": taken}
            record(self.db, PaymentRefunded(**about, **totals, capture_id=capture.id))
        attest(self.db, act(refund, failed, actor), now=now)
        REFUNDS.labels(refund.provider, reading.status).inc()


def made_after_all(refund: RefundRecord, reading: RefundReading) -> bool:
    return refund.status is RefundStatus.FAILED and reading.status is RefundStatus.SUCCEEDED


def difference(refund: RefundRecord, capture: CaptureRecord, reading: RefundReading) -> Discrepancy | None:
    """Another amount than asked for, a failure after it had succeeded, or the other way round when the money has
    gone back in another way by then."""
    late = refund.status is RefundStatus.SUCCEEDED and reading.status is RefundStatus.FAILED
    twice = made_after_all(refund, reading) and capture.left.minor < refund.amount_minor
    if reading.amount == refund.amount and not late and not twice:
        return None
    return Discrepancy(
        kind=DifferenceKind.REFUND_FAILED_LATE if late else DifferenceKind.REFUND_DIFFERS,
        provider=refund.provider,
        ref=reading.ref,
        intent_id=refund.intent_id,
        expected=f"{refund.amount} {refund.currency} {refund.status}",
        seen=f"{reading.amount} {reading.amount.currency} {reading.status}",
    )


def act(refund: RefundRecord, failed: bool, actor: Actor) -> Act:
    return Act(
        action="payment.refund_failed" if failed else "payment.refunded",
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="booking",
        subject_id=refund.booking_id,
        reason=refund.reason,
        after={"refund_id": str(refund.id), "amount": str(refund.amount), "currency": refund.currency},
    )
