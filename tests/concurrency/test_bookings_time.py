"""Time against guests: sweeps against payments, and against each other."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.wiring import Wiring
from holdfast.worker import Worker
from tests.clock import SettableClock
from tests.concurrency.rush import (
    broken,
    claim_of,
    rush,
    scalar,
    told,
    without_constraint,
    without_row_locks_on_bookings,
)
from tests.house import House, Json, at

PRICE = Money(12_000, "EUR")
TTL = timedelta(minutes=15)
INSTANT = timedelta(microseconds=1)


async def pending(house: House, count: int) -> list[Json]:
    """Bookings that wait for their money, each at a table's time of its own."""
    table = await house.table()
    await house.rate(table)
    return [await house.booked(table, start_at=at(n)) for n in range(count)]


async def pay(
    wired: Wiring, booking: Json, *, now: datetime, capture_id: UUID | None = None
) -> BookingView | Refusal:
    async with wired.sessions() as db:
        try:
            return await wired.booking(db).record_capture(
                BookingId(UUID(booking["id"])), PRICE, capture_id=capture_id or uuid7(), now=now, actor=SYSTEM
            )
        except Refusal as refusal:
            return refusal


async def sweep(wired: Wiring, *, now: datetime, limit: int = 200, rounds: int = 1) -> int:
    moved = 0
    for _ in range(rounds):
        async with wired.sessions() as db:
            moved += await wired.booking(db).expire_pending(now=now, limit=limit)
    return moved


async def tidy(wired: Wiring, *, now: datetime) -> int:
    async with wired.sessions() as db:
        return await wired.inventory(db).release_expired(now=now)


async def present(house: House, booking: Json) -> Json:
    return (await house.client.get(f"/api/v1/bookings/{booking['id']}")).json()  # type: ignore[no-any-return]


