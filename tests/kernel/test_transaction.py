"""`transaction`: what is committed, what is undone, and what leaves it instead of a database error."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.kernel.access import Caller
from holdfast.kernel.database import (
    NoTransaction,
    TransactionDoomed,
    create_engine,
    savepoint,
    session_factory,
    transaction,
)
from holdfast.kernel.errors import Busy, Conflict, DatabaseError, DatabaseUnreachable
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import Event, record

Sessions = async_sessionmaker[AsyncSession]

WRITE = text("INSERT INTO kernel.inbox (event_id, reaction) VALUES (:id, 'test')")
COUNT = text("SELECT count(*) FROM kernel.inbox")
TOLD = text("SELECT data ->> 'word' FROM kernel.outbox ORDER BY id")


class Spoken(Event):
    type: ClassVar[str] = "test.spoken"
    about: ClassVar[str] = "speaker"
    speaker: UUID
    word: str


class AlreadyThere(Conflict):
    """It is there already."""


def spoken(word: str) -> Spoken:
    return Spoken(speaker=UUID(int=1), word=word, occurred_at=datetime(2030, 1, 7, tzinfo=UTC))


async def write(db: AsyncSession, number: int = 1) -> None:
    await db.execute(WRITE, {"id": UUID(int=number)})


async def rows(sessions: Sessions) -> int:
    async with sessions() as db:
        return await db.scalar(COUNT) or 0


async def words(sessions: Sessions) -> list[str]:
    async with sessions() as db:
        return list(await db.scalars(TOLD))


async def test_what_the_block_wrote_is_committed_with_its_events(sessions: Sessions) -> None:
    async with sessions() as db, transaction(db):
        await write(db)
        record(db, spoken("one"), spoken("two"))
        assert await rows(sessions) == 0
    assert await rows(sessions) == 1
    assert await words(sessions) == ["one", "two"]


async def test_an_exception_undoes_everything(sessions: Sessions) -> None:
    async with sessions() as db:
        with pytest.raises(ZeroDivisionError):
            async with transaction(db):
                await write(db)
                record(db, spoken("one"))
                raise ZeroDivisionError
    assert (await rows(sessions), await words(sessions)) == (0, [])


async def test_outside_a_transaction_a_statement_stands_alone(sessions: Sessions) -> None:
    async with sessions() as db:
        await write(db)
        assert await rows(sessions) == 1
        with pytest.raises(NoTransaction):
            record(db, spoken("one"))


async def test_an_inner_block_joins_the_outer(sessions: Sessions) -> None:
    async with sessions() as db, transaction(db):
        async with transaction(db):
            await write(db)
        assert await rows(sessions) == 0
    assert await rows(sessions) == 1


async def test_a_failed_inner_block_dooms_the_outer(sessions: Sessions) -> None:
    async with sessions() as db:
        with pytest.raises(TransactionDoomed):
            async with transaction(db):
                await write(db)
                with pytest.raises(AlreadyThere):
                    async with transaction(db):
                        raise AlreadyThere
    assert await rows(sessions) == 0


async def test_a_savepoint_fails_alone(sessions: Sessions) -> None:
    async with sessions() as db, transaction(db):
        await write(db, 1)
        record(db, spoken("kept"))
        with pytest.raises(AlreadyThere):
            async with savepoint(db), transaction(db):
                await write(db, 2)
                record(db, spoken("lost"))
                raise AlreadyThere
        record(db, spoken("kept too"))
    assert await rows(sessions) == 1
    assert await words(sessions) == ["kept", "kept too"]


async def test_a_failure_that_a_savepoint_swallows_is_its_own(sessions: Sessions) -> None:
    async with sessions() as db, transaction(db):
        await write(db, 1)
        with pytest.raises(TransactionDoomed):
            async with savepoint(db):
                with suppress(AlreadyThere):
                    async with transaction(db):
                        await write(db, 2)
                        raise AlreadyThere
    assert await rows(sessions) == 1


async def test_who_calls_is_said_once_for_a_transaction(engine: AsyncEngine) -> None:
    """An undone savepoint does not undo it."""
    said: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    async with session_factory(engine, caller=Caller(kind="system"))() as db, transaction(db):
        with pytest.raises(AlreadyThere):
            async with savepoint(db):
                await write(db, 1)
                raise AlreadyThere
        async with savepoint(db):
            assert await db.scalar(text("SELECT current_setting('holdfast.kind')")) == "system"
    assert sum("set_config" in statement for statement in said) == 1


async def test_the_session_can_be_used_again_after_a_failure(sessions: Sessions) -> None:
    async with sessions() as db:
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                async with transaction(db):
                    raise ZeroDivisionError
        async with transaction(db):
            await write(db)
    assert await rows(sessions) == 1


async def test_a_named_constraint_leaves_as_its_refusal(sessions: Sessions) -> None:
    async with sessions() as db:
        await write(db)
        with pytest.raises(AlreadyThere):
            async with transaction(db, {"inbox_pkey": AlreadyThere}):
                await write(db)


async def test_an_inner_blocks_violations_count_too(sessions: Sessions) -> None:
    async with sessions() as db:
        await write(db)
        with pytest.raises(AlreadyThere):
            async with transaction(db), transaction(db, {"inbox_pkey": AlreadyThere}):
                await write(db)


async def test_any_other_database_error_is_a_database_error_without_its_text(sessions: Sessions) -> None:
    async with sessions() as db:
        await write(db)
        with pytest.raises(DatabaseError) as failed:
            async with transaction(db):
                await write(db)
        assert "inbox" not in str(failed.value)


async def test_a_lock_timeout_is_busy(sessions: Sessions) -> None:
    async with sessions() as first, sessions() as second:
        await write(first)
        async with transaction(first):
            await first.execute(text("SELECT * FROM kernel.inbox FOR UPDATE"))
            with pytest.raises(Busy) as busy:
                async with transaction(second):
                    await second.execute(text("SET LOCAL lock_timeout = '20ms'"))
                    await second.execute(text("SELECT * FROM kernel.inbox FOR UPDATE"))
    assert busy.value.retry_after == 1


async def test_a_deadlock_is_busy_for_one_and_nothing_for_the_other(sessions: Sessions) -> None:
    async with sessions() as db:
        await write(db, 1)
        await write(db, 2)
    lock = text("SELECT 1 FROM kernel.inbox WHERE event_id = :id FOR UPDATE")
    both = asyncio.Barrier(2)

    async def cross(first: int, second: int) -> str:
        async with sessions() as db:
            try:
                async with transaction(db):
                    await db.execute(lock, {"id": UUID(int=first)})
                    await both.wait()
                    await db.execute(lock, {"id": UUID(int=second)})
            except Busy:
                return "busy"
            return "done"

    assert sorted(await asyncio.gather(cross(1, 2), cross(2, 1))) == ["busy", "done"]


async def test_a_connection_killed_in_the_middle_is_unreachable_and_writes_nothing(sessions: Sessions) -> None:
    async with sessions() as db:
        with pytest.raises(DatabaseUnreachable):
            async with transaction(db):
                await write(db)
                pid = await db.scalar(text("SELECT pg_backend_pid()"))
                async with sessions() as other:
                    await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
                await asyncio.sleep(0.05)
                await write(db, 2)
    assert await rows(sessions) == 0


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    engine = create_engine("postgresql://nobody@127.0.0.1:1/nothing")
    async with session_factory(engine)() as db:
        with pytest.raises(DatabaseUnreachable):
            async with transaction(db):
                await write(db)
    await engine.dispose()


def test_ids_rise_with_time() -> None:
    ids = [uuid7() for _ in range(1000)]
    assert ids == sorted(ids)
    assert {each.version for each in ids} == {7}
