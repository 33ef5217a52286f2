"""The whole price of a stay, and the range of an estimate."""

from collections.abc import Sequence
from decimal import Decimal

from holdfast.contracts.inventory import ResourceFacts
from holdfast.contracts.pricing import EstimateView, FeeRuleView, PriceView, Terms
from holdfast.domains.pricing.exceptions import EstimateMixesCurrencies
from holdfast.domains.pricing.rules.extras import added_taxes, fee_applies, fee_lines, included_taxes
from holdfast.domains.pricing.rules.stays import Stay
from holdfast.domains.pricing.rules.tariffs import Line, Tariff
from holdfast.kernel.money import Money, percent_of, total_of


def price(
    tariff: Tariff,
    stay: Stay,
    *,
    facts: ResourceFacts,
    fee_rules: Sequence[FeeRuleView],
    channel: str | None = None,
) -> PriceView:
    """The lines sum to the total exactly. Raises AmountTooLarge for what no bigint holds."""
    rate = tariff.rate
    currency = rate.currency
    nightly = tariff.lines(stay, label=rate.name or facts.name)
    sold = [*nightly, *tariff.discount(stay, sum_of(nightly, currency))]
    subtotal = sum_of(sold, currency)

    matching = [rule for rule in fee_rules if fee_applies(rule, currency=currency, facts=facts, channel=channel)]
    fees = fee_lines(matching, subtotal)
    base = subtotal + sum_of(fees, currency)

    added, included = added_taxes(rate.taxes, base), included_taxes(rate.taxes, base)
    total = base + sum_of(added, currency)
    contained = total_of([line.unit for line in included], currency=currency)
    return PriceView(
        currency=currency,
        lines=[line.view() for line in (*sold, *fees, *added, *included)],
        subtotal=str(subtotal),
        fees=str(sum_of(fees, currency)),
        taxes=str(sum_of(added, currency) + contained),
        total=str(total),
        due_now=str(due_now(total, rate.terms, rate.deposit_percent)),
        terms=rate.terms,
    )


def due_now(total: Money, terms: Terms, deposit_percent: Decimal | None) -> Money:
    if terms is Terms.FULL:
        return total
    if terms is Terms.DEPOSIT:
        return percent_of(total, deposit_percent or 0)
    return Money.zero(total.currency)


def free(currency: str) -> PriceView:
    """The price of a resource that has no rate."""
    nothing = str(Money.zero(currency))
    return PriceView(
        currency=currency,
        lines=[],
        subtotal=nothing,
        fees=nothing,
        taxes=nothing,
        total=nothing,
        due_now=nothing,
        terms=Terms.NONE,
    )


def range_of(prices: Sequence[PriceView]) -> EstimateView:
    """From the cheapest to the dearest of at least one price. Raises EstimateMixesCurrencies."""
    currency = prices[0].currency
    if any(each.currency != currency for each in prices):
        raise EstimateMixesCurrencies(pointer="/to")
    totals = [Money.parse(each.total, currency) for each in prices]
    return EstimateView(from_total=str(min(totals)), to_total=str(max(totals)), currency=currency)


def sum_of(lines: Sequence[Line], currency: str) -> Money:
    return total_of([line.amount for line in lines], currency=currency)
