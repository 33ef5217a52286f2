"""PostgreSQL tells the workers that there is something to do; looking again after a while is the net below.

A notification makes the commits that send one wait for each other. So it is asked for: a relay that has found
nothing for a while says in `kernel.relay_rest` that it rests, and only then do commits with events send one.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import ClassVar

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.database import transaction
from holdfast.kernel.errors import DatabaseError, Refusal
from holdfast.kernel.postgres_url import connect_args

OUTBOX = "holdfast_outbox"
JOBS = "holdfast_jobs"
# of an idle connection through whatever drops those
KEEPALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
CHECK_SECONDS = 30.0
AGAIN_SECONDS = 1.0
# what follows within this time is found without a notification
LINGER_SECONDS = 0.02
LINGERS = 5

REST = text("UPDATE kernel.relay_rest SET resting = true WHERE NOT resting")
RISE = text("UPDATE kernel.relay_rest SET resting = false WHERE resting")

log = structlog.get_logger()


class Wakes:
    """This process's ear, on a connection of its own that is opened again whenever it is lost."""

    # who waits -> for what
    channels: ClassVar[Mapping[str, str]] = {"relay": OUTBOX, "publish": OUTBOX, "queue": JOBS}

    def __init__(self, url: str, sessions: async_sessionmaker[AsyncSession]) -> None:
        self.url = url
        self.sessions = sessions
        channels = self.channels
        self.events = {waiter: asyncio.Event() for waiter in channels}
        self.quiet = dict.fromkeys(channels, 0)

    async def listen(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.listen_once()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("not listening to the database", error=repr(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def listen_once(self) -> None:
        settings = {"application_name": "holdfast ear", **KEEPALIVE}
        connection = await asyncpg.connect(**connect_args(self.url, settings))
        try:
            for channel in set(self.channels.values()):
                await connection.add_listener(channel, self.heard)
            while True:
                for waiter in self.events:  # what was said before we listened
                    self.wake(waiter)
                await connection.execute("SELECT", timeout=CHECK_SECONDS)
                await asyncio.sleep(CHECK_SECONDS)
        finally:
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=2)

    def heard(self, connection: object, pid: int, channel: str, payload: object) -> None:
        for waiter, its in self.channels.items():
            if its == channel:
                self.wake(waiter)

    def wake(self, waiter: str) -> None:
        self.events[waiter].set()

    async def wait(self, waiter: str, *, found: int, at_most: float) -> None:
        """Return when there may be something to do, after `at_most` seconds in any case.

        Right after there was something, a short nap; then rest is announced and everything looked at once more,
        since a commit may have come between; only then is a notification waited for.
        """
        self.quiet[waiter] = 0 if found else self.quiet[waiter] + 1
        if self.quiet[waiter] < LINGERS:
            await asyncio.sleep(min(LINGER_SECONDS, at_most))
            return
        announces = waiter == "relay"
        if announces:
            await self.tell(REST)
        if self.quiet[waiter] == LINGERS:
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(self.events[waiter].wait(), at_most)
            self.events[waiter].clear()
            self.quiet[waiter] = 0
            if announces:
                await self.tell(RISE)

    async def tell(self, statement: object) -> None:
        """Not of importance: without it the next look comes later."""
        with suppress(Refusal, DatabaseError, OSError):
            async with self.sessions() as db, transaction(db):
                await db.execute(statement)  # type: ignore[call-overload]
