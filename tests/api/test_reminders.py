"""Guests are reminded of what they booked and of what is still to be paid: once, in time, in their language."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import text

from holdfast.contracts.identity import Role
from holdfast.kernel.relay import Relay
from holdfast.wiring import Wiring
from holdfast.worker import send_reminders
from tests.accounts import account, signed_in
from tests.clock import SettableClock
from tests.house import TOMORROW_NOON, House, Json, at
from tests.people import EMAIL

MINUTE = timedelta(minutes=1)


@dataclass
class Desk:
    """A house that reminds."""

    wired: Wiring
    house: House
    clock: SettableClock

    async def booked(self, hours: float, **fields: object) -> Json:
        table = await self.house.table()
        if price := fields.pop("price", None):
            await self.house.rate(table, str(price), terms="at_venue")
        booking = await self.house.booked(table, start_at=at(hours), **fields)
        assert booking["status"] == "CONFIRMED"
        await self.relay()
        return booking

    async def relay(self) -> None:
        await Relay(self.wired.sessions, self.wired.reactions, self.clock).drain()

    async def at(self, hours: float) -> None:
        """Every worker looks, so many hours after tomorrow noon."""
        self.clock.set(TOMORROW_NOON + timedelta(hours=hours))
        await asyncio.gather(*(send_reminders(self.wired) for _ in range(3)))

    async def sent(self) -> list[tuple[str, str, str]]:
        """Reminders so far: template, language and what it says is still to be paid."""
        async with self.wired.sessions() as db:
            rows = await db.execute(
                text(
                    "SELECT template, language, coalesce(details->>'outstanding', '') AS outstanding"
                    " FROM notification.messages WHERE category = 'reminder' ORDER BY created_at, id"
                )
            )
            return [(row.template, row.language, row.outstanding) for row in rows]


@pytest.fixture
def desk(wired: Wiring, house: House, clock: SettableClock) -> Desk:
    return Desk(wired, house, clock)


async def test_a_guest_is_reminded_once_a_day_before(desk: Desk) -> None:
    await desk.booked(96)
    await desk.at(71.9)
    assert await desk.sent() == []
    await desk.at(72)
    assert await desk.sent() == [("booking_reminder", "en", "")]
    await desk.at(80)
    assert len(await desk.sent()) == 1


async def test_what_is_still_to_be_paid_is_said_three_days_before(desk: Desk) -> None:
    await desk.booked(96, price="1200.00", metadata={"language": "de-CH"})
    await desk.at(24)
    assert await desk.sent() == [("balance_due", "de", "1.200,00 EUR")]
    await desk.at(72)
    assert await desk.sent() == [("balance_due", "de", "1.200,00 EUR"), ("booking_reminder", "de", "1.200,00 EUR")]


async def test_a_booking_that_moved_is_reminded_of_at_its_new_time(desk: Desk) -> None:
    booking = await desk.booked(96)
    change = {"expected_version": booking["version"], "start_at": at(144)}
    moved = await desk.house.client.put(f"/api/v1/bookings/{booking['id']}", json=change)
    assert moved.status_code == 200, moved.text
    await desk.relay()
    await desk.at(72)
    assert await desk.sent() == []
    await desk.at(120)
    assert len(await desk.sent()) == 1


async def test_what_was_cancelled_or_has_begun_is_not_reminded_of(desk: Desk) -> None:
    booking = await desk.booked(96)
    await desk.booked(100)
    await desk.house.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "rain"})
    await desk.at(101)
    assert await desk.sent() == []


async def test_who_books_a_day_before_needs_no_reminder(desk: Desk) -> None:
    await desk.booked(-6)
    await desk.at(-6.1)
    assert await desk.sent() == []


async def test_who_wants_none_gets_none(desk: Desk) -> None:
    user_id = await account(desk.wired, Role.CUSTOMER)
    choice = {"language": "fr", "messages": {"reminders": {"email": False, "in_app": True}}}
    header = await signed_in(desk.house.client)
    answer = await desk.house.client.put("/api/v1/users/me/preferences", json=choice, headers=header)
    assert answer.status_code == 200, answer.text
    await desk.booked(96, guest={"id": str(user_id), "name": "Ann", "email": EMAIL})
    await desk.at(72)
    assert await desk.sent() == []
    header = await signed_in(desk.house.client)
    inbox = (await desk.house.client.get("/api/v1/notifications", headers=header)).json()["items"]
    assert [each["template"] for each in inbox] == ["booking_reminder", "booking_confirmed"]
    assert inbox[0]["title"] == "À bientôt : Seaview, samedi 12 janvier 2030, 12:00 (UTC)"


async def test_a_reminder_that_cannot_be_written_holds_up_no_other(desk: Desk) -> None:
    lost = await desk.booked(96)
    await desk.booked(97)
    async with desk.wired.sessions() as db:
        await db.execute(
            text("UPDATE notification.reminders SET booking_id = gen_random_uuid() WHERE booking_id = :id"),
            {"id": lost["id"]},
        )
    await desk.at(73)
    assert len(await desk.sent()) == 1
    async with desk.wired.sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM notification.reminders WHERE ended_at IS NULL")) == 0


@pytest.mark.parametrize("url", [None, "https://example.org/review"])
async def test_a_guest_is_thanked_when_it_is_over(desk: Desk, url: str | None) -> None:
    settings = desk.wired.settings
    told = settings.notification.model_copy(update={"review_url": url})
    desk.wired = Wiring(settings.model_copy(update={"notification": told}), desk.wired.database_url, desk.clock)
    booking = await desk.booked(0, metadata={"language": "fr"})
    thanks = text(
        "SELECT language, details ->> 'review_url' FROM notification.messages WHERE template = 'booking_completed'"
    )
    for status in ("CHECKED_IN", "COMPLETED"):
        async with desk.wired.sessions() as db:
            assert (await db.execute(thanks)).all() == []
        assert (await desk.house.move(booking, status, override=True, reason="early")).status_code == 200
        await desk.relay()
    async with desk.wired.sessions() as db:
        assert [tuple(row) for row in await db.execute(thanks)] == [("fr", url)]
    await desk.wired.engine.dispose()
