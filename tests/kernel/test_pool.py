"""Connections are kept: opening one costs the database more than what is asked on it."""

import asyncio

from sqlalchemy import event, text

from holdfast.kernel.database import create_engine
from holdfast.settings import DatabaseSettings

ROUNDS = 3


async def opened(url: str, *, pool_size: int, max_overflow: int) -> int:
    """How many connections it takes to ask as much at once as these allow, again and again."""
    engine = create_engine(url, pool_size=pool_size, max_overflow=max_overflow)
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    event.listen(engine.sync_engine, "connect", note)
    at_once = pool_size + max_overflow
    for _ in range(ROUNDS):
        everyone = asyncio.Barrier(at_once)

        async def ask(everyone: asyncio.Barrier = everyone) -> None:
            async with engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                await everyone.wait()

        await asyncio.gather(*(ask() for _ in range(at_once)))
    await engine.dispose()
    return count


async def test_a_busy_process_opens_each_connection_once(database_url: str) -> None:
    pool = DatabaseSettings()
    assert (pool.pool_size, pool.max_overflow) == (15, 0)
    assert await opened(database_url, pool_size=pool.pool_size, max_overflow=pool.max_overflow) == 15
    # the negative control: what lies beyond the pool is opened for every use
    assert await opened(database_url, pool_size=5, max_overflow=10) == 5 + ROUNDS * 10
