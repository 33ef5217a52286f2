"""Changes of one booking against each other, over HTTP; with the row's lock taken away, both are believed."""

from datetime import timedelta

import httpx
import pytest

from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.concurrency.rush import (
    broken,
    claim_of,
    rush,
    scalar,
    told,
    verdict,
    verdicts,
    without_row_locks_on_bookings,
)
from tests.house import House, Json, at

WON = (200, None)
STALE = (409, "version-conflict")
ROUNDS = 8


async def update(house: House, booking: Json, **fields: object) -> httpx.Response:
    return await house.client.put(f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, **fields})


async def cancel(house: House, booking: Json, **fields: object) -> httpx.Response:
    body = {"reason": "plans changed", **fields}
    return await house.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json=body)


async def confirm(house: House, booking: Json, **fields: object) -> httpx.Response:
    return await house.move(booking, "CONFIRMED", override=True, reason="pays by invoice", **fields)


async def present(house: House, booking: Json) -> Json:
    return (await house.client.get(f"/api/v1/bookings/{booking['id']}")).json()  # type: ignore[no-any-return]


@pytest.fixture
async def pending(house: House) -> list[Json]:
    """Bookings that wait for their money."""
    table = await house.table()
    await house.rate(table)
    return [await house.booked(table, start_at=at(n)) for n in range(ROUNDS)]


@pytest.mark.every_postgres
async def test_of_a_cancel_and_a_confirm_of_one_version_one_wins(
    house: House, wired: Wiring, pending: list[Json]
) -> None:
    for number, booking in enumerate(pending):
        acts = [cancel(house, booking, expected_version=1), confirm(house, booking, expected_version=1)]
        answers = await rush(*(acts if number % 2 else reversed(acts)))
        assert verdicts(answers) == {WON: 1, STALE: 1}
        won = next(answer.json() for answer in answers if answer.is_success)
        assert won["version"] == 2
        assert await present(house, booking) == won
        confirmed = won["status"] == "CONFIRMED"
        assert await claim_of(wired, booking) == ["committed" if confirmed else "released"]
        ending = "booking.confirmed" if confirmed else "booking.cancelled"
        assert await told(wired, booking) == ["booking.created", "booking.status_changed", ending]
    assert await broken(wired) == []


async def test_a_cancel_that_names_no_version_always_prevails_over_a_confirm(
    house: House, wired: Wiring, pending: list[Json]
) -> None:
    for booking in pending:
        confirmed, cancelled = await rush(confirm(house, booking), cancel(house, booking))
        assert verdict(cancelled) == WON
        assert verdict(confirmed) in (WON, (409, "transition-not-allowed"))
        now = await present(house, booking)
        assert (now["status"], now["version"]) == ("CANCELLED", 3 if confirmed.is_success else 2)
        assert await claim_of(wired, booking) == ["released"]
    assert await broken(wired) == []


async def test_without_the_rows_lock_cancel_and_confirm_both_win(
    house: House, wired: Wiring, pending: list[Json]
) -> None:
    await without_row_locks_on_bookings(wired)
    answers = []
    for booking in pending:
        answers += await rush(
            cancel(house, booking, expected_version=1), confirm(house, booking, expected_version=1)
        )
    assert verdicts(answers)[WON] > ROUNDS
    assert "history replays to the present state" in await broken(wired)


@pytest.mark.every_postgres
async def test_of_twelve_updates_of_one_version_one_wins(house: House, wired: Wiring) -> None:
    booking = await house.booked(await house.table())
    answers = await rush(*(update(house, booking, notes=f"from {n}") for n in range(12)))
    assert verdicts(answers) == {WON: 1, STALE: 11}
    assert {answer.json()["current_version"] for answer in answers if answer.is_error} == {2}
    won = next(answer.json() for answer in answers if answer.is_success)
    assert await present(house, booking) == won
    assert (await told(wired, booking))[3:] == ["booking.updated"]
    assert await broken(wired) == []


