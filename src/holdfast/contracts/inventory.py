"""What inventory says: venues, resources, and what is free of them."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal, NewType, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from holdfast.contracts.identity import UserId
from holdfast.kernel.contract import CalendarDate, Contract, Count, CurrencyCode, Instant, Name, Text, ZoneName

VenueId = NewType("VenueId", UUID)
ResourceId = NewType("ResourceId", UUID)
ReservationId = NewType("ReservationId", UUID)

MINUTES_PER_DAY = 24 * 60
# a month of slots in one query; more is asked page by page
MAX_SLOT_DAYS = 31

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
VenueType = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
# "24:00" is the end of the day; a closing time not after the opening one falls on the next day
ClockTime = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
MAX_MINUTES = 366 * MINUTES_PER_DAY
Minutes = Annotated[StrictInt, Field(ge=0, le=MAX_MINUTES)]


def plausible_date(day: date) -> date:
    """The years in which instants are accepted; also keeps date arithmetic away from its ends."""
    if not 1970 <= day.year <= 2200:
        raise ValueError("the year must lie between 1970 and 2200")
    return day


Day = Annotated[CalendarDate, AfterValidator(plausible_date)]


class ResourceMode(StrEnum):
    """How a resource is shared: one booking at a time, or a capacity per bucket of time."""

    EXCLUSIVE = "exclusive"
    POOLED = "pooled"


class Reason(StrEnum):
    """Why something is not available; machine-readable, one per evaluator rule."""

    CLOSED = "closed"
    TOO_SOON = "too_soon"
    TOO_FAR = "too_far"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    OFF_GRID = "off_grid"
    BUFFER = "buffer"
    TAKEN = "taken"
    HELD = "held"
    CAPACITY = "capacity"


class ReservationStatus(StrEnum):
    HELD = "held"
    COMMITTED = "committed"
    RELEASED = "released"


class Maker(StrEnum):
    """Whose claim it is: one of this system's bookings, or a caller's who keeps bookings elsewhere."""

    BOOKING = "booking"
    CLIENT = "client"


class VenueDraft(Contract):
    """`supplier_id`: whose venue it is; staff may say, a supplier's own venues are always theirs."""

    name: Name
    type: VenueType
    timezone: ZoneName
    currency: CurrencyCode
    address: Text | None = None
    supplier_id: UserId | None = None


class VenuePatch(Contract):
    """Fields that are absent stay as they are."""

    name: Name | None = None
    type: VenueType | None = None
    currency: CurrencyCode | None = None
    address: Text | None = None


class VenueView(Contract):
    id: VenueId
    name: str
    type: str
    timezone: str
    currency: str
    address: str | None
    supplier_id: UserId | None
    created_at: Instant
    updated_at: Instant


class OpeningHours(Contract):
    """Local wall-clock hours on some weekdays; `closes` at or before `opens` falls on the next day."""

    days: Annotated[list[Weekday], Field(min_length=1, max_length=7)]
    opens: ClockTime
    closes: ClockTime


class OpeningException(Contract):
    """One local date that differs: closed all day, or open at these hours instead of the usual ones."""

    date: Day
    closed: StrictBool = False
    opens: ClockTime | None = None
    closes: ClockTime | None = None

    @model_validator(mode="after")
    def closed_or_hours(self) -> "OpeningException":
        if self.closed == (self.opens is not None or self.closes is not None):
            raise ValueError("say either closed: true, or opens and closes")
        if not self.closed and (self.opens is None or self.closes is None):
            raise ValueError("opens and closes go together")
        return self


