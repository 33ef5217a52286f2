"""`holdfast serve` and `holdfast worker`."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from importlib.util import find_spec
from typing import Annotated

import typer
from prometheus_client import start_http_server

from holdfast import schema
from holdfast.gateways.payments.registry import PackageMissing, require_packages
from holdfast.settings import SERVICES, Settings
from holdfast.wiring import Wiring, branches, join_database
from holdfast.wiring.observation import observe


def prepared(settings: Settings) -> str:
    """The URL of a database that is migrated, or an exit that says what to do."""
    try:
        require_packages(settings.real_providers)
    except PackageMissing as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    url = join_database(settings)
    migrated(settings, url)
    return url


def migrated(settings: Settings, url: str) -> list[str]:
    """The revisions that were applied just now, or an exit that says what to do."""
    if settings.database.url is None or settings.database.migrate_on_start:
        return asyncio.run(schema.upgrade(url, branches(settings)))
    if missing := asyncio.run(schema.pending(url, branches(settings))):
        typer.echo(f"the database lacks {', '.join(missing)}: run `holdfast migrate` first", err=True)
        raise typer.Exit(1)
    return []


def reached_at(host: str, port: int) -> str:
    """Where a browser on this machine finds a server that listens there."""
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{reached}]:{port}" if ":" in reached else f"http://{reached}:{port}"


def serve(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="processes")] = 1,
    services: Annotated[str | None, typer.Option(help=f"some of {','.join(SERVICES)}")] = None,
) -> None:
    """Serve HTTP; without HOLDFAST_DATABASE_URL on the embedded PostgreSQL, with the background work inside."""
    import uvicorn  # noqa: PLC0415

    from holdfast.main import app_from_environment, create_app  # noqa: PLC0415

    if services is not None:
        os.environ["HOLDFAST_SERVICES"] = services  # the worker processes read their settings themselves
    settings = Settings()
    if port:  # for any other the system picks one, and nobody knows it yet
        settings = settings.served_at(reached_at(host, port))
        os.environ["HOLDFAST_PUBLIC_URL"] = settings.accounts.public_url
    if unknown := set(settings.server.services) - set(SERVICES):
        typer.echo(f"unknown services: {', '.join(sorted(unknown))}; known: {', '.join(SERVICES)}", err=True)
        raise typer.Exit(2)
    observe(settings)
    url = prepared(settings)
    # uvicorn hands SIGTERM on after its own shutdown; an exit by exception leaves the embedded server in order
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    options = {
        "host": host,
        "port": port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "ws": "wsproto",
        "ws_max_size": 65_536,  # what a client says is who it is and where it wants to be
        "ws_per_message_deflate": False,  # a window of 32 kB for each of them, and bombs
        # a worker that still imports answers nothing; on a busy machine five seconds ended each before it began
        "timeout_worker_healthcheck": 60,
        "proxy_headers": False,  # uvicorn would believe any peer on 127.0.0.1; whom we believe is a setting
    }
    if workers == 1:
        uvicorn.run(create_app(Wiring(settings, url)), **options)  # type: ignore[arg-type]
    else:
        target = f"{app_from_environment.__module__}:{app_from_environment.__name__}"
        uvicorn.run(target, factory=True, workers=workers, **options)  # type: ignore[arg-type]


def worker() -> None:
    """Run the background work alone, until SIGINT or SIGTERM; with HOLDFAST_BROKER_URL its jobs run by Celery."""
    from holdfast.worker import Worker  # noqa: PLC0415

    settings = Settings()
    observe(settings, part="worker")
    url = prepared(settings)
    if settings.worker.metrics is not None:
        host, _, port = settings.worker.metrics.rpartition(":")
        start_http_server(int(port), host)
    if settings.worker.broker_url is not None:
        if find_spec("celery") is None:
            typer.echo("HOLDFAST_BROKER_URL needs Celery: pip install 'holdfast[celery]'", err=True)
            raise typer.Exit(2)
        from holdfast.cli.jobs import POOL, tend, tending  # noqa: PLC0415

        typer.echo("working, jobs by Celery", file=sys.stderr)
        asyncio.run(tend(tending(settings, url), POOL))
        return
    wired = Wiring(settings, url)

    async def until_told() -> None:
        work = asyncio.create_task(Worker(wired).run())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, work.cancel)
        with suppress(asyncio.CancelledError):
            await work
        await wired.close()

    typer.echo("working", file=sys.stderr)
    asyncio.run(until_told())
