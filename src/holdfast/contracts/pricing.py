"""What pricing says: rates, fee rules and the price of a stay.

Amounts are decimal strings beside a currency, with at most the currency's own decimals (ISO 4217). Percents are
decimals of at most four places, written as strings. Dates are local dates of the resource's venue.
"""

import re
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal, NewType
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from holdfast.contracts.inventory import MINUTES_PER_DAY, Day, ResourceId, VenueType, Weekday
from holdfast.kernel.contract import Contract, Count, CurrencyCode, Instant, Name

RateId = NewType("RateId", UUID)
FeeRuleId = NewType("FeeRuleId", UUID)

# up to 12 digits before the point: a billion of anything is beyond any booking, and fits a bigint of minor units
AmountText = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$")]
SignedAmountText = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$")]

DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")

# a quarter of start dates in one estimate, each priced in full
MAX_ESTIMATE_DAYS = 92
# the longest stay that inventory lets anybody book
MAX_STAY_DAYS = 366


def plain(percent: Decimal) -> Decimal:
    """19, 19.0 and 1.9E1 are the same percent, written 19."""
    return Decimal(format(percent.normalize() + 0, "f"))


def written_decimal(value: object) -> object:
    """A JSON number, or text of plain digits; Decimal alone would read 1_0, 1e2 and the digits of any script."""
    if isinstance(value, str) and not DECIMAL.fullmatch(value):
        raise ValueError("a decimal is written with digits and one point, such as 12.5")
    return value


Percent = Annotated[
    Decimal, Field(ge=0, le=100, decimal_places=4), AfterValidator(plain), BeforeValidator(written_decimal)
]
SignedPercent = Annotated[
    Decimal, Field(ge=-100, le=1000, decimal_places=4), AfterValidator(plain), BeforeValidator(written_decimal)
]


class Per(StrEnum):
    """What the rate's amount buys."""

    BOOKING = "booking"
    HOUR = "hour"
    NIGHT = "night"
    PERSON = "person"
    PERSON_NIGHT = "person_night"


class Terms(StrEnum):
    """What is due when: nothing at all, at the venue, a deposit now, everything now."""

    NONE = "none"
    AT_VENUE = "at_venue"
    DEPOSIT = "deposit"
    FULL = "full"


class LineKind(StrEnum):
    RATE = "rate"
    ADJUSTMENT = "adjustment"
    FEE = "fee"
    TAX = "tax"


class WeekdayAdjustment(Contract):
    """On these local weekdays the unit price differs by a percent or by an amount (either may be negative)."""

    kind: Literal["weekday"]
    label: Name | None = None
    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    percent: SignedPercent | None = None
    amount: SignedAmountText | None = None


class SeasonAdjustment(Contract):
    """Between these local dates, both included, the unit price differs by a percent or amount, or is `price`."""

    kind: Literal["season"]
    label: Name | None = None
    from_on: Day
    to_on: Day
    percent: SignedPercent | None = None
    amount: SignedAmountText | None = None
    price: AmountText | None = None


class LengthOfStayAdjustment(Contract):
    """From this many nights or minutes on, so many percent off. Of several reached, the largest counts alone."""

    kind: Literal["length_of_stay"]
    label: Name | None = None
    min_nights: Annotated[StrictInt, Field(ge=1, le=MAX_STAY_DAYS)] | None = None
    min_minutes: Annotated[StrictInt, Field(ge=1, le=MAX_STAY_DAYS * MINUTES_PER_DAY)] | None = None
    discount_percent: Percent


Adjustment = Annotated[WeekdayAdjustment | SeasonAdjustment | LengthOfStayAdjustment, Field(discriminator="kind")]


class Tax(Contract):
    """A tax on subtotal and fees: `included` in them, or added."""

    label: Name
    percent: Percent
    included: StrictBool = False


class RateDraft(Contract):
    """`POST /pricing/rates`: what a resource costs.

    Weekday and season adjustments change the unit price in the order listed, each working on what the one before
    left. A resource may have several rates: the newest active one whose validity (both dates included, null is
    open) covers the local start date applies. `deposit_percent` goes with terms `deposit`, and only with them.
    """

    resource_id: ResourceId
    name: Name | None = None
    amount: AmountText
    currency: CurrencyCode
    per: Per
    terms: Terms
    deposit_percent: Percent | None = None
    adjustments: Annotated[list[Adjustment], Field(max_length=50)] = []
    taxes: Annotated[list[Tax], Field(max_length=10)] = []
    valid_from: Day | None = None
    valid_to: Day | None = None


