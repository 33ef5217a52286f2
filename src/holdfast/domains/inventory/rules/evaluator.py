"""The one evaluator: the slot list, the check and the claim all ask here, so what is shown can be booked.

refused_by_rules   the resource's own rules: needs no database
Occupancy.judge    what others have: allocations, gaps between them, or a pool's counters
evaluate           both
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

from holdfast.contracts.inventory import AvailabilityView, Reason
from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import DAY, DAY_MINUTES, Calendar, Span
from holdfast.domains.inventory.rules.resource import Need, Resource, Taken


@dataclass(frozen=True)
class Verdict:
    """Yes when there is no reason; `remaining` in units."""

    remaining: int
    reason: Reason | None = None
    held_until: datetime | None = None

    def view(self, resource: Resource) -> AvailabilityView:
        return AvailabilityView(
            available=self.reason is None,
            remaining=self.remaining,
            reason=self.reason,
            held_until=self.held_until,
            resource_id=resource.id,
        )


class Occupancy(Protocol):
    """What others have of a resource around the time in question."""

    def judge(self, resource: Resource, need: Need) -> Verdict: ...


@dataclass(frozen=True)
class Allocations:
    """The live allocations of an exclusive resource: enough to say why not."""

    taken: Sequence[Taken]

    def judge(self, resource: Resource, need: Need) -> Verdict:
        during = resource.padded(need.start, need.end)
        near = [other for other in self.taken if overlap(other.during, during)]
        if not near:
            return Verdict(remaining=1)
        over = [other for other in near if overlap(other.period, Span(need.start, need.end))]
        if any(other.held_until is None for other in over):
            return Verdict(0, Reason.TAKEN)
        if not over or any(other.held_until is None for other in near):
            return Verdict(0, Reason.BUFFER)
        return Verdict(0, Reason.HELD, max(other.held_until for other in near if other.held_until))


@dataclass(frozen=True)
class Gaps:
    """The free spans of an exclusive resource, in order: enough to say yes or no, in one row a gap."""

    free: Sequence[Span]

    def judge(self, resource: Resource, need: Need) -> Verdict:
        during = resource.padded(need.start, need.end)
        at = bisect_right(self.free, during.start, key=lambda gap: gap.start) - 1
        if at >= 0 and during.end <= self.free[at].end:
            return Verdict(remaining=1)
        return Verdict(0, Reason.TAKEN)


@dataclass(frozen=True)
class Counters:
    """Units left in the buckets that have a counter; the others are untouched."""

    left: Mapping[datetime, int]

    def judge(self, resource: Resource, need: Need) -> Verdict:
        capacity = resource.capacity or 0
        during = pool.claimed(resource, need.start, need.end)
        first, last = bisect_left(self.times, during.start), bisect_left(self.times, during.end)
        # a bucket without a counter is untouched: all of the capacity is left
        untouched = last - first < (during.end - during.start) // pool.step(resource)
        remaining = max(0, min(self.least(first, last) + [capacity] * untouched))
        if remaining < resource.units(need.guests):
            return Verdict(remaining, Reason.CAPACITY)
        return Verdict(remaining)

    def least(self, first: int, last: int) -> list[int]:
        """Enough of the counters from first to before last to know the least: two, however many they are."""
        if first == last:
            return []
        level = (last - first).bit_length() - 1
        return [self.minima[level][first], self.minima[level][last - (1 << level)]]

    @cached_property
    def times(self) -> list[datetime]:
        return sorted(self.left)

    @cached_property
    def minima(self) -> list[list[int]]:
        """Row k holds the least of each 2**k counters in a row."""
        rows = [[self.left[at] for at in self.times]]
        while len(rows[-1]) > 1 << (len(rows) - 1):
            last, reach = rows[-1], 1 << (len(rows) - 1)
            rows.append([min(last[n], last[n + reach]) for n in range(len(last) - reach)])
        return rows


def evaluate(
    resource: Resource, need: Need, occupancy: Occupancy, *, now: datetime, calendar: Calendar | None = None
) -> Verdict:
    """Whether this can be booked, and if not, the first reason why."""
    reason = refused_by_rules(resource, need, now=now, calendar=calendar)
    if reason is Reason.CAPACITY:
        return Verdict(0 if resource.exclusive else resource.capacity or 0, reason)
    if reason is not None:
        return Verdict(0, reason)
    return occupancy.judge(resource, need)


def refused_by_rules(
    resource: Resource, need: Need, *, now: datetime, calendar: Calendar | None = None, same_start: bool = False
) -> Reason | None:
    """The first of the resource's own rules that says no.

    `same_start`: a booking that keeps its start (a longer stay, a larger party) needs no notice again.
    Cheap rules come first; they also bound how many dates the calendar has to look at.
    """
    if not resource.active:
        return Reason.CLOSED
    reason = (None if same_start else wrong_moment(resource, need.start, now=now)) or wrong_length(resource, need)
    if reason is not None:
        return reason
    if not resource.seats(need.guests):
        return Reason.CAPACITY
    if resource.nightly:
        return None if nights_open(resource, need) else Reason.CLOSED
    return wrong_time(resource, need, calendar)


def wrong_moment(resource: Resource, start: datetime, *, now: datetime) -> Reason | None:
    if start < now + timedelta(minutes=resource.min_notice_minutes):
        return Reason.TOO_SOON
    horizon = resource.timetable.local_date(now) + resource.max_advance_days * DAY
    return Reason.TOO_FAR if resource.timetable.local_date(start) > horizon else None


def wrong_length(resource: Resource, need: Need) -> Reason | None:
    minutes = (need.end - need.start) / timedelta(minutes=1)
    if resource.nightly:
        arrival, departure = (resource.timetable.local_date(moment) for moment in (need.start, need.end))
        minutes = (departure - arrival).days * DAY_MINUTES
    if minutes <= 0 or minutes < resource.min_duration_minutes:
        return Reason.TOO_SHORT
    if minutes > resource.max_duration_minutes:
        return Reason.TOO_LONG
    during = resource.padded(need.start, need.end)
    if not resource.exclusive and (during.end - during.start) / pool.step(resource) > pool.MAX_BUCKETS:
        return Reason.TOO_LONG
    return None


def nights_open(resource: Resource, need: Need) -> bool:
    """A night is open if its date has any opening hours at all."""
    timetable = resource.timetable
    arrival, departure = timetable.local_date(need.start), timetable.local_date(need.end)
    return timetable.always_open or all(
        timetable.hours_on(arrival + n * DAY) for n in range((departure - arrival).days)
    )


def wrong_time(resource: Resource, need: Need, calendar: Calendar | None) -> Reason | None:
    grid = resource.grid_minutes
    if resource.timetable.always_open and grid is None:
        return None
    calendar = calendar or resource.timetable.between(need.start, need.end)
    if not calendar.covers(need.start, need.end):
        return Reason.CLOSED
    if grid is None:
        return None
    spacing = timedelta(minutes=grid)
    on_grid = any((need.start - anchor) % spacing == timedelta() for anchor in calendar.anchors(need.start))
    return None if on_grid else Reason.OFF_GRID


def overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end
