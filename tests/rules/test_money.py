"""Exact amounts: ISO's decimals, one rounding, sums that come out."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.kernel.money import (
    ACTIVE_DIGITS,
    LARGEST,
    AmountTooLarge,
    CurrencyMismatch,
    Money,
    NotAnAmount,
    TooManyDecimals,
    UnknownCurrency,
    digits_of,
    percent_of,
    rounded,
    split,
    total_of,
)

# ISO 4217 list one; AFN, HUF, IQD, TWD and UGX are those where locale data says otherwise
ISO_DIGITS = {
    "EUR": 2, "USD": 2, "INR": 2, "AFN": 2, "HUF": 2, "TWD": 2, "COP": 2, "IDR": 2,
    "JPY": 0, "KRW": 0, "ISK": 0, "UGX": 0, "CLP": 0, "VND": 0, "XOF": 0,
    "BHD": 3, "KWD": 3, "IQD": 3, "JOD": 3, "OMR": 3, "TND": 3, "LYD": 3,
    "CLF": 4, "UYW": 4,
}  # fmt: skip

currencies = st.sampled_from(sorted(ACTIVE_DIGITS))
amounts = st.builds(Money, st.integers(-LARGEST, LARGEST), currencies)


@pytest.mark.parametrize(("currency", "digits"), ISO_DIGITS.items())
def test_decimals_are_those_of_iso(currency: str, digits: int) -> None:
    assert digits_of(currency) == digits


@pytest.mark.parametrize("currency", ["XXX", "XAU", "XTS", "ABC", "eur", "", "EURO"])
def test_what_iso_gives_no_decimals_is_no_currency(currency: str) -> None:
    with pytest.raises(UnknownCurrency) as refusal:
        Money.parse("1", currency)
    assert refusal.value.pointer == "/currency"


def test_a_retired_currency_is_still_readable() -> None:
    assert "BGN" not in ACTIVE_DIGITS
    assert str(Money(1950, "BGN")) == "19.50"


@pytest.mark.parametrize(
    ("amount", "currency", "minor", "text"),
    [
        ("120.00", "EUR", 12000, "120.00"),
        ("120", "EUR", 12000, "120.00"),
        ("0.5", "EUR", 50, "0.50"),
        ("0.05", "EUR", 5, "0.05"),
        ("-0.05", "EUR", -5, "-0.05"),
        ("-0", "EUR", 0, "0.00"),
        ("0012", "JPY", 12, "12"),
        ("1234", "JPY", 1234, "1234"),
        ("-7", "JPY", -7, "-7"),
        ("1.234", "BHD", 1234, "1.234"),
        ("0.001", "BHD", 1, "0.001"),
        ("0.0001", "CLF", 1, "0.0001"),
        ("92233720368547758.07", "EUR", LARGEST, "92233720368547758.07"),
    ],
)
def test_parse_and_format(amount: str, currency: str, minor: int, text: str) -> None:
    money = Money.parse(amount, currency)
    assert money == Money(minor, currency)
    assert str(money) == text


@pytest.mark.parametrize(
    ("amount", "currency", "refusal"),
    [
        ("1.5", "JPY", TooManyDecimals),
        ("1.0", "JPY", TooManyDecimals),
        ("1.005", "EUR", TooManyDecimals),
        ("1.0001", "BHD", TooManyDecimals),
        ("", "EUR", NotAnAmount),
        ("1,50", "EUR", NotAnAmount),
        ("1e3", "EUR", NotAnAmount),
        (".5", "EUR", NotAnAmount),
        ("5.", "EUR", NotAnAmount),
        ("+5", "EUR", NotAnAmount),
        (" 5", "EUR", NotAnAmount),
        ("5\n", "EUR", NotAnAmount),
        ("\u0665", "EUR", NotAnAmount),
        ("NaN", "EUR", NotAnAmount),
        ("92233720368547758.08", "EUR", AmountTooLarge),
    ],
)
def test_parse_refuses_at_the_pointer(amount: str, currency: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal) as refused:
        Money.parse(amount, currency, pointer="/fixed")
    assert getattr(refused.value, "pointer", None) == "/fixed"


def test_the_refusal_says_how_many_decimals() -> None:
    with pytest.raises(TooManyDecimals) as refused:
        Money.parse("1.005", "EUR")
    assert refused.value.detail == "EUR has 2 decimals"
    assert refused.value.facts == {"currency": "EUR", "decimals": 2}


@pytest.mark.parametrize(
    ("value", "whole"),
    [
        (Fraction(1, 2), 1), (Fraction(-1, 2), -1), (Fraction(3, 2), 2), (Fraction(5, 2), 3),
        (Fraction(-5, 2), -3), (Decimal("2.4999"), 2), (Decimal("-2.4999"), -2), (Decimal("0.49"), 0),
        (Decimal("-0.49"), 0), (7, 7), (Fraction(2**80 + 1, 2), 2**79 + 1),
    ],
)  # fmt: skip
def test_halves_round_away_from_zero(value: int | Decimal | Fraction, whole: int) -> None:
    assert rounded(value) == whole


@given(st.fractions())
def test_rounding_is_symmetric_and_nearest(value: Fraction) -> None:
    assert rounded(-value) == -rounded(value)
    assert abs(rounded(value) - value) <= Fraction(1, 2)


@given(amounts)
def test_format_and_parse_are_inverse(money: Money) -> None:
    assert Money.parse(str(money), money.currency) == money


@pytest.mark.parametrize(
    ("amount", "currency", "percent", "result"),
    [
        ("10.05", "EUR", Decimal("50"), "5.03"),
        ("-10.05", "EUR", Decimal("50"), "-5.03"),
        ("99", "JPY", Decimal("12.5"), "12"),
        ("100", "JPY", Decimal("12.5"), "13"),
        ("1.001", "BHD", 50, "0.501"),
        ("0.01", "EUR", Decimal("0.0001"), "0.00"),
    ],
)
def test_percent_of(amount: str, currency: str, percent: int | Decimal, result: str) -> None:
    assert str(percent_of(Money.parse(amount, currency), percent)) == result


@pytest.mark.parametrize(
    ("amount", "currency", "weights", "parts"),
    [
        ("100.00", "EUR", 3, ["33.34", "33.33", "33.33"]),
        ("100", "JPY", 3, ["34", "33", "33"]),
        ("0.002", "BHD", 3, ["0.001", "0.001", "0.000"]),
        ("-100.00", "EUR", 3, ["-33.34", "-33.33", "-33.33"]),
        ("10.00", "EUR", [1, 2, 4], ["1.43", "2.86", "5.71"]),
        ("10.00", "EUR", [0, 1], ["0.00", "10.00"]),
        ("5.00", "EUR", [Decimal("19"), Decimal("7")], ["3.65", "1.35"]),
    ],
)
def test_split(
    amount: str, currency: str, weights: int | list[int | Decimal | Fraction], parts: list[str]
) -> None:
    assert [str(part) for part in split(Money.parse(amount, currency), weights)] == parts


@given(amounts, st.lists(st.integers(0, 10**9), min_size=1, max_size=50).filter(any))
def test_split_loses_nothing_and_stays_within_a_unit(total: Money, weights: list[int]) -> None:
    parts = split(total, weights)
    assert total_of(parts, currency=total.currency) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part.minor - Fraction(total.minor * weight, sum(weights))) < 1


@given(amounts, st.integers(1, 200))
def test_equal_parts_differ_by_at_most_a_unit(total: Money, parts: int) -> None:
    minors = [part.minor for part in split(total, parts)]
    assert len(minors) == parts
    assert sum(minors) == total.minor
    assert max(minors) - min(minors) <= 1


@pytest.mark.parametrize("weights", [0, -1, [], [0, 0], [1, -1]])
def test_split_needs_weights(weights: int | list[int | Decimal | Fraction]) -> None:
    with pytest.raises(ValueError, match="weights"):
        split(Money(100, "EUR"), weights)


def test_currencies_do_not_mix() -> None:
    euro, yen = Money(1, "EUR"), Money(1, "JPY")
    for mix in (
        lambda: euro + yen, lambda: euro - yen, lambda: euro < yen,
        lambda: euro <= yen, lambda: euro > yen, lambda: euro >= yen,
    ):  # fmt: skip
        with pytest.raises(CurrencyMismatch):
            mix()
    assert euro != yen


def test_sums_beyond_a_bigint_are_refused() -> None:
    with pytest.raises(AmountTooLarge):
        Money(LARGEST, "EUR") + Money(1, "EUR")
    with pytest.raises(AmountTooLarge):
        Money(LARGEST, "JPY").times(2)
