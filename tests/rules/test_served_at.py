"""What settings that nobody made come to: where links lead, and who takes the money."""

from typing import Literal

import pytest
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from holdfast.cli.inspection import configured, paid_through
from holdfast.cli.serving import reached_at
from holdfast.main import create_app, lifespan
from holdfast.settings import (
    AccountSettings,
    PaymentSettings,
    RazorpaySettings,
    ServerSettings,
    Settings,
    StripeSettings,
)
from holdfast.wiring import Wiring


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("127.0.0.1", 9000, "http://127.0.0.1:9000"),
        ("0.0.0.0", 8000, "http://127.0.0.1:8000"),
        ("::", 8080, "http://[::1]:8080"),
        ("booking.example.org", 80, "http://booking.example.org:80"),
    ],
)
def test_a_server_is_reached_where_it_serves(host: str, port: int, url: str) -> None:
    assert reached_at(host, port) == url
    assert Settings().served_at(url).accounts.public_url == url


def test_a_public_url_that_is_set_stays() -> None:
    told = Settings(accounts=AccountSettings(public_url="https://book.example.org"))
    assert told.served_at("http://127.0.0.1:9000").accounts.public_url == "https://book.example.org"


def test_doctor_says_where_links_lead_only_where_it_knows() -> None:
    told = Settings(accounts=AccountSettings(public_url="https://book.example.org"))
    assert dict(configured(told))["accounts.public_url"] == "https://book.example.org"
    assert dict(configured(Settings()))["accounts.public_url"].startswith("follows --host and --port")


STRIPE = StripeSettings.model_validate({"secret_key": "not-a-real-key"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(), "sandbox, where a booking does not say; the sandbox is ON"),
        (
            Settings(stripe=STRIPE),
            "sandbox, where a booking does not say; the sandbox is ON: with it bookings are paid without money; "
            "WARNING: keys of stripe are set",
        ),
        (
            Settings(stripe=STRIPE, payment=PaymentSettings(provider="sandbox")),
            "sandbox, where a booking does not say; the sandbox is ON: with it bookings are paid without money",
        ),
        (Settings(stripe=STRIPE, payment=PaymentSettings(sandbox=False)), "stripe, where a booking does not say"),
        (Settings(payment=PaymentSettings(provider="paypal")), "paypal, where a booking does not say: NOT set up"),
        (
            Settings(stripe=STRIPE, payment=PaymentSettings(provider="stripe", sandbox=True)),
            "stripe, where a booking does not say; the",
        ),
    ],
)
def test_doctor_says_who_takes_the_money(settings: Settings, said: str) -> None:
    assert paid_through(settings).startswith(said)


def test_what_cannot_be_is_refused_and_says_which_settings() -> None:
    with pytest.raises(ValidationError, match="excludes HOLDFAST_PAYMENT_PROVIDER=sandbox"):
        PaymentSettings(provider="sandbox", sandbox=False)
    razorpay = RazorpaySettings(key_id="key", key_secret=SecretStr("secret"))
    with pytest.raises(ValidationError, match="keys of stripe and razorpay: HOLDFAST_PAYMENT_PROVIDER must say"):
        Settings(stripe=STRIPE, razorpay=razorpay, payment=PaymentSettings(sandbox=False))


@pytest.mark.parametrize("provider", [None, "sandbox"])
async def test_keys_that_are_not_used_are_said_at_the_start(provider: Literal["sandbox"] | None) -> None:
    alone = ServerSettings(worker_in_process=False)
    settings = Settings(stripe=STRIPE, server=alone, payment=PaymentSettings(provider=provider))
    with capture_logs() as said:
        async with lifespan(create_app(Wiring(settings, "postgresql://nowhere"))):
            pass
    assert [each["providers"] for each in said if "sandbox" in each["event"]] == ([] if provider else [["stripe"]])
