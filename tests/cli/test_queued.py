"""`holdfast jobs`: what was given up is listed and run again, from the shell."""

import asyncio
from uuid import UUID

from typer.testing import CliRunner, Result

from holdfast.cli import app
from tests.faults.storm import connected

GIVEN_UP = """
INSERT INTO kernel.jobs (id, name, payload, created_at, due_at, attempts, failed_at, last_error)
VALUES ($1, 'document.print', '{}', '2030-01-07T08:00:00Z', '2030-01-07T08:08:00Z', 8, '2030-01-07T08:04:00Z',
        'LookupError()')
"""
JOB = UUID(int=1)


def run(url: str, *arguments: str) -> Result:
    settings = {"HOLDFAST_DATABASE_URL": url, "HOLDFAST_SECRET": "of the tests, and long enough for any key"}
    return CliRunner().invoke(app, ["jobs", *arguments], env=settings, catch_exceptions=False)


def test_a_given_up_job_is_listed_and_run_again(database_url: str) -> None:
    async def give_up() -> None:
        async with connected(database_url) as db:
            await db.execute(GIVEN_UP, JOB)

    asyncio.run(give_up())
    listed = run(database_url, "list")
    assert listed.exit_code == 0
    assert listed.stdout.split() == [str(JOB), "document.print", "2030-01-07", "08:00:00", "LookupError()"]
    again = run(database_url, "replay", str(JOB))
    assert (again.exit_code, again.stdout) == (0, "document.print is waiting\n")
    refused = run(database_url, "replay", str(JOB))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Only a job that was given up" in refused.stderr
    assert run(database_url, "list").stdout == ""
