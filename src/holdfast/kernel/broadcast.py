"""Say something to every process that serves, when and only when the running transaction commits.

By PostgreSQL's LISTEN and NOTIFY: nothing else has to be there, whatever number of processes serves, and what was
rolled back was never said. Nobody hears what was said while they were not listening. A process that listens holds
an advisory lock, which ends with its connection: whether anybody does can be asked, and the dead do not count.

NOTIFY makes the commits that use it wait for each other, so only the relay broadcasts, never a request.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import asyncpg
import structlog
from sqlalchemy import ColumnElement, literal_column, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.database import scope_of
from holdfast.kernel.errors import Unavailable
from holdfast.kernel.postgres_url import connect_args

CHANNEL = "holdfast_broadcast"
# PostgreSQL takes payloads below 8000 bytes
MAX_BYTES = 7_900
LISTENING = (0x686F6C64, 0x62726F61)  # "hold", "broa"

# whether any process of this database listens
ANYBODY_LISTENS: ColumnElement[bool] = literal_column(
    "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
    f" AND classid = {LISTENING[0]} AND objid = {LISTENING[1]}"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
SAY = text("SELECT pg_notify(:channel, payload) FROM unnest(CAST(:payloads AS text[])) AS payload")

KEEPALIVE = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}
CONNECT_SECONDS = 5.0
CHECK_SECONDS = 30.0
AGAIN_SECONDS = 1.0

log = structlog.get_logger()


class NotListening(Unavailable):
    """What happens cannot be heard right now; try again."""


async def broadcast(db: AsyncSession, *payloads: str) -> None:
    """In this order; what is said twice in one transaction is heard once. NoTransaction outside one."""
    scope_of(db)
    if any(len(each.encode()) > MAX_BYTES for each in payloads):
        raise ValueError(f"a broadcast holds {MAX_BYTES} bytes at most")
    if payloads:
        await db.execute(SAY, {"channel": CHANNEL, "payloads": list(payloads)})


class Ear:
    """This process's, open while somebody attends; a lost connection is opened again."""

    def __init__(self, url: str, hear: Callable[[str], None]) -> None:
        self.url = url
        self.hear = hear
        self.open = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def attend(self) -> None:
        """Returns when what is said from now on is heard. NotListening."""
        if self.task is None:
            self.open = asyncio.Event()  # its own: the one before it may still be closing
            self.task = asyncio.create_task(self.listen(self.open), name="ear")
        try:
            await asyncio.wait_for(self.open.wait(), CONNECT_SECONDS)
        except TimeoutError as error:
            raise NotListening(retry_after=5) from error

    async def rest(self) -> None:
        """Nobody here wants to hear any more."""
        task, self.task = self.task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def listen(self, is_open: asyncio.Event) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.listen_once(is_open)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning("not listening to the database", error=repr(error))
            await asyncio.sleep(AGAIN_SECONDS)

    async def listen_once(self, is_open: asyncio.Event) -> None:
        lost = asyncio.Event()
        settings = {"application_name": "holdfast realtime", **KEEPALIVE}
        connection = await asyncpg.connect(**connect_args(self.url, settings))
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self.heard)
            await connection.execute(f"SELECT pg_advisory_lock_shared({LISTENING[0]}, {LISTENING[1]})")
            is_open.set()
            while not lost.is_set():
                with suppress(TimeoutError):
                    await asyncio.wait_for(lost.wait(), CHECK_SECONDS)
                if not lost.is_set():
                    await connection.execute("SELECT", timeout=CHECK_SECONDS)
        finally:
            is_open.clear()
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await connection.close(timeout=2)

    def heard(self, connection: object, pid: int, channel: str, payload: str) -> None:
        try:
            self.hear(payload)
        except Exception:  # what one cannot read must not end the hearing
            log.exception("broadcast not understood")
