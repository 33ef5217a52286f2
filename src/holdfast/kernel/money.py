"""Money: integers of minor units beside an ISO 4217 currency, one rounding rule, and splits that lose nothing.

The number of decimals comes from the `iso4217` package, which carries the table that ISO's maintenance agency
(SIX) publishes. Locale data such as CLDR differs from ISO for several currencies (IQD, AFN, UGX) and is not used.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import floor
from re import compile as pattern
from typing import TypeAlias

from iso4217 import Currency

from holdfast.kernel.errors import Invalid

ACTIVE_DIGITS: dict[str, int] = {entry.code: entry.exponent for entry in Currency if entry.exponent is not None}
# withdrawn from ISO 4217, so refused for anything new; what was sold in them must stay readable and refundable
RETIRED_DIGITS = {"ANG": 2, "BGN": 2, "CUC": 2, "HRK": 2, "SLL": 2, "ZWL": 2}
DIGITS = RETIRED_DIGITS | ACTIVE_DIGITS

# a PostgreSQL bigint, kept symmetric so that negating always fits
LARGEST = 2**63 - 1

AMOUNT = pattern(r"(?P<sign>-?)(?P<whole>[0-9]{1,20})(\.(?P<decimals>[0-9]{1,20}))?")

Number: TypeAlias = int | Decimal | Fraction


class UnknownCurrency(Invalid):
    """This is not a currency of ISO 4217."""


class NotAnAmount(Invalid):
    """An amount is a decimal string such as 120.00."""


class TooManyDecimals(Invalid):
    """The amount has more decimals than its currency."""


class AmountTooLarge(Invalid):
    """The amount is larger than can be kept."""


class CurrencyMismatch(TypeError):
    """Two currencies were mixed in one calculation: a defect, never a client's fault."""


def digits_of(currency: str) -> int:
    """How many decimals the currency has (JPY 0, EUR 2, BHD 3, CLF 4). UnknownCurrency for any other code."""
    try:
        return DIGITS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency", pointer="/currency") from None


def rounded(value: Number) -> int:
    """The only rounding there is: to the nearest whole unit, halves away from zero (2.5 is 3, -2.5 is -3)."""
    return rounded_ratio(*value.as_integer_ratio())


def rounded_ratio(numerator: int, denominator: int) -> int:
    """`rounded` of a fraction in whole numbers, the denominator above zero; a third of a Fraction's time."""
    nearest = (2 * abs(numerator) + denominator) // (2 * denominator)
    return nearest if numerator >= 0 else -nearest


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `minor` units (cents, yen, fils) of `currency`.

    Raises UnknownCurrency, and AmountTooLarge beyond a bigint. Sums and comparisons of two currencies raise
    CurrencyMismatch.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        digits_of(self.currency)
        if abs(self.minor) > LARGEST:
            raise AmountTooLarge

    @classmethod
    def zero(cls, currency: str) -> "Money":
        return cls(0, currency)

    @classmethod
    def parse(cls, amount: str, currency: str, *, pointer: str | None = "/amount") -> "Money":
        """Read a decimal string. Fewer decimals than the currency has are fine, more are refused even as zeros.

        Raises NotAnAmount, TooManyDecimals and AmountTooLarge at `pointer`; UnknownCurrency at /currency.
        """
        digits = digits_of(currency)
        found = AMOUNT.fullmatch(amount)
        if found is None:
            raise NotAnAmount(pointer=pointer)
        decimals = found["decimals"] or ""
        if len(decimals) > digits:
            has = f"{digits} decimals" if digits else "no decimals"
            raise TooManyDecimals(f"{currency} has {has}", pointer=pointer, currency=currency, decimals=digits)
        minor = int(found["whole"] + decimals.ljust(digits, "0"))
        if minor > LARGEST:
            raise AmountTooLarge(pointer=pointer)
        return cls(-minor if found["sign"] else minor, currency)

    def __str__(self) -> str:
        """The decimal string with exactly the currency's decimals: 120.00, 120, 120.000."""
        digits = digits_of(self.currency)
        text = str(abs(self.minor)).rjust(digits + 1, "0")
        sign = "-" if self.minor < 0 else ""
        return f"{sign}{text[:-digits]}.{text[-digits:]}" if digits else sign + text

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self.like(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self.like(other).minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __lt__(self, other: "Money") -> bool:
        return self.minor < self.like(other).minor

    def __le__(self, other: "Money") -> bool:
        return self.minor <= self.like(other).minor

    def __gt__(self, other: "Money") -> bool:
        return self.minor > self.like(other).minor

    def __ge__(self, other: "Money") -> bool:
        return self.minor >= self.like(other).minor

    def __bool__(self) -> bool:
        return self.minor != 0

    def like(self, other: "Money") -> "Money":
        """`other`, once it is sure that it is the same currency; CurrencyMismatch otherwise."""
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other

    def times(self, factor: Number) -> "Money":
        """The exact product, rounded once."""
        numerator, denominator = factor.as_integer_ratio()
        return Money(rounded_ratio(self.minor * numerator, denominator), self.currency)


def total_of(amounts: Sequence[Money], *, currency: str) -> Money:
    """The sum, zero of `currency` for none."""
    return sum(amounts, start=Money.zero(currency))


def percent_of(amount: Money, percent: Number) -> Money:
    """`percent` hundredths of the amount, rounded once."""
    numerator, denominator = percent.as_integer_ratio()
    return Money(rounded_ratio(amount.minor * numerator, denominator * 100), amount.currency)


def split(total: Money, weights: int | Sequence[Number]) -> list[Money]:
    """Divide into that many equal parts, or in proportion to the weights, so that the parts sum to the total.

    Largest remainder: each part is cut to whole units, then the units left go to the largest remainders, the
    earlier part first where they are equal. Weights are not negative and not all zero (ValueError).
    """
    shares = [Fraction(1)] * weights if isinstance(weights, int) else [Fraction(weight) for weight in weights]
    if not shares or min(shares) < 0 or not any(shares):
        raise ValueError("weights must not be negative, and one must be above zero")
    whole = sum(shares)
    exact = [abs(total.minor) * share / whole for share in shares]
    parts = [floor(part) for part in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: parts[index] - exact[index])
    for index in by_remainder[: abs(total.minor) - sum(parts)]:
        parts[index] += 1
    sign = -1 if total.minor < 0 else 1
    return [Money(sign * part, total.currency) for part in parts]
