"""Give money back: first a promise, written and posted, then the provider's answer."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingRefundRequested
from holdfast.contracts.identity import SYSTEM, Actor
from holdfast.contracts.payment import (
    DifferenceKind,
    RefundDraft,
    RefundId,
    RefundOrigin,
    RefundStatus,
    RefundView,
)
from holdfast.domains.payment.exceptions import (
    VIOLATIONS,
    AmountAboveCaptured,
    IdempotencyKeyRequired,
    NothingCaptured,
)
from holdfast.domains.payment.ops.carry_out import CarryOutRefunds
from holdfast.domains.payment.ops.discrepancies import note
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents, ledger, refunds
from holdfast.domains.payment.records import CaptureRecord, Discrepancy, RefundRecord
from holdfast.domains.payment.rules.amounts import above_zero
from holdfast.domains.payment.rules.pauses import CLAIM
from holdfast.domains.payment.rules.postings import REFUND_REQUESTED, of_refund
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.idempotency import Answer, IdempotencyKeyReused, Once, RequestInFlight, keep, kept
from holdfast.kernel.money import Money

# the ids of refunds follow from what asks for them, so that a retry finds what the first try wrote
BY_KEY = UUID("5d1f1a52-6c0d-5e0b-9f43-2f0f6a1f7c01")


class CreateRefund:
    """Give back part or all that is left of an intent's money, and have the provider do it at once. Where that
    does not answer the refund is pending, and is carried out later.

    Refusals: IdempotencyKeyRequired; IntentNotFound; NothingCaptured; AmountAboveCaptured; AmountNotAboveZero.
    """

    def __init__(self, db: AsyncSession, providers: Providers) -> None:
        self.db = db
        self.providers = providers

    async def execute(self, draft: RefundDraft, *, now: datetime, actor: Actor) -> Answer[RefundView]:
        if draft.idempotency_key is None:
            raise IdempotencyKeyRequired(pointer="/idempotency_key")
        key = Once.of(draft.idempotency_key, caller=actor.caller, operation="create-refund", payload=draft)
        refund_id = RefundId(uuid5(BY_KEY, f"{actor.caller}\n{draft.idempotency_key}"))
        async with transaction(self.db, VIOLATIONS):
            if earlier := await kept(self.db, key, RefundView):
                return earlier
            refund = await refunds.find_refund(self.db, refund_id)
            if refund is None:
                refund = await self.promise(refund_id, draft, now=now, actor=actor)
            else:  # written by a try that died, or is still at it, before its answer was kept
                unlike(refund, draft)
                if refund.next_attempt_at is not None and refund.next_attempt_at > now:
                    raise RequestInFlight(retry_after=1)
        refund = await CarryOutRefunds(self.db, self.providers).one(refund, now=now, actor=actor)
        async with transaction(self.db):
            if earlier := await kept(self.db, key, RefundView):
                return earlier
            await keep(self.db, key, refund.view(), now=now)
        return Answer(refund.view())

    async def promise(
        self, refund_id: RefundId, draft: RefundDraft, *, now: datetime, actor: Actor
    ) -> RefundRecord:
        intent = await intents.get_intent(self.db, draft.intent_id)
        capture = await intents.find_capture(self.db, intent.id, lock=draft.amount is None)
        if capture is None:
            raise NothingCaptured(f"it is {intent.status}", intent_status=intent.status)
        amount = capture.left if draft.amount is None else above_zero(draft.amount, capture.currency)
        if amount.minor == 0 or amount.minor > capture.amount_minor:
            raise AmountAboveCaptured(
                pointer="/amount", captured=str(Money(capture.amount_minor, amount.currency))
            )
        return await promise(self.db, refund_id, capture, amount, draft.reason, now=now, actor=actor)


class RefundAsBookingAsks:
    """Promise back what a booking asks for: of one capture, or of its captures, the latest first. Never more than
    is left of them; where that is less, a person is told. They are carried out by a job."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, asked: BookingRefundRequested, *, now: datetime) -> list[RefundRecord]:
        wanted = Money.parse(asked.refund_amount, asked.refund_currency)
        async with transaction(self.db, VIOLATIONS):
            captures = await intents.captures_for_update(self.db, asked.booking_id)
            shares, short = divided(captures, wanted, of_capture=asked.capture_id)
            made = []
            for capture, amount in shares:
                refund_id = RefundId(uuid5(asked.event_id, str(capture.id)))
                made.append(
                    await promise(
                        self.db, refund_id, capture, amount, asked.reason, now=now, actor=SYSTEM, due_at=now
                    )
                )
            if short.minor:
                await note(self.db, shortfall(asked, wanted, short), now=now, actor=SYSTEM)
        return made


