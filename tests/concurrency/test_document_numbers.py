"""Fifty invoices at once, ten of them rolled back: not a number is lost or given twice."""

import asyncio
from uuid import UUID

from sqlalchemy import text

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentKind, DocumentOrder
from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.database import transaction
from holdfast.wiring import Wiring
from tests.concurrency.crowd import Sessions, connected
from tests.house import House, at

INVOICES, ROLLED_BACK = 50, 10


class ChangedTheirMind(Exception):
    """What a transaction fails with after its number was drawn."""


async def test_numbers_have_no_gap_and_no_double(wired: Wiring, house: House, sessions: Sessions) -> None:
    bookings = await fifty_bookings(house)
    await connected(wired.sessions, 20)

    async def invoice(index: int, booking_id: BookingId) -> None:
        order = DocumentOrder(booking_id=booking_id, kind=DocumentKind.INVOICE)
        async with wired.sessions() as db, transaction(db):
            await wired.document(db).generate(order, now=wired.clock.now(), actor=SYSTEM)
            if index % 5 == 4:
                raise ChangedTheirMind

    acts = [invoice(index, booking_id) for index, booking_id in enumerate(bookings)]
    ended = await asyncio.gather(*acts, return_exceptions=True)
    assert [type(each) for each in ended if each is not None] == [ChangedTheirMind] * ROLLED_BACK
    assert await numbers(wired) == [*range(1, INVOICES - ROLLED_BACK + 1)]
    assert [finding for finding in await wired.audit() if finding.breaches] == []
    async with sessions() as db:  # a number that nobody has
        await db.execute(text("UPDATE document.counters SET last = last + 1"))
    (found,) = [finding for finding in await wired.audit() if finding.breaches]
    assert [breach.detail for breach in found.breaches] == ["invoice 2030: 40 made, the last number is 41"]


async def test_a_sequence_would_have_gaps(sessions: Sessions) -> None:
    """The negative control: the same crowd, and the same ten of them, draws from a sequence."""
    async with sessions() as db:
        await db.execute(text("CREATE SEQUENCE document.control"))
    kept: list[int] = []

    async def draw(index: int) -> None:
        async with sessions() as db, transaction(db):
            number = await db.scalar(text("SELECT nextval('document.control')"))
            if index % 5 == 4:
                raise ChangedTheirMind
            kept.append(int(number or 0))

    await asyncio.gather(*map(draw, range(INVOICES)), return_exceptions=True)
    assert len(kept) == INVOICES - ROLLED_BACK
    assert sorted(kept) != [*range(1, INVOICES - ROLLED_BACK + 1)]


async def fifty_bookings(house: House) -> list[BookingId]:
    """Each at an hour of its own."""
    table = await house.table()
    await house.rate(table, terms="at_venue")
    made = [await house.booked(table, start_at=at(2 * hour)) for hour in range(INVOICES)]
    return [BookingId(UUID(booking["id"])) for booking in made]


async def numbers(wired: Wiring) -> list[int]:
    async with wired.sessions() as db:
        found = await db.scalars(text("SELECT number FROM document.documents WHERE kind = 'invoice'"))
        return sorted(int(number.rpartition("-")[2]) for number in found)
