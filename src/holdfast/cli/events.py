"""`holdfast events`: what was given up, telling it again, and what is published."""

import json
from uuid import UUID

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.cli.as_system import done
from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.event_log import EventStatus, page_of_events, replay_event
from holdfast.kernel.paging import MAX_LIMIT, PageRequest
from holdfast.wiring import Wiring, choreography

group = typer.Typer(help="Events: those given up, and what is published.", no_args_is_help=True)


@group.command()
def parked() -> None:
    """List the events that were given up, the newest first, a line each; at most 200."""

    async def act(wired: Wiring, db: AsyncSession) -> None:
        page = await page_of_events(db, PageRequest(limit=MAX_LIMIT), status=EventStatus.PARKED)
        for each in page.items:
            typer.echo(f"{each.event_id}  {each.type:28} {each.occurred_at:%Y-%m-%d %H:%M:%S}  {each.last_error}")
        typer.echo(f"{page.total} parked", err=True)

    done(act)


@group.command()
def replay(event_id: UUID) -> None:
    """Have an event that was given up told again, to those who have not heard it."""

    async def act(wired: Wiring, db: AsyncSession) -> None:
        again = await replay_event(db, event_id, now=wired.clock.now(), actor_type=SYSTEM.type, actor_id=SYSTEM.id)
        typer.echo(f"{again.type} of {again.aggregate_id} is {again.status}")

    done(act)


@group.command()
def asyncapi() -> None:
    """Print the AsyncAPI document of what is published; needs no database."""
    from holdfast.api.asyncapi import document  # noqa: PLC0415

    typer.echo(json.dumps(document(), indent=2))


@group.command()
def catalogue() -> None:
    """Print the page docs/events.md; needs no database."""
    from holdfast.api.asyncapi import catalogue as page  # noqa: PLC0415

    typer.echo(page(), nl=False)


@group.command(name="choreography")
def show_choreography() -> None:
    """Print every event and what answers it; needs no database."""
    for wire_name, answers in choreography().items():
        for index, answer in enumerate(answers):
            typer.echo(f"{'' if index else wire_name:28} {answer.replace('_', ' ')}")
