"""Queued jobs that wait, were given up, or are done."""

from uuid import UUID

from fastapi import APIRouter

from holdfast.api import problems
from holdfast.api.dependencies import HouseActor, Now, Paging, SystemSession
from holdfast.kernel.job_log import JobNotFound, JobNotGivenUp, JobStatus, JobView, page_of_jobs, replay_job
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/admin/jobs", tags=["operation"])


@router.get("", responses=problems.documents())
async def list_jobs(
    db: SystemSession, paging: Paging, actor: HouseActor, status: JobStatus = JobStatus.GIVEN_UP
) -> Page[JobView]:
    """Newest first; by default those that were given up after the last try, and why."""
    return await page_of_jobs(db, paging, status=status)


@router.post("/{job_id}/replay", responses=problems.documents(JobNotFound, JobNotGivenUp))
async def replay_given_up_job(job_id: UUID, db: SystemSession, now: Now, actor: HouseActor) -> JobView:
    """Have a job that was given up run again."""
    return await replay_job(db, job_id, now=now, actor_type=actor.type, actor_id=actor.id)