async def test_without_the_rows_lock_updates_are_lost(house: House, wired: Wiring) -> None:
    booking = await house.booked(await house.table())
    await without_row_locks_on_bookings(wired)
    answers = await rush(*(update(house, booking, notes=f"from {n}") for n in range(12)))
    assert verdicts(answers)[WON] > 1
    assert (await present(house, booking))["version"] == 2


@pytest.mark.parametrize("pooled", [False, True])
async def test_of_two_moves_into_one_free_time_one_arrives(house: House, wired: Wiring, pooled: bool) -> None:
    place = await (house.pool(2) if pooled else house.table())
    for hour in range(0, 3 * ROUNDS, 3):
        first = await house.booked(place, start_at=at(hour))
        second = await house.booked(place, start_at=at(hour + 1))
        answers = await rush(*(update(house, each, start_at=at(hour + 2)) for each in (first, second)))
        assert verdicts(answers) == {WON: 1, (409, "slot-taken"): 1}
        for before, answer in zip((first, second), answers, strict=True):
            assert await present(house, before) == (before if answer.is_error else answer.json())
            assert await claim_of(wired, before) == ["committed"]
    assert await broken(wired) == []


@pytest.mark.parametrize("pooled", [False, True])
async def test_a_swap_is_refused_to_both_and_neither_waits_for_the_other(
    house: House, wired: Wiring, pooled: bool
) -> None:
    """Each would go where the other still is; nobody gives way first, and nobody is left without a place."""
    place = await (house.pool(2) if pooled else house.table())
    for hour in range(0, 2 * ROUNDS, 2):
        first = await house.booked(place, start_at=at(hour))
        second = await house.booked(place, start_at=at(hour + 1))
        answers = await rush(update(house, first, start_at=at(hour + 1)), update(house, second, start_at=at(hour)))
        assert verdicts(answers) == {(409, "slot-taken"): 2}
        assert [await present(house, each) for each in (first, second)] == [first, second]
    assert await broken(wired) == []


async def test_a_move_against_a_newcomer_leaves_one_there(house: House, wired: Wiring) -> None:
    table = await house.table()
    for hour in range(0, 2 * ROUNDS, 2):
        booking = await house.booked(table, start_at=at(hour))
        moved, created = await rush(
            update(house, booking, start_at=at(hour + 1)), house.book(table, start_at=at(hour + 1))
        )
        assert sorted([moved.is_success, created.is_success]) == [False, True]
        assert verdict(created if created.is_error else moved) == (409, "slot-taken")
    held = "SELECT count(*) FROM inventory.allocations WHERE status = 'committed'"
    assert await scalar(wired, held) == await scalar(wired, "SELECT count(*) FROM booking.bookings")
    assert await broken(wired) == []


async def test_a_move_against_a_cancel_leaves_nothing_held_by_a_cancelled_booking(
    house: House, wired: Wiring
) -> None:
    table = await house.table()
    for hour in range(ROUNDS):
        booking = await house.booked(table, start_at=at(hour))
        moved, cancelled = await rush(update(house, booking, start_at=at(40)), cancel(house, booking))
        assert verdict(cancelled) == WON
        assert verdict(moved) in (WON, STALE)
        now = await present(house, booking)
        assert (now["status"], now["version"]) == ("CANCELLED", 3 if moved.is_success else 2)
        assert await claim_of(wired, booking) == ["released"]
    assert await broken(wired) == []


async def test_of_a_check_in_and_a_cancel_of_one_version_one_wins(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    clock.advance(timedelta(hours=4))  # check-in is open for all that begins until tomorrow noon
    table = await house.table()
    for hour in range(ROUNDS):
        booking = await house.booked(table, start_at=at(hour / 2 - 4), duration_minutes=30)
        acts = [
            house.move(booking, "CHECKED_IN", expected_version=1),
            cancel(house, booking, expected_version=1),
        ]
        answers = await rush(*(acts if hour % 2 else reversed(acts)))
        assert verdicts(answers) == {WON: 1, STALE: 1}
        won = next(answer.json() for answer in answers if answer.is_success)
        assert await present(house, booking) == won
        assert await claim_of(wired, booking) == ["committed" if won["status"] == "CHECKED_IN" else "released"]
        assert len(await told(wired, booking)) == 5
    assert await broken(wired) == []
