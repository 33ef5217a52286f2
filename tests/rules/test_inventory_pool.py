"""Which buckets a booking takes."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import Span
from tests.rules.resources import a_resource


@pytest.mark.parametrize(
    ("zone", "minutes"),
    [
        ("Europe/Berlin", 60),
        ("America/New_York", -300),
        ("America/Santiago", -240),
        ("Australia/Lord_Howe", 630),
        ("Asia/Kolkata", 330),
    ],
)
def test_the_standard_offset_leaves_summer_time_out(zone: str, minutes: int) -> None:
    assert pool.standard_offset_minutes(ZoneInfo(zone), 2030) == minutes


def test_buckets_begin_on_round_local_times() -> None:
    kolkata = a_resource(exclusive=False, capacity=9, bucket_minutes=60, bucket_offset_minutes=330)
    half_past = datetime(2030, 1, 8, 4, 30, tzinfo=UTC)  # 10:00 in Kolkata
    assert pool.claimed(kolkata, half_past, half_past + timedelta(hours=1)) == Span(
        half_past, half_past + timedelta(hours=1)
    )


@given(
    size=st.sampled_from([5, 15, 30, 60, 240, 1440]),
    offset=st.sampled_from([-300, 0, 60, 330, 630]),
    start=st.integers(0, 100_000),
    length=st.integers(1, 5000),
    before=st.integers(0, 100),
    after=st.integers(0, 100),
)
def test_a_claim_takes_every_bucket_it_touches_and_no_other(
    size: int, offset: int, start: int, length: int, before: int, after: int
) -> None:
    resource = a_resource(
        exclusive=False,
        capacity=9,
        bucket_minutes=size,
        bucket_offset_minutes=offset,
        buffer_before_minutes=before,
        buffer_after_minutes=after,
    )
    begin = datetime(2030, 1, 1, tzinfo=UTC) + timedelta(minutes=start)
    end = begin + timedelta(minutes=length)
    padded, during = resource.padded(begin, end), pool.claimed(resource, begin, end)
    step = timedelta(minutes=size)
    assert during.start <= padded.start < during.start + step
    assert during.end - step < padded.end <= during.end
    assert (during.start - pool.EPOCH + timedelta(minutes=offset)) % step == timedelta()
    buckets = pool.buckets(resource, during)
    assert buckets[0] == during.start
    assert buckets[-1] + step == during.end


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Santiago", "Asia/Kolkata"])
@given(
    day=st.integers(0, 364), nights=st.integers(1, 30), arrives=st.integers(0, 1439), leaves=st.integers(0, 1439)
)
def test_a_stay_takes_its_local_nights(zone: str, day: int, nights: int, arrives: int, leaves: int) -> None:
    resource = a_resource(zone=zone, exclusive=False, capacity=9, nightly=True)
    local = ZoneInfo(zone)
    arrival = datetime(2030, 1, 1, tzinfo=local) + timedelta(days=day)
    start = (arrival + timedelta(minutes=arrives)).astimezone(UTC)
    end = (arrival + timedelta(days=nights, minutes=leaves)).astimezone(UTC)
    first, last = (moment.astimezone(local).date() for moment in (start, end))
    taken = [bucket.date() for bucket in pool.buckets(resource, pool.claimed(resource, start, end))]
    assert taken == [first + timedelta(days=n) for n in range((last - first).days)]
