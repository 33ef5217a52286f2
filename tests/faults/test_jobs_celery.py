"""Jobs by Celery on a real Redis: killed in the middle, their effect happens once; sweeps run on one of many."""

import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.database import create_engine, session_factory, transaction
from holdfast.kernel.jobs import enqueue
from tests.faults.storm import Program, connected
from tests.redis_server import RedisServer

NOTES = """
CREATE TABLE kernel.notes (id bigint GENERATED ALWAYS AS IDENTITY, job text, what text, pid int);
GRANT SELECT, INSERT ON kernel.notes TO holdfast_app
"""
COUNTS = "SELECT what, count(*) FROM kernel.notes WHERE job = $1 GROUP BY what"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as redis:
        yield redis


class Tending:
    """A worker with its pool; `kill` takes them all, as a machine that loses its power does."""

    def __init__(self, database_url: str, redis: RedisServer, folder: Path, name: str) -> None:
        told = {
            "DATABASE_URL": database_url,
            "BROKER_URL": redis.url,
            "SECRET": secrets.token_hex(32),
            "LOG_LEVEL": "warning",
            "JOB_LEASE_SECONDS": "2",
            "RELAY_SECONDS": "0.2",
        }
        environment = {**os.environ, **{f"HOLDFAST_{key}": value for key, value in told.items()}}
        command = [sys.executable, "-m", "tests.faults.pooling", "tend"]
        self.program = Program(command, environment, folder / f"{name}.log")

    def start(self) -> None:
        self.program.start()

    def family(self) -> list[psutil.Process]:
        assert self.program.process
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.program.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        family = self.family()
        if self.program.process:
            self.program.kill()
        for process in family:
            with suppress(psutil.Error):
                process.kill()

    def stop(self) -> int:
        assert self.program.process
        self.program.process.send_signal(signal.SIGTERM)
        return self.program.process.wait(120)


async def counts(db: asyncpg.Connection, job: str) -> dict[str, int]:
    return {row[0]: row[1] for row in await db.fetch(COUNTS, job)}


async def until(db: asyncpg.Connection, job: str, *tending: Tending, **wanted: int) -> None:
    """Return when the job has at least these notes."""
    deadline = time.monotonic() + 240
    while True:
        found = await counts(db, job)
        if all(found.get(what, 0) >= number for what, number in wanted.items()):
            return
        assert time.monotonic() < deadline, (found, [each.program.said()[-3000:] for each in tending])
        time.sleep(0.05)  # noqa: ASYNC251 - nothing else runs here


async def test_a_job_that_is_killed_in_the_middle_has_its_effect_once(
    database_url: str, redis: RedisServer, tmp_path: Path
) -> None:
    async with connected(database_url) as db:
        await db.execute(NOTES)
        first = Tending(database_url, redis, tmp_path, "first")
        second = Tending(database_url, redis, tmp_path, "second")
        try:
            first.start()
            await want(database_url, "one")
            await until(db, "one", first, began=1)
            for process in first.family()[1:]:  # the pool's processes; its first starts others in their place
                process.kill()
            await until(db, "one", first, effect=1, began=2)

            await want(database_url, "two")
            await until(db, "two", first, began=1)
            first.kill()
            redis.kill()  # the broker forgets everything: rows are what counts
            redis.start()
            second.start()
            await until(db, "two", second, effect=1, began=2)
            await until(db, "sweep", second, swept=1)

            await want(database_url, "three")
            await until(db, "three", second, began=1)
            assert second.stop() == 0, "what was begun is ended"
            await until(db, "three", second, effect=1)
        finally:
            first.kill()
            second.kill()
        told = {job: await counts(db, job) for job in ("one", "two", "three", "sweep")}
        assert {told[job]["effect"] for job in ("one", "two", "three")} == {1}
        assert told["three"]["began"] == 1
        assert told["sweep"] == {"swept": 1}, "one of two workers, and only when it is due"
        assert await db.fetchval("SELECT count(*) FROM kernel.jobs WHERE done_at IS NULL") == 0


async def want(database_url: str, job: str) -> None:
    engine = create_engine(database_url)
    async with session_factory(engine)() as db, transaction(db):
        await enqueue(db, "slow", {"job": job}, now=SystemClock().now())
    await engine.dispose()
