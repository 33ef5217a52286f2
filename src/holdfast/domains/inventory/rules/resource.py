"""A resource as the rules see it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from holdfast.contracts.identity import UserId
from holdfast.contracts.inventory import Period, ResourceId, VenueId
from holdfast.domains.inventory.rules.calendar import Span, Timetable


@dataclass(frozen=True)
class Resource:
    """A resource with its venue and its rules; lengths in minutes. `nightly` pools count local dates."""

    id: ResourceId
    venue_id: VenueId
    venue_name: str
    venue_type: str
    supplier_id: UserId | None
    currency: str
    name: str
    kind: str
    exclusive: bool
    capacity: int | None
    nightly: bool
    bucket_minutes: int | None
    bucket_offset_minutes: int
    buffer_before_minutes: int
    buffer_after_minutes: int
    min_notice_minutes: int
    max_advance_days: int
    min_duration_minutes: int
    max_duration_minutes: int
    grid_minutes: int | None
    places_per_unit: int
    active: bool
    timetable: Timetable

    def units(self, guests: int) -> int:
        """What a party takes: the whole of an exclusive resource, units of a pool."""
        return 1 if self.exclusive else -(-guests // self.places_per_unit)

    def seats(self, guests: int) -> bool:
        """Whether a party of this size can ever fit."""
        if self.capacity is None:
            return True
        return (guests if self.exclusive else self.units(guests)) <= self.capacity

    def padded(self, start: datetime, end: datetime) -> Span:
        before, after = self.buffer_before_minutes, self.buffer_after_minutes
        return Span(start - timedelta(minutes=before), end + timedelta(minutes=after))


@dataclass(frozen=True)
class Need:
    """A time and a party, whoever it is for."""

    start: datetime
    end: datetime
    guests: int

    @classmethod
    def of(cls, wish: Period, guests: int) -> "Need":
        return cls(wish.start_at, wish.end_at, guests)


@dataclass(frozen=True)
class Taken:
    """A live allocation: what was booked, with its buffers; `held_until` null once committed."""

    id: UUID
    period: Span
    during: Span
    held_until: datetime | None