class RateView(Contract):
    id: RateId
    resource_id: ResourceId
    name: str | None
    amount: str
    currency: str
    per: Per
    terms: Terms
    deposit_percent: Percent | None
    adjustments: list[Adjustment]
    taxes: list[Tax]
    valid_from: date | None
    valid_to: date | None
    active: bool
    created_at: Instant


class FeeRuleDraft(Contract):
    """`POST /pricing/fee-rules`: a service fee of `percent` of the subtotal plus `fixed`, within the bounds.

    null venue type or channel: any. A rule with a currency applies to prices in that currency only; one without
    has no fixed amount and no bounds, and applies to all. Every rule that applies charges its own fee.
    """

    label: Name
    percent: Percent = Decimal(0)
    currency: CurrencyCode | None = None
    fixed: AmountText | None = None
    minimum: AmountText | None = None
    maximum: AmountText | None = None
    venue_type: VenueType | None = None
    channel: Name | None = None


class FeeRuleView(Contract):
    id: FeeRuleId
    label: str
    percent: Percent
    currency: str | None
    fixed: str | None
    minimum: str | None
    maximum: str | None
    venue_type: str | None
    channel: str | None
    active: bool
    created_at: Instant


class LineView(Contract):
    """One line of a price. `amount` is what the line adds to the total, so the lines always sum to the total.

    `amount` is `unit_amount` times the exact quantity, rounded once; `quantity` is written with at most four
    decimals (80 minutes are 1.3333 hours). A tax that the prices already contain adds nothing: its line says
    `included: true`, quantity 0 and amount 0, and its `unit_amount` is the tax contained; `percent` is its rate.
    `item_id` is the booking's item that the line is for, where it is for one.
    """

    kind: LineKind
    label: str
    quantity: str
    unit_amount: str
    amount: str
    included: bool = False
    percent: Percent | None = None
    item_id: UUID | None = None


class PriceView(Contract):
    """A price. `total` is `subtotal` + `fees` + the added taxes, which is the sum of the lines' amounts.

    `subtotal` is the rate with its adjustments; included taxes are part of it. `taxes` counts included and added
    taxes. `due_now` follows from the terms: nothing (`none`, `at_venue`), the deposit, or the total.
    """

    currency: str
    lines: list[LineView]
    subtotal: str
    fees: str
    taxes: str
    total: str
    due_now: str
    terms: Terms


class PriceQuery(Contract):
    """`POST /pricing/calculate`: `channel` is where the booking is sold, for the fee rules that ask for it."""

    resource_id: ResourceId
    start_at: Instant
    end_at: Instant
    party_size: Count = 1
    channel: Name | None = None

    @field_validator("end_at")
    @classmethod
    def starts_before_it_ends(cls, end_at: Instant, info: ValidationInfo) -> Instant:
        if "start_at" in info.data and end_at <= info.data["start_at"]:
            raise ValueError("end_at must come after start_at")
        return end_at


class EstimateQuery(Contract):
    """`POST /pricing/estimate`: start dates from `from` to `to`, both included, and either nights or minutes."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    resource_id: ResourceId
    from_on: Annotated[Day, Field(alias="from")]
    to_on: Annotated[Day, Field(alias="to")]
    nights: Annotated[StrictInt, Field(ge=1, le=MAX_STAY_DAYS)] | None = None
    duration_minutes: Annotated[StrictInt, Field(ge=1, le=MAX_STAY_DAYS * MINUTES_PER_DAY)] | None = None
    party_size: Count = 1
    channel: Name | None = None

    @field_validator("to_on")
    @classmethod
    def bounded(cls, to_on: date, info: ValidationInfo) -> date:
        if "from_on" in info.data and not 0 <= (to_on - info.data["from_on"]).days < MAX_ESTIMATE_DAYS:
            raise ValueError(f"ask for 1 to {MAX_ESTIMATE_DAYS} start dates")
        return to_on


class EstimateView(Contract):
    """The cheapest and the dearest total over the possible start dates."""

    from_total: str
    to_total: str
    currency: str
