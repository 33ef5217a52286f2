"""Where to look for another time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from holdfast.domains.inventory.rules import slots
from holdfast.domains.inventory.rules.calendar import DAY, Span
from holdfast.domains.inventory.rules.evaluator import Gaps, Occupancy, wrong_length
from holdfast.domains.inventory.rules.resource import Need, Resource

# a week on either side: further away it is another plan, not an alternative
REACH = 7 * DAY
# a finer rhythm than 20 minutes reaches less far
MAX_TRIED = 1000


def window(resource: Resource, need: Need, *, now: datetime) -> Span:
    """The span in which other times are sought: not in the past, however long ago the time asked for is."""
    length = need.end - need.start
    return Span(max(need.start - REACH, now), max(need.start, now) + REACH + length + DAY)


def hopeless(resource: Resource, need: Need, span: Span, *, now: datetime) -> bool:
    """Whether no other time will do: the length itself is refused, or the whole span is too far ahead."""
    horizon = resource.timetable.local_date(now) + resource.max_advance_days * DAY
    return wrong_length(resource, need) is not None or resource.timetable.local_date(span.start) > horizon


def nearby_starts(resource: Resource, need: Need, span: Span, free: Occupancy, *, now: datetime) -> Iterator[Need]:
    """Times of the same length, nearest first: the resource's own rhythm, and flush with what others have."""
    length = need.end - need.start
    timetable = resource.timetable
    first, last = timetable.local_date(span.start), timetable.local_date(span.end - length)
    calendar = timetable.over(first, last + length + DAY)
    found: set[Span] = set()
    if resource.nightly:
        stay = Span(need.start, need.end)
        stays = slots.same_hours(resource, stay, first=first, last=last, now=now)
        found.update(other for other in stays if other.end <= span.end)  # beyond, nobody has looked what is free
    else:
        found.update(slots.candidates(resource, calendar, first=first, last=last, length=length, now=now))
    if isinstance(free, Gaps) and resource.grid_minutes is None:
        before, after = (
            timedelta(minutes=minutes)
            for minutes in (resource.buffer_before_minutes, resource.buffer_after_minutes)
        )
        for gap in free.free:
            found.update(Span(start, start + length) for start in (gap.start + before, gap.end - after - length))
    nearest = sorted(found, key=lambda other: (abs(other.start - need.start), other.start))
    for other in nearest[:MAX_TRIED]:
        if (other.start, other.end) != (need.start, need.end):
            yield Need(other.start, other.end, need.guests)
