"""The ledger keeps its own order: nobody changes it, and a posting that does not balance is never committed."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.domains.payment.services import LedgerService
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import DatabaseError, RefusedByPolicy
from holdfast.kernel.paging import PageRequest
from tests.clock import MONDAY

LINE = """
INSERT INTO payment.journal (id, kind, subject, booking_id, at)
VALUES (:id, 'capture', :id, :id, '2030-01-07T08:00:00Z')
"""
ENTRY = (
    "INSERT INTO payment.entries (journal_id, account, minor, currency) VALUES (:id, :account, :minor, :currency)"
)
ONE = UUID(int=1)
PAGE = PageRequest()


async def post(db: AsyncSession, *entries: tuple[str, int, str]) -> None:
    async with transaction(db):
        await db.execute(text(LINE), {"id": ONE})
        for account, minor, currency in entries:
            said = {"id": ONE, "account": account, "minor": minor, "currency": currency}
            await db.execute(text(ENTRY), said)


async def lines(db: AsyncSession) -> int:
    return await db.scalar(text("SELECT count(*) FROM payment.journal")) or 0


@pytest.mark.every_postgres
@pytest.mark.parametrize(
    "entries",
    [
        [],
        [("guest", 100, "EUR")],
        [("guest", 100, "EUR"), ("revenue", -99, "EUR")],
        [("guest", 100, "EUR"), ("revenue", -100, "USD")],
        [("guest", 100, "EUR"), ("revenue", -100, "EUR"), ("taxes", 1, "JPY")],
    ],
    ids=["empty", "one entry", "a cent short", "two currencies", "a yen over"],
)
async def test_what_does_not_balance_is_not_committed(
    house_db: AsyncSession, entries: list[tuple[str, int, str]]
) -> None:
    with pytest.raises(DatabaseError):
        await post(house_db, *entries)
    assert await lines(house_db) == 0


async def test_each_currency_balances_for_itself(house_db: AsyncSession) -> None:
    await post(
        house_db, ("guest", 7, "JPY"), ("revenue", -7, "JPY"), ("guest", 100, "EUR"), ("revenue", -100, "EUR")
    )
    assert await lines(house_db) == 1
    held = await LedgerService(house_db).balances()
    assert [(each.account, each.amount, each.currency) for each in held.items] == [
        ("guest", "1.00", "EUR"),
        ("guest", "7", "JPY"),
        ("revenue", "-1.00", "EUR"),
        ("revenue", "-7", "JPY"),
    ]


async def test_an_entry_cannot_be_added_to_a_posting_that_stands(house_db: AsyncSession) -> None:
    await post(house_db, ("guest", 100, "EUR"), ("revenue", -100, "EUR"))
    with pytest.raises(DatabaseError):
        async with transaction(house_db):
            await house_db.execute(text(ENTRY), {"id": ONE, "account": "guest", "minor": 1, "currency": "EUR"})


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payment.entries SET minor = 0",
        "DELETE FROM payment.entries",
        "UPDATE payment.journal SET note = 'x'",
        "DELETE FROM payment.journal",
        "TRUNCATE payment.journal, payment.entries",
    ],
)
async def test_nobody_changes_the_ledger_not_even_its_owner(
    house_db: AsyncSession, engine: AsyncEngine, statement: str
) -> None:
    await post(house_db, ("guest", 100, "EUR"), ("revenue", -100, "EUR"))
    with pytest.raises(RefusedByPolicy):  # the application's role was never given the right
        async with transaction(house_db):
            await house_db.execute(text(statement))
    async with engine.connect() as owner:
        with pytest.raises(DBAPIError, match="only added to"):
            await owner.execute(text(statement))
    assert await lines(house_db) == 1
    page = await LedgerService(house_db).list_postings(PAGE, booking_id=BookingId(ONE))
    assert [each.at for each in page.items] == [MONDAY]
