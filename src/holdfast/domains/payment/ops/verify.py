"""The one operation that settles a payment, whoever brings the news."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.payment import (
    CaptureId,
    DifferenceKind,
    IntentId,
    IntentStatus,
    PaymentCompleted,
    PaymentFailed,
)
from holdfast.domains.payment.exceptions import VIOLATIONS
from holdfast.domains.payment.ops.discrepancies import note
from holdfast.domains.payment.ports import Reading, Stage
from holdfast.domains.payment.providers import GENERIC
from holdfast.domains.payment.queries import intents, ledger
from holdfast.domains.payment.records import CaptureRecord, Discrepancy, IntentRecord
from holdfast.domains.payment.rules.postings import of_capture
from holdfast.domains.payment.rules.statuses import OPEN, PAID, after
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import record
from holdfast.kernel.telemetry import PAYMENTS


class Verdict(StrEnum):
    """What became of the news."""

    MOVED = "moved"
    UNCHANGED = "unchanged"
    MISMATCHED = "mismatched"


class VerifyPayment:
    """Compare a provider's reading with the intent, and move on what it changes: the same news again, older news
    and news in another order change nothing.

    Money that was taken is captured once per intent, posted, told as `payment.completed`, and ends every other
    open intent of the booking, so that nobody pays twice. Another amount or currency than the intent's, and money
    that has paid for something else, settle nothing: they are noted for a person to see. IntentNotFound.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, intent_id: IntentId, reading: Reading, *, own: bool = True, now: datetime, actor: Actor
    ) -> Verdict:
        """`own`: it is the word of the intent's own provider, and names its session there."""
        booking_id = (await intents.get_intent(self.db, intent_id)).booking_id
        async with transaction(self.db, VIOLATIONS):
            siblings = await intents.siblings_for_update(self.db, booking_id)
            intent = next(each for each in siblings if each.id == intent_id)
            differs = await self.difference(intent, reading, own=own)
            if differs is not None:
                await note(self.db, differs, now=now, actor=actor)
                return Verdict.MISMATCHED
            status = after(intent.status, reading.stage)
            if status is intent.status:
                if intent.is_open and reading.failure != intent.failure:
                    await intents.write_intent(self.db, intent_id, failure=reading.failure)
                return Verdict.UNCHANGED
            await self.move(intent, status, reading, own=own, now=now)
            if status is IntentStatus.SUCCEEDED:
                await self.capture(intent, reading, own=own, now=now, actor=actor)
                others = [each.id for each in siblings if each.is_open and each.id != intent_id]
                if others:
                    await intents.close_open(self.db, [booking_id], now=now)
            elif status is IntentStatus.FAILED:
                record(self.db, PaymentFailed(**told(intent, now), reason=reading.failure))
        PAYMENTS.labels(intent.provider, status).inc()
        return Verdict.MOVED

    async def difference(self, intent: IntentRecord, reading: Reading, *, own: bool) -> Discrepancy | None:
        """Why the money that was taken is not what the intent asks for."""
        if reading.stage is not Stage.SUCCEEDED:
            return None
        if intent.status in PAID:
            capture = await intents.find_capture(self.db, intent.id)
            if capture is None or reading.capture_ref is None or capture.ref in (reading.capture_ref, reading.ref):
                return None
            return mismatch(DifferenceKind.PAID_TWICE, intent, replace(reading, ref=capture_ref(reading)))
        if reading.amount != intent.amount:
            return mismatch(DifferenceKind.AMOUNT_DIFFERS, intent, reading)
        counted = await intents.find_capture_by_ref(self.db, taker(intent, own=own), capture_ref(reading))
        return mismatch(DifferenceKind.COUNTED_ELSEWHERE, intent, reading) if counted else None

    async def move(
        self, intent: IntentRecord, status: IntentStatus, reading: Reading, *, own: bool, now: datetime
    ) -> None:
        """An ended intent is looked at no more; but one that its provider could still be paid, because a card was
        only declined or it ended elsewhere, is cancelled there."""
        ref = intent.ref or (reading.ref if own else None)
        payable = ref is not None and (not own or status is IntentStatus.FAILED)
        ended = {} if status in OPEN else {"next_look_at": now if payable else None, "looks": 0}
        await intents.write_intent(
            self.db,
            intent.id,
            status=status,
            ref=ref,
            failure=reading.failure,
            updated_at=now,
            **ended,
        )

    async def capture(
        self, intent: IntentRecord, reading: Reading, *, own: bool, now: datetime, actor: Actor
    ) -> None:
        capture = CaptureRecord(
            id=CaptureId(uuid7()),
            intent_id=intent.id,
            booking_id=intent.booking_id,
            provider=taker(intent, own=own),
            ref=capture_ref(reading),
            amount_minor=intent.amount_minor,
            currency=intent.currency,
            at=now,
        )
        await intents.insert_capture(self.db, capture)
        posting = of_capture(capture.id, intent.booking_id, capture.provider, intent.amount)
        await ledger.post(self.db, posting, now=now)
        record(self.db, PaymentCompleted(**told(intent, now), capture_id=capture.id))
        act = Act(
            action="payment.completed",
            actor_type=actor.type,
            actor_id=actor.id,
            subject_type="booking",
            subject_id=intent.booking_id,
            after={
                "intent_id": str(intent.id),
                "provider": intent.provider,
                "amount": str(intent.amount),
                "currency": intent.currency,
            },
        )
        attest(self.db, act, now=now)


def told(intent: IntentRecord, now: datetime) -> dict[str, Any]:
    """What every event of an intent tells."""
    return {
        "occurred_at": now,
        "intent_id": intent.id,
        "booking_id": intent.booking_id,
        "provider": intent.provider,
        "amount": str(intent.amount),
        "currency": intent.currency,
    }


def taker(intent: IntentRecord, *, own: bool) -> str:
    """Who has the money, and must be asked to give it back."""
    return intent.provider if own else GENERIC


def capture_ref(reading: Reading) -> str:
    """What a refund of the money names."""
    return reading.capture_ref or reading.ref


def mismatch(kind: DifferenceKind, intent: IntentRecord, reading: Reading) -> Discrepancy:
    seen = f"{reading.amount} {reading.amount.currency}" if reading.amount else "no amount"
    return Discrepancy(
        kind=kind,
        provider=intent.provider,
        ref=reading.ref,
        intent_id=intent.id,
        expected=f"{intent.amount} {intent.currency}",
        seen=seen,
    )
