"""The sandbox's webhooks over HTTP: from its page's payment to what the merchant is told, signed."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from holdfast.contracts.payment import IntentId
from holdfast.domains.payment.exceptions import BadSignature, NotAnEvent
from holdfast.domains.payment.ports import Order, Reading, Stage
from holdfast.gateways.payments.signatures import timestamped
from holdfast.kernel.money import Money
from holdfast.settings import AccountSettings, PaymentSettings, SecuritySettings, Settings
from holdfast.wiring import Wiring
from holdfast.worker import send_sandbox_webhooks, settle_sandbox
from tests.clock import SettableClock
from tests.peers.peer import Fault, Peer, serving


@dataclass
class Merchant(Peer):
    """Where webhooks go: it keeps what it was told."""

    key_header: str = "x-sandbox-signature"
    queries: list[str] = field(default_factory=list)
    moved: bool = False

    def routes(self) -> Sequence[Route]:
        return [Route("/api/payments/webhook", self.hear, methods=["POST"])]

    async def hear(self, request: Request) -> Response:
        self.queries.append(request.url.query)
        if self.moved:
            return RedirectResponse("/elsewhere", 307)
        return JSONResponse({"received": True})


@pytest.fixture
def merchant() -> Iterator[Merchant]:
    peer = Merchant()
    with serving(peer):
        yield peer


def settings(public_url: str, secret: SecretStr | None = None) -> Settings:
    return Settings(
        accounts=AccountSettings(public_url=public_url),
        payment=PaymentSettings(sandbox_webhook_secret=secret),
        security=SecuritySettings(secret=SecretStr("of the tests, and long enough for any key")),
    )


@pytest.fixture
async def wired(database_url: str, clock: SettableClock, merchant: Merchant) -> AsyncIterator[Wiring]:
    wired = Wiring(settings(merchant.url), database_url, clock)
    yield wired
    await wired.engine.dispose()


async def pay(wired: Wiring, method: str) -> IntentId:
    intent_id, sandbox = IntentId(uuid4()), wired.providers["sandbox"]
    session = await sandbox.open(
        Order(
            intent_id=intent_id,
            amount=Money(12_000, "EUR"),
            reference="HF-7K2M9Q",
            description="Table 1",
            guest_name="Ann Example",
            guest_email="ann@example.org",
            return_url="https://shop.example.org/done",
        )
    )
    await sandbox.confirm(session.ref, method=method, data={})
    return intent_id


async def test_the_merchant_is_told_and_can_believe_it(
    wired: Wiring, clock: SettableClock, merchant: Merchant
) -> None:
    intent_id = await pay(wired, "sandbox_pending")
    assert await send_sandbox_webhooks(wired) == 1
    now = clock.advance(timedelta(seconds=2))
    assert await settle_sandbox(wired) == 1
    assert await send_sandbox_webhooks(wired) == 1
    assert merchant.queries == ["provider=sandbox"] * 2

    sandbox, stages = wired.providers["sandbox"], []
    for told in merchant.heard:
        assert told.key is not None
        notice = await sandbox.notice({"x-sandbox-signature": told.key}, told.body, now=now)
        assert isinstance(notice.news, Reading)
        assert (notice.news.intent_id, notice.event_id) == (intent_id, json.loads(told.body)["id"])
        stages.append((notice.news.stage, notice.news.amount))
    assert stages == [(Stage.PROCESSING, None), (Stage.SUCCEEDED, Money(12_000, "EUR"))]

    told = merchant.heard[1]
    for header, body, at in (
        (told.key, told.body.replace(b"120.00", b"120.01"), now),
        (told.key, told.body, now + timedelta(seconds=301)),
        ("", told.body, now),
        (timestamped(b"another secret", told.body, now=now), told.body, now),
    ):
        with pytest.raises(BadSignature):
            await sandbox.notice({"x-sandbox-signature": header or ""}, body, now=at)


async def test_a_merchant_that_fails_is_told_again_with_a_fresh_signature(
    wired: Wiring, clock: SettableClock, merchant: Merchant
) -> None:
    await pay(wired, "sandbox_ok")
    merchant.fail(Fault.ERROR, method="POST")
    merchant.moved = True
    for _ in range(2):  # an error, then a redirect, which is not followed
        assert await send_sandbox_webhooks(wired) == 1
        assert await send_sandbox_webhooks(wired) == 0
        clock.advance(timedelta(minutes=10))
    merchant.moved = False
    assert await send_sandbox_webhooks(wired) == 1
    clock.advance(timedelta(hours=1))
    assert await send_sandbox_webhooks(wired) == 0
    assert len({each.body for each in merchant.heard}) == 1
    assert len({each.key for each in merchant.heard}) == 3


async def test_the_secret_is_this_installations_own_unless_one_is_set(wired: Wiring) -> None:
    again = Wiring(wired.settings, wired.database_url, wired.clock)
    other = Wiring(
        wired.settings.model_copy(update={"security": SecuritySettings(secret=SecretStr("x" * 40))}),
        wired.database_url,
        wired.clock,
    )
    told = Wiring(settings("http://127.0.0.1:1", SecretStr("that was set")), wired.database_url, wired.clock)
    assert again.sandbox_secret == wired.sandbox_secret
    assert other.sandbox_secret != wired.sandbox_secret
    assert told.sandbox_secret.get_secret_value() == "that was set"


async def test_what_is_signed_and_no_event_is_refused(wired: Wiring, clock: SettableClock) -> None:
    secret = wired.sandbox_secret.get_secret_value().encode()
    for body in (b"", b"[]", b"{}", b'{"id": "e", "type": "payment.succeeded", "data": {"amount": "1"}}', b"\xff"):
        header = timestamped(secret, body, now=clock.now())
        with pytest.raises(NotAnEvent):
            await wired.providers["sandbox"].notice({"x-sandbox-signature": header}, body, now=clock.now())
