"""Webhooks of providers that nobody asks here: what checks them is enough to take them."""

import hmac
import json
from hashlib import sha256

import httpx
import pytest
from pydantic import SecretStr

from holdfast.gateways.payments.signatures import timestamped
from holdfast.main import create_app
from holdfast.settings import PaypalSettings, RazorpaySettings, Settings, StripeSettings
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.till import WEBHOOK

SECRET = "of the tests"
SECRETS = Settings(
    stripe=StripeSettings(webhook_secret=SecretStr(SECRET)),
    razorpay=RazorpaySettings(webhook_secret=SecretStr(SECRET)),
    paypal=PaypalSettings(webhook_id="1JE4291016473214C"),
)
BODY = json.dumps(
    {"id": "evt_1", "type": "payout.paid", "event": "x", "data": {"object": {}}, "payload": {}}
).encode()


def signed(provider: str, clock: SettableClock) -> dict[str, str]:
    if provider == "stripe":
        return {"stripe-signature": timestamped(SECRET.encode(), BODY, now=clock.now())}
    return {"x-razorpay-signature": hmac.new(SECRET.encode(), BODY, sha256).hexdigest()}


@pytest.mark.parametrize("provider", ["stripe", "razorpay"])
async def test_the_secret_alone_is_enough_to_take_webhooks(
    database_url: str, clock: SettableClock, provider: str
) -> None:
    wired = Wiring(SECRETS, database_url, clock)
    url, headers = f"{WEBHOOK}?provider={provider}", signed(provider, clock)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(wired)), base_url="http://holdfast.test"
    ) as client:
        seen = [(await client.post(url, content=BODY, headers=headers)).json()["data"] for _ in range(2)]
        forger = dict.fromkeys(headers, "t=1,v1=00")
        forged = [
            await client.post(f"{WEBHOOK}?provider={each}", content=BODY, headers=forger)
            for each in (provider, "paypal")
        ]
    assert [each["seen_before"] for each in seen] == [False, True]
    assert [(each.status_code, each.json()["error"]["code"]) for each in forged] == [(400, "bad-signature")] * 2
    assert provider in wired.till.closed
    await wired.engine.dispose()


@pytest.mark.parametrize("provider", ["stripe", "razorpay", "paypal"])
async def test_without_one_they_are_refused_with_its_name(
    database_url: str, clock: SettableClock, provider: str
) -> None:
    wired = Wiring(Settings(), database_url, clock)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(wired)), base_url="http://holdfast.test"
    ) as client:
        answer = await client.post(f"{WEBHOOK}?provider={provider}", content=BODY)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (503, "webhook-not-configured")
    assert error["message"].startswith(f"set HOLDFAST_{provider.upper()}_WEBHOOK_")
    await wired.engine.dispose()
