"""What each provider is told for an amount, and what its answer means: exact, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domains.payment.exceptions import ProviderRefused
from holdfast.gateways.payments.amounts import PAYPAL, RAZORPAY, STRIPE, Counting
from holdfast.kernel.money import Money

COUNTINGS = (STRIPE, RAZORPAY, PAYPAL)

# provider, amount, currency, what it is told (None: it cannot take that)
TABLE = [
    (STRIPE, "120.00", "EUR", 12_000),
    (STRIPE, "0.01", "USD", 1),
    (STRIPE, "500", "JPY", 500),
    (STRIPE, "500", "KRW", 500),
    (STRIPE, "7", "XAF", 7),
    (STRIPE, "500.00", "MGA", 500),
    (STRIPE, "500.20", "MGA", None),
    (STRIPE, "5", "ISK", 500),
    (STRIPE, "10.45", "HUF", 1_045),
    (STRIPE, "5.120", "KWD", 5_120),
    (STRIPE, "5.124", "KWD", None),
    (STRIPE, "1.500", "BHD", 1_500),
    (STRIPE, "1.501", "BHD", None),
    (STRIPE, "100", "UGX", None),
    (STRIPE, "1.0000", "CLF", None),
    (RAZORPAY, "5001.00", "INR", 500_100),
    (RAZORPAY, "500", "JPY", 500),
    (RAZORPAY, "295.990", "KWD", 295_990),
    (RAZORPAY, "295.991", "KWD", None),
]
TEXTS = [
    ("20.00", "USD", "20.00"),
    ("0.05", "EUR", "0.05"),
    ("500", "JPY", "500"),
    ("1200.00", "HUF", "1200"),
    ("1200.50", "HUF", None),
    ("99.00", "TWD", "99"),
    ("1.000", "BHD", None),
    ("5.00", "INR", None),
]


@pytest.mark.parametrize(("counting", "amount", "currency", "units"), TABLE)
def test_units(counting: Counting, amount: str, currency: str, units: int | None) -> None:
    money = Money.parse(amount, currency)
    if units is None:
        with pytest.raises(ProviderRefused):
            counting.units(money)
    else:
        assert counting.units(money) == units
        assert counting.money(units, currency.lower()) == money


@pytest.mark.parametrize(("amount", "currency", "text"), TEXTS)
def test_texts(amount: str, currency: str, text: str | None) -> None:
    money = Money.parse(amount, currency)
    if text is None:
        with pytest.raises(ProviderRefused):
            PAYPAL.text(money)
    else:
        assert PAYPAL.text(money) == text
        assert PAYPAL.read(text, currency) == money


def test_paypal_may_write_decimals_that_a_currency_does_not_have() -> None:
    assert PAYPAL.read("500.00", "JPY") == Money(500, "JPY")
    assert PAYPAL.read("1200", "HUF") == Money(120_000, "HUF")
    with pytest.raises(ValueError, match="minor units"):
        STRIPE.money(550, "ISK")


@given(st.sampled_from(COUNTINGS), st.sampled_from(sorted(STRIPE.known | PAYPAL.known)), st.integers(1, 10**12))
def test_what_is_taken_is_taken_exactly(counting: Counting, currency: str, minor: int) -> None:
    money = Money(minor, currency)
    try:
        units, text = counting.units(money), counting.text(money)
    except ProviderRefused:
        return
    assert counting.money(units, currency) == money
    assert counting.read(text, currency) == money
