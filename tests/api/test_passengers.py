"""Passengers over HTTP: part of their booking, and of its version."""

import httpx
from sqlalchemy import text

from holdfast.wiring import Wiring
from tests.house import House

TOLD = "SELECT (data->>'version')::int FROM kernel.outbox WHERE type = 'booking.updated' ORDER BY id"


async def test_each_change_of_passengers_is_a_version_of_the_booking(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    booking = await house.booked(await house.table())
    path = f"/api/v1/bookings/{booking['id']}"
    added = await client.post(f"{path}/passengers", json={"full_name": "Guest"}, headers={"If-Match": '"1"'})
    assert added.status_code == 201
    now = await client.get(path, headers={"If-None-Match": '"1"'})
    assert (now.status_code, now.json()["version"], now.headers["etag"]) == (200, 2, '"2"')

    stale = await client.post(f"{path}/passengers", json={"full_name": "Child"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["type"], stale.json()["current_version"]) == (
        409,
        "version-conflict",
        2,
    )
    leaving = f"{path}/passengers/{added.json()['id']}"
    assert (await client.delete(leaving, headers={"If-Match": '"1"'})).json()["type"] == "version-conflict"
    assert (await client.delete(leaving, headers={"If-Match": '"2"'})).status_code == 204
    assert (await client.get(path)).headers["etag"] == '"3"'
    assert (await client.get(f"{path}/passengers")).json() == {"items": []}
    async with wired.sessions() as db:
        assert list(await db.scalars(text(TOLD))) == [2, 3]


async def test_a_party_is_not_cut_below_its_passengers(house: House, client: httpx.AsyncClient) -> None:
    booking = await house.booked(await house.table())
    path = f"/api/v1/bookings/{booking['id']}"
    for name in ("Guest", "Child"):
        assert (await client.post(f"{path}/passengers", json={"full_name": name})).status_code == 201
    full = await client.post(f"{path}/passengers", json={"full_name": "Dog"})
    assert (full.status_code, full.json()["type"]) == (409, "too-many-passengers")
    cut = await client.put(path, json={"expected_version": 3, "party_size": 1})
    assert (cut.status_code, cut.json()["type"], cut.json()["passengers"]) == (409, "party-below-passengers", 2)
    assert cut.json()["pointer"] == "/party_size"
    assert (await client.put(path, json={"expected_version": 3, "party_size": 3})).status_code == 200
