"""When a resource is open, in instants.

Hours are wall-clock in the venue's zone and mean instants by one rule: a local time that the clocks skip is the
instant they jump; of a local time that happens twice an opening takes the first and a closing the second. So a
day has 23, 24 or 25 hours (23.5 or 24.5 on Lord Howe Island), and open hours never vanish or double.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from holdfast.kernel.local_time import instant

DAY = timedelta(days=1)
DAY_MINUTES = 24 * 60
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Hours(NamedTuple):
    """Minutes after local midnight; `closes` may lie beyond 24:00, on the next date."""

    opens: int
    closes: int


ALL_DAY = (Hours(0, DAY_MINUTES),)


class Span(NamedTuple):
    """A half-open range of instants."""

    start: datetime
    end: datetime


def hours(opens: str, closes: str) -> Hours:
    """Hours from clock times; a closing time not after the opening one falls on the next day."""
    opening, closing = minutes_of(opens), minutes_of(closes)
    return Hours(opening, closing if closing > opening else closing + DAY_MINUTES)


def minutes_of(clock_time: str) -> int:
    hour, minute = clock_time.split(":")
    return int(hour) * 60 + int(minute)


def midnight(day: date) -> datetime:
    """The naive local midnight that begins this date."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - wall-clock time, resolved by `instant`


@dataclass(frozen=True)
class Timetable:
    """The usual hours of each weekday (null: always open) and the dates that differ from them."""

    zone: ZoneInfo
    week: Mapping[str, tuple[Hours, ...]] | None
    exceptions: Mapping[date, tuple[Hours, ...]]

    @property
    def always_open(self) -> bool:
        return self.week is None and not self.exceptions

    def local_date(self, moment: datetime) -> date:
        return moment.astimezone(self.zone).date()

    def hours_on(self, day: date) -> tuple[Hours, ...]:
        usual = ALL_DAY if self.week is None else self.week.get(WEEKDAYS[day.weekday()], ())
        return self.exceptions.get(day, usual)

    def openings(self, day: date) -> Iterator[Span]:
        """What opens on this local date, in instants; hours that the clocks skip altogether are none."""
        start = midnight(day)
        for opens, closes in self.hours_on(day):
            begin = instant(start + timedelta(minutes=opens), self.zone)
            end = instant(start + timedelta(minutes=closes), self.zone, closing=True)
            if begin < end:
                yield Span(begin, end)

    def between(self, first: datetime, last: datetime) -> "Calendar":
        """The calendar of the local dates these two instants fall on, with the evening before them."""
        return self.over(self.local_date(first), self.local_date(last))

    def over(self, first: date, last: date) -> "Calendar":
        # the hours of the date before may reach past midnight
        days = (last - first).days + 1
        spans = [span for n in range(-1, days) for span in self.openings(first + n * DAY)]
        return Calendar(tuple(sorted(spans)))


@dataclass(frozen=True)
class Calendar:
    """Opening periods of some dates, by opening time; they may touch and overlap."""

    openings: tuple[Span, ...]

    @cached_property
    def merged(self) -> Sequence[Span]:
        merged: list[Span] = []
        for span in self.openings:
            if merged and span.start <= merged[-1].end:
                merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
            else:
                merged.append(span)
        return merged

    def covers(self, start: datetime, end: datetime) -> bool:
        """Whether it is open from start to end without a break."""
        at = bisect_right(self.merged, start, key=lambda span: span.start) - 1
        return at >= 0 and end <= self.merged[at].end

    def anchors(self, start: datetime) -> Iterator[datetime]:
        """The openings from which the grid of this start may be counted."""
        for span in reversed(self.openings[: bisect_right(self.openings, start, key=lambda span: span.start)]):
            if start < span.end:
                yield span.start
