"""What items do to a booking's price, each in its own currency at the rate that was used."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from holdfast.contracts.pricing import LineKind, LineView, PriceView, Terms
from holdfast.domains.booking.records import ItemRecord
from holdfast.kernel.money import Money, digits_of, rounded, total_of

# what items are part of
SUMS = ("subtotal", "total", "due_now")


def converted(price: Money, currency: str, rate: Decimal) -> Money:
    """The amount in another currency, rounded once: `rate` is what one of the price's currency costs in it."""
    exact = Fraction(price.minor, 10 ** digits_of(price.currency)) * Fraction(rate)
    return Money(rounded(exact * 10 ** digits_of(currency)), currency)


def with_items(price: PriceView, items: Iterable[ItemRecord]) -> PriceView:
    """The price with a line for each item that is sold. Items are due at once, whatever the terms of the rest:
    their suppliers are to be paid."""
    added = [line(item) for item in items if item.is_sold]
    if not added:
        return price
    sums = {name: str(sum_of(price, name) + amount_of(added, price.currency)) for name in SUMS}
    terms = Terms.FULL if price.terms is Terms.NONE else price.terms
    return price.model_copy(update={**sums, "lines": [*price.lines, *added], "terms": terms})


def without_item(price: PriceView, item: ItemRecord) -> PriceView:
    """The price without the item's line: every other stays as it was sold."""
    gone = [each for each in price.lines if is_of(each, item)][-1:]
    if not gone:
        return price
    kept = [each for each in price.lines if each is not gone[0]]
    sums = {name: str(sum_of(price, name) - amount_of(gone, price.currency)) for name in SUMS}
    terms = price.terms if Money.parse(sums["total"], price.currency) else Terms.NONE
    return price.model_copy(update={**sums, "lines": kept, "terms": terms})


def sum_of(price: PriceView, name: str) -> Money:
    return Money.parse(getattr(price, name), price.currency)


def amount_of(lines: Iterable[LineView], currency: str) -> Money:
    return total_of([Money.parse(each.amount, currency) for each in lines], currency=currency)


def line(item: ItemRecord) -> LineView:
    price, amount = item.price, str(item.converted)
    foreign = price.currency != item.booking_currency
    label = f"{item.label} ({price} {price.currency} at {item.rate})" if foreign else item.label
    return LineView(
        kind=LineKind.RATE, label=label, quantity="1", unit_amount=amount, amount=amount, item_id=item.id
    )


def is_of(sold: LineView, item: ItemRecord) -> bool:
    """Lines kept before they named their item are known by what they say."""
    if sold.item_id is not None:
        return sold.item_id == item.id
    return sold == line(item).model_copy(update={"item_id": None})
