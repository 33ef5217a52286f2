"""What holds for every price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.pricing import (
    EstimateQuery,
    FeeRuleView,
    LineKind,
    RateView,
)
from holdfast.domains.pricing.rules.prices import price
from holdfast.domains.pricing.rules.stays import possible_stays, stay_between
from holdfast.domains.pricing.rules.tariffs import Tariff
from holdfast.kernel.money import Money
from tests.rules.rates import BERLIN, FACTS, RESOURCE, fee_rule, nights, rate

prices = st.integers(0, 10**9)
percents = st.decimals(0, 100, places=4)
signed = st.decimals(-100, 300, places=2)
weekdays = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True)
adjustment_lists = st.lists(
    st.one_of(
        st.fixed_dictionaries({"kind": st.just("weekday"), "days": weekdays, "percent": signed}),
        st.fixed_dictionaries(
            {"kind": st.just("weekday"), "days": weekdays, "amount": st.integers(-999, 999).map(str)}
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("length_of_stay"),
                "min_nights": st.integers(1, 20),
                "discount_percent": percents,
            }
        ),
    ),
    max_size=5,
)
tax_lists = st.lists(
    st.fixed_dictionaries({"label": st.just("Tax"), "percent": percents, "included": st.booleans()}), max_size=4
)


@st.composite
def rates(draw: st.DrawFn) -> RateView:
    currency = draw(st.sampled_from(["EUR", "JPY", "BHD", "CLF"]))
    amount = str(Money(draw(prices), currency))
    per = draw(st.sampled_from(["booking", "hour", "night", "person", "person_night"]))
    return rate(
        amount, currency, per, terms="deposit", deposit_percent=draw(percents),
        adjustments=draw(adjustment_lists), taxes=draw(tax_lists),
    )  # fmt: skip


starts = st.datetimes(datetime.fromisoformat("2026-01-01"), datetime.fromisoformat("2027-12-31"))
lengths = st.timedeltas(timedelta(minutes=1), timedelta(days=40))
rule_lists = st.lists(percents.map(lambda percent: fee_rule(percent=percent)), max_size=3)


@given(rates(), starts, lengths, st.integers(1, 20), rule_lists)
def test_nothing_is_lost(
    rated: RateView, start: datetime, length: timedelta, party_size: int, rules: list[FeeRuleView]
) -> None:
    start = start.replace(tzinfo=UTC)
    stay = stay_between(start, start + length, zone=BERLIN, party_size=party_size)
    priced = price(Tariff(rated), stay, facts=FACTS, fee_rules=rules)

    def summed(*kinds: LineKind) -> Decimal:
        return sum((Decimal(line.amount) for line in priced.lines if line.kind in kinds), Decimal(0))

    contained = sum((Decimal(line.unit_amount) for line in priced.lines if line.included), Decimal(0))
    total, base = Decimal(priced.total), Decimal(priced.subtotal) + Decimal(priced.fees)
    assert summed(*LineKind) == total
    assert summed(LineKind.RATE, LineKind.ADJUSTMENT) == Decimal(priced.subtotal)
    assert summed(LineKind.FEE) == Decimal(priced.fees)
    assert summed(LineKind.TAX) == total - base == Decimal(priced.taxes) - contained
    assert 0 <= Decimal(priced.due_now) <= total
    assert contained <= base


@given(prices, st.lists(percents.filter(bool), min_size=1, max_size=4), st.sampled_from(["EUR", "JPY", "BHD"]))
def test_net_and_included_taxes_are_the_gross_amount(minor: int, rates_: list[Decimal], currency: str) -> None:
    gross = Money(minor, currency)
    taxes = [{"label": "Tax", "percent": percent, "included": True} for percent in rates_]
    priced = nights(rate(str(gross), currency, "booking", taxes=taxes), 1)
    contained = [Money.parse(line.unit_amount, currency) for line in priced.lines if line.included]
    net = gross - sum(contained, start=Money.zero(currency))
    assert priced.total == str(gross)
    assert Money.parse(priced.taxes, currency) == gross - net
    # within half a unit of the exact net, since all included taxes are rounded together
    assert abs(Decimal(net.minor) * (100 + sum(rates_)) / 100 - gross.minor) <= (100 + sum(rates_)) / 200


@given(adjustment_lists, starts, st.integers(1, 5 * 1440))
def test_an_estimate_holds_whatever_the_time_of_day(
    adjustments: list[dict[str, Any]], start: datetime, minutes: int
) -> None:
    begin = start.replace(tzinfo=BERLIN, second=0, microsecond=0)
    actual = stay_between(begin, begin.astimezone(UTC) + timedelta(minutes=minutes), zone=BERLIN, party_size=1)
    query = EstimateQuery(
        resource_id=RESOURCE, from_on=actual.starts_on, to_on=actual.starts_on, duration_minutes=minutes
    )
    tariff = Tariff(rate("100.00", "EUR", "night", adjustments=adjustments))
    totals = [
        Decimal(price(tariff, stay, facts=FACTS, fee_rules=[]).total) for stay in possible_stays(query, BERLIN)
    ]
    assert min(totals) <= Decimal(price(tariff, actual, facts=FACTS, fee_rules=[]).total) <= max(totals)
