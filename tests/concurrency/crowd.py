"""Many clients at once, each with a session of its own."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.domains.inventory.services import InventoryService

Sessions = async_sessionmaker[AsyncSession]
Result = TypeVar("Result")


async def crowd(sessions: Sessions, *acts: Callable[[AsyncSession], Awaitable[Result]]) -> list[Result]:
    """Every act in a session of its own, all let go at the same moment; an exception is raised."""
    gate = asyncio.Event()

    async def one(act: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
        async with sessions() as db:
            await gate.wait()
            return await act(db)

    tasks = [asyncio.ensure_future(one(act)) for act in acts]
    gate.set()
    return await asyncio.gather(*tasks)


async def connected(sessions: Sessions, count: int) -> None:
    """Have the pool's connections open before a race: who must open one first comes late."""

    async def wait(db: AsyncSession) -> None:
        await db.execute(text("SELECT pg_sleep(0.1)"))

    await crowd(sessions, *[wait] * count)


async def broken(db: AsyncSession) -> list[str]:
    """The invariants that the data breaks."""
    return sorted(finding.invariant for finding in await InventoryService(db).audit() if finding.breaches)


async def without(db: AsyncSession, table: str, constraint: str) -> None:
    """Take a guard away, in this test's own database."""
    await db.execute(text(f"ALTER TABLE inventory.{table} DROP CONSTRAINT {constraint}"))


async def overlaps(db: AsyncSession) -> int:
    """How many pairs of live allocations of one exclusive resource overlap."""
    found = await db.scalar(
        text("""
            SELECT count(*) FROM inventory.allocations a JOIN inventory.allocations b
              ON a.resource_id = b.resource_id AND a.during && b.during AND a.id < b.id
            WHERE a.active AND b.active
        """)
    )
    return int(found or 0)
