"""What an operator asks of the database that is in use, as the system, with or without a running server."""

import asyncio
from collections.abc import Awaitable, Callable

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.errors import Refusal
from holdfast.settings import Settings
from holdfast.wiring import NoDatabase, Wiring, existing_database


def done(act: Callable[[Wiring, AsyncSession], Awaitable[None]]) -> None:
    """With a session of the system; a refusal is a line and exit 1."""

    async def connected() -> None:
        wired = Wiring(Settings(), existing_database(Settings()))
        try:
            async with wired.sessions() as db:
                await act(wired, db)
        finally:
            await wired.close()

    try:
        asyncio.run(connected())
    except (Refusal, NoDatabase) as refusal:
        typer.echo(str(refusal), err=True)
        raise typer.Exit(1) from refusal
