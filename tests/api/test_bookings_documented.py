"""Refusals that come from beyond booking itself are in the document too."""

from datetime import timedelta

import httpx
import pytest

from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, at

BOOKINGS = "/api/v1/bookings"


async def documented(client: httpx.AsyncClient, method: str, path: str, answer: httpx.Response) -> bool:
    """Whether the document names this refusal for this operation, under its status."""
    responses = (await client.get("/openapi.json")).json()["paths"][path][method]["responses"]
    named: str = responses.get(str(answer.status_code), {}).get("description", "")
    return f"`{answer.json()['type']}`" in named


async def test_what_pricing_refuses(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    await house.rate(table, valid_to="2030-01-08")
    answer = await house.book(table, start_at=at(24))
    assert answer.json()["type"] == "no-rate-for-date"
    assert await documented(client, "post", BOOKINGS, answer)
    assert await documented(client, "post", "/bookings", answer)
    booking = await house.booked(table)
    path = f"{BOOKINGS}/{booking['id']}"
    moved = await client.put(path, json={"expected_version": 1, "start_at": at(24)})
    assert moved.json()["type"] == "no-rate-for-date"
    assert await documented(client, "put", f"{BOOKINGS}/{{booking_id}}", moved)


@pytest.mark.parametrize("tidied", [False, True])
async def test_a_hold_that_ran_out_before_the_sweep(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock, tidied: bool
) -> None:
    table = await house.table()
    await house.rate(table)
    booking = await house.booked(table)
    clock.advance(timedelta(minutes=16))
    if tidied:
        async with wired.sessions() as db:
            await wired.inventory(db).release_expired(now=clock.now())
    expected = "reservation-released" if tidied else "reservation-expired"
    confirmed = await house.move(booking, "CONFIRMED", override=True, reason="pays by invoice")
    assert confirmed.json()["type"] == expected
    assert await documented(client, "post", f"{BOOKINGS}/{{booking_id}}/status", confirmed)
    moved = await client.put(f"{BOOKINGS}/{booking['id']}", json={"expected_version": 1, "start_at": at(3)})
    assert moved.json()["type"] == expected
    assert await documented(client, "put", f"{BOOKINGS}/{{booking_id}}", moved)
