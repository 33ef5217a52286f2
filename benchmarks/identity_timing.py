"""`python -m benchmarks.identity_timing`: does the time of an answer tell whether an address has an account?

Known and unknown addresses take turns over HTTP, each address used once, and their medians are set side by side. A
ratio near 1 tells nothing. The interval is where 19 of 20 such ratios lie when the same times are drawn again and
again (a bootstrap): one that holds 1 says that no difference was seen. `verify-otp` does not look at accounts, so
what it shows is the noise of the machine.
"""

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from holdfast import schema
from holdfast.contracts.identity import SYSTEM, Registration, Role
from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.kernel.telemetry import configure_logging
from holdfast.main import create_app
from holdfast.settings import RateLimitSettings, SecuritySettings, ServerSettings, Settings
from holdfast.wiring import Wiring

PASSWORD, OTHER_PASSWORD = "Quiet-Harbour-77", "Brisk.Lantern.42"
BODIES: dict[str, dict[str, str]] = {
    "login": {"password": OTHER_PASSWORD},
    "register": {"password": OTHER_PASSWORD, "full_name": "Bench"},
    "forgot-password": {},
    "resend-otp": {},
    "verify-otp": {"otp": "000000"},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.identity_timing", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="requests of each kind to each route")
    parser.add_argument("--routes", nargs="+", choices=BODIES, default=list(BODIES))
    options = parser.parse_args()
    configure_logging("error", "json")
    folder = tempfile.TemporaryDirectory(prefix="holdfast-bench-", ignore_cleanup_errors=True)
    with folder as name, EmbeddedPostgres(Path(name) / "data") as postgres:
        asyncio.run(schema.upgrade(postgres.url))
        asyncio.run(measure(postgres.url, options.routes, options.rounds))


async def measure(url: str, routes: Sequence[str], rounds: int) -> None:
    settings = Settings(
        server=ServerSettings(worker_in_process=False),
        rate_limits=RateLimitSettings(enabled=False),
        security=SecuritySettings(secret=SecretStr("of a benchmark, long enough for any key")),
    )
    wired = Wiring(settings, url)
    table = Table("route", "known ms", "unknown ms", "ratio", "95 % interval", title="medians")
    transport = httpx.ASGITransport(create_app(wired))
    async with httpx.AsyncClient(transport=transport, base_url="http://bench") as client:
        for route in routes:
            known, unknown = await times(client, wired, route, BODIES[route], rounds)
            row = (statistics.median(known), statistics.median(unknown))
            low, high = interval(known, unknown)
            told = (f"{row[0] / row[1]:.3f}", f"{low:.3f} to {high:.3f}")
            table.add_row(route, *(f"{1000 * each:.2f}" for each in row), *told)
    await wired.engine.dispose()
    Console().print(table)


def interval(known: list[float], unknown: list[float]) -> tuple[float, float]:
    """Where the ratio of medians lies when both kinds are drawn anew from what was measured."""
    draw = random.Random(1)
    ratios = sorted(
        statistics.median(draw.choices(known, k=len(known)))
        / statistics.median(draw.choices(unknown, k=len(unknown)))
        for _ in range(2000)
    )
    return ratios[50], ratios[-51]


async def times(
    client: httpx.AsyncClient, wired: Wiring, route: str, body: dict[str, str], rounds: int
) -> tuple[list[float], list[float]]:
    """Seconds of every request: to addresses with a proven account, and to addresses without one."""
    for number in range(-5, rounds):
        await account(wired, address(route, "known", number))
    known: list[float] = []
    unknown: list[float] = []
    for number in range(-5, rounds):  # the first five warm up and are not counted
        turns = [("known", known), ("unknown", unknown)]
        for kind, seconds in turns if number % 2 else reversed(turns):
            started = time.perf_counter()
            await client.post(f"/api/v1/auth/{route}", json={"email": address(route, kind, number), **body})
            if number >= 0:
                seconds.append(time.perf_counter() - started)
    return known, unknown


def address(route: str, kind: str, number: int) -> str:
    return f"{kind}{number % 1_000_000}@{route}.example.org"


async def account(wired: Wiring, email: str) -> None:
    async with wired.sessions() as db:
        registration = Registration(email=email, password=PASSWORD, full_name="Bench")
        await wired.accounts(db).create(registration, [Role.CUSTOMER], now=wired.clock.now(), actor=SYSTEM)


if __name__ == "__main__":
    main()
