"""What suppliers are owed for what was sold of theirs: the terms, the balances, and what was paid out."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.payment import (
    CommissionTerms,
    CommissionView,
    PayoutDraft,
    PayoutId,
    PayoutView,
    SupplierBalancesView,
)
from holdfast.domains.payment.exceptions import IdempotencyKeyRequired, PayoutAboveOwed, SupplierNotOwed
from holdfast.domains.payment.queries import ledger, suppliers
from holdfast.domains.payment.rules.amounts import above_zero
from holdfast.domains.payment.rules.postings import BANK, SUPPLIER_PAYOUT, Posting, between, payable_to
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.idempotency import Answer, Once, keep, kept
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money


class SetCommission:
    """What the house keeps of this supplier's sales from now on; what was sold before stays as it was agreed."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, supplier_id: UserId, terms: CommissionTerms, *, now: datetime, actor: Actor
    ) -> CommissionView:
        async with transaction(self.db):
            view, before = await suppliers.set_terms(self.db, supplier_id, terms.percent, now=now)
            act = Act(
                action="payment.commission_set",
                actor_type=actor.type,
                actor_id=actor.id,
                subject_type="supplier",
                subject_id=supplier_id,
                before=None if before is None else {"percent": str(before)},
                after={"percent": str(terms.percent)},
            )
            attest(self.db, act, now=now)
        return view


class GetSupplierBalances:
    """Of every supplier for whom anything was ever earned."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self) -> SupplierBalancesView:
        return SupplierBalancesView(items=await suppliers.balances(self.db))


class RecordPayout:
    """Note a transfer to a supplier, which was made outside; no more than is owed.

    Refusals: IdempotencyKeyRequired; AmountNotAboveZero; SupplierNotOwed; PayoutAboveOwed.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, supplier_id: UserId, draft: PayoutDraft, *, now: datetime, actor: Actor
    ) -> Answer[PayoutView]:
        if draft.idempotency_key is None:
            raise IdempotencyKeyRequired(pointer="/idempotency_key")
        once = Once.of(
            draft.idempotency_key,
            caller=actor.caller,
            operation="record-payout",
            subject=str(supplier_id),
            payload=draft,
        )
        amount = above_zero(draft.amount, draft.currency)
        async with transaction(self.db):
            if earlier := await kept(self.db, once, PayoutView):
                return earlier
            await suppliers.lock(self.db, supplier_id)
            await self.require_owed(supplier_id, amount)
            payout = PayoutView(
                id=PayoutId(uuid7()),
                supplier_id=supplier_id,
                amount=str(amount),
                currency=amount.currency,
                reference=draft.reference,
                at=now,
            )
            await suppliers.insert_payout(self.db, payout, amount)
            entries = between(payable_to(supplier_id), BANK, amount)
            posting = Posting(SUPPLIER_PAYOUT, payout.id, None, entries, note=draft.reference)
            await ledger.post(self.db, posting, now=now)
            act = Act(
                action="payment.supplier_paid",
                actor_type=actor.type,
                actor_id=actor.id,
                subject_type="supplier",
                subject_id=supplier_id,
                after={"amount": str(amount), "currency": amount.currency, "reference": draft.reference},
            )
            attest(self.db, act, now=now)
            await keep(self.db, once, payout, now=now)
        return Answer(payout)

    async def require_owed(self, supplier_id: UserId, amount: Money) -> None:
        held = await suppliers.balances(self.db, account=payable_to(supplier_id))
        if not held:
            raise SupplierNotOwed
        owed = next((each.payable for each in held if each.currency == amount.currency), None)
        most = (
            Money.zero(amount.currency)
            if owed is None or owed.startswith("-")
            else Money.parse(owed, amount.currency)
        )
        if amount > most:
            raise PayoutAboveOwed(f"{most} {most.currency} are owed", pointer="/amount", owed=str(most))
