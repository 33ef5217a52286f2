"""What items do to a booking's price, each in its own currency at the rate that was used."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from holdfast.contracts.pricing import LineKind, LineView, PriceView, Terms
from holdfast.domains.booking.records import ItemRecord
from holdfast.kernel.money import Money, digits_of, rounded, total_of


def converted(price: Money, currency: str, rate: Decimal) -> Money:
    """The amount in another currency, rounded once: `rate` is what one of the price's currency costs in it."""
    exact = Fraction(price.minor, 10 ** digits_of(price.currency)) * Fraction(rate)
    return Money(rounded(exact * 10 ** digits_of(currency)), currency)


def with_items(price: PriceView, items: Iterable[ItemRecord]) -> PriceView:
    """The price with a line for each item that was not declined. Items are due at once, whatever the terms of the
    rest: their suppliers are to be paid."""
    sold = [item for item in items if item.is_sold]
    if not sold:
        return price
    currency = price.currency
    extra = total_of([item.converted for item in sold], currency=currency)

    def plus(amount: str) -> str:
        return str(Money.parse(amount, currency) + extra)

    return price.model_copy(
        update={
            "lines": [*price.lines, *(line(item) for item in sold)],
            "subtotal": plus(price.subtotal),
            "total": plus(price.total),
            "due_now": plus(price.due_now),
            "terms": Terms.FULL if price.terms is Terms.NONE else price.terms,
        }
    )


def line(item: ItemRecord) -> LineView:
    price, amount = item.price, str(item.converted)
    foreign = price.currency != item.booking_currency
    label = f"{item.label} ({price} {price.currency} at {item.rate})" if foreign else item.label
    return LineView(kind=LineKind.RATE, label=label, quantity="1", unit_amount=amount, amount=amount)
