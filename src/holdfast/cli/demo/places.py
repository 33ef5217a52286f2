"""What the story has to book: three venues, found again by name or made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

from holdfast.cli.demo.api import Api, View
from holdfast.contracts.booking import CancellationPolicy, RefundTier
from holdfast.contracts.inventory import (
    OpeningHours,
    ResourceDraft,
    ResourceId,
    ResourceMode,
    ResourceView,
    VenueDraft,
    VenueId,
    VenueView,
)
from holdfast.contracts.pricing import Per, RateDraft, RateView, SeasonAdjustment, Tax, Terms, WeekdayAdjustment
from holdfast.kernel.contract import Contract

HOTEL = VenueDraft(
    name="Kelp Harbour Hotel", type="hotel", timezone="Europe/Lisbon", currency="EUR", address="Demo quay 1"
)
RESTAURANT = VenueDraft(
    name="Kelp Harbour Kitchen", type="restaurant", timezone="Europe/Lisbon", currency="EUR", address="Demo quay 2"
)
CLINIC = VenueDraft(
    name="Kelp Harbour Clinic", type="clinic", timezone="America/New_York", currency="USD", address="Demo quay 3"
)
TABLE = "table"
POLICIES = "/api/v1/bookings/policies"
OPENING_SEASON_DAYS = 180


@dataclass
class Place:
    """A venue with its resources, and how many of its things were made rather than found."""

    venue: VenueView
    offer: str
    price: str
    resources: list[ResourceView] = field(default_factory=list)
    made: int = 0

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.venue.timezone)

    @property
    def city(self) -> str:
        return self.venue.timezone.rpartition("/")[2].replace("_", " ")

    def label(self, resource_id: ResourceId) -> str:
        resource = next(each for each in self.resources if each.id == resource_id)
        return f"{resource.name} for {resource.capacity}" if resource.kind == TABLE else resource.name


def rooms(venue_id: VenueId) -> Sequence[ResourceDraft]:
    """Eight rooms that are all alike: a pool, counted per night."""
    return [
        ResourceDraft(
            venue_id=venue_id,
            name="Sea view double",
            kind="room",
            mode=ResourceMode.POOLED,
            capacity=8,
            bucket_minutes="night",
            places_per_unit=2,
            max_advance_days=365,
        )
    ]


def tables(venue_id: VenueId) -> Sequence[ResourceDraft]:
    """Each table one party at a time; `capacity` is how many it seats."""
    seats = {"Window table": 2, "Garden table": 2, "Round table": 4, "Long table": 8}
    return [
        ResourceDraft(
            venue_id=venue_id,
            name=name,
            kind=TABLE,
            capacity=capacity,
            opening_hours=[
                OpeningHours(
                    days=["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
                    opens="12:00",
                    closes="23:00",
                )
            ],
            min_duration_minutes=60,
            max_duration_minutes=180,
            grid_minutes=15,
        )
        for name, capacity in seats.items()
    ]


def practitioners(venue_id: VenueId) -> Sequence[ResourceDraft]:
    """Starts every half hour; ten minutes after each appointment stay free."""
    weekdays = OpeningHours(days=["mon", "tue", "wed", "thu", "fri"], opens="09:00", closes="12:00")
    return [
        ResourceDraft(
            venue_id=venue_id,
            name="Physiotherapy",
            kind="practitioner",
            capacity=1,
            opening_hours=[weekdays, weekdays.model_copy(update={"opens": "13:00", "closes": "17:00"})],
            buffer_after_minutes=10,
            min_notice_minutes=60,
            max_advance_days=90,
            min_duration_minutes=20,
            max_duration_minutes=60,
            grid_minutes=30,
        )
    ]


def room_rate(room: ResourceView, now: datetime) -> RateDraft:
    today = now.astimezone(ZoneInfo(room.timezone)).date()
    return RateDraft(
        resource_id=room.id,
        name="Bed and breakfast",
        amount="120.00",
        currency="EUR",
        per=Per.NIGHT,
        terms=Terms.FULL,
        adjustments=[
            WeekdayAdjustment(kind="weekday", label="Weekend", days=["fri", "sat"], percent=25),
            SeasonAdjustment(
                kind="season",
                label="Opening season",
                from_on=today,
                to_on=today + timedelta(days=OPENING_SEASON_DAYS),
                percent=-10,
            ),
        ],
        taxes=[Tax(label="VAT", percent=6, included=True)],
    )


def appointment_rate(practitioner: ResourceView, now: datetime) -> RateDraft:
    return RateDraft(
        resource_id=practitioner.id,
        name="Appointment",
        amount="80.00",
        currency="USD",
        per=Per.BOOKING,
        terms=Terms.AT_VENUE,
    )


ALL_BACK = CancellationPolicy()


@dataclass(frozen=True)
class Plan:
    """A venue as it is to be: what can be booked there, and at which rates."""

    venue: VenueDraft
    offer: str
    price: str
    resources: Callable[[VenueId], Sequence[ResourceDraft]]
    policy: CancellationPolicy = ALL_BACK
    rate: Callable[[ResourceView, datetime], RateDraft] | None = None


# the story's stays are less than 45 days away
HALF_BACK = CancellationPolicy(
    tiers=[RefundTier(hours_before_start=45 * 24, percent=100), RefundTier(hours_before_start=0, percent=50)]
)
HOTEL_PLAN = Plan(HOTEL, "8 rooms per night", "120.00, weekends +25 %", rooms, policy=HALF_BACK, rate=room_rate)
RESTAURANT_PLAN = Plan(RESTAURANT, "4 tables", "free", tables)
CLINIC_PLAN = Plan(CLINIC, "1 practitioner", "80.00, paid there", practitioners, rate=appointment_rate)


@dataclass(frozen=True)
class Places:
    hotel: Place
    restaurant: Place
    clinic: Place

    @property
    def made(self) -> int:
        return self.hotel.made + self.restaurant.made + self.clinic.made


def find_or_make(api: Api, *, now: datetime) -> Places:
    return Places(
        hotel=found_or_made(api, HOTEL_PLAN, now=now),
        restaurant=found_or_made(api, RESTAURANT_PLAN, now=now),
        clinic=found_or_made(api, CLINIC_PLAN, now=now),
    )


def found_or_made(api: Api, plan: Plan, *, now: datetime) -> Place:
    """The venue with everything in it; only what is missing is made, so that running again adds nothing."""
    venues = api.each("/api/v1/venues", VenueView, {"type": plan.venue.type})
    venue = next((each for each in venues if each.name == plan.venue.name), None)
    place = Place(venue or made(api, "/api/v1/venues", plan.venue, VenueView), plan.offer, plan.price)
    place.made += venue is None
    policy = f"{POLICIES}/{place.venue.id}"
    if api.ask("GET", policy).read(CancellationPolicy) != plan.policy:
        api.ask("PUT", policy, plan.policy)
        place.made += 1
    here = str(place.venue.id)
    known = {each.name: each for each in api.each("/api/v1/resources", ResourceView, {"venue_id": here})}
    for draft in plan.resources(place.venue.id):
        resource = known.get(draft.name) or made(api, "/api/v1/resources", draft, ResourceView)
        place.made += draft.name not in known
        place.resources.append(resource)
        if plan.rate and not rated(api, resource):
            made(api, "/api/v1/pricing/rates", plan.rate(resource, now), RateView)
            place.made += 1
    return place


def rated(api: Api, resource: ResourceView) -> bool:
    rates = api.each("/api/v1/pricing/rates", RateView, {"resource_id": str(resource.id)})
    return any(each.active for each in rates)


def made(api: Api, path: str, draft: Contract, view: type[View]) -> View:
    return api.ask("POST", path, draft, expect=HTTPStatus.CREATED).read(view)
