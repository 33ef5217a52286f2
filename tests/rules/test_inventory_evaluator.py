"""Every reason for a no, at its exact edge."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.inventory import Reason
from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import WEEKDAYS, Span, hours
from holdfast.domains.inventory.rules.evaluator import Allocations, Counters, Gaps, Verdict, evaluate
from holdfast.domains.inventory.rules.resource import Need, Taken
from tests.rules.resources import a_resource

NOW = datetime(2030, 1, 7, 8, tzinfo=UTC)
TEN = datetime(2030, 1, 8, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOBODY = Allocations([])
NINE_TO_FIVE = dict.fromkeys(WEEKDAYS, (hours("09:00", "17:00"),))


def need(start: datetime, minutes: int = 60, guests: int = 1) -> Need:
    return Need(start, start + minutes * MINUTE, guests)


@pytest.mark.parametrize(
    ("rules", "wanted", "reason"),
    [
        ({}, need(NOW), None),
        ({}, need(NOW - MINUTE), Reason.TOO_SOON),
        ({"min_notice_minutes": 90}, need(NOW + 90 * MINUTE), None),
        ({"min_notice_minutes": 90}, need(NOW + 89 * MINUTE), Reason.TOO_SOON),
        ({"max_advance_days": 2}, need(datetime(2030, 1, 9, 23, 59, tzinfo=UTC)), None),
        ({"max_advance_days": 2}, need(datetime(2030, 1, 10, tzinfo=UTC)), Reason.TOO_FAR),
        # 23:30 UTC is tomorrow in Berlin
        (
            {"max_advance_days": 2, "zone": "Europe/Berlin"},
            need(datetime(2030, 1, 9, 23, tzinfo=UTC)),
            Reason.TOO_FAR,
        ),
        ({"min_duration_minutes": 60}, need(TEN, 60), None),
        ({"min_duration_minutes": 60}, need(TEN, 59), Reason.TOO_SHORT),
        ({"max_duration_minutes": 60}, need(TEN, 60), None),
        ({"max_duration_minutes": 60}, need(TEN, 61), Reason.TOO_LONG),
        ({"week": NINE_TO_FIVE}, need(TEN.replace(hour=9), 480), None),
        ({"week": NINE_TO_FIVE}, need(TEN.replace(hour=9), 481), Reason.CLOSED),
        ({"week": NINE_TO_FIVE}, need(TEN.replace(hour=9) - MINUTE), Reason.CLOSED),
        # a buffer may lie outside the opening hours
        ({"week": NINE_TO_FIVE, "buffer_after_minutes": 30}, need(TEN.replace(hour=16)), None),
        ({"exceptions": {date(2030, 1, 8): ()}}, need(TEN), Reason.CLOSED),
        ({"active": False}, need(TEN), Reason.CLOSED),
        ({"week": NINE_TO_FIVE, "grid_minutes": 45}, need(TEN.replace(hour=9) + 45 * MINUTE), None),
        ({"week": NINE_TO_FIVE, "grid_minutes": 45}, need(TEN), Reason.OFF_GRID),
        ({"grid_minutes": 45}, need(TEN.replace(hour=9)), None),
        ({"grid_minutes": 45}, need(TEN), Reason.OFF_GRID),
        ({"capacity": 4}, need(TEN, guests=4), None),
        ({"capacity": 4}, need(TEN, guests=5), Reason.CAPACITY),
        ({"capacity": 4, "exclusive": False, "bucket_minutes": 15}, need(TEN, guests=5), Reason.CAPACITY),
    ],
)
def test_the_resources_own_rules(rules: dict[str, object], wanted: Need, reason: Reason | None) -> None:
    resource = a_resource(**rules)  # type: ignore[arg-type]
    nobody = NOBODY if resource.exclusive else Counters({})
    assert evaluate(resource, wanted, nobody, now=NOW).reason is reason


@pytest.mark.parametrize(
    ("zone", "starts"),
    [("Europe/Berlin", 25), ("America/New_York", 24), ("Asia/Kolkata", 24)],
)
def test_the_grid_counts_elapsed_minutes_from_local_midnight(zone: str, starts: int) -> None:
    """On 2030-10-27 Berlin's day has 25 hours, and 25 hourly starts; New York's change comes a week later."""
    resource = a_resource(zone=zone, grid_minutes=60)
    minutes = [datetime(2030, 10, 26, tzinfo=UTC) + n * 5 * MINUTE for n in range(3 * 288)]
    today = [moment for moment in minutes if resource.timetable.local_date(moment) == date(2030, 10, 27)]
    on_grid = [each for each in today if evaluate(resource, need(each), NOBODY, now=NOW).reason is None]
    assert len(on_grid) == starts


HELD_UNTIL = NOW + 10 * MINUTE


def taken(start: datetime, minutes: int, *, held: bool = False, buffer: int = 0) -> Taken:
    end = start + minutes * MINUTE
    during = Span(start - buffer * MINUTE, end + buffer * MINUTE)
    return Taken(UUID(int=3), Span(start, end), during, HELD_UNTIL if held else None)


@pytest.mark.parametrize(
    ("others", "verdict"),
    [
        ([], Verdict(1)),
        ([taken(TEN + 60 * MINUTE, 60)], Verdict(1)),
        ([taken(TEN - 60 * MINUTE, 60)], Verdict(1)),
        ([taken(TEN + 59 * MINUTE, 60)], Verdict(0, Reason.TAKEN)),
        ([taken(TEN + 60 * MINUTE, 60, buffer=1)], Verdict(0, Reason.BUFFER)),
        ([taken(TEN + 60 * MINUTE, 60, buffer=1, held=True)], Verdict(0, Reason.BUFFER)),
        ([taken(TEN + 59 * MINUTE, 60, held=True)], Verdict(0, Reason.HELD, HELD_UNTIL)),
        ([taken(TEN, 30, held=True), taken(TEN + 30 * MINUTE, 30)], Verdict(0, Reason.TAKEN)),
        # when the hold lapses the committed one's buffer is still there
        ([taken(TEN, 30, held=True), taken(TEN + 60 * MINUTE, 30, buffer=5)], Verdict(0, Reason.BUFFER)),
    ],
)
def test_what_others_have_of_an_exclusive_resource(others: list[Taken], verdict: Verdict) -> None:
    assert evaluate(a_resource(), need(TEN), Allocations(others), now=NOW) == verdict


def test_gaps_and_allocations_agree() -> None:
    resource = a_resource(buffer_before_minutes=10, buffer_after_minutes=20)
    other = taken(TEN, 60, buffer=15)
    free = Gaps([Span(TEN - 600 * MINUTE, other.during.start), Span(other.during.end, TEN + 600 * MINUTE)])
    for n in range(-200, 200, 5):
        wanted = need(TEN + n * MINUTE, 30)
        by_gaps = evaluate(resource, wanted, free, now=NOW).reason is None
        assert by_gaps == (evaluate(resource, wanted, Allocations([other]), now=NOW).reason is None)


def test_a_pool_has_what_its_fullest_bucket_has_left() -> None:
    resource = a_resource(exclusive=False, capacity=10, bucket_minutes=15)
    left = Counters({TEN: 7, TEN + 15 * MINUTE: 3, TEN + 60 * MINUTE: 0})
    assert evaluate(resource, need(TEN, guests=3), left, now=NOW) == Verdict(3)
    assert evaluate(resource, need(TEN, guests=4), left, now=NOW) == Verdict(3, Reason.CAPACITY)
    assert evaluate(resource, need(TEN, 61), left, now=NOW) == Verdict(0, Reason.CAPACITY)


@given(
    st.dictionaries(st.integers(0, 60), st.integers(-1, 9)),
    st.integers(0, 60),
    st.integers(1, 40),
    st.integers(0, 5),
)
def test_the_least_of_a_span_is_the_least_of_its_buckets(
    left: dict[int, int], start: int, length: int, buffer: int
) -> None:
    resource = a_resource(exclusive=False, capacity=7, bucket_minutes=5, buffer_after_minutes=buffer)
    counters = Counters({TEN + 5 * n * MINUTE: units for n, units in left.items()})
    wanted = need(TEN + start * MINUTE, length)
    touched = pool.buckets(resource, pool.claimed(resource, wanted.start, wanted.end))
    least = min(counters.left.get(bucket, 7) for bucket in touched)
    assert counters.judge(resource, wanted).remaining == max(0, least)


def test_a_party_takes_whole_units() -> None:
    rooms = a_resource(exclusive=False, capacity=2, nightly=True, places_per_unit=2)
    assert [rooms.units(guests) for guests in (1, 2, 3, 4)] == [1, 1, 2, 2]
    tonight = need(TEN, 1440, guests=5)
    assert evaluate(rooms, tonight, Counters({}), now=NOW) == Verdict(2, Reason.CAPACITY)


def test_a_stay_needs_a_night_and_every_night_open() -> None:
    rooms = a_resource(exclusive=False, capacity=2, nightly=True, exceptions={date(2030, 1, 9): ()})
    empty = Counters({})
    assert evaluate(rooms, need(TEN, 13 * 60), empty, now=NOW).reason is Reason.TOO_SHORT
    assert evaluate(rooms, need(TEN, 1440), empty, now=NOW).reason is None
    assert evaluate(rooms, need(TEN, 2880), empty, now=NOW).reason is Reason.CLOSED


def test_a_claim_never_locks_more_buckets_than_it_may() -> None:
    bar = a_resource(exclusive=False, capacity=2, bucket_minutes=1)
    assert evaluate(bar, need(TEN, 5000), Counters({}), now=NOW).reason is None
    assert evaluate(bar, need(TEN, 5001), Counters({}), now=NOW).reason is Reason.TOO_LONG
