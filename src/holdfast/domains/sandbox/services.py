"""The sandbox's facade: one method per operation, no logic."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.sandbox import CheckoutOrder, CheckoutView, RefundWish, SandboxRefund
from holdfast.domains.sandbox.ops.checkout import (
    CancelCheckout,
    EnterCode,
    ListTaken,
    OpenCheckout,
    Pay,
    ReadCheckout,
    SettlePending,
)
from holdfast.domains.sandbox.ops.forget import Forget
from holdfast.domains.sandbox.ops.refund import ListRefunds, ReadRefund, Refund
from holdfast.domains.sandbox.ops.send import SendWebhooks
from holdfast.domains.sandbox.ports import Courier
from holdfast.kernel.clock import Clock


class SandboxService:
    """Wants a session of the system: to everybody else it is an outsider."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def open(self, order: CheckoutOrder, *, now: datetime) -> CheckoutView:
        return await OpenCheckout(self.db).execute(order, now=now)

    async def pay(self, ref: str, card: str, *, now: datetime) -> CheckoutView:
        return await Pay(self.db).execute(ref, card, now=now)

    async def enter_code(self, ref: str, code: str, *, now: datetime) -> CheckoutView:
        return await EnterCode(self.db).execute(ref, code, now=now)

    async def read(self, ref: str, *, now: datetime) -> CheckoutView:
        return await ReadCheckout(self.db).execute(ref, now=now)

    async def cancel(self, ref: str, *, now: datetime) -> CheckoutView:
        return await CancelCheckout(self.db).execute(ref, now=now)

    async def taken(self, *, since: datetime, until: datetime) -> list[CheckoutView]:
        return await ListTaken(self.db).execute(since=since, until=until)

    async def refund(self, wish: RefundWish, *, now: datetime) -> SandboxRefund:
        return await Refund(self.db).execute(wish, now=now)

    async def read_refund(self, ref: str) -> SandboxRefund:
        return await ReadRefund(self.db).execute(ref)

    async def given_back(self, *, since: datetime, until: datetime) -> list[SandboxRefund]:
        return await ListRefunds(self.db).execute(since=since, until=until)

    async def settle_pending(self, *, now: datetime) -> int:
        return await SettlePending(self.db).execute(now=now)

    async def forget(self, *, before: datetime) -> int:
        return await Forget(self.db).execute(before=before)

    async def send_webhooks(self, courier: Courier, *, clock: Clock) -> int:
        return await SendWebhooks(self.db, courier).execute(clock=clock)
