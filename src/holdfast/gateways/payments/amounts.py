"""Amounts as each provider counts them: not always in ISO 4217's minor units.

Stripe     docs.stripe.com/currencies: MGA without decimals (ISO has two); ISK with two, always 00 (ISO has none);
           BHD JOD KWD OMR TND with three, the last always 0. UGX is refused: the page lists it both without
           decimals and with two, and the wrong one would be a hundred times the price.
Razorpay   razorpay.com/docs/payments/international-payments: ISO's; three decimals end in 0 (KWD BHD OMR).
PayPal     developer.paypal.com/docs/api/reference/currency-codes: these currencies alone; HUF JPY TWD without
           decimals (ISO: HUF and TWD have two).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.domains.payment.exceptions import ProviderRefused
from holdfast.kernel.money import DIGITS, Money, digits_of

LAST_ZERO = 10
POWERS = (1, 10, 100, 1_000, 10_000)


def rescaled(units: int, digits: int) -> tuple[int, int]:
    """The same amount with that many digits more or fewer, and what does not fit."""
    return (units * POWERS[digits], 0) if digits >= 0 else divmod(units, POWERS[-digits])


@dataclass(frozen=True)
class Counting:
    """`digits` and `multiple` where they differ from ISO's digits and from 1; `known` where not every one is."""

    provider: str
    digits: Mapping[str, int] = field(default_factory=dict)
    multiple: Mapping[str, int] = field(default_factory=dict)
    known: frozenset[str] = frozenset(DIGITS)

    def units(self, amount: Money) -> int:
        """ProviderRefused for an amount that the provider could only take rounded, or not at all."""
        currency = amount.currency
        if currency not in self.known:
            raise ProviderRefused(f"{self.provider} does not take {currency}", pointer="/currency")
        ours, theirs = digits_of(currency), self.digits.get(currency, digits_of(currency))
        units, rest = rescaled(amount.minor, theirs - ours)
        if rest or units % self.multiple.get(currency, 1):
            raise ProviderRefused(f"{self.provider} cannot take {amount} {currency} exactly", pointer="/amount")
        return units

    def money(self, units: int, currency: str) -> Money:
        """What the provider says; ValueError for a part of a minor unit, which nobody can have paid."""
        code = currency.upper()
        ours, theirs = digits_of(code), self.digits.get(code, digits_of(code))
        minor, rest = rescaled(units, ours - theirs)
        if rest:
            raise ValueError(f"{units} {code} is not a whole number of minor units")
        return Money(minor, code)

    def text(self, amount: Money) -> str:
        """A decimal string with as many decimals as the provider wants."""
        digits = self.digits.get(amount.currency, digits_of(amount.currency))
        units = self.units(amount)
        whole, part = divmod(units, POWERS[digits])
        return f"{whole}.{part:0{digits}}" if digits else str(whole)

    def read(self, text: str, currency: str) -> Money:
        """A decimal string of the provider's: `7` and `7.00` are the same yen."""
        code = currency.upper()
        whole, _, part = text.partition(".")
        kept = part if len(part) <= digits_of(code) else part.rstrip("0")
        return Money.parse(f"{whole}.{kept}" if kept else whole, code)


STRIPE = Counting(
    "Stripe",
    digits={"MGA": 0, "ISK": 2},
    multiple={"ISK": 100, **dict.fromkeys(("BHD", "JOD", "KWD", "OMR", "TND"), LAST_ZERO)},
    known=frozenset(code for code, digits in DIGITS.items() if digits < 4) - {"UGX", "IQD", "LYD"},
)
RAZORPAY = Counting(
    "Razorpay",
    multiple={code: LAST_ZERO for code, digits in DIGITS.items() if digits == 3},
    known=frozenset(code for code, digits in DIGITS.items() if digits < 4),
)
# fmt: off
PAYPAL_TAKES = (
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS",
    "JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
)
# fmt: on
PAYPAL = Counting("PayPal", digits={"HUF": 0, "TWD": 0}, known=frozenset(PAYPAL_TAKES))
