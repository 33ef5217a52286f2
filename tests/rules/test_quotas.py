"""What two counters of a sliding window say: how much is left, and when there will be more."""

from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.gateways.quotas import Quota, Quotas, standing

TEN = Quota.of("auth", "10/minute")


@pytest.mark.parametrize(
    ("counted", "remaining", "seconds"),
    [
        # previous, its life, current, its life
        ((0, 0.0, 1, 119.9), 9, 60),
        ((0, 0.0, 10, 119.9), 0, 60),
        ((0, 0.0, 10, 60.5), 0, 1),
        ((10, 59.9, 0, 119.9), 1, 6),  # nine are carried over; one falls off every six seconds
        ((10, 30.0, 4, 90.0), 1, 1),
        ((10, 33.0, 4, 93.0), 1, 4),
        ((10, 5.0, 9, 65.0), 1, 6),  # what is carried weighs nothing any more: this window has to end
    ],
)
def test_what_is_left_and_when_there_is_more(
    counted: tuple[int, float, int, float], remaining: int, seconds: int
) -> None:
    found = standing(TEN, admitted=True, counted=counted)
    assert (found.remaining, found.seconds) == (remaining, seconds)


@given(
    previous=st.integers(0, 10), elapsed=st.floats(0, 59.999), current=st.integers(0, 10), limit=st.integers(1, 10)
)
def test_who_waits_so_long_as_told_is_admitted(previous: int, elapsed: float, current: int, limit: int) -> None:
    quota = Quota.of("any", f"{limit}/minute")
    carried = floor(previous * (60 - elapsed) / 60)
    if previous > limit or carried + current > limit:
        return  # never counted so far
    found = standing(quota, admitted=True, counted=(previous, 60 - elapsed, current, 120 - elapsed))
    later = elapsed + found.seconds
    if later >= 60:  # the window has ended and is now the one before
        previous, current, later = current, 0, later - 60
    assert floor(previous * (60 - later) / 60) + current < limit


async def test_a_quota_counts_every_caller_by_itself_and_ends() -> None:
    quotas = Quotas()
    day = Quota.of("auth", "3/day")
    assert [(await quotas.take(day, "a")).remaining for _ in range(3)] == [2, 1, 0]
    refused = await quotas.take(day, "a")
    assert (refused.admitted, refused.remaining) == (False, 0)
    assert 1 <= refused.seconds <= 86_400
    assert (await quotas.take(day, "b")).admitted


async def test_counters_that_ran_out_are_forgotten() -> None:
    memory = Quotas().memory
    await memory.incr("old", -1)
    await memory.incr("young", 60)
    memory.tidied_at = 0.0
    await memory.incr("young", 60)
    assert dict(memory.storage) == {"young": 2}
    assert set(memory.expirations) == {"young"}
