"""What providers do with our money unasked: refunds made in their own dashboards, and disputes of guests' banks.

Both are booked once, whoever tells of them, and never for more than is left of their payment.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.payment import (
    DifferenceKind,
    DisputeId,
    DisputeStatus,
    IntentId,
    RefundId,
    RefundStatus,
)
from holdfast.domains.payment.exceptions import VIOLATIONS, NothingCaptured, RefundUnderway
from holdfast.domains.payment.ops.discrepancies import note
from holdfast.domains.payment.ops.refunds import promise
from holdfast.domains.payment.ops.settle_refund import SettleRefund
from holdfast.domains.payment.ports import DisputeReading, RefundReading
from holdfast.domains.payment.providers import GENERIC
from holdfast.domains.payment.queries import discrepancies, disputes, intents, ledger, refunds
from holdfast.domains.payment.records import CaptureRecord, Discrepancy, DisputeRecord, IntentRecord
from holdfast.domains.payment.rules.disputes import TAKEN, after, contradicts
from holdfast.domains.payment.rules.postings import Posting, disputed, restated
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money

# a provider's refund has the same id here, however often and by whomever we hear of it
BY_PROVIDER = UUID("0b0a5b5e-9b51-5f0e-8a59-2c7f3e0d6a02")
AT_THE_PROVIDER = "made at the provider"


@dataclass(frozen=True)
class Heard:
    """Of which payment the news was; `agreed` where it was booked, or was before."""

    intent_id: IntentId
    agreed: bool = True


class AdoptRefund:
    """Record a refund that a provider made of our money and nobody here asked for, as one of ours whose origin is
    the provider: posted, settled and told like any other. One above what is left is noted for a person instead.

    None for a payment that is not ours, or that another took. Refusals, for news that are to be heard again later:
    NothingCaptured while we do not know that it was taken; RefundUnderway while one of ours, which it may be,
    waits for its answer.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, provider: str, reading: RefundReading, *, now: datetime, actor: Actor) -> Heard | None:
        intent = await self.paid(provider, reading)
        if intent is None:
            return None
        refund_id = RefundId(uuid5(BY_PROVIDER, f"{provider}\n{reading.ref}"))
        async with transaction(self.db, VIOLATIONS):
            await intents.siblings_for_update(self.db, intent.booking_id)
            if reading.status is RefundStatus.FAILED:
                return Heard(intent.id)
            capture = await captured(self.db, intent.id)
            if capture.provider != provider:
                return None
            if await refunds.is_unanswered(self.db, capture.id, reading.amount.minor):
                raise RefundUnderway
            if not within(reading.amount, capture.left):
                seen = f"{shown(reading.amount)} given back at the provider"
                found = discrepancy(DifferenceKind.REFUND_DIFFERS, provider, reading.ref, capture, seen)
                await note(self.db, found, now=now, actor=actor)
                return Heard(intent.id, agreed=False)
            await promise(
                self.db,
                refund_id,
                capture,
                reading.amount,
                AT_THE_PROVIDER,
                now=now,
                actor=actor,
                due_at=now,
                made_as=reading.ref,
            )
            await SettleRefund(self.db).execute(refund_id, reading, now=now, actor=actor)
        return Heard(intent.id)

    async def paid(self, provider: str, reading: RefundReading) -> IntentRecord | None:
        if provider == GENERIC and reading.intent_id is not None:
            return await intents.find_by_id(self.db, reading.intent_id)
        if reading.payment_ref is None:
            return None
        return await intents.find_paid(self.db, provider, reading.payment_ref)


