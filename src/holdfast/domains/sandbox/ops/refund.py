"""Give money back that was never taken: never more than the checkout's."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.sandbox import CheckoutStage, RefundWish, SandboxRefund
from holdfast.domains.sandbox import queries
from holdfast.domains.sandbox.exceptions import NothingToRefund, SandboxRefundNotFound
from holdfast.kernel.database import transaction


class Refund:
    """The same `refund_id` again is the same refund. CheckoutNotFound, NothingToRefund."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, wish: RefundWish, *, now: datetime) -> SandboxRefund:
        async with transaction(self.db):
            checkout = await queries.lock_checkout(self.db, wish.ref)
            if known := await queries.refund_of(self.db, wish):
                return known
            left = checkout.minor - await queries.refunded_minor(self.db, wish.ref)
            paid = checkout.stage is CheckoutStage.SUCCEEDED and checkout.currency == wish.currency
            if not paid or wish.minor > left:
                raise NothingToRefund
            made = await queries.insert_refund(self.db, wish, now=now)
            await queries.insert_webhook(
                self.db,
                "refund.succeeded",
                {
                    "ref": made.ref,
                    "refund_id": str(made.refund_id),
                    "payment_ref": made.checkout_ref,
                    "amount": str(made.amount),
                    "currency": made.currency,
                },
                now=now,
            )
        return made


class ListRefunds:
    """What was given back in that time."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, since: datetime, until: datetime) -> list[SandboxRefund]:
        return await queries.refunded_between(self.db, since=since, until=until)


class ReadRefund:
    """SandboxRefundNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, ref: str) -> SandboxRefund:
        found = await queries.get_refund(self.db, ref)
        if found is None:
            raise SandboxRefundNotFound
        return found
