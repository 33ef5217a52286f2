"""Rows that another version wrote: other keys than this version knows, fewer, or more."""

import pytest
from sqlalchemy import text

from holdfast.wiring import Wiring
from tests.house import House, Json

KEY = {"Idempotency-Key": "from-before"}


async def change(wired: Wiring, statement: str) -> None:
    async with wired.sessions() as db:
        await db.execute(text(statement))


@pytest.fixture
async def booking(house: House) -> Json:
    table = await house.table()
    await house.rate(table, terms="at_venue")
    return await house.booked(table)


async def test_a_kept_answer_is_given_again_as_it_was(house: House, wired: Wiring) -> None:
    table = await house.table()
    first = (await house.book(table, headers=KEY)).json()
    await change(
        wired,
        """UPDATE kernel.idempotency_keys
           SET answer = ((answer::jsonb - 'notes' - 'venue')
                        || '{"colour": "blue", "guest": {"called": "Guest"}}')::json""",
    )
    again = await house.book(table, headers=KEY)
    assert again.status_code == 201, again.text
    assert (again.headers["etag"], again.headers["idempotency-replayed"]) == ('"1"', "true")
    assert again.headers["location"] == f"/api/v1/bookings/{first['id']}"
    assert again.headers["content-type"] == "application/json"
    del first["notes"], first["venue"]
    assert again.json() == {**first, "colour": "blue", "guest": {"called": "Guest"}}


async def test_a_booking_with_snapshots_of_another_shape_lives_on(
    house: House, wired: Wiring, booking: Json
) -> None:
    await change(
        wired,
        """UPDATE booking.bookings SET
               price = jsonb_set(price #- '{lines,0,included}', '{lines,0,why}', '"because"') || '{"extra": 1}',
               policy = (policy - 'no_show_percent') || '{"kind": {"of": 1}}',
               refund_due = '{"amount": "1.00", "currency": "EUR", "percent": "5", "by": "card"}'""",
    )
    path = f"/api/v1/bookings/{booking['id']}"
    seen = await house.client.get(path)
    assert seen.status_code == 200, seen.text
    assert seen.json()["price"] == booking["price"]
    assert seen.json()["refund_due"] == {"amount": "1.00", "currency": "EUR", "percent": "5"}
    cancelled = await house.client.post(f"{path}/cancel", json={"reason": "plans changed"})
    assert cancelled.status_code == 200, cancelled.text


async def test_a_venues_policy_of_another_shape_is_read(house: House, wired: Wiring) -> None:
    table = await house.table()
    path = f"/api/v1/bookings/policies/{house.venue['id']}"
    await house.client.put(path, json={"tiers": [{"hours_before_start": 24, "percent": 50}]})
    await change(wired, """UPDATE booking.policies SET policy = (policy - 'no_show_percent') || '{"more": 1}'""")
    assert (await house.client.get(path)).json()["no_show_percent"] == 0
    assert (await house.book(table)).status_code == 201


async def test_a_default_that_is_spelled_out_is_the_same_request_and_a_null_that_clears_is_not(
    house: House,
) -> None:
    table = await house.table()
    first = await house.book(table, headers=KEY)
    again = await house.book(table, headers=KEY, metadata={})
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])

    path = f"/api/v1/bookings/{first.json()['id']}"
    body = {"expected_version": 1, "party_size": 3}
    assert (await house.client.put(path, json=body, headers=KEY)).status_code == 200
    cleared = await house.client.put(path, json={**body, "notes": None}, headers=KEY)
    assert (cleared.status_code, cleared.json()["type"]) == (422, "idempotency-key-reused")
