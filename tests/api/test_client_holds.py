"""What callers may do to claims over HTTP: everything to their own holds, nothing to what a booking has."""

from uuid import uuid4

import httpx
import pytest

from holdfast.settings import Settings
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, Json, at, serving

INVENTORY = "/api/v1/inventory"
ITS_TIME = {"start_at": at(0), "end_at": at(1)}
ELSEWHERE = {"start_at": at(3), "end_at": at(4)}
SOON = "2030-01-07T08:15:00Z"


async def hold(client: httpx.AsyncClient, resource: Json, **fields: object) -> httpx.Response:
    body = {"booking_id": str(uuid4()), "resource_id": resource["id"], **ITS_TIME, "expires_at": SOON, **fields}
    return await client.post(f"{INVENTORY}/reserve", json=body)


async def held(client: httpx.AsyncClient, resource: Json, **fields: object) -> Json:
    answer = await hold(client, resource, **fields)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def update(client: httpx.AsyncClient, reservation_id: str, **fields: object) -> httpx.Response:
    body = {"reservation_id": reservation_id, **fields}
    return await client.post(f"{INVENTORY}/update-reservation", json=body)


async def release(client: httpx.AsyncClient, **by: str) -> httpx.Response:
    return await client.post(f"{INVENTORY}/release", json=by)


@pytest.mark.parametrize("pooled", [False, True])
@pytest.mark.parametrize("paid", [False, True])
async def test_nobody_moves_or_frees_a_bookings_claim_behind_its_back(
    house: House, client: httpx.AsyncClient, wired: Wiring, pooled: bool, paid: bool
) -> None:
    place = await (house.pool(2) if pooled else house.table())
    if not paid:
        await house.rate(place)
    booking = await house.booked(place)
    assert booking["status"] == ("CONFIRMED" if paid else "PENDING")
    claim = booking["reservation_id"]
    refused = [
        await update(client, claim, **ELSEWHERE),
        await update(client, claim, **ITS_TIME, quantity=1),
        await update(client, claim, **ITS_TIME),
        await release(client, reservation_id=claim),
        await release(client, booking_id=booking["id"]),
    ]
    problem = "reservation-committed" if paid else "reservation-of-booking"
    assert [(each.status_code, each.json()["type"]) for each in refused] == [(409, problem)] * 5
    assert (await house.book(place)).status_code == 409
    assert [finding.invariant for finding in await wired.audit() if finding.breaches] == []

    moved = await client.put(f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, "start_at": at(3)})
    assert moved.status_code == 200
    cancelled = await client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "plans changed"})
    assert cancelled.status_code == 200
    for by in ({"reservation_id": claim}, {"booking_id": booking["id"]}):
        assert (await release(client, **by)).json() == {"released": 0}


@pytest.mark.parametrize("size", [{}, {"quantity": None}])
async def test_a_change_that_names_no_quantity_keeps_it(
    house: House, client: httpx.AsyncClient, size: Json
) -> None:
    pool = await house.pool(4)
    mine = await held(client, pool, quantity=3)
    moved = (await update(client, mine["reservation_id"], **ELSEWHERE, **size)).json()
    assert (moved["quantity"], moved["units"], moved["start_at"]) == (3, 3, "2030-01-08T15:00:00Z")
    smaller = (await update(client, mine["reservation_id"], **ELSEWHERE, quantity=1)).json()
    assert (smaller["quantity"], smaller["units"]) == (1, 1)


async def test_a_hold_lasts_no_longer_than_is_allowed(
    house: House, database_url: str, clock: SettableClock
) -> None:
    wired = Wiring(Settings(), database_url, clock)
    async with serving(wired) as client:
        house.client = client
        table = await house.table()
        for expiry in ("2030-01-08T08:00:01Z", "2200-01-01T00:00:00Z"):
            answer = await hold(client, table, expires_at=expiry)
            problem = answer.json()
            assert (answer.status_code, problem["type"]) == (422, "hold-too-long")
            assert (problem["pointer"], problem["latest"]) == ("/expires_at", "2030-01-08T08:00:00Z")
        assert (await hold(client, table, expires_at="2030-01-08T08:00:00Z")).status_code == 201