def divided(
    captures: Sequence[CaptureRecord], wanted: Money, *, of_capture: UUID | None
) -> tuple[list[tuple[CaptureRecord, Money]], Money]:
    """Which capture gives how much, the latest first, and what none of them can give."""
    shares: list[tuple[CaptureRecord, Money]] = []
    missing = wanted
    for capture in reversed(captures):
        if of_capture not in (None, capture.id) or capture.currency != wanted.currency:
            continue
        share = min(capture.left, missing)
        if share.minor > 0:
            shares.append((capture, share))
            missing -= share
    return shares, missing


async def promise(
    db: AsyncSession,
    refund_id: RefundId,
    capture: CaptureRecord,
    amount: Money,
    reason: str,
    *,
    now: datetime,
    actor: Actor,
    due_at: datetime | None = None,
    made_as: str | None = None,
) -> RefundRecord:
    """Write the refund, post it, set its amount aside; whoever asked carries it out unless `due_at` is said. Where
    the provider made it unasked, `made_as` is its name there.

    The constraint on the capture refuses what is above what is left of it: AmountAboveCaptured. Last, for others
    wait for it.
    """
    refund = RefundRecord(
        id=refund_id,
        capture_id=capture.id,
        intent_id=capture.intent_id,
        booking_id=capture.booking_id,
        provider=capture.provider,
        amount_minor=amount.minor,
        currency=amount.currency,
        reason=reason,
        origin=RefundOrigin.PROVIDER if made_as else RefundOrigin.HOUSE,
        ref=made_as,
        status=RefundStatus.PENDING,
        attempts=0 if due_at else 1,
        next_attempt_at=due_at or now + CLAIM,
        created_at=now,
        updated_at=now,
    )
    if not await refunds.insert_refund(db, refund):
        return await refunds.get_refund(db, refund_id)
    posting = of_refund(REFUND_REQUESTED, refund_id, capture.booking_id, capture.provider, amount)
    await ledger.post(db, replace(posting, note=reason), now=now)
    act = Act(
        action="payment.refund_requested",
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="booking",
        subject_id=capture.booking_id,
        reason=reason,
        after={
            "refund_id": str(refund_id),
            "amount": str(amount),
            "currency": amount.currency,
            "origin": refund.origin,
        },
    )
    attest(db, act, now=now)
    await intents.set_aside(db, capture, amount.minor)
    return refund


def unlike(refund: RefundRecord, draft: RefundDraft) -> None:
    """IdempotencyKeyReused where the key stands for another refund."""
    amount = draft.amount and Money.parse(draft.amount, refund.currency)
    same = refund.intent_id == draft.intent_id and refund.reason == draft.reason
    if not same or amount not in (None, refund.amount):
        raise IdempotencyKeyReused(pointer="/idempotency_key")


def shortfall(asked: BookingRefundRequested, wanted: Money, short: Money) -> Discrepancy:
    return Discrepancy(
        kind=DifferenceKind.REFUND_SHORT,
        provider="-",
        ref=str(asked.event_id),
        intent_id=None,
        expected=f"{wanted} {wanted.currency} for {asked.booking_id}",
        seen=f"{wanted - short} {wanted.currency} are left",
    )
