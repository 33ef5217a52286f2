"""What pricing refuses."""

from holdfast.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class ResourceNotFound(NotFound):
    """There is no such resource."""


class NotYourResource(Forbidden):
    """This resource is another supplier's."""


class RateNotFound(NotFound):
    """There is no such rate."""


class FeeRuleNotFound(NotFound):
    """There is no such fee rule."""


class NoRateForDate(Invalid):
    """The resource has rates, but none is valid on this date."""


class StayTooLong(Invalid):
    """Nothing is priced for longer than 366 days."""


class DepositPercentMismatch(Invalid):
    """A deposit percent goes with the terms deposit, and only with them."""


class AdjustmentUnclear(Invalid):
    """An adjustment says in exactly one way what it depends on and what it changes."""


class DatesReversed(Invalid):
    """The last date lies before the first."""


class FeeRuleEmpty(Invalid):
    """A fee rule charges a percent, a fixed amount or both."""


class FeeCurrencyMissing(Invalid):
    """A fixed amount, a minimum or a maximum needs a currency."""


class FeeBoundsCrossed(Invalid):
    """The minimum is above the maximum."""


class EstimateLengthUnclear(Invalid):
    """Say either nights or duration_minutes."""


class EstimateMixesCurrencies(Conflict):
    """The dates are sold in several currencies, so that no one range covers them."""


VIOLATIONS = {
    "rates_deposit_check": DepositPercentMismatch,
    "rates_validity_check": DatesReversed,
    "fee_rules_charge_check": FeeRuleEmpty,
    "fee_rules_currency_check": FeeCurrencyMissing,
    "fee_rules_bounds_check": FeeBoundsCrossed,
}
