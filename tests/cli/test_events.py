"""`holdfast events`: what was given up is listed and told again, from the shell."""

import asyncio
import json
from uuid import UUID

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner, Result

from holdfast.cli import app
from tests.faults.storm import connected

GIVEN_UP = """
INSERT INTO kernel.outbox (event_id, type, aggregate_id, data, occurred_at, attempts, parked_at, last_error)
VALUES ($1, 'booking.created', $2, '{}', '2030-01-07T08:00:00Z', 10, '2030-01-07T08:17:00Z', 'LookupError()')
"""
EVENT, BOOKING = UUID(int=1), UUID(int=2)


def run(url: str, *arguments: str) -> Result:
    settings = {"HOLDFAST_DATABASE_URL": url, "HOLDFAST_SECRET": "of the tests, and long enough for any key"}
    return CliRunner().invoke(app, ["events", *arguments], env=settings, catch_exceptions=False)


def test_a_given_up_event_is_listed_and_told_again(database_url: str) -> None:
    async def give_up() -> None:
        async with connected(database_url) as db:
            await db.execute(GIVEN_UP, EVENT, BOOKING)

    asyncio.run(give_up())
    listed = run(database_url, "parked")
    assert listed.exit_code == 0
    assert listed.stdout.split() == [str(EVENT), "booking.created", "2030-01-07", "08:00:00", "LookupError()"]
    again = run(database_url, "replay", str(EVENT))
    assert (again.exit_code, again.stdout) == (0, f"booking.created of {BOOKING} is waiting\n")
    refused = run(database_url, "replay", str(EVENT))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "Only an event that was given up" in refused.stderr
    assert run(database_url, "parked").stdout == ""


def test_the_asyncapi_document_needs_no_database() -> None:
    done = CliRunner().invoke(app, ["events", "asyncapi"], catch_exceptions=False)
    assert json.loads(done.stdout)["asyncapi"] == "3.0.0"


@pytest.mark.parametrize("variable", ["EVENTS_URL", "BROKER_URL"])
def test_a_broker_that_cannot_be_is_said_in_a_line(variable: str) -> None:
    told = {f"HOLDFAST_{variable}": "ftp://user:kelp-and-salt@host"}
    with pytest.raises(ValidationError, match="it begins with one of") as refused:
        CliRunner().invoke(app, ["worker"], env=told, catch_exceptions=False)
    assert "kelp-and-salt" not in str(refused.value)
