"""Queued jobs as people see them: what waits, what was given up and why, and having it run again."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.audit import Act, attest
from holdfast.kernel.contract import Contract, Instant
from holdfast.kernel.counting import counted
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Conflict, NotFound
from holdfast.kernel.paging import Page, PageRequest
from holdfast.kernel.tables import jobs
from holdfast.kernel.telemetry import JOBS_GIVEN_UP


class JobNotFound(NotFound):
    """There is no such job, or it was done long ago and forgotten."""


class JobNotGivenUp(Conflict):
    """Only a job that was given up can be run again."""


class JobStatus(StrEnum):
    """One that is being run still waits for its end."""

    WAITING = "waiting"
    GIVEN_UP = "given_up"
    DONE = "done"


class JobView(Contract):
    """`attempts` counts the runs that were begun; a waiting one is run from `due_at` on. What it was asked to do
    is not shown: it may be about people."""

    id: UUID
    name: str
    status: JobStatus
    created_at: Instant
    due_at: Instant
    attempts: int
    done_at: Instant | None
    given_up_at: Instant | None
    last_error: str | None


IN_STATUS: dict[JobStatus, ColumnElement[bool]] = {
    JobStatus.GIVEN_UP: and_(jobs.c.done_at.is_(None), jobs.c.failed_at.is_not(None)),
    JobStatus.WAITING: and_(jobs.c.done_at.is_(None), jobs.c.failed_at.is_(None)),
    JobStatus.DONE: jobs.c.done_at.is_not(None),
}
STATUS = case(*((condition, literal(status)) for status, condition in IN_STATUS.items())).label("status")
PLAIN = [jobs.c[name] for name in JobView.model_fields if name not in {"status", "given_up_at"}]
VIEW = select(STATUS, jobs.c.failed_at.label("given_up_at"), *PLAIN)


async def page_of_jobs(db: AsyncSession, page: PageRequest, *, status: JobStatus) -> Page[JobView]:
    """Newest first; the total is counted up to a million. Wants a session of the system."""
    chosen = IN_STATUS[status]
    total = await counted(db, jobs.c.id, chosen)
    rows = await db.execute(VIEW.where(chosen).order_by(jobs.c.id.desc()).limit(page.limit).offset(page.offset))
    items = [JobView.model_validate(dict(row)) for row in rows.mappings()]
    return Page(items=items, page=page.page, limit=page.limit, total=total)


async def replay_job(
    db: AsyncSession, job_id: UUID, *, now: datetime, actor_type: str, actor_id: UUID | None
) -> JobView:
    """Have a job that was given up run again, with all its tries before it. Wants a session of the system.
    JobNotFound, JobNotGivenUp."""
    again = {"failed_at": None, "attempts": 0, "due_at": now}
    async with transaction(db):
        before = await found(db, job_id)
        given_up = jobs.c.id == job_id, IN_STATUS[JobStatus.GIVEN_UP]
        if not (await db.execute(update(jobs).where(*given_up).values(again))).rowcount:  # type: ignore[attr-defined]
            raise JobNotGivenUp(state=before.status)
        act = Act(
            action="job.replayed",
            actor_type=actor_type,
            actor_id=actor_id,
            subject_type=before.name,
            subject_id=job_id,
            before={"last_error": before.last_error},
        )
        attest(db, act, now=now)
        return await found(db, job_id)


async def found(db: AsyncSession, job_id: UUID) -> JobView:
    row = (await db.execute(VIEW.where(jobs.c.id == job_id))).mappings().one_or_none()
    if row is None:
        raise JobNotFound
    return JobView.model_validate(dict(row))


async def measure_jobs(db: AsyncSession) -> None:
    """Set the gauge of what was given up."""
    JOBS_GIVEN_UP.set(await counted(db, jobs.c.id, IN_STATUS[JobStatus.GIVEN_UP]))
