"""Guests against guests, over HTTP. Each race is also run without its guard, to show that it happens."""

import pytest

from holdfast.wiring import Wiring
from tests.concurrency.rush import (
    broken,
    column,
    rush,
    scalar,
    verdicts,
    without_advisory_locks,
    without_constraint,
    without_locks_on_buckets,
)
from tests.house import House, at

LIVE = "SELECT count(*) FROM inventory.allocations WHERE status <> 'released'"


async def written(wired: Wiring) -> dict[str, object]:
    tables = ("booking.bookings", "booking.history", "kernel.outbox")
    counts = {table: await scalar(wired, f"SELECT count(*) FROM {table}") for table in tables}
    return {**counts, "live": await scalar(wired, LIVE)}


@pytest.mark.every_postgres
async def test_of_64_guests_one_gets_the_slot(house: House, wired: Wiring) -> None:
    table = await house.table()
    answers = await rush(*(house.book(table) for _ in range(64)))
    assert verdicts(answers) == {(201, None): 1, (409, "slot-taken"): 63}
    # one creation, its way to confirmed in three steps, and an event for each of: created, changed, confirmed
    assert await written(wired) == {"booking.bookings": 1, "booking.history": 4, "kernel.outbox": 3, "live": 1}
    assert await broken(wired) == []


async def test_without_the_constraint_several_get_the_slot(house: House, wired: Wiring) -> None:
    table = await house.table()
    await without_constraint(wired, "inventory.allocations", "allocations_no_overlap")
    answers = await rush(*(house.book(table) for _ in range(64)))
    assert verdicts(answers)[201, None] > 1
    assert await broken(wired) == ["no exclusive resource is held twice at a time"]


async def test_overlapping_wishes_leave_no_overlap(house: House, wired: Wiring) -> None:
    """Starts five minutes apart, an hour each: who is in keeps out eleven neighbours on either side."""
    table = await house.table()
    answers = await rush(*(house.book(table, start_at=at(n / 12)) for n in range(48)))
    won = verdicts(answers)[201, None]
    assert verdicts(answers) == {(201, None): won, (409, "slot-taken"): 48 - won}
    # two keep out 46 starts at most, and of five the last would start 48 steps after the first
    assert won in (3, 4)
    assert await broken(wired) == []


@pytest.mark.every_postgres
async def test_of_60_guests_ten_get_the_ten_covers(house: House, wired: Wiring) -> None:
    covers = await house.pool(10)
    answers = await rush(*(house.book(covers, party_size=1) for _ in range(60)))
    assert verdicts(answers) == {(201, None): 10, (409, "slot-taken"): 50}
    assert await column(wired, "SELECT reserved FROM inventory.buckets ORDER BY bucket_at") == [10, 10, 10, 10]
    assert (await written(wired))["booking.bookings"] == 10
    assert await broken(wired) == []


async def test_without_the_locks_covers_are_sold_twice(house: House, wired: Wiring) -> None:
    covers = await house.pool(10)
    await house.booked(covers, party_size=1)
    await without_constraint(wired, "inventory.buckets", "buckets_within_capacity")
    await without_locks_on_buckets(wired)
    answers = await rush(*(house.book(covers, party_size=1) for _ in range(59)))
    assert 1 + verdicts(answers)[201, None] > 10
    assert await broken(wired) == ["no bucket holds more than its capacity"]


async def test_without_the_locks_the_constraint_still_refuses(house: House, wired: Wiring) -> None:
    """Two guards, one behind the other: the check alone also keeps the eleventh cover from being sold."""
    covers = await house.pool(10)
    await house.booked(covers, party_size=1)
    await without_locks_on_buckets(wired)
    answers = await rush(*(house.book(covers, party_size=1) for _ in range(59)))
    assert verdicts(answers) == {(201, None): 9, (409, "slot-taken"): 50}
    assert await broken(wired) == []


@pytest.mark.every_postgres
async def test_two_guests_at_the_venue_are_both_seated_while_two_tables_are_free(
    house: House, wired: Wiring
) -> None:
    tables = {(await house.table(name=f"Table {n}"))["id"] for n in range(2)}
    for hour in range(8):
        stay = {"venue_id": house.venue["id"], "start_at": at(hour)}
        answers = await rush(house.book(None, **stay), house.book(None, **stay))
        assert {answer.json()["resource_id"] for answer in answers} == tables
        assert verdicts([await house.book(None, **stay)]) == {(409, "slot-taken"): 1}
    assert await broken(wired) == []


async def test_without_the_lock_a_guest_is_turned_away_beside_a_free_table(house: House, wired: Wiring) -> None:
    for n in range(2):
        await house.table(name=f"Table {n}")
    await without_advisory_locks(wired)
    turned_away = 0
    for hour in range(8):
        stay = {"venue_id": house.venue["id"], "start_at": at(hour)}
        answers = await rush(house.book(None, **stay), house.book(None, **stay))
        turned_away += verdicts(answers).get((409, "slot-taken"), 0)
    assert turned_away > 0
    assert await broken(wired) == []
