"""The sandbox: what each card does, what is told of it and how often, and that only the system sees it."""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.contracts.sandbox import CheckoutOrder, CheckoutStage, CheckoutView, RefundWish, TestCard
from holdfast.domains.sandbox.exceptions import NothingToRefund, NotTaken, UnknownTestCard
from holdfast.domains.sandbox.ports import Webhook
from holdfast.domains.sandbox.rules import CODE, MAX_ATTEMPTS
from holdfast.domains.sandbox.services import SandboxService
from holdfast.kernel.access import Caller
from holdfast.kernel.database import session_factory
from tests.clock import MONDAY, SettableClock

Sessions = async_sessionmaker[AsyncSession]


def order(**fields: Any) -> CheckoutOrder:
    values = {
        "intent_id": uuid4(),
        "minor": 12_000,
        "currency": "EUR",
        "reference": "HF-7K2M9Q",
        "description": "Table 1",
        "return_url": "https://shop.example.org/done",
        **fields,
    }
    return CheckoutOrder.model_validate(values)


@dataclass
class Merchant:
    """A courier's other side; takes nothing while it is down."""

    down: bool = False
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def deliver(self, webhook: Webhook) -> None:
        if self.down:
            raise NotTaken("connection refused")
        self.heard.append(json.loads(webhook.body))


@pytest.fixture
def sandbox(house_db: AsyncSession) -> SandboxService:
    return SandboxService(house_db)


async def opened(sandbox: SandboxService) -> CheckoutView:
    return await sandbox.open(order(), now=MONDAY)


async def told(sandbox: SandboxService, clock: SettableClock) -> list[str]:
    merchant = Merchant()
    await sandbox.send_webhooks(merchant, clock=clock)
    return [event["type"] for event in merchant.heard]


@pytest.mark.parametrize(
    ("card", "stage", "events"),
    [
        (TestCard.OK, CheckoutStage.SUCCEEDED, ["payment.succeeded"]),
        (TestCard.DECLINED, CheckoutStage.FAILED, ["payment.failed"]),
        (TestCard.SECOND_STEP, CheckoutStage.CODE, []),
        (TestCard.PENDING, CheckoutStage.PROCESSING, ["payment.processing"]),
    ],
)
async def test_a_card_does_what_it_is_for_and_only_once(
    sandbox: SandboxService, clock: SettableClock, card: TestCard, stage: CheckoutStage, events: list[str]
) -> None:
    checkout = await opened(sandbox)
    assert (await sandbox.pay(checkout.ref, card, now=MONDAY)).stage is stage
    assert await told(sandbox, clock) == events
    if stage is not CheckoutStage.CODE:
        assert (await sandbox.pay(checkout.ref, TestCard.OK, now=MONDAY)).stage is stage
        assert await told(sandbox, clock) == []


async def test_the_same_intent_finds_its_checkout(sandbox: SandboxService, system: Sessions) -> None:
    wish = order()

    async def once() -> str:
        async with system() as db:
            return (await SandboxService(db).open(wish, now=MONDAY)).ref

    assert len(set(await asyncio.gather(*(once() for _ in range(8))))) == 1


async def test_the_code_is_right_or_wrong_three_times(sandbox: SandboxService) -> None:
    right, wrong = await opened(sandbox), await opened(sandbox)
    for each in (right, wrong):
        await sandbox.pay(each.ref, TestCard.SECOND_STEP, now=MONDAY)
    assert (await sandbox.enter_code(right.ref, "000000", now=MONDAY)).stage is CheckoutStage.CODE
    assert (await sandbox.enter_code(right.ref, CODE, now=MONDAY)).stage is CheckoutStage.SUCCEEDED
    stages = [(await sandbox.enter_code(wrong.ref, "000000", now=MONDAY)).stage for _ in range(3)]
    assert stages == [CheckoutStage.CODE, CheckoutStage.CODE, CheckoutStage.FAILED]
    assert (await sandbox.enter_code(wrong.ref, CODE, now=MONDAY)).stage is CheckoutStage.FAILED


async def test_a_pending_payment_settles_once_by_the_job_or_by_looking(
    sandbox: SandboxService, clock: SettableClock
) -> None:
    first, second = await opened(sandbox), await opened(sandbox)
    for each in (first, second):
        await sandbox.pay(each.ref, TestCard.PENDING, now=MONDAY)
    assert await told(sandbox, clock) == ["payment.processing"] * 2
    assert (await sandbox.read(first.ref, now=MONDAY)).stage is CheckoutStage.PROCESSING
    assert await sandbox.settle_pending(now=MONDAY) == 0

    later = clock.advance(timedelta(seconds=2))
    assert (await sandbox.read(first.ref, now=later)).stage is CheckoutStage.SUCCEEDED
    assert await sandbox.settle_pending(now=later) == 1
    assert await sandbox.settle_pending(now=later) == 0
    assert await told(sandbox, clock) == ["payment.succeeded"] * 2


async def test_what_was_paid_cannot_be_cancelled(sandbox: SandboxService, clock: SettableClock) -> None:
    paid, unpaid = await opened(sandbox), await opened(sandbox)
    await sandbox.pay(paid.ref, TestCard.OK, now=MONDAY)
    assert (await sandbox.cancel(paid.ref, now=MONDAY)).stage is CheckoutStage.SUCCEEDED
    assert (await sandbox.cancel(unpaid.ref, now=MONDAY)).stage is CheckoutStage.CANCELLED
    assert sorted(await told(sandbox, clock)) == ["payment.cancelled", "payment.succeeded"]


