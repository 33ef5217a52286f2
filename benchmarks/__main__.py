"""`make bench`: create, read and check over HTTP, each beside pgbench on the same rows, in one run."""

import argparse
import asyncio
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from benchmarks import baseline, load
from holdfast import schema
from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.kernel.database import create_engine

HOLDFAST = str(Path(sys.executable).parent / "holdfast")
RESOURCES = 200
MONDAY = datetime(2027, 1, 4, tzinfo=UTC)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="per measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--workers", type=int, default=2, help="server processes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with EmbeddedPostgres(folder / "data") as postgres:
            asyncio.run(schema.upgrade(postgres.url))
            os.environ.update(
                HOLDFAST_DATABASE_URL=postgres.url,
                HOLDFAST_DATA_DIR=str(folder),
                HOLDFAST_LOG_LEVEL="warning",
                HOLDFAST_RATE_LIMITS="off",
            )
            with server(options.workers) as port:
                measure(postgres.url, port, folder, options)


@contextmanager
def server(workers: int) -> Iterator[int]:
    """`holdfast serve` on this database and a free port, as a user would start it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [HOLDFAST, "serve", "--port", str(port), "--workers", str(workers)]
    process = subprocess.Popen(command)
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def measure(url: str, port: int, folder: Path, options: argparse.Namespace) -> None:
    token = signed_in(port)
    resources = prepare(port, token)
    run_sql(
        url,
        "CREATE SEQUENCE bench_slot",
        "CREATE TABLE bench_resources AS"
        " SELECT row_number() OVER () AS n, id AS resource_id FROM inventory.resources",
        "CREATE UNIQUE INDEX ON bench_resources (n)",
    )
    table = Table("what", "clients", "HTTP/s", "p50 ms", "p99 ms", "pgbench/s", "ratio", "answers")
    console = Console(width=110)
    for clients in options.clients:
        before = scalar(url, "SELECT count(*) FROM booking.bookings")
        made = load.run(port, Creating(resources, clients), token=token, clients=clients, seconds=options.seconds)
        written = scalar(url, "SELECT count(*) FROM booking.bookings") - before
        if written != made.statuses.get(201, 0):
            raise SystemExit(f"{made.statuses} answered, {written} bookings written")
        limit = baseline.rate(
            url, baseline.CREATE, clients=clients, seconds=options.seconds, folder=folder, resources=RESOURCES
        )
        row(table, "create", clients, made, limit)
    run_sql(
        url,
        "CREATE TABLE bench_bookings AS SELECT row_number() OVER () AS n, id FROM booking.bookings LIMIT 1000",
        "CREATE UNIQUE INDEX ON bench_bookings (n)",
        "VACUUM ANALYZE",
    )
    bookings = [str(each) for each in column(url, "SELECT id FROM bench_bookings")]
    for clients in options.clients:
        reads = load.run(port, Reading(bookings), token=token, clients=clients, seconds=options.seconds)
        limit = baseline.rate(
            url, baseline.READ, clients=clients, seconds=options.seconds, folder=folder, bookings=len(bookings)
        )
        row(table, "read by id", clients, reads, limit)
    for clients in options.clients:
        checks = load.run(port, Checking(resources), token=token, clients=clients, seconds=options.seconds)
        limit = baseline.rate(
            url, baseline.CHECK, clients=clients, seconds=options.seconds, folder=folder, resources=RESOURCES
        )
        row(table, "check-availability", clients, checks, limit)
    console.print(table)


def signed_in(port: int) -> str:
    """A staff member's access token; the account is made by the command line, as an installation's first is."""
    credentials = {"email": "bench@example.org", "password": secrets.token_urlsafe(24) + "aA1!"}
    offered = ["--email", credentials["email"], "--password", credentials["password"], "--role", "staff"]
    subprocess.run([HOLDFAST, "users", "create", *offered], check=True, capture_output=True)
    answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/auth/login", json=credentials, timeout=30)
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def prepare(port: int, token: str) -> list[str]:
    """A venue with many tables."""
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30, headers={"Authorization": f"Bearer {token}"}
    ) as client:
        venue = posted(
            client, "/venues", {"name": "Bench", "type": "restaurant", "timezone": "UTC", "currency": "EUR"}
        )
        body = {
            "venue_id": venue["id"],
            "kind": "table",
            "mode": "exclusive",
            "capacity": 4,
            "max_advance_days": 3660,
        }
        return [posted(client, "/resources", {**body, "name": f"T{n}"})["id"] for n in range(RESOURCES)]


def posted(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, json=body)
    answer.raise_for_status()
    return dict(answer.json())


@dataclass(frozen=True)
class Creating:
    """Each client books its own thousand hours, table by table; another concurrency has other hours."""

    resources: list[str]
    clients: int

    def __call__(self, worker: int, number: int) -> load.Request:
        hour = (self.clients + worker) * 1000 + number // len(self.resources)
        body = {
            "resource_id": self.resources[(worker * 7 + number) % len(self.resources)],
            "start_at": (MONDAY + timedelta(hours=hour)).isoformat(),
            "duration_minutes": 60,
            "party_size": 2,
            "guest": {"name": "Guest", "email": "guest@example.org"},
        }
        return "POST", "/api/v1/bookings", body


@dataclass(frozen=True)
class Reading:
    bookings: list[str]

    def __call__(self, worker: int, number: int) -> load.Request:
        return "GET", f"/api/v1/bookings/{random.choice(self.bookings)}", None


@dataclass(frozen=True)
class Checking:
    resources: list[str]

    def __call__(self, worker: int, number: int) -> load.Request:
        start = MONDAY + timedelta(hours=random.randrange(5000))
        body = {
            "resource_id": random.choice(self.resources),
            "start_at": start.isoformat(),
            "end_at": (start + timedelta(hours=1)).isoformat(),
            "quantity": 2,
        }
        return "POST", "/api/v1/inventory/check-availability", body


def row(table: Table, what: str, clients: int, seen: load.Measured, limit: float) -> None:
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(seen.statuses.items()))
    quantiles = (f"{seen.quantile(0.5):.1f}", f"{seen.quantile(0.99):.1f}")
    table.add_row(
        what, str(clients), f"{seen.rate:.0f}", *quantiles, f"{limit:.0f}", f"{seen.rate / limit:.3f}", answers
    )


def run_sql(url: str, *statements: str) -> None:
    column(url, *statements)


def scalar(url: str, statement: str) -> int:
    return int(str(column(url, statement)[0]))


def column(url: str, *statements: str) -> list[Any]:
    """Run the statements; the first column of the last one's rows."""

    async def go() -> list[Any]:
        engine = create_engine(url)
        found: list[Any] = []
        async with engine.connect() as connection:
            for statement in statements:
                result = await connection.execute(text(statement))
                found = list(result.scalars()) if result.returns_rows else []
        await engine.dispose()
        return found

    return asyncio.run(go())


if __name__ == "__main__":
    main()
