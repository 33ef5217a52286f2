"""Work that need not be done before the answer: recorded in the transaction that wants it, done afterwards.

    waiting ──claim──> running ──finish──> done
       ^                  ├──failed, tries left──> waiting, later and later still
       │                  └──failed for the last time──> given up
       └── the claim ends with its worker dead

A job is a row; a broker, where there is one, only says which row is due. It is run at least once. Its effect
happens once where the job calls `finish` in the transaction of its effect: of two runs, the one whose claim has
ended finds that out there (ClaimLost), and nothing of it stays.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import structlog
from pydantic import JsonValue
from sqlalchemy import Select, any_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.backoff import pause
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import scope_of, transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.tables import jobs
from holdfast.kernel.telemetry import JOBS
from holdfast.kernel.tracing import Kind, span, traceparent
from holdfast.kernel.turns import prolonged

MAX_ATTEMPTS = 8

log = structlog.get_logger()


class ClaimLost(RuntimeError):
    """This job was finished by another worker, or is being run by one: what was done here must not stay."""


@dataclass(frozen=True)
class Job:
    """A job as its function receives it; `attempts` counts this run."""

    id: UUID
    name: str
    payload: dict[str, JsonValue]
    attempts: int
    claim: UUID
    traceparent: str | None = None


Handler = Callable[[Job], Awaitable[None]]


async def enqueue(
    db: AsyncSession, name: str, payload: dict[str, JsonValue], *, now: datetime, due_at: datetime | None = None
) -> UUID:
    """Have this done when, and only when, the running transaction commits; the job's id. NoTransaction."""
    scope_of(db)
    job_id = uuid7()
    values = {"id": job_id, "name": name, "payload": payload, "created_at": now, "due_at": due_at or now}
    await db.execute(insert(jobs).inline(), {**values, "traceparent": traceparent()})
    return job_id


async def finish(db: AsyncSession, job: Job, *, now: datetime) -> None:
    """Mark it done in the transaction of its effect. ClaimLost where it is no longer ours to do."""
    scope_of(db)
    ours = jobs.c.id == job.id, jobs.c.claim == job.claim, jobs.c.done_at.is_(None)
    done = await db.execute(update(jobs).where(*ours).values(done_at=now, claimed_until=None))
    if not done.rowcount:  # type: ignore[attr-defined]
        raise ClaimLost(str(job.id))


