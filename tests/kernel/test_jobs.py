"""Queued jobs have their effect once, whoever dies; a periodic job runs on one of many workers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.database import NoTransaction, transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.jobs import MAX_ATTEMPTS, ClaimLost, Job, Queue, enqueue, finish, forget_done
from holdfast.kernel.turns import Turns
from tests.clock import SettableClock

Sessions = async_sessionmaker[AsyncSession]
LEASE = timedelta(seconds=60)
EFFECT = text("INSERT INTO kernel.inbox (event_id, reaction) VALUES (gen_random_uuid(), :word)")


def queue(sessions: Sessions, clock: SettableClock, handler: Callable[[Job], Awaitable[None]]) -> Queue:
    return Queue(sessions, {"say": handler}, clock, LEASE, timedelta(seconds=30))


async def want(sessions: Sessions, clock: SettableClock, word: str = "hello", *, name: str = "say") -> UUID:
    async with sessions() as db, transaction(db):
        return await enqueue(db, name, {"word": word}, now=clock.now())


async def effects(sessions: Sessions) -> list[str]:
    async with sessions() as db:
        return list(await db.scalars(text("SELECT reaction FROM kernel.inbox ORDER BY received_at")))


async def states(sessions: Sessions) -> list[tuple[int, bool, bool]]:
    async with sessions() as db:
        found = text("SELECT attempts, done_at IS NOT NULL, failed_at IS NOT NULL FROM kernel.jobs ORDER BY id")
        return [(row[0], row[1], row[2]) for row in await db.execute(found)]


class Saying:
    """A job whose effect and end are one transaction."""

    def __init__(self, sessions: Sessions, clock: SettableClock, *, failures: int = 0) -> None:
        self.sessions, self.clock, self.failures = sessions, clock, failures

    async def __call__(self, job: Job) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("not now")
        async with self.sessions() as db, transaction(db):
            await db.execute(EFFECT, {"word": job.payload["word"]})
            await finish(db, job, now=self.clock.now())


async def test_a_job_leaves_with_its_transaction_or_not_at_all(sessions: Sessions, clock: SettableClock) -> None:
    async with sessions() as db:
        with pytest.raises(NoTransaction):
            await enqueue(db, "say", {}, now=clock.now())
        with pytest.raises(KeyError):
            async with transaction(db):
                await enqueue(db, "say", {}, now=clock.now())
                raise KeyError
    assert await states(sessions) == []


async def test_it_is_run_once_by_whoever_comes(sessions: Sessions, clock: SettableClock) -> None:
    for word in "abcdefgh":
        await want(sessions, clock, word)
    await want(sessions, clock, name="unknown to these workers")
    workers = [queue(sessions, clock, Saying(sessions, clock)) for _ in range(3)]
    assert sum(await asyncio.gather(*(worker.drain(batch=2) for worker in workers))) == 8
    assert sorted(await effects(sessions)) == list("abcdefgh")
    assert await states(sessions) == [(1, True, False)] * 8 + [(0, False, False)]


async def test_a_failure_waits_and_is_given_up_at_last(sessions: Sessions, clock: SettableClock) -> None:
    await want(sessions, clock)
    failing = queue(sessions, clock, Saying(sessions, clock, failures=100))
    assert await failing.drain() == 1
    assert await failing.drain() == 0, "not at once"
    for _ in range(MAX_ATTEMPTS):
        clock.advance(timedelta(hours=1))
        await failing.drain()
    assert await states(sessions) == [(MAX_ATTEMPTS, False, True)]
    async with sessions() as db:
        assert await db.scalar(text("SELECT last_error FROM kernel.jobs")) == "ConnectionError('not now')"


async def test_two_runs_of_one_job_have_one_effect(sessions: Sessions, clock: SettableClock) -> None:
    """The first worker stalls until its lease is over and another has done the job; then it goes on."""
    await want(sessions, clock)
    saying, stalled, gone_on = Saying(sessions, clock), asyncio.Event(), asyncio.Event()
    lost: list[ClaimLost] = []

    async def stall(job: Job) -> None:
        stalled.set()
        await gone_on.wait()
        try:
            await saying(job)
        except ClaimLost as error:
            lost.append(error)
            raise

    first = asyncio.create_task(queue(sessions, clock, stall).drain())
    await stalled.wait()
    second = queue(sessions, clock, saying)
    assert await second.drain() == 0, "while it lives nobody else runs it"
    clock.advance(LEASE * 2)
    assert await second.drain() == 1
    gone_on.set()
    await first
    assert await effects(sessions) == ["hello"]
    assert len(lost) == 1
    assert await states(sessions) == [(2, True, False)]


async def test_done_jobs_are_forgotten(sessions: Sessions, clock: SettableClock) -> None:
    await want(sessions, clock)
    await queue(sessions, clock, Saying(sessions, clock)).drain()
    await want(sessions, clock)
    async with sessions() as db, transaction(db):
        assert await forget_done(db, clock.now() + timedelta(days=1)) == 1
    assert await states(sessions) == [(0, False, False)]


@pytest.mark.every_postgres
async def test_a_periodic_job_runs_on_one_of_many_workers(sessions: Sessions) -> None:
    ran: list[int] = []
    turns = Turns(sessions, LEASE)

    async def job() -> int:
        ran.append(1)
        await asyncio.sleep(0.05)
        return 0

    await asyncio.gather(*(turns.run("sweep", job, every=timedelta(hours=1)) for _ in range(8)))
    assert len(ran) == 1
    await turns.run("sweep", job, every=timedelta(hours=1))
    assert len(ran) == 1, "not before its time"
    await turns.run("another", job, every=timedelta(hours=1))
    assert len(ran) == 2


async def test_one_that_finds_work_is_due_at_once(sessions: Sessions) -> None:
    found = [3, 2, 0]

    async def job() -> int:
        return found.pop(0)

    turns = Turns(sessions, LEASE)
    assert [await turns.run("sweep", job, every=timedelta(hours=1)) for _ in range(4)] == [3, 2, 0, 0]
    assert found == []


async def test_a_dead_workers_turn_ends_with_its_lease(sessions: Sessions) -> None:
    async def job() -> int:
        return 7

    async with sessions() as db, transaction(db):
        held = "INSERT INTO kernel.turns VALUES ('sweep', now(), :holder, now() + interval '1 hour')"
        await db.execute(text(held), {"holder": uuid7()})
    turns = Turns(sessions, LEASE)
    assert await turns.run("sweep", job, every=timedelta(0)) == 0
    async with sessions() as db, transaction(db):
        await db.execute(text("UPDATE kernel.turns SET held_until = now() - interval '1 second'"))
    assert await turns.run("sweep", job, every=timedelta(0)) == 7
