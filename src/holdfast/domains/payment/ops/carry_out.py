"""Promised refunds, carried out: the provider is asked outside any transaction, under the refund's own id."""

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM, Actor
from holdfast.contracts.payment import DifferenceKind, RefundStatus
from holdfast.domains.payment.exceptions import ProviderRefused
from holdfast.domains.payment.ops.discrepancies import note
from holdfast.domains.payment.ops.settle_refund import SettleRefund
from holdfast.domains.payment.ports import RefundOrder, RefundReading
from holdfast.domains.payment.providers import GENERIC, Providers
from holdfast.domains.payment.queries import intents, refunds
from holdfast.domains.payment.records import Discrepancy, RefundRecord
from holdfast.domains.payment.rules.pauses import CLAIM, LONGEST, pause
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import give_back, transaction
from holdfast.kernel.errors import Refusal

BATCH = 10
ERROR_LENGTH = 500

log = structlog.get_logger()


class CarryOutRefunds:
    """Ask the providers for the refunds that are due; how many were. One that does not answer is asked again
    later, without end: whether a refund was made is known only from it."""

    def __init__(self, db: AsyncSession, providers: Providers) -> None:
        self.db = db
        self.providers = providers

    async def execute(self, *, clock: Clock) -> int:
        for asked in range(BATCH):
            now = clock.now()
            async with transaction(self.db):  # one by one: a claim lasts as long as one provider may take
                due = await refunds.claim_due(self.db, now=now, until=now + CLAIM, limit=1)
            if not due:
                return asked
            await self.one(due[0], now=clock.now(), actor=SYSTEM)
        return BATCH

    async def one(self, refund: RefundRecord, *, now: datetime, actor: Actor) -> RefundRecord:
        """The refund as it then stands, which is pending where the provider does not answer."""
        if refund.status is not RefundStatus.PENDING:
            return refund
        if refund.provider == GENERIC:
            return await self.hand_over(refund, now=now, actor=actor)
        try:
            reading = await self.ask(refund)
        except ProviderRefused as refusal:
            reading = refused(refund, refusal)
        except Exception as error:  # one refund's defect must not hold up the others
            if not isinstance(error, Refusal):
                log.exception("a refund could not be carried out", refund_id=str(refund.id))
            again_at = now + pause(refund.attempts)
            async with transaction(self.db):
                said = str(error)[:ERROR_LENGTH]
                await refunds.postpone(self.db, refund.id, at=again_at, failure=said)
            return await refunds.get_refund(self.db, refund.id)
        return await SettleRefund(self.db).execute(refund.id, reading, now=now, actor=actor)

    async def hand_over(self, refund: RefundRecord, *, now: datetime, actor: Actor) -> RefundRecord:
        """Whoever took the money can only tell: a person has it given back there, and it is pending until then."""
        found = Discrepancy(
            kind=DifferenceKind.REFUND_BY_HAND,
            provider=refund.provider,
            ref=str(refund.id),
            intent_id=refund.intent_id,
            expected=f"{refund.amount} {refund.currency} given back",
            seen="it was paid elsewhere, and must be given back there",
        )
        async with transaction(self.db):
            await note(self.db, found, now=now, actor=actor)
            await refunds.postpone(self.db, refund.id, at=now + LONGEST, failure=found.seen)
        return await refunds.get_refund(self.db, refund.id)

    async def ask(self, refund: RefundRecord) -> RefundReading:
        intent = await intents.get_intent(self.db, refund.intent_id)
        capture = await intents.find_capture(self.db, refund.intent_id)
        assert capture is not None
        order = RefundOrder(
            refund_id=refund.id,
            ref=intent.ref or capture.ref,
            capture_ref=capture.ref,
            amount=refund.amount,
            reason=refund.reason,
        )
        provider = self.providers.get(refund.provider)
        await give_back(self.db)
        if refund.ref is not None:
            return await provider.read_refund(refund.ref, order)
        return await provider.refund(order)


def refused(refund: RefundRecord, refusal: ProviderRefused) -> RefundReading:
    return RefundReading(
        ref=refund.ref or "", status=RefundStatus.FAILED, amount=refund.amount, failure=str(refusal)[:ERROR_LENGTH]
    )
