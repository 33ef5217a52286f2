"""What a stay costs, to the last unit."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from holdfast.contracts.pricing import (
    LineKind,
)
from holdfast.domains.pricing.exceptions import (
    StayTooLong,
)
from holdfast.domains.pricing.rules.prices import free
from holdfast.domains.pricing.rules.stays import stay_between
from holdfast.kernel.money import AmountTooLarge, Money
from tests.rules.rates import (
    BERLIN,
    FAIR,
    MONDAY,
    SANTIAGO,
    SUMMER,
    TIERS,
    WEEKEND,
    at,
    cost,
    fee_rule,
    lines,
    nights,
    rate,
)


@pytest.mark.parametrize(
    ("amount", "currency", "per", "quantity", "total"),
    [
        ("120.00", "EUR", "booking", "1", "120.00"),
        ("120.00", "EUR", "night", "3", "360.00"),
        ("120.00", "EUR", "person", "2", "240.00"),
        ("120.00", "EUR", "person_night", "6", "720.00"),
        ("1.10", "EUR", "hour", "68", "74.80"),
        ("9800", "JPY", "night", "3", "29400"),
        ("9800", "JPY", "person_night", "6", "58800"),
        ("12.345", "BHD", "night", "3", "37.035"),
        ("0.001", "BHD", "hour", "68", "0.068"),
        ("0.0001", "CLF", "person_night", "6", "0.0006"),
        ("0", "JPY", "night", "3", "0"),
    ],
)
def test_every_per_in_every_kind_of_currency(
    amount: str, currency: str, per: str, quantity: str, total: str
) -> None:
    priced = nights(rate(amount, currency, per), 3, party_size=2)
    unit = str(Money.parse(amount, currency))
    assert lines(priced) == [("rate", quantity, unit, total)]
    assert (priced.subtotal, priced.total, priced.due_now) == (total, total, total)
    assert (priced.currency, priced.terms, priced.lines[0].label) == (currency, "full", "Room 1")


@pytest.mark.parametrize(
    ("amount", "currency", "minutes", "quantity", "total"),
    [
        ("30.00", "EUR", 90, "1.5", "45.00"),
        ("10.00", "EUR", 20, "0.3333", "3.33"),
        ("10.00", "EUR", 80, "1.3333", "13.33"),
        ("0.01", "EUR", 30, "0.5", "0.01"),
        ("1001", "JPY", 30, "0.5", "501"),
        ("1000", "JPY", 1, "0.0167", "17"),
        ("1.001", "BHD", 30, "0.5", "0.501"),
    ],
)
def test_hours_are_prorated_by_minutes_and_rounded_once(
    amount: str, currency: str, minutes: int, quantity: str, total: str
) -> None:
    priced = cost(rate(amount, currency, "hour"), at(MONDAY, 9), at(MONDAY, 9) + timedelta(minutes=minutes))
    assert (priced.lines[0].quantity, priced.total) == (quantity, total)


@pytest.mark.parametrize(
    ("zone", "start", "end", "night_count", "hours"),
    [
        # spring in Berlin: the night of 28 to 29 March 2026 has 23 hours of the day
        (BERLIN, "2026-03-28T15:00", "2026-03-30T15:00", "2", "47"),
        # autumn: 24 to 25 October 2026 has 25
        (BERLIN, "2026-10-24T15:00", "2026-10-26T15:00", "2", "49"),
        # Santiago's clocks jump over midnight of 6 September 2026
        (SANTIAGO, "2026-09-05T15:00", "2026-09-06T15:00", "1", "23"),
        (ZoneInfo("Australia/Lord_Howe"), "2026-10-03T15:00", "2026-10-04T15:00", "1", "23.5"),
        (ZoneInfo("Asia/Kolkata"), "2026-10-24T15:00", "2026-10-26T15:00", "2", "48"),
        # a day use is charged as one night
        (BERLIN, "2026-06-01T09:00", "2026-06-01T17:00", "1", "8"),
        # past midnight is the next local date, however short
        (BERLIN, "2026-06-01T23:30", "2026-06-02T00:30", "1", "1"),
        (BERLIN, "2026-06-01T00:00", "2026-06-03T00:00", "2", "48"),
    ],
)
def test_nights_are_local_dates_and_hours_are_elapsed(
    zone: ZoneInfo, start: str, end: str, night_count: str, hours: str
) -> None:
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    assert cost(rate("1.00", "EUR", "night"), first, last, zone=zone).lines[0].quantity == night_count
    assert cost(rate("1.00", "EUR", "hour"), first, last, zone=zone).lines[0].quantity == hours


def test_the_venues_zone_decides_which_date_it_is() -> None:
    late = datetime(2026, 5, 31, 22, 30, tzinfo=UTC)
    assert stay_between(late, late + timedelta(hours=1), zone=BERLIN, party_size=1).starts_on == MONDAY


@pytest.mark.parametrize(
    ("adjustments", "expected"),
    [
        ([WEEKEND], [("5", "100.00", "500.00"), ("2", "125.00", "250.00")]),
        ([SUMMER], [("5", "100.00", "500.00"), ("2", "110.00", "220.00")]),
        # in the order listed: (100 + 10) * 1.25, and 100 * 1.25 + 10
        ([SUMMER, WEEKEND], [("5", "100.00", "500.00"), ("2", "137.50", "275.00")]),
        ([WEEKEND, SUMMER], [("5", "100.00", "500.00"), ("2", "135.00", "270.00")]),
        (
            [WEEKEND, FAIR],
            [("5", "100.00", "500.00"), ("1", "125.00", "125.00"), ("1", "300.00", "300.00")],
        ),
        ([FAIR, WEEKEND], [("5", "100.00", "500.00"), ("1", "125.00", "125.00"), ("1", "375.00", "375.00")]),
        ([WEEKEND | {"percent": "-100"}], [("5", "100.00", "500.00"), ("2", "0.00", "0.00")]),
    ],
)
def test_each_night_is_priced_by_its_own_date(
    adjustments: list[dict[str, Any]], expected: list[tuple[str, str, str]]
) -> None:
    priced = nights(rate("100.00", "EUR", "night", adjustments=adjustments), 7)
    assert [(line.quantity, line.unit_amount, line.amount) for line in priced.lines] == expected


def test_hours_and_bookings_are_priced_by_the_start_date() -> None:
    friday = MONDAY + timedelta(days=4)
    for per, quantity, amount in (("hour", "4", "500.00"), ("booking", "1", "125.00"), ("person", "2", "250.00")):
        rated = rate("100.00", "EUR", per, adjustments=[WEEKEND])
        priced = cost(rated, at(friday, 22), at(friday + timedelta(days=1), 2), party_size=2)
        assert lines(priced) == [("rate", quantity, "125.00", amount)]


def test_a_reduction_beyond_the_price_makes_it_free_never_negative() -> None:
    below = [
        {"kind": "weekday", "days": ["mon"], "amount": "-150.00"},
        {"kind": "weekday", "days": ["mon"], "amount": "5"},
    ]
    assert nights(rate("100.00", "EUR", "night", adjustments=below[:1]), 1).total == "0.00"
    assert nights(rate("100.00", "EUR", "night", adjustments=below), 1).total == "5.00"


@pytest.mark.parametrize(
    ("currency", "amount", "count", "discount", "total"),
    [
        ("EUR", "99.99", 6, None, "599.94"),
        ("EUR", "99.99", 7, ("Weekly", "-69.99"), "629.94"),
        ("EUR", "99.99", 28, ("Monthly", "-933.24"), "1866.48"),
        ("JPY", "9999", 7, ("Weekly", "-6999"), "62994"),
        ("BHD", "0.999", 7, ("Weekly", "-0.699"), "6.294"),
    ],
)
def test_the_largest_discount_reached_counts_alone(
    currency: str, amount: str, count: int, discount: tuple[str, str] | None, total: str
) -> None:
    priced = nights(rate(amount, currency, "night", adjustments=TIERS), count)
    found = [(line.label, line.amount) for line in priced.lines if line.kind is LineKind.ADJUSTMENT]
    assert found == ([discount] if discount else [])
    assert (priced.subtotal, priced.total) == (total, total)


def test_a_discount_by_minutes() -> None:
    rated = rate(
        "10.00", "EUR", "hour",
        adjustments=[{"kind": "length_of_stay", "min_minutes": 120, "discount_percent": 50}],
    )  # fmt: skip
    assert cost(rated, at(MONDAY, 9), at(MONDAY, 10, 59)).total == "19.83"
    assert cost(rated, at(MONDAY, 9), at(MONDAY, 11)).total == "10.00"


@pytest.mark.parametrize(
    ("amount", "currency", "taxes", "tax_lines", "expected"),
    [
        ("100.00", "EUR", [("VAT", "19", False)], [("1", "19.00", "19.00")], ("19.00", "119.00")),
        ("119.00", "EUR", [("VAT", "19", True)], [("0", "19.00", "0.00")], ("19.00", "119.00")),
        ("0.05", "EUR", [("VAT", "10", False)], [("1", "0.01", "0.01")], ("0.01", "0.06")),
        ("1000", "JPY", [("Tax", "10", True)], [("0", "91", "0")], ("91", "1000")),
        ("1005", "JPY", [("Tax", "10", False)], [("1", "101", "101")], ("101", "1106")),
        ("1.005", "BHD", [("VAT", "10", False)], [("1", "0.101", "0.101")], ("0.101", "1.106")),
        ("11.000", "BHD", [("VAT", "10", True)], [("0", "1.000", "0.000")], ("1.000", "11.000")),
        # two contained taxes are split so that net 10.00 + 0.70 + 0.30 is the price
        (
            "11.00", "EUR", [("State", "7", True), ("City", "3", True)],
            [("0", "0.70", "0.00"), ("0", "0.30", "0.00")], ("1.00", "11.00"),
        ),
        # added taxes come first in the lines; both see the same base
        (
            "110.00", "EUR", [("VAT", "10", True), ("City", "5", False)],
            [("1", "5.50", "5.50"), ("0", "10.00", "0.00")], ("15.50", "115.50"),
        ),
        ("100.00", "EUR", [("VAT", "0", True)], [], ("0.00", "100.00")),
    ],
)  # fmt: skip
def test_taxes_added_and_included(
    amount: str,
    currency: str,
    taxes: list[tuple[str, str, bool]],
    tax_lines: list[tuple[str, str, str]],
    expected: tuple[str, str],
) -> None:
    charged = [{"label": label, "percent": percent, "included": within} for label, percent, within in taxes]
    priced = nights(rate(amount, currency, "booking", taxes=charged), 1)
    found = [line for line in priced.lines if line.kind is LineKind.TAX]
    assert [(line.quantity, line.unit_amount, line.amount) for line in found] == tax_lines
    assert [line.included for line in found] == [line.quantity == "0" for line in found]
    assert (priced.taxes, priced.total, priced.subtotal) == (*expected, str(Money.parse(amount, currency)))


@pytest.mark.parametrize(
    ("rule", "fees"),
    [
        ({"percent": 10}, "10.00"),
        ({"fixed": "2.50", "currency": "EUR"}, "2.50"),
        ({"percent": 10, "fixed": "2.50", "currency": "EUR"}, "12.50"),
        ({"percent": 1, "minimum": "3.00", "currency": "EUR"}, "3.00"),
        ({"percent": 50, "maximum": "20.00", "currency": "EUR"}, "20.00"),
        ({"percent": 10, "venue_type": "hotel"}, "10.00"),
        ({"percent": 10, "venue_type": "clinic"}, "0.00"),
        ({"percent": 10, "channel": "web"}, "10.00"),
        ({"percent": 10, "channel": "desk"}, "0.00"),
        # a rule with a currency is for that currency only
        ({"fixed": "250", "currency": "JPY"}, "0.00"),
        ({"percent": 10, "currency": "JPY"}, "0.00"),
    ],
)
def test_fee_rules(rule: dict[str, Any], fees: str) -> None:
    priced = nights(rate("100.00", "EUR", "booking"), 1, fee_rules=[fee_rule(**rule)], channel="web")
    assert priced.fees == fees
    assert Decimal(priced.total) == 100 + Decimal(fees)
    assert [line.amount for line in priced.lines[1:]] == ([] if fees == "0.00" else [fees])


def test_a_rule_for_a_channel_needs_that_channel() -> None:
    assert (
        nights(rate("100.00", "EUR", "booking"), 1, fee_rules=[fee_rule(percent=10, channel="web")]).fees == "0.00"
    )


def test_taxes_are_on_subtotal_and_fees() -> None:
    taxed = rate("100.00", "EUR", "booking", taxes=[{"label": "VAT", "percent": 20}])
    priced = nights(
        taxed, 1, fee_rules=[fee_rule(percent=5), fee_rule(label="Desk", fixed="1.00", currency="EUR")]
    )
    assert (priced.subtotal, priced.fees, priced.taxes, priced.total) == ("100.00", "6.00", "21.20", "127.20")


@pytest.mark.parametrize(
    ("terms", "percent", "currency", "amount", "due"),
    [
        ("none", None, "EUR", "100.00", "0.00"),
        ("at_venue", None, "JPY", "100", "0"),
        ("full", None, "BHD", "100.001", "100.001"),
        ("deposit", "30", "EUR", "100.05", "30.02"),
        ("deposit", "12.5", "JPY", "100", "13"),
        ("deposit", "50", "BHD", "0.001", "0.001"),
    ],
)
def test_what_is_due_now(terms: str, percent: str | None, currency: str, amount: str, due: str) -> None:
    priced = nights(rate(amount, currency, "booking", terms=terms, deposit_percent=percent), 1)
    assert (priced.due_now, priced.terms) == (due, terms)


@pytest.mark.parametrize(("currency", "zero"), [("EUR", "0.00"), ("JPY", "0"), ("BHD", "0.000")])
def test_free(currency: str, zero: str) -> None:
    priced = free(currency)
    assert (priced.total, priced.due_now, priced.terms, priced.lines) == (zero, zero, "none", [])


def test_too_long_and_too_much_are_refused() -> None:
    assert nights(rate("1.00", "EUR", "night"), 366).total == "366.00"
    with pytest.raises(StayTooLong) as refused:
        nights(rate("1.00", "EUR", "night"), 368)
    assert refused.value.pointer == "/end_at"
    with pytest.raises(AmountTooLarge):
        nights(rate("999999999999.99", "EUR", "person_night"), 366, party_size=100_000)
