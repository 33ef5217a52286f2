"""Buckets: the units of time in which a pool counts."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from holdfast.domains.inventory.rules.calendar import DAY, Span
from holdfast.domains.inventory.rules.resource import Resource

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# a claim locks every bucket it touches; beyond this the length is refused
MAX_BUCKETS = 5000


def standard_offset_minutes(zone: ZoneInfo, year: int) -> int:
    """The zone's offset from UTC outside summer time, so that buckets begin on round local times.

    Fixed when the resource is made: buckets must not shift when a zone changes its law.
    """
    offsets = [datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in (1, 7)]
    return int(min(offsets).total_seconds()) // 60


def step(resource: Resource) -> timedelta:
    return DAY if resource.nightly else timedelta(minutes=resource.bucket_minutes or 1)


def claimed(resource: Resource, start: datetime, end: datetime) -> Span:
    """What a booking takes of the resource: with its buffers, and for pools all the buckets it touches.

    A night is labelled by its local date at 00:00Z; nights run from the date of arrival to that of departure.
    """
    if resource.nightly:
        arrival, departure = resource.timetable.local_date(start), resource.timetable.local_date(end)
        return Span(label(arrival), label(departure))
    padded = resource.padded(start, end)
    if resource.exclusive:
        return padded
    offset, size = timedelta(minutes=resource.bucket_offset_minutes), step(resource)
    first = (padded.start + offset - EPOCH) // size
    last = -((EPOCH - padded.end - offset) // size)
    return Span(EPOCH + first * size - offset, EPOCH + last * size - offset)


def label(night: date) -> datetime:
    return datetime.combine(night, time(), tzinfo=UTC)


def buckets(resource: Resource, during: Span) -> list[datetime]:
    """The buckets of a claimed span, in order."""
    size = step(resource)
    return [during.start + n * size for n in range((during.end - during.start) // size)]
