"""`holdfast migrate` and `holdfast db`."""

import asyncio

import typer

from holdfast import schema
from holdfast.settings import Settings
from holdfast.wiring import branches, join_database

group = typer.Typer(help="The database in use.", no_args_is_help=True)


def migrate() -> None:
    """Bring the database to the shape this version needs; prints what was applied."""
    settings = Settings()
    applied = asyncio.run(schema.upgrade(join_database(settings), branches(settings)))
    for revision in applied:
        typer.echo(revision)
    typer.echo(f"{len(applied)} revisions applied" if applied else "nothing to do")


@group.command()
def url() -> None:
    """Print the URL of the database in use, as psql takes it."""
    typer.echo(join_database(Settings()))
