"""The audit sees what was broken behind everybody's back, and raises no alarm for what goes on meanwhile."""

import asyncio

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.database import snapshot
from holdfast.kernel.errors import DatabaseError
from holdfast.wiring import Wiring
from tests.api.test_booking_items import add
from tests.house import House, at

HOLDS = "a sold booking holds its claim"
HOLDS_NOTHING = "a given-up booking holds nothing"
AGREES = "a booking and its claim agree in resource and time"
ITEMS_HOLD = "a sold booking's confirmed items hold what is ours of them"
GONE_ITEMS = "a removed or given-up item holds nothing"
REPLAYS = "history replays to the present state"


async def broken(wired: Wiring) -> dict[str, list[str]]:
    return {each.invariant: [one.detail for one in each.breaches] for each in await wired.audit() if each.breaches}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE booking.bookings SET status = 'CANCELLED', lifecycle_status = 'cancelled' WHERE id = :id",
            {HOLDS_NOTHING, REPLAYS},
        ),
        (
            "UPDATE inventory.allocations SET status = 'released', released_at = now() WHERE booking_id = :id",
            {HOLDS},
        ),
        (
            "UPDATE inventory.allocations SET status = 'held', expires_at = now() WHERE booking_id = :id",
            {HOLDS},
        ),
        ("UPDATE booking.bookings SET end_at = end_at + interval '1 hour' WHERE id = :id", {AGREES}),
        ("UPDATE booking.bookings SET resource_id = gen_random_uuid() WHERE id = :id", {AGREES}),
        ("UPDATE booking.history SET version = 9 WHERE booking_id = :id", {REPLAYS}),
        (
            "UPDATE booking.history SET version = 2 WHERE id = "
            "(SELECT min(id) FROM booking.history WHERE booking_id = :id)",
            {REPLAYS},
        ),
    ],
)
async def test_a_planted_breach_is_found(
    house: House, wired: Wiring, db: AsyncSession, statement: str, expected: set[str]
) -> None:
    """Planted by the owner of the tables: the application's role may not rewrite history."""
    table = await house.table()
    await house.booked(table, start_at=at(5))
    booking = await house.booked(table)
    assert await broken(wired) == {}
    await db.execute(text(statement), {"id": booking["id"]})
    assert set(await broken(wired)) == expected


OF_GUIDE = "WHERE booking_id = :id AND item > 1"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"UPDATE inventory.allocations SET status = 'released', released_at = now() {OF_GUIDE}", {ITEMS_HOLD}),
        (f"UPDATE inventory.allocations SET status = 'held', expires_at = now() {OF_GUIDE}", {ITEMS_HOLD}),
        ("UPDATE booking.items SET reservation_id = NULL WHERE booking_id = :id", {ITEMS_HOLD}),
        ("UPDATE booking.items SET end_at = end_at + interval '1 hour' WHERE booking_id = :id", {ITEMS_HOLD}),
        (
            "UPDATE booking.items SET status = 'removed', confirmed_at = NULL, reservation_id = NULL "
            "WHERE booking_id = :id",
            {GONE_ITEMS},
        ),
        (
            "UPDATE booking.bookings SET status = 'CANCELLED', lifecycle_status = 'cancelled' WHERE id = :id",
            {HOLDS_NOTHING, GONE_ITEMS, REPLAYS},
        ),
    ],
)
async def test_a_breach_planted_in_an_item_is_found(
    house: House, wired: Wiring, db: AsyncSession, statement: str, expected: set[str]
) -> None:
    booking = await house.booked(await house.table())
    guide = await house.table(name="Guide")
    await add(house, booking, kind="guide", resource_id=guide["id"], price="0.00")
    assert await broken(wired) == {}
    await db.execute(text(statement), {"id": booking["id"]})
    assert set(await broken(wired)) == expected


async def test_nothing_that_happens_meanwhile_is_an_alarm(
    house: House, wired: Wiring, client: httpx.AsyncClient
) -> None:
    table = await house.table()
    over = asyncio.Event()

    async def book_move_and_cancel(number: int) -> None:
        while not over.is_set():
            booking = await house.booked(table, start_at=at(24 * number))
            path = f"/api/v1/bookings/{booking['id']}"
            body = {"expected_version": 1, "start_at": at(24 * number + 2)}
            assert (await client.put(path, json=body)).status_code == 200
            assert (await client.post(f"{path}/cancel", json={"reason": "no"})).status_code == 200

    guests = [asyncio.create_task(book_move_and_cancel(number)) for number in range(1, 5)]
    alarms = [await broken(wired) for _ in range(15)]
    over.set()
    await asyncio.gather(*guests)
    assert alarms == [{}] * 15


async def test_the_audit_can_write_nothing_and_may_take_its_time(wired: Wiring) -> None:
    async with wired.sessions() as db:
        async with snapshot(db):
            assert await db.scalar(text("SHOW statement_timeout")) == "1h"
            assert await db.scalar(text("SHOW transaction_isolation")) == "repeatable read"
        with pytest.raises(DatabaseError):
            async with snapshot(db):
                await db.execute(text("DELETE FROM kernel.outbox"))
        assert await db.scalar(text("SHOW statement_timeout")) == "30s"