class RecordDispute:
    """Book what a guest's bank did with money that was taken: withheld, given back or gone, whatever came before.
    Staff is shown every step; the booking stays as it is.

    A dispute of more than is left of its payment, of another amount than before, and one that is lost after it was
    won, are noted for a person, and not booked. None for a payment that is not ours, or that another took;
    NothingCaptured while we do not know that it was taken.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, provider: str, reading: DisputeReading, *, now: datetime, actor: Actor
    ) -> Heard | None:
        intent = await intents.find_paid(self.db, provider, reading.payment_ref) if reading.payment_ref else None
        if intent is None:
            return None
        async with transaction(self.db, VIOLATIONS):
            await intents.siblings_for_update(self.db, intent.booking_id)
            capture = await captured(self.db, intent.id)
            if capture.provider != provider:
                return None
            known = await disputes.of_capture(self.db, capture.id)
            dispute = next((each for each in known if each.ref == reading.ref), None)
            if dispute is None and reading.again:
                dispute = next(reversed(known), None)
            others = sum(each.amount_minor for each in known if each != dispute and each.status in TAKEN)
            if not bookable(dispute, reading, capture.left - Money(others, capture.currency)):
                before = dispute.status if dispute else "nothing"
                seen = f"{shown(reading.amount)} {reading.status}, after {before}"
                found = discrepancy(DifferenceKind.DISPUTED, provider, reading.ref, capture, seen)
                await note(self.db, found, now=now, actor=actor)
                return Heard(intent.id, agreed=False)
            if dispute is None:
                dispute = opened(capture, reading, now=now)
                await disputes.insert_dispute(self.db, dispute)
                await self.show(dispute, capture, now=now, actor=actor)
            await self.move(dispute, reading.status, capture, now=now, actor=actor)
        return Heard(intent.id)

    async def move(
        self, dispute: DisputeRecord, said: DisputeStatus, capture: CaptureRecord, *, now: datetime, actor: Actor
    ) -> None:
        status = after(dispute.status, said)
        if status is dispute.status:
            return
        before = disputed(dispute.status, dispute.provider, dispute.amount)
        target = disputed(status, dispute.provider, dispute.amount)
        posting = Posting(f"dispute_{status}", dispute.id, dispute.booking_id, restated(target, before))
        await ledger.post(self.db, posting, now=now)
        moved = await disputes.move(self.db, dispute, status, now=now)
        await self.show(moved, capture, now=now, actor=actor)

    async def show(self, dispute: DisputeRecord, capture: CaptureRecord, *, now: datetime, actor: Actor) -> None:
        """On the record; and for a person to see, unless the house has its money."""
        act = Act(
            action=f"payment.dispute_{dispute.status}",
            actor_type=actor.type,
            actor_id=actor.id,
            subject_type="booking",
            subject_id=dispute.booking_id,
            reason=dispute.reason,
            after={"amount": str(dispute.amount), "currency": dispute.currency, "ref": dispute.ref},
        )
        attest(self.db, act, now=now)
        if dispute.status is DisputeStatus.WON:
            kind = DifferenceKind.DISPUTED
            await discrepancies.overtake(self.db, kind, dispute.provider, dispute.ref, now=now)
        else:
            seen = f"{shown(dispute.amount)} {dispute.status}" + (f": {dispute.reason}" if dispute.reason else "")
            found = discrepancy(DifferenceKind.DISPUTED, dispute.provider, dispute.ref, capture, seen)
            await note(self.db, found, now=now, actor=actor)


async def captured(db: AsyncSession, intent_id: IntentId) -> CaptureRecord:
    """Locked; NothingCaptured."""
    capture = await intents.find_capture(db, intent_id, lock=True)
    if capture is None:
        raise NothingCaptured
    return capture


def within(amount: Money, most: Money) -> bool:
    return amount.currency == most.currency and 0 < amount.minor <= most.minor


def bookable(dispute: DisputeRecord | None, reading: DisputeReading, most: Money) -> bool:
    if dispute is None:
        return within(reading.amount, most)
    return reading.amount == dispute.amount and not contradicts(dispute.status, reading.status)


def opened(capture: CaptureRecord, reading: DisputeReading, *, now: datetime) -> DisputeRecord:
    return DisputeRecord(
        id=DisputeId(uuid7()),
        capture_id=capture.id,
        intent_id=capture.intent_id,
        booking_id=capture.booking_id,
        provider=capture.provider,
        ref=reading.ref,
        amount_minor=reading.amount.minor,
        currency=reading.amount.currency,
        reason=reading.reason,
        status=DisputeStatus.OPEN,
        created_at=now,
        updated_at=now,
    )


def shown(amount: Money) -> str:
    return f"{amount} {amount.currency}"


def discrepancy(kind: DifferenceKind, provider: str, ref: str, capture: CaptureRecord, seen: str) -> Discrepancy:
    return Discrepancy(
        kind=kind,
        provider=provider,
        ref=ref,
        intent_id=capture.intent_id,
        expected=f"{shown(capture.left)} left of {Money(capture.amount_minor, capture.currency)}",
        seen=seen,
    )