@pytest.mark.every_postgres
async def test_at_the_end_of_its_time_a_paid_booking_is_confirmed_whoever_comes_first(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    """Every payment comes a microsecond before the end, four sweepers and the tidying of holds at the end: what
    they took first, the money claims again."""
    bookings = await pending(house, 24)
    end = clock.now() + TTL
    payments = [pay(wired, booking, now=end - INSTANT) for booking in bookings]
    sweeps = [sweep(wired, now=end, limit=3, rounds=4) for _ in range(4)]
    paid = asyncio.gather(*payments[:12], *sweeps[:2], tidy(wired, now=end), *payments[12:], *sweeps[2:])
    answers = [each for each in await paid if not isinstance(each, int)]
    assert [each for each in answers if not isinstance(each, BookingView)] == []
    while await sweep(wired, now=end):
        pass
    for booking in bookings:
        assert (await present(house, booking))["status"] == "CONFIRMED"
        assert (await claim_of(wired, booking)).count("committed") == 1
        expired = ["booking.status_changed", "booking.expired"]
        confirmed = ["booking.status_changed", "booking.confirmed"]
        assert (await told(wired, booking))[1:] in (confirmed, [*expired, *confirmed])
    assert await broken(wired) == []


async def test_money_at_the_very_end_claims_the_time_again(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    (booking,) = await pending(house, 1)
    assert await sweep(wired, now=clock.now() + TTL - INSTANT) == 0
    paid = await pay(wired, booking, now=clock.now() + TTL)
    assert isinstance(paid, BookingView)
    assert (paid.status, paid.version) == ("CONFIRMED", 2)
    assert set(await claim_of(wired, booking)) == {"committed", "released"}
    assert await sweep(wired, now=clock.now() + TTL) == 0
    assert await broken(wired) == []


async def two_late(house: House, wired: Wiring, clock: SettableClock) -> list[Json]:
    """Two bookings that had the same slot one after the other, both expired, and nobody has it now."""
    table = await house.table()
    await house.rate(table)
    bookings = []
    for _ in range(2):
        bookings.append(await house.booked(table))
        clock.advance(TTL)
        assert await sweep(wired, now=clock.now()) == 1
    return bookings


@pytest.mark.every_postgres
async def test_of_two_late_payments_for_one_slot_one_gets_it_and_one_goes_back(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    bookings = await two_late(house, wired, clock)
    await rush(*(pay(wired, booking, now=clock.now()) for booking in bookings))
    statuses = [(await present(house, booking))["status"] for booking in bookings]
    assert sorted(statuses) == ["CONFIRMED", "EXPIRED"]
    loser = bookings[statuses.index("EXPIRED")]
    assert (await told(wired, loser))[-2:] == ["booking.updated", "booking.refund_requested"]
    assert await scalar(wired, "SELECT count(*) FROM kernel.outbox WHERE type = 'booking.refund_requested'") == 1
    assert await broken(wired) == []


async def test_without_the_constraint_both_late_payments_get_the_slot(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    bookings = await two_late(house, wired, clock)
    await without_constraint(wired, "inventory.allocations", "allocations_no_overlap")
    await rush(*(pay(wired, booking, now=clock.now()) for booking in bookings))
    statuses = [(await present(house, booking))["status"] for booking in bookings]
    assert statuses == ["CONFIRMED", "CONFIRMED"]
    assert await broken(wired) == ["no exclusive resource is held twice at a time"]


async def test_one_capture_told_eight_times_at_once_is_counted_once(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    (booking,) = await pending(house, 1)
    capture_id = uuid7()
    answers = await rush(*(pay(wired, booking, now=clock.now(), capture_id=capture_id) for _ in range(8)))
    assert all(isinstance(each, BookingView) and each.balance == "0.00" for each in answers)
    assert (await present(house, booking))["version"] == 2
    assert await scalar(wired, "SELECT captured_minor FROM booking.bookings") == PRICE.minor
    assert (await told(wired, booking))[1:] == ["booking.status_changed", "booking.confirmed"]
    assert await broken(wired) == []


@pytest.mark.every_postgres
async def test_eight_sweepers_expire_every_booking_once(house: House, wired: Wiring, clock: SettableClock) -> None:
    bookings = await pending(house, 40)
    end = clock.now() + TTL
    swept = await rush(*(sweep(wired, now=end, limit=3, rounds=6) for _ in range(8)))
    assert sum(swept) + await sweep(wired, now=end) == 40
    assert max(swept) < 40
    for booking in bookings:
        assert await told(wired, booking) == ["booking.created", "booking.status_changed", "booking.expired"]
        assert await claim_of(wired, booking) == ["released"]
    assert await scalar(wired, "SELECT count(*) FROM booking.history WHERE to_status = 'EXPIRED'") == 40
    assert await broken(wired) == []


async def test_without_the_rows_lock_sweepers_expire_bookings_again(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    await pending(house, 12)
    await without_row_locks_on_bookings(wired)
    swept = await rush(*(sweep(wired, now=clock.now() + TTL) for _ in range(4)))
    assert sum(swept) > 12
    assert await broken(wired) == ["history replays to the present state"]


async def test_no_show_sweeps_against_check_ins(house: House, wired: Wiring, clock: SettableClock) -> None:
    """Whoever is checked in is no no-show, and the other way round; nobody is both."""
    table = await house.table()
    bookings = [await house.booked(table, start_at=at(n)) for n in range(12)]
    late = clock.advance(timedelta(hours=48))

    async def no_shows() -> int:
        async with wired.sessions() as db:
            return await wired.booking(db).mark_no_shows(started_by=late, now=late, limit=2)

    acts = [house.move(booking, "CHECKED_IN") for booking in bookings]
    answers, marked = await asyncio.gather(rush(*acts), rush(*(no_shows() for _ in range(4))))
    statuses = Counter([(await present(house, booking))["status"] for booking in bookings])
    assert statuses == Counter({"CHECKED_IN": sum(each.is_success for each in answers), "NO_SHOW": sum(marked)})
    refused = [answer.json()["type"] for answer in answers if answer.is_error]
    assert refused == ["transition-not-allowed"] * sum(marked)
    await Worker(wired).relay.drain()  # two days have passed: what is untold counts as stuck
    assert await broken(wired) == ["no message is stuck"], "nobody sends mail here"
