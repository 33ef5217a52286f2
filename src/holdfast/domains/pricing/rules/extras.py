"""What comes on top of the rate: fees by rule, and taxes added or already included."""

from collections.abc import Sequence
from fractions import Fraction

from holdfast.contracts.inventory import ResourceFacts
from holdfast.contracts.pricing import FeeRuleView, LineKind, Tax
from holdfast.domains.pricing.rules.tariffs import Line
from holdfast.kernel.money import Money, percent_of, split


def fee_applies(rule: FeeRuleView, *, currency: str, facts: ResourceFacts, channel: str | None) -> bool:
    return (
        rule.currency in {None, currency}
        and rule.venue_type in {None, facts.venue.type}
        and rule.channel in {None, channel}
    )


def fee_lines(rules: Sequence[FeeRuleView], subtotal: Money) -> list[Line]:
    """One line per rule that charges something: percent of the subtotal plus the fixed amount, within bounds."""
    fees = [(rule.label, fee(rule, subtotal)) for rule in rules]
    return [Line(LineKind.FEE, label, Fraction(1), amount) for label, amount in fees if amount]


def fee(rule: FeeRuleView, subtotal: Money) -> Money:
    amount = percent_of(subtotal, rule.percent)
    if rule.fixed is not None:
        amount += Money.parse(rule.fixed, subtotal.currency)
    if rule.maximum is not None:
        amount = min(amount, Money.parse(rule.maximum, subtotal.currency))
    if rule.minimum is not None:
        amount = max(amount, Money.parse(rule.minimum, subtotal.currency))
    return amount


def added_taxes(taxes: Sequence[Tax], base: Money) -> list[Line]:
    """Each tax on the same base (subtotal and fees), none on another tax."""
    return [
        Line(LineKind.TAX, tax.label, Fraction(1), percent_of(base, tax.percent), percent=tax.percent)
        for tax in taxes
        if not tax.included
    ]


def included_taxes(taxes: Sequence[Tax], gross: Money) -> list[Line]:
    """The taxes contained in `gross`, each as a line of quantity 0, which adds nothing.

    With net + net * (r1 + r2 …) = gross, all of them together are rounded once and then split by their rates, so
    that net and taxes are the gross amount to the last unit.
    """
    contained = [tax for tax in taxes if tax.included and tax.percent]
    if not contained:
        return []
    percents = [tax.percent for tax in contained]
    rate = Fraction(sum(percents))
    shares = split(gross.times(rate / (100 + rate)), percents)
    return [
        Line(LineKind.TAX, tax.label, Fraction(0), share, included=True, percent=tax.percent)
        for tax, share in zip(contained, shares, strict=True)
    ]
