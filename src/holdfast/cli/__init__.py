"""The command line, a file per command group."""

import sys

import typer
from pydantic import ValidationError

from holdfast.cli import database, demo, events, gateway, inspection, queued, serving, users
from holdfast.kernel.postgres_url import UnusableUrl
from holdfast.wiring.observation import ExtraMissing

app = typer.Typer(
    help="Holdfast, the booking core.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
app.command()(demo.demo)
app.command()(serving.serve)
app.command()(serving.worker)
app.command()(database.migrate)
app.add_typer(database.group, name="db")
app.add_typer(users.group, name="users")
app.add_typer(users.keys, name="keys")
app.add_typer(events.group, name="events")
app.add_typer(queued.group, name="jobs")
app.add_typer(gateway.group, name="gateway")
app.command()(inspection.audit)
app.command()(inspection.doctor)
app.command()(inspection.openapi)


def main() -> None:
    """The command, and for a setting that cannot be, which one and why instead of a traceback."""
    try:
        app()
    except ValidationError as error:
        for each in error.errors():
            name = ".".join(str(part) for part in each["loc"])
            typer.echo(f"{name}: {each['msg']}", err=True)
        sys.exit(2)
    except (UnusableUrl, ExtraMissing) as error:
        typer.echo(str(error), err=True)
        sys.exit(2)