class ResourceRules(Contract):
    """When and for how long a resource can be booked. Minutes throughout; no opening hours is always open.

    `grid_minutes`: starts lie on this grid, counted from each opening (for always-open resources from local
    midnight); null accepts any start. `places_per_unit`: how many guests one unit of a pool takes (2 for a
    double room), so a party of three takes two units.
    """

    opening_hours: Annotated[list[OpeningHours], Field(max_length=50)] = []
    exceptions: Annotated[list[OpeningException], Field(max_length=1000)] = []
    buffer_before_minutes: Minutes = 0
    buffer_after_minutes: Minutes = 0
    min_notice_minutes: Minutes = 0
    max_advance_days: Annotated[StrictInt, Field(ge=1, le=3660)] = 730
    min_duration_minutes: Annotated[Minutes, Field(ge=1)] = 1
    max_duration_minutes: Annotated[Minutes, Field(ge=1)] = 366 * MINUTES_PER_DAY
    grid_minutes: Annotated[StrictInt, Field(ge=1, le=MINUTES_PER_DAY)] | None = None
    places_per_unit: Annotated[StrictInt, Field(ge=1, le=1000)] = 1

    @model_validator(mode="after")
    def lengths_in_order(self) -> "ResourceRules":
        if self.min_duration_minutes > self.max_duration_minutes:
            raise ValueError("min_duration_minutes must not exceed max_duration_minutes")
        return self


class ResourceDraft(ResourceRules):
    """`capacity`: units of a pool per bucket; for an exclusive resource the largest party it takes (null: any).

    `bucket_minutes`: a pool's bucket, a divisor of the day such as 15 (the default), or "night" for room nights.
    """

    venue_id: VenueId
    name: Name
    kind: VenueType = "resource"
    mode: ResourceMode = ResourceMode.EXCLUSIVE
    capacity: Count | None = None
    bucket_minutes: Annotated[StrictInt, Field(ge=1, le=MINUTES_PER_DAY)] | Literal["night"] | None = None

    @model_validator(mode="after")
    def pool_has_buckets(self) -> "ResourceDraft":
        if self.mode is ResourceMode.POOLED and self.capacity is None:
            raise ValueError("a pooled resource needs a capacity")
        if self.mode is ResourceMode.EXCLUSIVE and self.bucket_minutes is not None:
            raise ValueError("bucket_minutes belongs to pooled resources")
        if isinstance(self.bucket_minutes, int) and MINUTES_PER_DAY % self.bucket_minutes:
            raise ValueError("bucket_minutes must divide the day")
        return self


class ResourcePatch(Contract):
    """Fields that are absent stay as they are; mode and buckets are for good."""

    name: Name | None = None
    kind: VenueType | None = None
    capacity: Count | None = None
    opening_hours: Annotated[list[OpeningHours], Field(max_length=50)] | None = None
    exceptions: Annotated[list[OpeningException], Field(max_length=1000)] | None = None
    buffer_before_minutes: Minutes | None = None
    buffer_after_minutes: Minutes | None = None
    min_notice_minutes: Minutes | None = None
    max_advance_days: Annotated[StrictInt, Field(ge=1, le=3660)] | None = None
    min_duration_minutes: Annotated[Minutes, Field(ge=1)] | None = None
    max_duration_minutes: Annotated[Minutes, Field(ge=1)] | None = None
    grid_minutes: Annotated[StrictInt, Field(ge=1, le=MINUTES_PER_DAY)] | None = None
    places_per_unit: Annotated[StrictInt, Field(ge=1, le=1000)] | None = None
    active: StrictBool | None = None


class VenueSummary(Contract):
    """A venue as a booking carries it."""

    id: VenueId
    type: str
    name: str


class ResourceView(ResourceRules):
    id: ResourceId
    venue_id: VenueId
    name: str
    kind: str
    mode: ResourceMode
    capacity: int | None
    bucket_minutes: int | Literal["night"] | None
    timezone: str
    active: bool
    created_at: Instant
    updated_at: Instant


class Period(Contract):
    """A half-open period [start_at, end_at)."""

    start_at: Instant
    end_at: Instant

    @field_validator("end_at")
    @classmethod
    def starts_before_it_ends(cls, end_at: Instant, info: ValidationInfo) -> Instant:
        if "start_at" in info.data and end_at <= info.data["start_at"]:
            raise ValueError("end_at must come after start_at")
        return end_at


