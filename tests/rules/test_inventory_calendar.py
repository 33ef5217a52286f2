"""Local hours as instants, over every kind of clock change."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domains.inventory.rules.calendar import (
    ALL_DAY,
    WEEKDAYS,
    Hours,
    Span,
    Timetable,
    hours,
    midnight,
)
from holdfast.kernel.local_time import instant

ZONES = ("Europe/Berlin", "America/New_York", "America/Santiago", "Australia/Lord_Howe", "Asia/Kolkata")
HOUR = timedelta(hours=1)
EVERY_DAY = dict.fromkeys(WEEKDAYS, ALL_DAY)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def daily(zone: str, *open_then: Hours) -> Timetable:
    return Timetable(ZoneInfo(zone), dict.fromkeys(WEEKDAYS, open_then), {})


@pytest.mark.parametrize(
    ("zone", "local", "opening", "closing"),
    [
        # 02:30 does not exist on 2030-03-31: the jump is at 01:00 UTC
        ("Europe/Berlin", (2030, 3, 31, 2, 30), utc(2030, 3, 31, 1), utc(2030, 3, 31, 1)),
        ("Europe/Berlin", (2030, 3, 31, 2, 0), utc(2030, 3, 31, 1), utc(2030, 3, 31, 1)),
        ("Europe/Berlin", (2030, 3, 31, 3, 0), utc(2030, 3, 31, 1), utc(2030, 3, 31, 1)),
        # 02:30 happens twice on 2030-10-27
        ("Europe/Berlin", (2030, 10, 27, 2, 30), utc(2030, 10, 27, 0, 30), utc(2030, 10, 27, 1, 30)),
        ("Europe/Berlin", (2030, 10, 27, 3, 0), utc(2030, 10, 27, 2), utc(2030, 10, 27, 2)),
        ("America/New_York", (2030, 3, 10, 2, 15), utc(2030, 3, 10, 7), utc(2030, 3, 10, 7)),
        ("America/New_York", (2030, 11, 3, 1, 30), utc(2030, 11, 3, 5, 30), utc(2030, 11, 3, 6, 30)),
        # midnight itself is skipped: 24:00 on Saturday is 01:00 on Sunday
        ("America/Santiago", (2030, 9, 8, 0, 0), utc(2030, 9, 8, 4), utc(2030, 9, 8, 4)),
        ("America/Santiago", (2030, 9, 8, 0, 59), utc(2030, 9, 8, 4), utc(2030, 9, 8, 4)),
        # and in autumn the last hour of Saturday happens twice
        ("America/Santiago", (2030, 4, 6, 23, 30), utc(2030, 4, 7, 2, 30), utc(2030, 4, 7, 3, 30)),
        # half an hour only
        ("Australia/Lord_Howe", (2030, 10, 6, 2, 10), utc(2030, 10, 5, 15, 30), utc(2030, 10, 5, 15, 30)),
        ("Australia/Lord_Howe", (2030, 4, 7, 1, 45), utc(2030, 4, 6, 14, 45), utc(2030, 4, 6, 15, 15)),
        ("Asia/Kolkata", (2030, 3, 31, 2, 30), utc(2030, 3, 30, 21), utc(2030, 3, 30, 21)),
    ],
)
def test_a_local_time_means_one_instant(
    zone: str, local: tuple[int, int, int, int, int], opening: datetime, closing: datetime
) -> None:
    naive = datetime(*local)  # noqa: DTZ001 - wall-clock time
    assert instant(naive, ZoneInfo(zone)) == opening
    assert instant(naive, ZoneInfo(zone), closing=True) == closing


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Europe/Berlin", date(2030, 3, 31), 23 * HOUR),
        ("Europe/Berlin", date(2030, 10, 27), 25 * HOUR),
        ("Europe/Berlin", date(2030, 10, 28), 24 * HOUR),
        ("America/New_York", date(2030, 3, 10), 23 * HOUR),
        ("America/New_York", date(2030, 11, 3), 25 * HOUR),
        ("America/Santiago", date(2030, 9, 8), 23 * HOUR),
        ("America/Santiago", date(2030, 4, 6), 25 * HOUR),
        ("Australia/Lord_Howe", date(2030, 10, 6), 23.5 * HOUR),
        ("Australia/Lord_Howe", date(2030, 4, 7), 24.5 * HOUR),
        ("Asia/Kolkata", date(2030, 10, 27), 24 * HOUR),
    ],
)
def test_a_day_is_as_long_as_its_clocks_make_it(zone: str, day: date, length: timedelta) -> None:
    (opening,) = daily(zone, *ALL_DAY).openings(day)
    assert opening.end - opening.start == length


@pytest.mark.parametrize("zone", ZONES)
def test_open_every_day_is_open_without_a_break(zone: str) -> None:
    """All of 2029 to 2031: each day ends where the next begins, and one span is left."""
    calendar = daily(zone, *ALL_DAY).over(date(2029, 1, 1), date(2031, 12, 31))
    assert len(calendar.merged) == 1
    for one, other in zip(calendar.openings, calendar.openings[1:], strict=False):
        assert one.end == other.start


@pytest.mark.parametrize("zone", ZONES)
@given(st.data())
def test_hours_never_vanish_or_double(zone: str, data: st.DataObject) -> None:
    """Two openings that share a wall-clock edge share an instant or overlap: no gap between them."""
    day = date(2030, 1, 1) + timedelta(days=data.draw(st.integers(0, 364)))
    opens = data.draw(st.integers(0, 1438))
    edge = data.draw(st.integers(opens + 1, 1439))
    whole = list(daily(zone, Hours(opens, 1440)).openings(day))
    halves = list(daily(zone, Hours(opens, edge), Hours(edge, 1440)).openings(day))
    assert min(half.start for half in halves) == whole[0].start
    assert max(half.end for half in halves) == whole[0].end
    calendar = daily(zone, Hours(opens, edge), Hours(edge, 1440)).over(day, day)
    assert calendar.covers(whole[0].start, whole[0].end)


@pytest.mark.parametrize("zone", ZONES)
@given(moment=st.datetimes(min_value=datetime(2029, 1, 1), max_value=datetime(2031, 12, 31)))  # noqa: DTZ001
def test_an_instant_that_the_clock_shows_once_is_that_instant(zone: str, moment: datetime) -> None:
    then = moment.replace(tzinfo=UTC)
    local = then.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    first, last = instant(local, ZoneInfo(zone)), instant(local, ZoneInfo(zone), closing=True)
    assert first <= then <= last
    assert then in (first, last)


def test_closing_at_or_before_opening_falls_on_the_next_day() -> None:
    assert hours("18:00", "02:00") == Hours(18 * 60, 26 * 60)
    assert hours("09:00", "09:00") == Hours(9 * 60, 33 * 60)
    assert hours("00:00", "24:00") == Hours(0, 24 * 60)
    calendar = daily("Europe/Berlin", hours("18:00", "02:00")).over(date(2030, 1, 8), date(2030, 1, 8))
    assert calendar.covers(utc(2030, 1, 8, 23), utc(2030, 1, 9, 1))
    assert calendar.covers(utc(2030, 1, 8, 0), utc(2030, 1, 8, 1))  # from the evening before
    assert not calendar.covers(utc(2030, 1, 8, 23), utc(2030, 1, 9, 1, 1))


def test_an_exception_replaces_the_hours_of_its_date() -> None:
    exceptions = {date(2030, 1, 8): (), date(2030, 1, 9): (hours("12:00", "14:00"),)}
    timetable = Timetable(ZoneInfo("UTC"), dict.fromkeys(WEEKDAYS, (hours("09:00", "17:00"),)), exceptions)
    assert list(timetable.openings(date(2030, 1, 8))) == []
    assert list(timetable.openings(date(2030, 1, 9))) == [Span(utc(2030, 1, 9, 12), utc(2030, 1, 9, 14))]
    assert list(timetable.openings(date(2030, 1, 10))) == [Span(utc(2030, 1, 10, 9), utc(2030, 1, 10, 17))]


def test_always_open_still_closes_on_a_dated_exception() -> None:
    timetable = Timetable(ZoneInfo("UTC"), None, {date(2030, 1, 8): ()})
    calendar = timetable.over(date(2030, 1, 7), date(2030, 1, 9))
    assert calendar.merged == [
        Span(utc(2030, 1, 6), utc(2030, 1, 8)),
        Span(utc(2030, 1, 9), utc(2030, 1, 10)),
    ]


def test_hours_that_the_clocks_skip_are_none() -> None:
    assert list(daily("Europe/Berlin", hours("02:10", "02:50")).openings(date(2030, 3, 31))) == []


def test_midnight_is_wall_clock() -> None:
    assert midnight(date(2030, 1, 8)).tzinfo is None
