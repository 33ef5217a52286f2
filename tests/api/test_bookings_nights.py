"""Nights over the days on which Berlin changes its clocks: as many local dates, to the same wall-clock time."""

import httpx
import pytest

from tests.house import House, Json

# a week from Monday over the change, a week from Monday without one; local noon
AUTUMN = ("2030-10-21T10:00:00Z", "2030-10-28T11:00:00Z")
SPRING = ("2030-03-25T11:00:00Z", "2030-04-01T10:00:00Z")
SUMMER = ("2030-07-01T10:00:00Z", "2030-07-08T10:00:00Z")
CHANGES = pytest.mark.parametrize("week", [AUTUMN, SPRING, SUMMER], ids=["autumn", "spring", "summer"])
WEEK = 7 * 24 * 60


@pytest.fixture
async def rooms(house: House) -> Json:
    await house.open(timezone="Europe/Berlin", type="hotel")
    rooms = await house.pool(1, bucket_minutes="night", places_per_unit=2, kind="room")
    await house.rate(rooms, "100.00", per="night", terms="at_venue")
    return rooms


@CHANGES
@pytest.mark.parametrize("by", ["resource", "venue"])
async def test_seven_days_are_seven_nights(
    house: House, client: httpx.AsyncClient, rooms: Json, week: tuple[str, str], by: str
) -> None:
    where = {"resource_id": rooms["id"]} if by == "resource" else {"venue_id": house.venue["id"]}
    stay = {**where, "start_at": week[0], "duration_minutes": WEEK}
    booking = (await house.book(None, **stay)).json()
    assert (booking["start_at"], booking["end_at"], booking["price"]["total"]) == (*week, "700.00")
    taken = (await client.post("/api/v1/bookings/availability/check", json=stay)).json()
    assert (taken["available"], taken["reason"]) == (False, "capacity")
    # the night of departure is free, and so is the week that begins with it
    assert (await house.book(None, **{**stay, "start_at": week[1]})).status_code == 201


@CHANGES
async def test_a_move_by_its_start_keeps_the_nights(
    house: House, client: httpx.AsyncClient, rooms: Json, week: tuple[str, str]
) -> None:
    booking = await house.booked(rooms, start_at="2030-06-03T10:00:00Z", duration_minutes=WEEK)
    there = await client.put(
        f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, "start_at": week[0]}
    )
    assert (there.json()["start_at"], there.json()["end_at"]) == week
    assert there.json()["price"]["total"] == "700.00"
    back = await client.put(
        f"/api/v1/bookings/{booking['id']}", json={"expected_version": 2, "start_at": booking["start_at"]}
    )
    assert (back.json()["start_at"], back.json()["end_at"]) == (booking["start_at"], booking["end_at"])


async def test_a_move_keeps_the_wall_clock_time_of_departure(
    house: House, client: httpx.AsyncClient, rooms: Json
) -> None:
    """From 15:00 to 11:00 seven nights later, whatever hour the new arrival is."""
    booking = await house.booked(
        rooms, start_at="2030-06-03T13:00:00Z", end_at="2030-06-10T09:00:00Z", duration_minutes=None
    )
    moved = await client.put(
        f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, "start_at": "2030-10-21T18:00:00+02:00"}
    )
    assert moved.json()["end_at"] == "2030-10-28T10:00:00Z"


async def test_what_is_not_sold_by_the_night_keeps_its_elapsed_length(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.open(timezone="Europe/Berlin")
    hall = await house.table()
    booking = await house.booked(hall, start_at=AUTUMN[0], duration_minutes=WEEK)
    assert booking["end_at"] == "2030-10-28T10:00:00Z"
    moved = await client.put(
        f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, "start_at": SPRING[0]}
    )
    assert (moved.json()["duration_minutes"], moved.json()["end_at"]) == (WEEK, "2030-04-01T11:00:00Z")
