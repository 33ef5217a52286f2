"""From the price a booking was sold at to what an invoice says: lines, taxes, sums. Nothing is priced anew."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

from holdfast.contracts.booking import ItemView
from holdfast.contracts.pricing import LineKind, LineView, PriceView
from holdfast.domains.document.facts import FactLine, ItemFact, Sums, TaxFact
from holdfast.kernel.money import Money, percent_of, split, total_of


def sold_lines(price: PriceView, items: Mapping[UUID, ItemView] | None = None) -> list[FactLine]:
    """The lines that were sold; taxes are no lines of a bill but stand under it. What stands behind the taxes in
    the price was added to it afterwards, and they are not on it. A line that is an item's is told by the item."""
    known: dict[UUID | None, ItemView] = {item.id: item for item in (items or {}).values()}
    taxes = [index for index, line in enumerate(price.lines) if line.kind is LineKind.TAX]
    last = max(taxes, default=len(price.lines))
    return [
        fact_line(line, known.get(line.item_id), taxed=index < last)
        for index, line in enumerate(price.lines)
        if line.kind is not LineKind.TAX
    ]


def fact_line(line: LineView, item: ItemView | None, *, taxed: bool) -> FactLine:
    return FactLine(
        kind=line.kind,
        label=item.label if item else line.label,
        quantity=line.quantity,
        unit_amount=line.unit_amount,
        amount=line.amount,
        taxed=taxed,
        item=item_fact(item) if item else None,
    )


def item_fact(item: ItemView) -> ItemFact:
    return ItemFact(
        start_at=item.start_at, end_at=item.end_at, price=item.price, currency=item.currency, rate=item.rate
    )


def tax_facts(price: PriceView) -> list[TaxFact]:
    """Each tax on what the lines come to without the included ones."""
    taxes = [line for line in price.lines if line.kind is LineKind.TAX]
    taxed = [Money.parse(line.amount, price.currency) for line in sold_lines(price) if line.taxed]
    gross = total_of(taxed, currency=price.currency)
    contained = total_of(
        [tax_amount(tax, price.currency) for tax in taxes if tax.included], currency=price.currency
    )
    return [tax_fact(tax, gross if not tax.included else gross - contained, price.currency) for tax in taxes]


def tax_fact(tax: LineView, base: Money, currency: str) -> TaxFact:
    amount = tax_amount(tax, currency)
    rate = tax.percent if tax.percent is not None else simplest_rate(base, amount)
    return TaxFact(label=tax.label, percent=rate, base=str(base), amount=str(amount), included=tax.included)


def tax_amount(tax: LineView, currency: str) -> Money:
    return Money.parse(tax.unit_amount if tax.included else tax.amount, currency)


def simplest_rate(base: Money, amount: Money) -> Decimal | None:
    """For prices kept before lines said their percent: the roundest one that gives this amount, if any does."""
    if not base:
        return None
    exact = Decimal(amount.minor) * 100 / base.minor
    tried = (round(exact, places) for places in range(4))
    return next((each for each in tried if abs(percent_of(base, each).minor - amount.minor) <= 1), None)


def sums(price: PriceView, *, paid: Money) -> Sums:
    total = Money.parse(price.total, price.currency)
    tax = total_of(
        [Money.parse(each.amount, price.currency) for each in tax_facts(price)], currency=price.currency
    )
    return Sums(net=str(total - tax), tax=str(tax), total=str(total), paid=str(paid), balance=str(total - paid))


def credited_taxes(taxes: Sequence[TaxFact], *, invoiced: Money, credited: Money) -> list[TaxFact]:
    """The part of an invoice's taxes that goes back with `credited` of its total; `base` is what is left of each.

    All of a credit note is one amount with its taxes included: nothing is added on top of what goes back.
    """
    if not invoiced:
        return []
    currency = invoiced.currency
    amounts = [portion(Money.parse(tax.amount, currency), invoiced, credited) for tax in taxes]
    net = credited - total_of(amounts, currency=currency)
    return [
        tax.model_copy(update={"base": str(net), "amount": str(amount), "included": True})
        for tax, amount in zip(taxes, amounts, strict=True)
    ]


def portion(part: Money, whole: Money, of: Money) -> Money:
    """As much of `part` as `of` is of `whole`; all of it where that is all."""
    if not part:
        return part
    return split(of, [part.minor, whole.minor - part.minor])[0]
