"""`holdfast jobs`: the queued ones that were given up, and having them run again."""

from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.cli.as_system import done
from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.job_log import JobStatus, page_of_jobs, replay_job
from holdfast.kernel.paging import MAX_LIMIT, PageRequest
from holdfast.wiring import Wiring

group = typer.Typer(help="Queued jobs: those given up.", no_args_is_help=True)


@group.command(name="list")
def given_up() -> None:
    """List the jobs that were given up, the newest first, a line each; at most 200."""

    async def act(wired: Wiring, db: AsyncSession) -> None:
        page = await page_of_jobs(db, PageRequest(limit=MAX_LIMIT), status=JobStatus.GIVEN_UP)
        for each in page.items:
            typer.echo(f"{each.id}  {each.name:28} {each.created_at:%Y-%m-%d %H:%M:%S}  {each.last_error}")
        typer.echo(f"{page.total} given up", err=True)

    done(act)


@group.command()
def replay(job_id: UUID) -> None:
    """Have a job that was given up run again."""

    async def act(wired: Wiring, db: AsyncSession) -> None:
        again = await replay_job(db, job_id, now=wired.clock.now(), actor_type=SYSTEM.type, actor_id=SYSTEM.id)
        typer.echo(f"{again.name} is {again.status}")

    done(act)