class SlotQuery(Contract):
    """Local dates of the resource's zone, both included; at most 31 days. null duration: the shortest allowed
    length that the grid or bucket gives."""

    from_on: Day
    to_on: Day
    duration_minutes: Annotated[Minutes, Field(ge=1)] | None = None
    quantity: Count = 1

    @model_validator(mode="after")
    def bounded(self) -> "SlotQuery":
        if not 0 <= (self.to_on - self.from_on).days < MAX_SLOT_DAYS:
            raise ValueError(f"ask for 1 to {MAX_SLOT_DAYS} days")
        return self


class SlotView(Contract):
    start_at: Instant
    end_at: Instant
    remaining: int


class SlotsView(Contract):
    items: list[SlotView]


class AvailabilityQuery(Period):
    resource_id: ResourceId
    quantity: Count = 1


class VenueSearch(Period):
    """Any fitting resource of a venue at this time."""

    venue_id: VenueId
    quantity: Count = 1


class AvailabilityView(Contract):
    """`remaining`: units left (1 or 0 if exclusive); `resource_id`: which one was judged, or found."""

    available: bool
    remaining: int
    reason: Reason | None
    held_until: Instant | None = None
    resource_id: ResourceId | None = None


class Alternative(Contract):
    """The nearest thing that is free: another resource of the venue, or another time."""

    resource_id: ResourceId
    start_at: Instant
    end_at: Instant


class Wish(Period):
    """A time at one resource, or at any fitting one of a venue. `quantity` counts guests; the resource's own
    rule turns them into units."""

    resource_id: ResourceId | None = None
    venue_id: VenueId | None = None
    quantity: Count = 1

    @model_validator(mode="after")
    def one_target(self) -> Self:
        if (self.resource_id is None) == (self.venue_id is None):
            raise ValueError("say either resource_id or venue_id")
        return self


class Claim(Wish):
    """A wish to hold it. `expires_at` null commits at once; (booking_id, item) makes a claim idempotent."""

    booking_id: UUID
    item: Annotated[StrictInt, Field(ge=1, le=1000)] = 1
    expires_at: Instant | None = None
    made_by: Maker = Maker.BOOKING


class ReservationView(Contract):
    """What is held: `quantity` guests take `units` of the resource."""

    reservation_id: ReservationId
    booking_id: UUID
    item: int
    resource_id: ResourceId
    venue: VenueSummary
    supplier_id: UserId | None
    start_at: Instant
    end_at: Instant
    quantity: int
    units: int
    status: ReservationStatus
    expires_at: Instant | None


class ReserveRequest(Period):
    """`POST /inventory/reserve`."""

    booking_id: UUID
    resource_id: ResourceId
    quantity: Count = 1
    expires_at: Instant


class ReleaseRequest(Contract):
    """`POST /inventory/release`: by reservation, or everything of a booking."""

    reservation_id: ReservationId | None = None
    booking_id: UUID | None = None

    @model_validator(mode="after")
    def one_target(self) -> "ReleaseRequest":
        if (self.reservation_id is None) == (self.booking_id is None):
            raise ValueError("say either reservation_id or booking_id")
        return self


class ReleaseView(Contract):
    released: int


class ReservationChange(Period):
    """`POST /inventory/update-reservation`: claim the new time and free the old one, or change nothing.

    `resource_id` moves it to another resource as well; null keeps the present one, as it keeps the `quantity`.
    """

    reservation_id: ReservationId
    resource_id: ResourceId | None = None
    quantity: Count | None = None


class ResourceFacts(Contract):
    """What others need to know of a resource to price it or to show it."""

    id: ResourceId
    name: str
    mode: ResourceMode
    venue: VenueSummary
    supplier_id: UserId | None
    timezone: str
    currency: str
