"""Rates, rules and stays to price in tests."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.contracts.inventory import ResourceFacts, ResourceId, ResourceMode, VenueId, VenueSummary
from holdfast.contracts.pricing import (
    FeeRuleView,
    PriceView,
    RateView,
)
from holdfast.domains.pricing.rules.prices import price
from holdfast.domains.pricing.rules.stays import stay_between
from holdfast.domains.pricing.rules.tariffs import Tariff

RESOURCE = ResourceId(UUID(int=1))
BERLIN, SANTIAGO = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Santiago")
FACTS = ResourceFacts(
    id=RESOURCE,
    name="Room 1",
    mode=ResourceMode.EXCLUSIVE,
    venue=VenueSummary(id=VenueId(UUID(int=2)), type="hotel", name="Anchor"),
    supplier_id=None,
    timezone="Europe/Berlin",
    currency="EUR",
)
CREATED = datetime(2026, 1, 1, tzinfo=UTC)
# a Monday
MONDAY = date(2026, 6, 1)


def rate(amount: str, currency: str, per: str, **more: Any) -> RateView:
    fields: dict[str, Any] = {
        "id": UUID(int=3), "resource_id": RESOURCE, "name": None, "amount": amount, "currency": currency,
        "per": per, "terms": "full", "deposit_percent": None, "adjustments": [], "taxes": [], "valid_from": None,
        "valid_to": None, "active": True, "created_at": CREATED,
    }  # fmt: skip
    return RateView.model_validate(fields | more)


def fee_rule(**fields: Any) -> FeeRuleView:
    unset = dict.fromkeys(("currency", "fixed", "minimum", "maximum", "venue_type", "channel"))
    always = {"id": UUID(int=4), "label": "Service", "percent": 0, "active": True, "created_at": CREATED}
    return FeeRuleView.model_validate(unset | always | fields)


def cost(
    rated: RateView,
    start: datetime,
    end: datetime,
    *,
    party_size: int = 1,
    zone: ZoneInfo = BERLIN,
    fee_rules: list[FeeRuleView] | None = None,
    channel: str | None = None,
) -> PriceView:
    stay = stay_between(start.replace(tzinfo=zone), end.replace(tzinfo=zone), zone=zone, party_size=party_size)
    return price(Tariff(rated), stay, facts=FACTS, fee_rules=fee_rules or [], channel=channel)


def at(day: date, hour: int = 0, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute))


def nights(rated: RateView, count: int, *, first: date = MONDAY, **more: Any) -> PriceView:
    return cost(rated, at(first, 15), at(first + timedelta(days=count), 11), **more)


def lines(priced: PriceView) -> list[tuple[str, str, str, str]]:
    return [(line.kind, line.quantity, line.unit_amount, line.amount) for line in priced.lines]


WEEKEND = {"kind": "weekday", "days": ["fri", "sat"], "percent": "25"}
SUMMER = {"kind": "season", "from_on": "2026-06-05", "to_on": "2026-06-06", "amount": "10.00"}
FAIR = {"kind": "season", "from_on": "2026-06-06", "to_on": "2026-06-06", "price": "300.00"}

TIERS = [
    {"kind": "length_of_stay", "min_nights": 7, "discount_percent": "10", "label": "Weekly"},
    {"kind": "length_of_stay", "min_nights": 28, "discount_percent": "33.3333", "label": "Monthly"},
]
