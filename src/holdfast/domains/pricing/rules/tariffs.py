"""A rate at work: the unit price on a day, the lines it makes, the discount for a long stay."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from holdfast.contracts.inventory import Weekday
from holdfast.contracts.pricing import (
    LengthOfStayAdjustment,
    LineKind,
    LineView,
    Per,
    RateView,
    SeasonAdjustment,
    WeekdayAdjustment,
)
from holdfast.domains.pricing.rules.stays import Stay
from holdfast.kernel.money import Money, percent_of, rounded

WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Line:
    """`amount` is `unit` times `quantity`, rounded once."""

    kind: LineKind
    label: str
    quantity: Fraction
    unit: Money
    included: bool = False
    percent: Decimal | None = None

    @cached_property
    def amount(self) -> Money:
        return self.unit.times(self.quantity)

    def view(self) -> LineView:
        return LineView(
            kind=self.kind,
            label=self.label,
            quantity=written(self.quantity),
            unit_amount=str(self.unit),
            amount=str(self.amount),
            included=self.included,
            percent=self.percent,
        )


def written(quantity: Fraction) -> str:
    """At most four decimals, none that says nothing: 1, 1.5, 1.3333."""
    if quantity.denominator == 1:
        return str(quantity.numerator)
    return format((Decimal(rounded(quantity * 10_000)) / 10_000).normalize(), "f")


class Tariff:
    """A rate ready to price with: its amounts read once, each day's unit price worked out once."""

    def __init__(self, rate: RateView) -> None:
        self.rate = rate
        self.amount = Money.parse(rate.amount, rate.currency)
        self.units: dict[date, Money] = {}
        self.daily: list[tuple[WeekdayAdjustment | SeasonAdjustment, Money | None]] = []
        self.lengths: list[LengthOfStayAdjustment] = []
        for adjustment in rate.adjustments:
            if isinstance(adjustment, LengthOfStayAdjustment):
                self.lengths.append(adjustment)
            else:
                self.daily.append((adjustment, amount_of(adjustment, rate.currency)))

    def unit_on(self, day: date) -> Money:
        """The price of one unit on this local date, rounded to a price that could stand in a list.

        The adjustments work in the order listed, each on what the one before left, never below zero.
        """
        if day not in self.units:
            exact = Fraction(self.amount.minor)
            for adjustment, amount in self.daily:
                if applies(adjustment, day):
                    exact = max(Fraction(0), adjusted(exact, adjustment, amount))
            self.units[day] = Money(rounded(exact), self.rate.currency)
        return self.units[day]

    def lines(self, stay: Stay, *, label: str) -> list[Line]:
        """Nights are priced each by its own date, one line per distinct unit price; all else by the start date."""
        per = self.rate.per
        if per in {Per.NIGHT, Per.PERSON_NIGHT}:
            guests = stay.party_size if per is Per.PERSON_NIGHT else 1
            nights: dict[Money, int] = {}
            for night in stay.night_dates():
                unit = self.unit_on(night)
                nights[unit] = nights.get(unit, 0) + 1
            return [Line(LineKind.RATE, label, Fraction(n * guests), unit) for unit, n in nights.items()]
        quantities = {Per.BOOKING: Fraction(1), Per.PERSON: Fraction(stay.party_size), Per.HOUR: stay.hours}
        return [Line(LineKind.RATE, label, quantities[per], self.unit_on(stay.starts_on))]

    def discount(self, stay: Stay, subtotal: Money) -> list[Line]:
        """The largest discount that the stay is long enough for, as one negative line."""
        reached = [each for each in self.lengths if is_reached(each, stay)]
        if not reached:
            return []
        best = max(reached, key=lambda each: each.discount_percent)
        off = -percent_of(subtotal, best.discount_percent)
        return [Line(LineKind.ADJUSTMENT, best.label or "Length of stay", Fraction(1), off)] if off else []


def amount_of(adjustment: WeekdayAdjustment | SeasonAdjustment, currency: str) -> Money | None:
    text = adjustment.amount
    if isinstance(adjustment, SeasonAdjustment) and adjustment.price is not None:
        text = adjustment.price
    return None if text is None else Money.parse(text, currency)


def applies(adjustment: WeekdayAdjustment | SeasonAdjustment, day: date) -> bool:
    if isinstance(adjustment, SeasonAdjustment):
        return adjustment.from_on <= day <= adjustment.to_on
    return WEEKDAYS[day.weekday()] in adjustment.days


def adjusted(exact: Fraction, adjustment: WeekdayAdjustment | SeasonAdjustment, amount: Money | None) -> Fraction:
    if adjustment.percent is not None:
        return exact * (1 + Fraction(adjustment.percent) / 100)
    change = Fraction(amount.minor if amount else 0)
    replaces = isinstance(adjustment, SeasonAdjustment) and adjustment.price is not None
    return change if replaces else exact + change


def is_reached(adjustment: LengthOfStayAdjustment, stay: Stay) -> bool:
    if adjustment.min_nights is not None:
        return stay.nights >= adjustment.min_nights
    return adjustment.min_minutes is not None and stay.hours * 60 >= adjustment.min_minutes