@dataclass(frozen=True)
class Queue:
    """Runs what waits. Any number of workers may: a job that another holds is skipped.

    `limit` bounds one run; a worker that died loses its claim after `lease`, a living one prolongs it.
    """

    sessions: async_sessionmaker[AsyncSession]
    handlers: Mapping[str, Handler]
    clock: Clock
    lease: timedelta
    limit: timedelta

    async def drain(self, *, batch: int = 5) -> int:
        """Run what is due, some side by side, until nothing is; how many runs."""
        runs = 0
        while claimed := await self.claim(limit=batch):
            await asyncio.gather(*map(self.run, claimed))
            runs += len(claimed)
        return runs

    async def run_one(self, job_id: UUID) -> bool:
        """Run this one if it is due and nobody has it."""
        claimed = await self.claim(limit=1, job_id=job_id)
        for job in claimed:
            await self.run(job)
        return bool(claimed)

    async def hand_out(self, give: Callable[[UUID], Awaitable[None]], *, batch: int = 100) -> int:
        """Give away what is due and was not given away within the lease, by its id; how many were.

        Who gets one calls `run_one`. Given twice it is run once; never taken, it is given again.
        """
        now = self.clock.now()
        recently = jobs.c.handed_out_at > now - self.lease
        due = self.due(now).where(jobs.c.handed_out_at.is_(None) | ~recently).limit(batch)
        marking = update(jobs).where(jobs.c.id == any_(func.array(due.scalar_subquery())))
        async with self.sessions() as db, transaction(db):
            given = list(await db.scalars(marking.values(handed_out_at=now).returning(jobs.c.id)))
        for number, job_id in enumerate(given):
            try:
                await give(job_id)
            except BaseException:
                async with self.sessions() as db, transaction(db):
                    kept = jobs.c.id.in_(given[number:])
                    await db.execute(update(jobs).where(kept).values(handed_out_at=None))
                raise
        return len(given)

    def due(self, now: datetime) -> Select[tuple[UUID]]:
        """The ids of what may be run now, the longest due first, locked."""
        return (
            select(jobs.c.id)
            .where(
                jobs.c.done_at.is_(None),
                jobs.c.failed_at.is_(None),
                jobs.c.due_at <= now,
                jobs.c.claimed_until.is_(None) | (jobs.c.claimed_until < now),
                jobs.c.name.in_(list(self.handlers)),
            )
            .order_by(jobs.c.due_at)
            .with_for_update(skip_locked=True)
        )

    async def claim(self, *, limit: int, job_id: UUID | None = None) -> Sequence[Job]:
        now = self.clock.now()
        due = self.due(now).limit(limit)
        if job_id is not None:
            due = due.where(jobs.c.id == job_id)
        taken = (
            update(jobs)
            .where(jobs.c.id == any_(func.array(due.scalar_subquery())))
            .values(claim=uuid4(), claimed_until=now + self.lease, attempts=jobs.c.attempts + 1)
            .returning(*(jobs.c[each.name] for each in fields(Job)))
        )
        async with self.sessions() as db, transaction(db):
            return [Job(**row) for row in (await db.execute(taken)).mappings()]

    async def run(self, job: Job) -> None:
        """One run to its end, and what became of it."""
        with span(f"job {job.name}", kind=Kind.CONSUMER, within=job.traceparent) as running:
            running.set("holdfast.attempt", job.attempts)
            try:
                await self.attempt(job)
            except ClaimLost:
                log.warning("a job was run twice, and had its effect once", job=job.name, job_id=str(job.id))
            except Exception as error:
                running.failed(type(error).__name__)
                log.exception("job failed", job=job.name, job_id=str(job.id))
                await self.postpone(job, error)
            else:
                JOBS.labels(job.name, "done").inc()
                await self.mark(job, done_at=self.clock.now(), claimed_until=None)

    async def attempt(self, job: Job) -> None:
        if job.attempts > MAX_ATTEMPTS:  # every run before ended with its worker
            raise TimeoutError("its workers died, or it never ended")
        async with (
            prolonged(lambda: self.prolong(job), every=self.lease / 3),
            asyncio.timeout(self.limit.total_seconds()),
        ):
            await self.handlers[job.name](job)

    async def prolong(self, job: Job) -> None:
        await self.mark(job, claimed_until=self.clock.now() + self.lease)

    async def postpone(self, job: Job, error: Exception) -> None:
        now = self.clock.now()
        given_up = job.attempts >= MAX_ATTEMPTS
        JOBS.labels(job.name, "given up" if given_up else "failed").inc()
        await self.mark(
            job,
            claimed_until=None,
            handed_out_at=None,
            due_at=now + pause(job.attempts),
            failed_at=now if given_up else None,
            last_error=repr(error)[:2000],
        )

    async def mark(self, job: Job, **values: object) -> None:
        """Only while it is ours and undone."""
        ours = jobs.c.id == job.id, jobs.c.claim == job.claim, jobs.c.done_at.is_(None)
        async with self.sessions() as db, transaction(db):
            await db.execute(update(jobs).where(*ours).values(**values))


async def forget_done(db: AsyncSession, instant: datetime, *, limit: int = 5_000) -> int:
    """Delete one bounded batch of jobs done before `instant`; one that was given up stays."""
    old = select(jobs.c.id).where(jobs.c.done_at < instant).limit(limit).with_for_update(skip_locked=True)
    gone = await db.execute(delete(jobs).where(jobs.c.id == any_(func.array(old.scalar_subquery()))))
    return int(gone.rowcount)  # type: ignore[attr-defined]
