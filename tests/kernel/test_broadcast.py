"""What is said is heard by all who listen, after the commit; a lost connection is opened again."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.broadcast import ANYBODY_LISTENS, MAX_BYTES, Ear, broadcast
from holdfast.kernel.database import NoTransaction, transaction

Sessions = async_sessionmaker[AsyncSession]


class Listener(Ear):
    def __init__(self, url: str) -> None:
        self.got: asyncio.Queue[str] = asyncio.Queue()
        super().__init__(url, self.got.put_nowait)

    async def next(self) -> str:
        return await asyncio.wait_for(self.got.get(), 30)


@pytest.fixture
async def ears(database_url: str) -> AsyncIterator[list[Listener]]:
    ears = [Listener(database_url), Listener(database_url)]
    yield ears
    for ear in ears:
        await ear.rest()


async def say(sessions: Sessions, word: str) -> None:
    async with sessions() as db, transaction(db):
        await broadcast(db, word)


async def anybody(sessions: Sessions) -> bool:
    async with sessions() as db:
        return bool(await db.scalar(select(ANYBODY_LISTENS)))


async def test_all_who_listen_hear_what_was_committed_and_nothing_else(
    sessions: Sessions, ears: list[Listener]
) -> None:
    await say(sessions, "too early")
    for ear in ears:
        await ear.attend()
    with pytest.raises(LookupError):
        async with sessions() as db, transaction(db):
            await broadcast(db, "taken back")
            raise LookupError
    await say(sessions, "one")
    await say(sessions, "two")
    assert [[await ear.next(), await ear.next()] for ear in ears] == [["one", "two"]] * 2


async def test_whether_anybody_listens_is_seen_and_ends_with_the_last(
    sessions: Sessions, ears: list[Listener]
) -> None:
    assert not await anybody(sessions)
    for ear in ears:
        await ear.attend()
    await ears[0].rest()
    assert await anybody(sessions)
    await ears[1].rest()
    assert not await anybody(sessions)


async def test_who_loses_the_connection_listens_again(sessions: Sessions, ears: list[Listener]) -> None:
    ear = ears[0]
    await ear.attend()
    ended = ear.open
    async with sessions() as db:
        kill = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'holdfast realtime'"
        )
        await db.execute(text(f"{kill} AND datname = current_database()"))
        async with asyncio.timeout(30):
            while ended.is_set():
                await db.execute(text("SELECT pg_sleep(0.02)"))
    async with asyncio.timeout(30):
        await ear.open.wait()
    await say(sessions, "again")
    assert await ear.next() == "again"


async def test_only_in_a_transaction_and_not_too_long(sessions: Sessions) -> None:
    async with sessions() as db:
        with pytest.raises(NoTransaction):
            await broadcast(db, "alone")
        async with transaction(db):
            await broadcast(db, "x" * MAX_BYTES)
            with pytest.raises(ValueError, match="at most"):
                await broadcast(db, "x" * (MAX_BYTES + 1))
