"""The sandbox's hosted page, without scripts: what it shows, what it takes, where it leads."""

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from holdfast.contracts.payment import IntentId
from holdfast.domains.payment.ports import Order, Provider, Stage
from holdfast.kernel.money import Money
from holdfast.main import create_app
from holdfast.settings import PaymentSettings, Settings, StripeSettings
from holdfast.wiring import Wiring
from tests.clock import SettableClock

BACK = "https://shop.example.org/done?booking=1"


@dataclass
class Page:
    """One checkout and the browser in front of it."""

    client: httpx.AsyncClient
    provider: Provider
    ref: str
    path: str

    async def shown(self) -> httpx.Response:
        return await self.client.get(self.path)

    async def submit(self, **form: str) -> httpx.Response:
        return await self.client.post(self.path, data=form)

    async def stage(self) -> Stage:
        return (await self.provider.read(self.ref)).stage


@pytest.fixture
async def page(wired: Wiring, client: httpx.AsyncClient) -> Page:
    provider = wired.providers["sandbox"]
    opened = await provider.open(
        Order(
            intent_id=IntentId(uuid4()),
            amount=Money(12_000, "EUR"),
            reference="HF-7K2M9Q",
            description="Table <1> & HF-7K2M9Q",
            guest_name="Ann",
            guest_email="ann@example.org",
            return_url=BACK,
        )
    )
    assert opened.checkout_url == f"http://127.0.0.1:8000/sandbox/checkout/{opened.ref}"
    assert opened.payload["order_id"] == opened.ref
    del client.headers["Authorization"]
    return Page(client, provider, opened.ref, f"/sandbox/checkout/{opened.ref}")


async def test_the_page_lists_the_cards_and_runs_nothing(page: Page) -> None:
    shown = await page.shown()
    assert shown.status_code == 200
    assert "120.00 <small>EUR</small>" in shown.text
    assert "Table &lt;1&gt; &amp; HF-7K2M9Q" in shown.text
    assert re.findall(r'name="card" value="(\w+)"', shown.text) == [
        "sandbox_ok",
        "sandbox_second_step",
        "sandbox_pending",
        "sandbox_declined",
    ]
    assert "<script" not in shown.text
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "form-action 'self' https://shop.example.org;" in policy
    assert shown.headers["cache-control"] == "no-store"


async def test_paying_leads_back_to_the_merchant(page: Page) -> None:
    paid = await page.submit(card="sandbox_ok")
    assert (paid.status_code, paid.headers["location"]) == (303, BACK)
    assert await page.stage() is Stage.SUCCEEDED
    again = await page.submit(card="sandbox_declined")
    assert again.headers["location"] == BACK
    assert f"url={BACK}" in (await page.shown()).text


async def test_the_second_step_asks_for_a_code(page: Page) -> None:
    asked = await page.submit(card="sandbox_second_step")
    assert (asked.status_code, asked.headers["location"]) == (303, page.path)
    assert 'autocomplete="one-time-code"' in (await page.shown()).text
    wrong = await page.submit(code="000000")
    assert wrong.status_code == 422
    assert 'role="alert"' in wrong.text
    right = await page.submit(code=" 123456 ")
    assert right.headers["location"] == BACK
    assert await page.stage() is Stage.SUCCEEDED


async def test_a_pending_payment_waits_and_then_says_that_it_is_paid(page: Page, clock: SettableClock) -> None:
    await page.submit(card="sandbox_pending")
    assert "Waiting for the bank" in (await page.shown()).text
    clock.advance(timedelta(seconds=2))
    assert ">Paid<" in (await page.shown()).text


@pytest.mark.parametrize(("form", "words"), [({"card": "sandbox_declined"}, "declined"), ({"leave": "1"}, None)])
async def test_what_is_not_paid_says_so(page: Page, form: dict[str, str], words: str | None) -> None:
    answer = await page.submit(**form)
    shown = (await page.shown()).text
    if words is None:
        assert answer.headers["location"] == BACK
        assert await page.stage() is Stage.CANCELLED
    else:
        assert answer.headers["location"] == page.path
        assert words in shown
    assert f'href="{BACK}"' in shown


@pytest.mark.parametrize("body", [b"", b"card=4242", b"card=%00%ff", b"\xff\xfe", b"a=1&" * 50, b'{"card": 1}'])
async def test_what_is_no_card_is_said_on_the_page(page: Page, body: bytes) -> None:
    answer = await page.client.post(page.path, content=body)
    assert answer.status_code == 422
    assert "Choose one of the cards." in answer.text
    assert await page.stage() is Stage.OPEN


@pytest.mark.parametrize("ref", ["sbx_" + "0" * 32, "x", "%00", "sbx_%ff", "a%2Fb"])
async def test_a_page_that_is_not_there_is_a_page_too(page: Page, ref: str) -> None:
    for answer in (
        await page.client.get(f"/sandbox/checkout/{ref}"),
        await page.client.post(f"/sandbox/checkout/{ref}", data={"card": "sandbox_ok"}),
    ):
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("settings", "on"),
    [
        (Settings(), True),
        (Settings(payment=PaymentSettings(sandbox=False)), False),
        (Settings(stripe=StripeSettings.model_validate({"secret_key": "not-a-real-key"})), True),
        (
            Settings(
                stripe=StripeSettings.model_validate({"secret_key": "not-a-real-key"}),
                payment=PaymentSettings(sandbox=False),
            ),
            False,
        ),
        (Settings(payment=PaymentSettings(provider="stripe")), False),
        (Settings(payment=PaymentSettings(provider="stripe", sandbox=True)), True),
        (
            Settings(
                stripe=StripeSettings.model_validate({"secret_key": "not-a-real-key"}),
                payment=PaymentSettings(provider="sandbox"),
            ),
            True,
        ),
    ],
    ids=[
        "nothing set",
        "refused",
        "another is set up",
        "another is set up, and it is refused",
        "another is meant, and not set up yet",
        "another is meant, and it is asked for",
        "another is set up, and it is the one that is named",
    ],
)
async def test_the_sandbox_can_be_refused_and_is_off_where_another_is_named(
    database_url: str, clock: SettableClock, settings: Settings, on: bool
) -> None:
    wired = Wiring(settings, database_url, clock)
    assert settings.payment_sandbox is on
    transport = httpx.ASGITransport(create_app(wired))
    async with httpx.AsyncClient(transport=transport, base_url="http://holdfast.test") as client:
        answer = await client.get("/sandbox/checkout/x")
    assert (answer.headers["content-type"] == "text/html; charset=utf-8") is on
    await wired.engine.dispose()
