"""Bring a database to the shape this version needs: one Alembic branch per domain, and one for the kernel.

    src/holdfast/kernel/migrations/        branch kernel
    src/holdfast/domains/<d>/migrations/   branch <d>, in the PostgreSQL schema <d>

Which revisions a database has stands in `kernel.alembic_version`. An advisory lock lets one process migrate while
the others that started with it wait; these then find nothing left to do.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from holdfast.kernel.database import DRIVER
from holdfast.kernel.postgres_url import connect_args

PACKAGE = Path(__file__).parent
OLDEST_SERVER = 15
MIGRATING = 0x686F6C64  # advisory lock key: "hold"


class ServerTooOld(RuntimeError):
    """PostgreSQL 15 or newer is needed."""


class DatabaseIsNewer(RuntimeError):
    """The database holds revisions that this version does not know."""


async def upgrade(url: str, only: Sequence[str] | None = None) -> list[str]:
    """Apply every revision of every branch, or of these; the revisions that were applied. ServerTooOld before
    PostgreSQL 15."""
    engine = transactional_engine(url)
    try:
        async with engine.connect() as connection:
            await require_server(connection)
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATING})
            await connection.execute(text("CREATE SCHEMA IF NOT EXISTS kernel"))
            await connection.commit()
            missing = await revisions_missing(connection, only)
            for head in ["heads"] if only is None else [f"{branch}@head" for branch in only]:
                if missing:
                    await connection.run_sync(run, partial(command.upgrade, revision=head))
            return missing
    finally:
        await engine.dispose()  # ends the session, and with it the advisory lock


async def downgrade(url: str, branch: str) -> None:
    """Take back every revision of one branch, and its data with it."""
    engine = transactional_engine(url)
    try:
        async with engine.connect() as connection:
            await connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATING})
            await connection.commit()
            await connection.run_sync(run, lambda config: command.downgrade(config, f"{branch}@base"))
    finally:
        await engine.dispose()


async def pending(url: str, only: Sequence[str] | None = None) -> list[str]:
    """The revisions not yet applied, of every branch or of these, oldest first. DatabaseIsNewer for one that this
    version does not know."""
    engine = transactional_engine(url)
    try:
        async with engine.connect() as connection:
            return await revisions_missing(connection, only)
    finally:
        await engine.dispose()


def draft(branch: str, message: str) -> Path:
    """A new, empty revision at the end of a branch, which begins with it where it has none; its file."""
    folder = branches().get(branch, PACKAGE / "domains" / branch / "migrations")
    folder.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.glob("[0-9]*.py"))) + 1
    config = configuration()
    config.set_main_option("file_template", f"{number:04}_%%(slug)s")
    script = command.revision(
        config,
        message,
        rev_id=f"{branch}_{number:04}",
        head="base" if number == 1 else f"{branch}@head",
        branch_label=branch if number == 1 else None,
        version_path=str(folder),
    )
    if not isinstance(script, Script):
        raise TypeError("Alembic wrote more than one file")
    return Path(script.path)


def branches() -> dict[str, Path]:
    """Where each branch keeps its revisions, found by looking: no domain is imported."""
    kernel, domains = PACKAGE / "kernel" / "migrations", sorted(PACKAGE.glob("domains/*/migrations"))
    return {folder.parent.name: folder for folder in (kernel, *domains)}


def revisions() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())


def configuration() -> Config:
    """Alembic's settings, without an ini file; `%` is doubled because they pass through configparser."""
    config = Config()
    settings = {
        "script_location": str(PACKAGE / "migrations"),
        "path_separator": "os",
        "version_locations": os.pathsep.join(str(folder) for folder in branches().values()),
    }
    for name, value in settings.items():
        config.set_main_option(name, value.replace("%", "%%"))
    return config


async def revisions_missing(connection: AsyncConnection, only: Sequence[str] | None = None) -> list[str]:
    script = revisions()
    known = [revision.revision for revision in script.walk_revisions("base", "heads")]
    applied: set[str] = set()
    if await connection.scalar(text("SELECT to_regclass('kernel.alembic_version')")) is not None:
        current = set(await connection.scalars(text("SELECT version_num FROM kernel.alembic_version")))
        if unknown := current.difference(known):
            raise DatabaseIsNewer(f"unknown revisions: {', '.join(sorted(unknown))}")
        for head in current:
            applied.update(revision.revision for revision in script.iterate_revisions(head, "base"))
    await connection.rollback()
    return [
        revision
        for revision in reversed(known)
        if revision not in applied and (only is None or revision.rpartition("_")[0] in only)
    ]


async def require_server(connection: AsyncConnection) -> None:
    version = int(await connection.scalar(text("SHOW server_version_num")) or 0) // 10_000
    if version < OLDEST_SERVER:
        raise ServerTooOld(f"this server is PostgreSQL {version}; {OLDEST_SERVER} or newer is needed")


def run(connection: Connection, act: Callable[[Config], None]) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    act(config)


def transactional_engine(url: str) -> AsyncEngine:
    """Migrations need real transactions, which `kernel.database.create_engine` leaves to `transaction`, and may
    take as long as they take."""
    arguments = connect_args(url, {"application_name": "holdfast migrate"})
    return create_async_engine(DRIVER, connect_args=arguments, poolclass=NullPool)
