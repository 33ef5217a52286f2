"""What is due, what was captured, and what a move to another price does to both."""

import uuid
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, Json, at

DATA = "SELECT data FROM kernel.outbox WHERE type = 'booking.updated' ORDER BY id"
EUROS = {"valid_to": "2030-01-08"}
ZLOTYS = {"valid_from": "2030-01-09", "currency": "PLN"}


async def pay(
    wired: Wiring,
    booking: Json,
    minor: int = 12_000,
    *,
    currency: str = "EUR",
    capture_id: uuid.UUID | None = None,
) -> BookingView:
    async with wired.sessions() as db:
        return await wired.booking(db).record_capture(
            BookingId(uuid.UUID(booking["id"])),
            Money(minor, currency),
            capture_id=capture_id or uuid7(),
            now=wired.clock.now(),
            actor=SYSTEM,
        )


async def updates(wired: Wiring) -> list[Json]:
    async with wired.sessions() as db:
        return list(await db.scalars(text(DATA)))


async def refund_requests(wired: Wiring) -> list[Json]:
    async with wired.sessions() as db:
        told = "SELECT data FROM kernel.outbox WHERE type = 'booking.refund_requested' ORDER BY id"
        return list(await db.scalars(text(told)))


async def move(client: httpx.AsyncClient, booking: Json, **fields: object) -> httpx.Response:
    return await client.put(f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, **fields})


@pytest.fixture
async def table(house: House) -> Json:
    """Sold for euros until tomorrow, for zlotys from the day after."""
    table = await house.table()
    await house.rate(table, **EUROS)
    await house.rate(table, amount="500.00", **ZLOTYS)
    return table


async def test_a_move_into_another_currency_is_priced_and_due_in_that_one(
    house: House, client: httpx.AsyncClient, wired: Wiring, table: Json
) -> None:
    booking = await house.booked(table)
    assert (booking["price"]["currency"], booking["balance"]) == ("EUR", "120.00")
    moved = (await move(client, booking, start_at=at(24))).json()
    assert (moved["price"]["currency"], moved["price"]["total"], moved["balance"]) == ("PLN", "500.00", "500.00")
    refused = (await house.move(booking, "CONFIRMED")).json()
    assert (refused["type"], refused["amount"], refused["currency"]) == ("payment-due", "500.00", "PLN")
    (told,) = await updates(wired)
    assert (told["currency"], told["total"], told["balance"]) == ("PLN", "500.00", "500.00")
    assert (told["previous_currency"], told["previous_total"]) == ("EUR", "120.00")


async def test_money_that_was_captured_keeps_a_booking_in_its_currency(
    house: House, client: httpx.AsyncClient, wired: Wiring, table: Json
) -> None:
    booking = await house.booked(table)
    await pay(wired, booking, 5_000)
    before = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    answer = await move(client, before, expected_version=2, start_at=at(24))
    assert (answer.status_code, answer.json()["type"]) == (409, "currency-changed")
    assert (answer.json()["captured_currency"], answer.json()["price_currency"]) == ("EUR", "PLN")
    assert (await client.get(f"/api/v1/bookings/{booking['id']}")).json() == before
    assert (await house.book(table, start_at=at(24))).status_code == 201


async def test_a_move_to_a_dearer_time_is_paid_for_before_check_in(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock
) -> None:
    table = await house.table()
    await house.rate(table, adjustments=[{"kind": "weekday", "days": ["wed"], "percent": "50"}])
    booking = await house.booked(table)
    paid = await pay(wired, booking)
    assert (paid.status, paid.balance) == ("CONFIRMED", "0.00")
    moved = (await move(client, booking, expected_version=2, start_at=at(24))).json()
    assert (moved["status"], moved["price"]["total"], moved["balance"]) == ("CONFIRMED", "180.00", "60.00")
    told = (await updates(wired))[-1]
    assert (told["previous_total"], told["total"], told["balance"]) == ("120.00", "180.00", "60.00")

    assert (await house.move(booking, "CHECKED_IN")).json()["type"] == "check-in-not-open"
    clock.advance(timedelta(hours=40))
    refused = await house.move(booking, "CHECKED_IN")
    assert (refused.status_code, refused.json()["type"], refused.json()["amount"]) == (409, "payment-due", "60.00")
    arrived = await house.move(booking, "CHECKED_IN", override=True, reason="pays at the desk")
    assert arrived.json()["status"] == "CHECKED_IN"


async def test_a_move_to_a_cheaper_time_asks_for_the_difference_back(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    table = await house.table()
    await house.rate(table, adjustments=[{"kind": "weekday", "days": ["wed"], "percent": "-50"}])
    booking = await house.booked(table)
    await pay(wired, booking)
    moved = (await move(client, booking, expected_version=2, start_at=at(24))).json()
    assert (moved["price"]["due_now"], moved["balance"], moved["outstanding"]) == ("60.00", "0.00", "0.00")
    (request,) = await refund_requests(wired)
    assert (request["refund_amount"], request["refund_currency"], request["capture_id"]) == ("60.00", "EUR", None)
    assert request["cause"] == "cheaper"
    again = (await move(client, booking, expected_version=3, start_at=at(0))).json()
    assert (again["price"]["due_now"], again["balance"]) == ("120.00", "60.00")
    assert len(await refund_requests(wired)) == 1


async def test_what_is_paid_at_the_venue_keeps_nobody_from_checking_in(house: House, clock: SettableClock) -> None:
    table = await house.table()
    await house.rate(table, terms="at_venue")
    booking = await house.booked(table)
    assert (booking["status"], booking["balance"]) == ("CONFIRMED", "0.00")
    clock.advance(timedelta(hours=28))
    assert (await house.move(booking, "CHECKED_IN")).json()["status"] == "CHECKED_IN"


async def test_a_capture_counts_once_and_is_told(house: House, client: httpx.AsyncClient, wired: Wiring) -> None:
    table = await house.table()
    await house.rate(table)
    booking, other = await house.booked(table), await house.booked(table, start_at=at(3))
    first = uuid.uuid4()
    paid = await pay(wired, booking, 5_000, capture_id=first)
    assert (paid.status, paid.version, paid.balance) == ("PENDING", 2, "70.00")
    assert await pay(wired, booking, 5_000, capture_id=first) == paid
    (told,) = await updates(wired)
    assert (told["changed"], told["version"], told["balance"]) == (["captured"], 2, "70.00")
    for wrong in ({"booking": other, "minor": 5_000}, {"booking": booking, "minor": 6_000}):
        with pytest.raises(Refusal) as refused:
            await pay(wired, **wrong, capture_id=first)  # type: ignore[arg-type]
        assert refused.value.problem_type() == "capture-id-reused"
    assert (await pay(wired, booking, 7_000)).status == "CONFIRMED"
    await client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    assert (await pay(wired, booking, 5_000, capture_id=first)).status == "CANCELLED"


async def test_a_capture_in_another_currency_goes_back_and_pays_nothing(house: House, wired: Wiring) -> None:
    table = await house.table()
    await house.rate(table)
    booking = await house.booked(table)
    capture_id = uuid.uuid4()
    for _ in range(2):
        unpaid = await pay(wired, booking, currency="PLN", capture_id=capture_id)
        assert (unpaid.status, unpaid.balance) == ("PENDING", "120.00")
    (request,) = await refund_requests(wired)
    assert (request["refund_amount"], request["refund_currency"]) == ("120.00", "PLN")
    assert (request["capture_id"], request["cause"]) == (str(capture_id), "other_currency")
    assert (await pay(wired, booking)).status == "CONFIRMED"
    assert [finding for finding in await wired.audit() if finding.breaches] == []
