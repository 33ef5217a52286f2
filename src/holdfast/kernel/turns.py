"""Whose turn a periodic job is: one of many workers runs it, and when that one dies another soon does.

A turn is a row: when the job is due next, who runs it now and until when nobody else may. The holder prolongs that
while it works. All times are the database's own, so the workers' clocks need not agree.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.database import transaction
from holdfast.kernel.errors import DatabaseError, Refusal

log = structlog.get_logger()

TAKE = text(
    """
    INSERT INTO kernel.turns AS turn (name, next_at, holder, held_until)
    VALUES (:name, now(), :holder, now() + :lease)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until,
                                     next_at = now()
    WHERE turn.next_at <= now() AND (turn.held_until IS NULL OR turn.held_until < now())
    RETURNING name
    """
)
PROLONG = text("UPDATE kernel.turns SET held_until = now() + :lease WHERE name = :name AND holder = :holder")
# counted from the turn's beginning, so that a worker that sleeps as long after its run finds the job due
END = text(
    "UPDATE kernel.turns SET holder = NULL, held_until = NULL, next_at = next_at + :pause"
    " WHERE name = :name AND holder = :holder"
)


@dataclass(frozen=True)
class Turns:
    sessions: async_sessionmaker[AsyncSession]
    lease: timedelta

    async def run(self, name: str, job: Callable[[], Awaitable[int]], *, every: timedelta) -> int:
        """Run the job if it is due and nobody runs it; what it found, 0 where it was not our turn.

        It is due again after `every`, or at once where it found something to do.
        """
        holder = uuid4()
        if not await self.execute(TAKE, name=name, holder=holder, lease=self.lease):
            return 0
        found = 0
        try:
            async with prolonged(lambda: self.prolong(name, holder), every=self.lease / 3):
                found = await job()
            return found
        finally:
            pause = timedelta(0) if found else every
            with suppress(Refusal, DatabaseError, OSError):  # the lease ends by itself
                await self.execute(END, name=name, holder=holder, pause=pause)

    async def prolong(self, name: str, holder: UUID) -> None:
        await self.execute(PROLONG, name=name, holder=holder, lease=self.lease)

    async def execute(self, statement: object, **values: object) -> bool:
        async with self.sessions() as db, transaction(db):
            result = await db.execute(statement, values)  # type: ignore[call-overload]
            return bool(result.rowcount)


@asynccontextmanager
async def prolonged(prolong: Callable[[], Awaitable[None]], *, every: timedelta) -> AsyncIterator[None]:
    """Call this again and again while the block lasts; a failure is logged, and tried at the next time."""

    async def keep() -> None:
        while True:
            await asyncio.sleep(every.total_seconds())
            try:
                await prolong()
            except (Refusal, DatabaseError, OSError) as error:
                log.warning("a lease was not prolonged", error=repr(error))

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
