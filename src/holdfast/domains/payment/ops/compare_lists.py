"""What a provider lists beside what stands here, payment by payment, refund by refund; what is news is settled."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.payment import DifferenceKind, RefundStatus
from holdfast.domains.payment.ops.account import Account
from holdfast.domains.payment.ops.settle_refund import SettleRefund
from holdfast.domains.payment.ops.unasked import AdoptRefund
from holdfast.domains.payment.ops.verify import VerifyPayment
from holdfast.domains.payment.ports import Provider, Reading, RefundReading, Stage
from holdfast.domains.payment.queries import intents, reconciling, refunds
from holdfast.domains.payment.rules.statuses import PAID
from holdfast.kernel.database import give_back
from holdfast.kernel.errors import Conflict, Refusal

# what happened just before the end of the time asked about may be listed there and not be here yet
LAG = timedelta(minutes=15)

log = structlog.get_logger()


class CompareLists:
    """Ask a provider for its lists; one without, or one that does not answer, says nothing."""

    def __init__(self, db: AsyncSession, account: Account, *, now: datetime) -> None:
        self.db = db
        self.account = account
        self.now = now

    async def execute(self, name: str, provider: Provider) -> None:
        span = {"since": self.account.since, "until": self.account.until}
        await give_back(self.db)
        try:
            payments, given_back = await provider.payments(**span), await provider.refunds(**span)
        except Refusal as refusal:
            log.warning("a provider could not be asked", provider=name, refusal=repr(refusal))
            self.account.unreachable.append(name)
            return
        if payments is not None:
            await self.with_payments(name, payments)
        if given_back is not None:
            await self.with_refunds(name, given_back)

    async def with_payments(self, name: str, listed: Sequence[Reading]) -> None:
        account = self.account
        account.listing.add(name)
        for reading in listed:
            if reading.stage is Stage.SUCCEEDED and reading.amount is not None:
                account.listed[name, reading.amount.currency] += reading.amount.minor
                await self.payment(name, reading)
        known = {reading.ref for reading in listed if reading.stage is Stage.SUCCEEDED}
        for each in await reconciling.taken(self.db, since=account.since + LAG, until=account.until - LAG):
            if each.provider == name and each.ref not in known:
                here = f"{each.amount} {each.amount.currency}"
                account.differ(
                    DifferenceKind.MISSING_THERE, name, each.ref, here, "not listed", intent_id=each.intent_id
                )

    async def payment(self, name: str, reading: Reading) -> None:
        """One that the provider took; settled where that is news."""
        account = self.account
        seen = f"{reading.amount} {reading.amount.currency}" if reading.amount else "-"
        intent = await intents.find_by_ref(self.db, name, reading.ref)
        if intent is None and reading.intent_id is not None:
            meant = await intents.find_by_id(self.db, reading.intent_id)
            intent = meant if meant and meant.provider == name and meant.ref is None else None
        if intent is None:
            account.differ(DifferenceKind.UNKNOWN_HERE, name, reading.ref, "nothing", seen)
        elif intent.status not in PAID:
            expected = f"{intent.amount} {intent.currency}, {intent.status}"
            account.differ(DifferenceKind.UNSETTLED, name, reading.ref, expected, seen, intent_id=intent.id)
            await VerifyPayment(self.db).execute(intent.id, reading, now=self.now, actor=SYSTEM)
        elif reading.amount != intent.amount:
            expected = f"{intent.amount} {intent.currency}"
            account.differ(DifferenceKind.AMOUNT_DIFFERS, name, reading.ref, expected, seen, intent_id=intent.id)
        else:  # the same payment, or another one for the same intent, which is noted
            await VerifyPayment(self.db).execute(intent.id, reading, now=self.now, actor=SYSTEM)

    async def with_refunds(self, name: str, listed: Sequence[RefundReading]) -> None:
        account = self.account
        account.listing_refunds.add(name)
        for reading in listed:
            if reading.status is RefundStatus.SUCCEEDED:
                account.listed_refunds[name, reading.amount.currency] += reading.amount.minor
            await self.refund(name, reading)
        known = {reading.ref for reading in listed}
        for each in await reconciling.returned(self.db, since=account.since + LAG, until=account.until - LAG):
            if each.provider == name and each.ref not in known:
                here = f"{each.amount} {each.currency} given back"
                ref = each.ref or str(each.id)
                account.differ(
                    DifferenceKind.MISSING_THERE, name, ref, here, "not listed", intent_id=each.intent_id
                )

    async def refund(self, name: str, reading: RefundReading) -> None:
        """One that the provider made, whoever asked for it; of whose payment we know nothing, it says nothing."""
        amount = f"{reading.amount} {reading.amount.currency}"
        found = await refunds.find_refund(self.db, reading.refund_id) if reading.refund_id else None
        if found is None or found.provider != name:
            found = await refunds.find_by_ref(self.db, name, reading.ref)
        if found is not None:
            if found.status is RefundStatus.PENDING and reading.status is not RefundStatus.PENDING:
                expected = f"{found.amount} {found.currency} {found.status}"
                kind, intent_id = DifferenceKind.UNSETTLED, found.intent_id
                seen = f"{amount} {reading.status}"
                self.account.differ(kind, name, reading.ref, expected, seen, intent_id=intent_id)
            if found.status is not reading.status or found.amount != reading.amount:
                await SettleRefund(self.db).execute(found.id, reading, now=self.now, actor=SYSTEM)
            return
        if reading.status is RefundStatus.FAILED:
            return
        try:
            heard = await AdoptRefund(self.db).execute(name, reading, now=self.now, actor=SYSTEM)
        except Conflict as refusal:
            log.info("a refund waits for the next look", provider=name, ref=reading.ref, refusal=repr(refusal))
            return
        if heard is not None and heard.agreed:
            kind, seen = DifferenceKind.UNKNOWN_HERE, f"{amount} given back, {reading.status}"
            self.account.differ(kind, name, reading.ref, "nothing given back", seen, intent_id=heard.intent_id)
