"""Open, pay, read and cancel a checkout. Each change tells the merchant by a webhook of the same transaction."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.sandbox import CheckoutOrder, CheckoutStage, CheckoutView, TestCard
from holdfast.domains.sandbox import queries
from holdfast.domains.sandbox.exceptions import UnknownTestCard
from holdfast.domains.sandbox.rules import ENDED, OPEN, OUTCOMES, Outcome, outcome_of_code
from holdfast.kernel.database import transaction

SETTLED_AT_ONCE = 50


class OpenCheckout:
    """The same intent again finds the same checkout."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, order: CheckoutOrder, *, now: datetime) -> CheckoutView:
        async with transaction(self.db):
            await queries.insert_checkout(self.db, order, now=now)
            return await queries.checkout_of(self.db, order)


class Pay:
    """With a test card. A checkout that is not open stays what it is. UnknownTestCard, CheckoutNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, ref: str, card: str, *, now: datetime) -> CheckoutView:
        if card not in set(TestCard):
            raise UnknownTestCard(f"it takes {', '.join(TestCard)}", pointer="/payment_method")
        async with transaction(self.db):
            checkout = await queries.lock_checkout(self.db, ref)
            if checkout.stage not in OPEN:
                return checkout
            return await moved(self.db, checkout, OUTCOMES[TestCard(card)], now=now)


class EnterCode:
    """The code that a bank would have sent. Only where one is waited for. CheckoutNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, ref: str, code: str, *, now: datetime) -> CheckoutView:
        async with transaction(self.db):
            checkout = await queries.lock_checkout(self.db, ref)
            if checkout.stage is not CheckoutStage.CODE:
                return checkout
            outcome = outcome_of_code(code.strip(), wrong_before=checkout.wrong_codes)
            return await moved(self.db, checkout, outcome, now=now)


class CancelCheckout:
    """Where it was not paid yet. CheckoutNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, ref: str, *, now: datetime) -> CheckoutView:
        async with transaction(self.db):
            checkout = await queries.lock_checkout(self.db, ref)
            if checkout.stage in ENDED:
                return checkout
            return await moved(self.db, checkout, Outcome(CheckoutStage.CANCELLED), now=now)


class ReadCheckout:
    """As it is now: one whose time to settle has come is settled by looking at it. CheckoutNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, ref: str, *, now: datetime) -> CheckoutView:
        checkout = await queries.get_checkout(self.db, ref)
        if checkout.stage is not CheckoutStage.PROCESSING:
            return checkout
        await SettlePending(self.db).execute(now=now, ref=ref)
        return await queries.get_checkout(self.db, ref)


class SettlePending:
    """Checkouts that settle by themselves, once their time has come; how many."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, now: datetime, ref: str | None = None) -> int:
        async with transaction(self.db):
            settled = await queries.settle_pending(self.db, now=now, limit=SETTLED_AT_ONCE, ref=ref)
            for checkout in settled:
                await tell(self.db, checkout, now=now)
        return len(settled)


class ListTaken:
    """What was paid in that time."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, since: datetime, until: datetime) -> list[CheckoutView]:
        return await queries.taken_between(self.db, since=since, until=until)


async def moved(db: AsyncSession, checkout: CheckoutView, outcome: Outcome, *, now: datetime) -> CheckoutView:
    after = await queries.move_checkout(db, checkout.ref, outcome, now=now)
    if after.stage not in OPEN:
        await tell(db, after, now=now)
    return after


async def tell(db: AsyncSession, checkout: CheckoutView, *, now: datetime) -> None:
    await queries.insert_webhook(
        db,
        f"payment.{checkout.stage}",
        {
            "ref": checkout.ref,
            "intent_id": str(checkout.intent_id),
            "reference": checkout.reference,
            "amount": str(checkout.amount),
            "currency": checkout.currency,
            "failure": checkout.failure,
        },
        now=now,
    )