async def test_refunds_never_exceed_what_was_paid_however_many_ask(
    sandbox: SandboxService, system: Sessions
) -> None:
    checkout = await opened(sandbox)

    async def refund(minor: int) -> bool:
        wish = RefundWish(refund_id=uuid4(), ref=checkout.ref, minor=minor, currency="EUR", reason="rain")
        async with system() as db:
            try:
                return bool(await SandboxService(db).refund(wish, now=MONDAY))
            except NothingToRefund:
                return False

    assert not await refund(1)
    await sandbox.pay(checkout.ref, TestCard.OK, now=MONDAY)
    assert sum(await asyncio.gather(*(refund(5_000) for _ in range(12)))) == 2
    assert await refund(2_000)
    assert not await refund(1)


async def test_a_webhook_is_tried_until_it_is_taken_and_not_for_ever(
    sandbox: SandboxService, clock: SettableClock
) -> None:
    checkout, merchant = await opened(sandbox), Merchant(down=True)
    await sandbox.pay(checkout.ref, TestCard.OK, now=MONDAY)
    assert await sandbox.send_webhooks(merchant, clock=clock) == 1
    assert await sandbox.send_webhooks(merchant, clock=clock) == 0
    clock.advance(timedelta(seconds=2))
    merchant.down = False
    assert await sandbox.send_webhooks(merchant, clock=clock) == 1
    assert merchant.heard[0]["data"] == {
        "ref": checkout.ref,
        "intent_id": str(checkout.intent_id),
        "reference": "HF-7K2M9Q",
        "amount": "120.00",
        "currency": "EUR",
        "failure": None,
    }

    merchant.down = True
    await sandbox.pay((await opened(sandbox)).ref, TestCard.OK, now=MONDAY)
    tries = 0
    while await sandbox.send_webhooks(merchant, clock=clock):
        tries += 1
        clock.advance(timedelta(minutes=10))
    assert tries == MAX_ATTEMPTS


async def test_a_webhook_whose_sender_died_is_sent_by_another(
    sandbox: SandboxService, system: Sessions, clock: SettableClock
) -> None:
    class Dying(Merchant):
        async def deliver(self, webhook: Webhook) -> None:
            raise asyncio.CancelledError

    await sandbox.pay((await opened(sandbox)).ref, TestCard.OK, now=MONDAY)
    async with system() as db:
        with pytest.raises(asyncio.CancelledError):
            await SandboxService(db).send_webhooks(Dying(), clock=clock)
    assert await told(sandbox, clock) == []
    clock.advance(timedelta(seconds=31))
    assert await told(sandbox, clock) == ["payment.succeeded"]


async def test_many_senders_send_each_webhook_once(
    sandbox: SandboxService, system: Sessions, clock: SettableClock
) -> None:
    for _ in range(12):
        await sandbox.pay((await opened(sandbox)).ref, TestCard.OK, now=MONDAY)
    merchant = Merchant()

    async def send() -> None:
        async with system() as db:
            while await SandboxService(db).send_webhooks(merchant, clock=clock):
                pass

    await asyncio.gather(*(send() for _ in range(4)))
    assert len(merchant.heard) == len({event["id"] for event in merchant.heard}) == 12


async def test_an_unknown_card_is_refused(sandbox: SandboxService) -> None:
    with pytest.raises(UnknownTestCard):
        await sandbox.pay((await opened(sandbox)).ref, "4111", now=MONDAY)


@pytest.mark.parametrize("kind", ["anonymous", "customer", "supplier", "staff", "admin"])
async def test_only_the_system_sees_the_sandbox(
    sandbox: SandboxService, app_engine: AsyncEngine, kind: str
) -> None:
    checkout = await opened(sandbox)
    await sandbox.pay(checkout.ref, TestCard.OK, now=MONDAY)
    async with session_factory(app_engine, caller=Caller(kind=kind, id=uuid4()))() as db:
        for table in ("checkouts", "refunds", "webhooks"):
            assert (await db.execute(text(f"SELECT * FROM sandbox.{table}"))).all() == []


async def test_what_is_long_over_is_forgotten_and_nothing_else(
    house_db: AsyncSession, sandbox: SandboxService
) -> None:
    old, given_back, later, pending = [await opened(sandbox) for _ in range(4)]
    for checkout in (old, given_back):
        await sandbox.pay(checkout.ref, TestCard.OK, now=MONDAY)
    await sandbox.pay(pending.ref, TestCard.PENDING, now=MONDAY)
    after = MONDAY + timedelta(days=1)
    await sandbox.pay(later.ref, TestCard.OK, now=after)
    for checkout, at in ((old, MONDAY), (given_back, after)):
        wish = {"refund_id": uuid4(), "ref": checkout.ref, "minor": 100, "currency": "EUR", "reason": "sorry"}
        await sandbox.refund(RefundWish.model_validate(wish), now=at)
    assert await sandbox.forget(before=MONDAY + timedelta(hours=1)) == 1
    kept = await house_db.scalars(text("SELECT ref FROM sandbox.checkouts"))
    assert set(kept) == {given_back.ref, later.ref, pending.ref}
    # what nobody has taken yet is still to be told
    assert await house_db.scalar(text("SELECT count(*) FROM sandbox.webhooks")) == 6
    clock = SettableClock()
    await sandbox.send_webhooks(Merchant(), clock=clock)
    await sandbox.forget(before=MONDAY + timedelta(hours=1))
    assert await house_db.scalar(text("SELECT count(*) FROM sandbox.webhooks")) == 2
