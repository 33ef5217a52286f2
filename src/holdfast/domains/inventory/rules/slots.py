"""Which starts a slot list tries. Each goes through the evaluator before it is shown."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from holdfast.domains.inventory.rules.calendar import DAY, DAY_MINUTES, Calendar, Span, midnight
from holdfast.domains.inventory.rules.resource import Resource
from holdfast.kernel.local_time import instant

# when a hotel's day begins, if its opening hours do not say so
CHECK_IN_MINUTES = 15 * 60
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def usual_length(resource: Resource) -> timedelta:
    """The shortest length that fits the rules and the rhythm of the resource; an hour if neither says."""
    if resource.nightly:
        return timedelta(minutes=max(resource.min_duration_minutes, DAY_MINUTES))
    rhythm = resource.grid_minutes or resource.bucket_minutes
    shortest = resource.min_duration_minutes if resource.min_duration_minutes > 1 else rhythm or 60
    return timedelta(minutes=min(max(shortest, rhythm or 1), resource.max_duration_minutes))


def candidates(
    resource: Resource, calendar: Calendar, *, first: date, last: date, length: timedelta, now: datetime
) -> Iterator[Span]:
    """Spans of this length that begin on these local dates, in order."""
    if resource.nightly:
        yield from stays(resource, first=first, last=last, length=length, now=now)
        return
    pace = timedelta(minutes=resource.grid_minutes or resource.bucket_minutes or 0) or length
    earliest = instant(midnight(first), resource.timetable.zone)
    latest = instant(midnight(last + DAY), resource.timetable.zone)
    starts = {start for opening in calendar.openings for start in paced(opening, pace, earliest, latest)}
    for start in sorted(starts):
        yield Span(start, start + length)


def paced(opening: Span, pace: timedelta, earliest: datetime, latest: datetime) -> Iterator[datetime]:
    """Starts at this pace from the opening, among those from `earliest` to before `latest`."""
    start = opening.start
    if start < earliest:
        start += -((start - earliest) // pace) * pace
    while start < min(opening.end, latest):
        yield start
        start += pace


def stays(resource: Resource, *, first: date, last: date, length: timedelta, now: datetime) -> Iterator[Span]:
    """One stay a date, from check-in to the same hour of the day of departure.

    Check-in is when the date opens, 15:00 if it is open from midnight; once that has passed, see `tonight`.
    """
    timetable = resource.timetable
    nights = -(-length // DAY)
    for n in range((last - first).days + 1):
        night = first + n * DAY
        opening = next((hours.opens for hours in sorted(timetable.hours_on(night))), 0)
        check_in = timedelta(minutes=opening or CHECK_IN_MINUTES)
        start = tonight(resource, instant(midnight(night) + check_in, timetable.zone), now=now)
        if timetable.local_date(start) == night:
            yield Span(start, instant(midnight(night + nights * DAY) + check_in, timetable.zone))


def same_hours(resource: Resource, stay: Span, *, first: date, last: date, now: datetime) -> Iterator[Span]:
    """That stay on each of these dates: as many nights, from and to the same times of the day."""
    zone = resource.timetable.zone
    arrival, departure = (moment.astimezone(zone).replace(tzinfo=None) for moment in stay)
    for n in range((last - first).days + 1):
        shift = first + n * DAY - arrival.date()
        start = tonight(resource, instant(arrival + shift, zone), now=now)
        if resource.timetable.local_date(start) == first + n * DAY:
            yield Span(start, instant(departure + shift, zone))


def tonight(resource: Resource, start: datetime, *, now: datetime) -> datetime:
    """The start, or once that has passed the next full hour; in the last hour of the day the next full minute."""
    soonest = now + timedelta(minutes=resource.min_notice_minutes)
    local_date = resource.timetable.local_date
    if start >= soonest:
        return start
    for pace in (HOUR, MINUTE):
        later = start - ((start - soonest) // pace) * pace
        if local_date(later) == local_date(start):
            break
    return later
