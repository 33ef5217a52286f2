"""Venues, resources and the inventory over HTTP: paths, names and statuses that clients rely on."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from holdfast.wiring import Wiring
from tests.api.junk import is_problem, rows
from tests.api.writes import period
from tests.clock import SettableClock
from tests.house import House, Json, at

VENUES, RESOURCES, INVENTORY = "/api/v1/venues", "/api/v1/resources", "/api/v1/inventory"
NOTHING = str(UUID(int=7))
VENUE: Json = {"name": "Seaview", "type": "hotel", "timezone": "Europe/Berlin", "currency": "EUR"}
RULES: Json = {
    "opening_hours": [{"days": ["mon", "tue"], "opens": "09:00", "closes": "22:00"}],
    "exceptions": [
        {"date": "2030-01-08", "closed": True},
        {"date": "2030-01-09", "opens": "10:00", "closes": "12:00"},
    ],
    "buffer_before_minutes": 5,
    "buffer_after_minutes": 10,
    "min_notice_minutes": 60,
    "max_advance_days": 30,
    "min_duration_minutes": 30,
    "max_duration_minutes": 120,
}


async def hold(client: httpx.AsyncClient, resource: Json, **fields: Any) -> httpx.Response:
    body = {
        "booking_id": str(uuid4()),
        "resource_id": resource["id"],
        **period(0),
        "quantity": 1,
        "expires_at": "2030-01-07T08:15:00Z",
        **fields,
    }
    return await client.post(f"{INVENTORY}/reserve", json=body)


async def held(client: httpx.AsyncClient, resource: Json, **fields: Any) -> Json:
    answer = await hold(client, resource, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def free(client: httpx.AsyncClient, resource: Json, **fields: Any) -> Json:
    body = {"resource_id": resource["id"], **period(0), "quantity": 1, **fields}
    answer = await client.post(f"{INVENTORY}/check-availability", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["hotel", "restaurant", "cafe", "retail", "clinic"])
async def test_a_venue_is_made_read_listed_and_changed(client: httpx.AsyncClient, kind: str) -> None:
    answer = await client.post(VENUES, json={**VENUE, "type": kind, "address": "1 Harbour Road"})
    assert answer.status_code == 201
    venue = answer.json()
    assert venue | VENUE | {"type": kind, "address": "1 Harbour Road"} == venue
    assert UUID(venue["id"]).version == 7
    assert venue["created_at"] == "2030-01-07T08:00:00Z"
    assert (await client.get(f"{VENUES}/{venue['id']}")).json() == venue
    assert (await client.get(VENUES)).json() == {"items": [venue], "page": 1, "limit": 50, "total": 1}
    changed = await client.patch(f"{VENUES}/{venue['id']}", json={"name": "Hillview", "address": None})
    assert changed.status_code == 200
    assert changed.json() == {**venue, "name": "Hillview", "address": None}
    is_problem(await client.patch(f"{VENUES}/{venue['id']}", json={"timezone": "UTC"}), 422, "invalid-request")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timezone", "Mars/Base"),
        ("timezone", "europe/berlin"),
        ("currency", "EURO"),
        ("currency", "XXX"),
        ("name", " "),
    ],
)
async def test_a_venue_needs_a_zone_and_a_currency_that_exist(
    client: httpx.AsyncClient, field: str, value: str
) -> None:
    problem = is_problem(await client.post(VENUES, json={**VENUE, field: value}), 422, "invalid-request")
    assert problem["pointer"] == f"/{field}"


async def test_lists_come_in_pages(house: House, client: httpx.AsyncClient) -> None:
    made = [(await house.open(name=f"House {n}"))["id"] for n in range(3)]
    first = (await client.get(VENUES, params={"page": 1, "limit": 2})).json()
    second = (await client.get(VENUES, params={"page": 2, "limit": 2})).json()
    assert [each["id"] for page in (first, second) for each in page["items"]] == made
    assert [(page["page"], page["limit"], page["total"]) for page in (first, second)] == [(1, 2, 3), (2, 2, 3)]
    assert (await client.get(VENUES, params={"limit": 200})).status_code == 200
    is_problem(await client.get(VENUES, params={"limit": 201}), 422, "invalid-request")
    assert (await client.get(VENUES, params={"type": "clinic"})).json()["total"] == 0
    table = await house.table()
    here = (await client.get(RESOURCES, params={"venue_id": made[-1]})).json()
    assert (here["items"], here["total"]) == ([table], 1)
    assert (await client.get(RESOURCES, params={"venue_id": made[0]})).json()["items"] == []


async def test_a_resource_with_every_rule_is_made_read_and_changed(
    house: House, client: httpx.AsyncClient
) -> None:
    venue = await house.open(timezone="Europe/Berlin")
    body = {"venue_id": venue["id"], "name": "Room 1", "kind": "room", "mode": "exclusive", "capacity": 2, **RULES}
    answer = await client.post(RESOURCES, json=body)
    assert answer.status_code == 201
    room = answer.json()
    known = {name: room[name] for name in body if name != "exceptions"}
    assert known == {name: each for name, each in body.items() if name != "exceptions"}
    assert [each["date"] for each in room["exceptions"]] == ["2030-01-08", "2030-01-09"]
    assert (room["timezone"], room["bucket_minutes"], room["active"]) == ("Europe/Berlin", None, True)
    path = f"{RESOURCES}/{room['id']}"
    assert (await client.get(path)).json() == room
    changed = (await client.patch(path, json={"name": "Room 2", "min_notice_minutes": 0})).json()
    assert changed == {**room, "name": "Room 2", "min_notice_minutes": 0}
    is_problem(await client.patch(path, json={"max_duration_minutes": 10}), 422, "rules-contradict")
    is_problem(await client.patch(path, json={"mode": "pooled"}), 422, "invalid-request")
    assert (await client.get(path)).json() == changed
    is_problem(await client.post(RESOURCES, json={**body, "venue_id": NOTHING}), 404, "venue-not-found")


@pytest.mark.parametrize("bucket", [15, "night", None])
async def test_a_pool_counts_by_minutes_or_nights(house: House, client: httpx.AsyncClient, bucket: object) -> None:
    pool = await house.pool(10, bucket_minutes=bucket)
    assert (pool["mode"], pool["capacity"], pool["bucket_minutes"]) == ("pooled", 10, bucket or 15)
    times = {"start_at": at(3), "end_at": at(23)} if bucket == "night" else period(0)
    assert await free(client, pool, quantity=4, **times) | {"available": True, "remaining": 10, "reason": None}
    await held(client, pool, quantity=4, **times)
    assert (await free(client, pool, quantity=6, **times))["remaining"] == 6
    refused = await free(client, pool, quantity=7, **times)
    assert (refused["available"], refused["remaining"], refused["reason"]) == (False, 6, "capacity")
    problem = is_problem(await hold(client, pool, quantity=7, **times), 409, "slot-taken")
    assert (problem["reason"], problem["remaining"]) == ("capacity", 6)
    patch = await client.patch(f"{RESOURCES}/{pool['id']}", json={"capacity": 3})
    is_problem(patch, 409, "capacity-below-reserved")


async def test_slots_are_what_can_be_held(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table(opening_hours=[{"days": ["tue"], "opens": "12:00", "closes": "15:00"}])
    path = f"{RESOURCES}/{table['id']}/slots"
    asked: dict[str, str | int] = {"from": "2030-01-08", "to": "2030-01-09", "duration_minutes": 60, "quantity": 1}
    listed = (await client.get(path, params=asked)).json()["items"]
    assert listed == [
        {"start_at": f"2030-01-08T{hour}:00:00Z", "end_at": f"2030-01-08T{hour + 1}:00:00Z", "remaining": 1}
        for hour in (12, 13, 14)
    ]
    for slot in listed[:2]:
        await held(client, table, start_at=slot["start_at"], end_at=slot["end_at"])
    assert (await client.get(path, params=asked)).json()["items"] == listed[2:]


async def test_a_resource_without_hours_is_always_open(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    assert (await free(client, table, start_at=at(12), end_at=at(13)))["available"] is True


async def test_reserve_holds_once_and_the_next_is_told_why(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock
) -> None:
    table = await house.table()
    reservation = await held(client, table)
    assert reservation["status"] == "held"
    assert (reservation["start_at"], reservation["end_at"]) == ("2030-01-08T12:00:00Z", "2030-01-08T13:00:00Z")
    assert (reservation["quantity"], reservation["resource_id"]) == (1, table["id"])
    assert reservation["expires_at"] == "2030-01-07T08:15:00Z"
    before = await rows(wired)
    again = await held(client, table, booking_id=reservation["booking_id"])
    assert again["reservation_id"] == reservation["reservation_id"]
    problem = is_problem(await hold(client, table), 409, "slot-taken")
    assert (problem["reason"], problem["held_until"]) == ("held", "2030-01-07T08:15:00Z")
    checked = await free(client, table)
    assert (checked["available"], checked["remaining"], checked["reason"]) == (False, 0, "held")
    other = await hold(client, table, booking_id=reservation["booking_id"], **period(3))
    is_problem(other, 409, "another-reservation")
    assert await rows(wired) == before
    clock.advance(timedelta(minutes=15))
    assert (await free(client, table))["available"] is True
    assert (await hold(client, table, expires_at=at(-1))).status_code == 201


RULED: Json = {
    "opening_hours": [{"days": ["tue"], "opens": "12:00", "closes": "20:00"}],
    "min_notice_minutes": 24 * 60,
    "max_advance_days": 20,
    "min_duration_minutes": 30,
    "max_duration_minutes": 120,
    "grid_minutes": 30,
}


@pytest.mark.parametrize(
    ("times", "reason", "pointer"),
    [
        ({"start_at": at(7.5), "end_at": at(8.5)}, "closed", "/start_at"),
        ({"start_at": at(-5), "end_at": at(-4)}, "too_soon", "/start_at"),
        ({"start_at": at(21 * 24), "end_at": at(21 * 24 + 1)}, "too_far", "/start_at"),
        ({"start_at": at(0), "end_at": at(0.25)}, "too_short", "/end_at"),
        ({"start_at": at(0), "end_at": at(3)}, "too_long", "/end_at"),
        ({"start_at": at(0.25), "end_at": at(1.25)}, "off_grid", "/start_at"),
    ],
)
async def test_what_the_rules_do_not_allow_is_422_with_the_reason(
    house: House, client: httpx.AsyncClient, wired: Wiring, times: Json, reason: str, pointer: str
) -> None:
    table = await house.table(**RULED)
    before = await rows(wired)
    problem = is_problem(await hold(client, table, **times), 422, "not-bookable")
    assert (problem["reason"], problem["pointer"]) == (reason, pointer)
    checked = await free(client, table, **times)
    assert (checked["available"], checked["remaining"], checked["reason"]) == (False, 0, reason)
    is_problem(await hold(client, table, quantity=5), 422, "party-too-large")
    is_problem(await hold(client, table, expires_at="2030-01-07T08:00:00Z"), 422, "hold-in-the-past")
    is_problem(await hold(client, {"id": NOTHING}), 404, "resource-not-found")
    assert await rows(wired) == before


@pytest.mark.parametrize("by", ["reservation_id", "booking_id"])
async def test_releasing_twice_is_fine(house: House, client: httpx.AsyncClient, by: str) -> None:
    table = await house.table()
    reservation = await held(client, table)
    for _ in range(2):
        answer = await client.post(f"{INVENTORY}/release", json={by: reservation[by]})
        assert answer.status_code == 200
    assert (await free(client, table))["available"] is True
    unknown = await client.post(f"{INVENTORY}/release", json={by: NOTHING})
    assert (unknown.status_code, unknown.json()) == (200, {"released": 0})
    both = {"reservation_id": NOTHING, "booking_id": NOTHING}
    for body in ({}, both):
        is_problem(await client.post(f"{INVENTORY}/release", json=body), 422, "invalid-request")


async def test_a_reservation_moves_whole_or_stays(
    house: House, client: httpx.AsyncClient, clock: SettableClock
) -> None:
    table = await house.table(max_duration_minutes=120)
    mine = await held(client, table)
    theirs = await held(client, table, **period(3))

    async def move(reservation_id: str, **fields: Any) -> httpx.Response:
        body = {"reservation_id": reservation_id, "quantity": 1, **fields}
        return await client.post(f"{INVENTORY}/update-reservation", json=body)

    moved = await move(mine["reservation_id"], **period(1.5))
    assert moved.status_code == 200
    assert (moved.json()["reservation_id"], moved.json()["start_at"]) == (
        mine["reservation_id"],
        "2030-01-08T13:30:00Z",
    )
    assert (await free(client, table))["available"] is True
    is_problem(await move(mine["reservation_id"], **period(3.5)), 409, "slot-taken")
    is_problem(await move(mine["reservation_id"], start_at=at(5), end_at=at(9)), 422, "not-bookable")
    is_problem(await move(NOTHING, **period(5)), 404, "reservation-not-found")
    is_problem(await move(mine["reservation_id"], resource_id=NOTHING, **period(5)), 404, "resource-not-found")
    assert (await free(client, table, **period(1.5)))["reason"] == "held"
    await client.post(f"{INVENTORY}/release", json={"reservation_id": theirs["reservation_id"]})
    is_problem(await move(theirs["reservation_id"], **period(8)), 409, "reservation-released")
    clock.advance(timedelta(minutes=15))
    is_problem(await move(mine["reservation_id"], **period(8)), 409, "reservation-expired")


async def test_a_booking_carries_what_clients_read(house: House, client: httpx.AsyncClient) -> None:
    booking = await house.booked(await house.table())
    names = """id reference status lifecycle_status version resource_id reservation_id venue guest start_at end_at
        duration_minutes party_size price payment notes metadata expires_at created_at updated_at confirmed_at
        checked_in_at completed_at cancelled_at"""
    assert set(names.split()) <= set(booking)
    assert set(booking["venue"]) == {"id", "type", "name"}
    assert set(booking["guest"]) == {"id", "name", "email", "phone"}
    assert set(booking["price"]) == {
        "currency", "lines", "subtotal", "fees", "taxes", "total", "due_now", "terms",
    }  # fmt: skip
    answer = await client.get(f"/api/v1/bookings/{booking['id']}")
    assert answer.headers["etag"] == f'"{booking["version"]}"'


@pytest.mark.parametrize(
    "times", [{"duration_minutes": 300}, {"start_at": "2150-01-01T12:00:00Z", "duration_minutes": 60}]
)
async def test_nothing_else_is_sought_where_no_other_time_would_do(
    house: House, client: httpx.AsyncClient, times: Json
) -> None:
    table = await house.table(**RULED)
    stay = {"resource_id": table["id"], "start_at": at(0), "party_size": 2, **times}
    answer = await client.post("/api/v1/bookings/availability/check", json=stay)
    assert answer.json()["reason"] in {"too_long", "too_far"}
    assert answer.json()["alternatives"] == []
