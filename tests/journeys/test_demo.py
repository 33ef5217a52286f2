"""The demo as a newcomer runs it: in a pipe, twice, at any hour; and it leaves the data in order."""

import asyncio
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr
from rich.console import Console

from holdfast.cli.demo.run import play
from holdfast.cli.demo.teller import Teller
from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.settings import DatabaseSettings, LogSettings, Settings
from tests.clock import SettableClock

# one telling takes five seconds on an idle machine and a minute on one with ten other things to do
pytestmark = pytest.mark.timeout(600)

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
LANDMARKS = [
    "What is free?",
    "CONFIRMED, supplier_confirmed",
    "Idempotency-Replayed  true",
    "slot-taken",
    "alternatives",
    "PENDING, booking_created",
    "payment-due",
    "The guest pays",
    "/pay/",
    "CONFIRMED, documents_generated",
    "succeeded",
    "The guest comes a day later",
    "A card is declined",
    "the card was declined",
    "FAILED, cancelled",
    "The guest cancels after all",
    "gone back to the guest",
    "refund_settled",
    "The papers of it",
    "credit note",
    "kB of PDF",
    "CHECKED_IN",
    "payment_pending",
    "CANCELLED, cancelled",
    "answer      free",
    "A guest without an account",
    "manage_token",
    "404 Not Found",
    "404 Not Found",
    "CANCELLED, cancelled",
    "invariants  all ",
]
COUNTS = {
    "accounts": "SELECT count(*) FROM identity.users",
    "venues": "SELECT count(*) FROM inventory.venues",
    "resources": "SELECT count(*) FROM inventory.resources",
    "rates": "SELECT count(*) FROM pricing.rates",
}
# late evenings, turns of the year, and the days on which Lisbon and New York change their clocks
INSTANTS = [
    "2030-03-09T23:50:00-05:00",
    "2030-10-27T00:30:00+01:00",
    "2030-12-31T23:50:00+00:00",
]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="holdfast-test-"))
    yield folder
    if pid := EmbeddedPostgres(folder).cluster.running_pid():
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell's background job ignores SIGINT, and so would every process it starts, a demo among them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def command(data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    """A `holdfast` of its own: no settings but its data folder, no terminal, no `.env`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "DATABASE_"))}
    return subprocess.Popen(
        [HOLDFAST, *arguments],
        cwd=data_dir,
        env={**kept, "HOLDFAST_DATA_DIR": str(data_dir), "COLUMNS": "80", "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )


def told(database_url: str, clock: SettableClock, folder: Path) -> str:
    """The story on this database, told by this clock in this process."""
    output = io.StringIO()
    database = DatabaseSettings(url=SecretStr(database_url), data_dir=folder)
    settings = Settings(database=database, log=LogSettings(level="error"))
    play(settings, Teller(Console(file=output, width=80)), clock=clock, port=0, keep_serving=False)
    return output.getvalue()


def are_secret(data_dir: Path, output: str) -> bool:
    """Both passwords are kept for their owner alone, and were not told."""
    passwords = list(data_dir.glob("demo-*.password"))
    assert [path.stat().st_mode & 0o777 for path in passwords] == [0o600, 0o600]
    return not any(path.read_text() in output for path in passwords)


async def counts(data_dir: Path) -> dict[str, int]:
    with EmbeddedPostgres(data_dir) as server:
        connection = await asyncpg.connect(server.url)
        try:
            return {name: await connection.fetchval(count) for name, count in COUNTS.items()}
        finally:
            await connection.close()


def missing(output: str, landmarks: Sequence[str]) -> list[str]:
    """What was not told, or not in this order."""
    at, absent = 0, []
    for landmark in landmarks:
        found = output.find(landmark, at)
        if found < 0:
            absent.append(landmark)
        at = max(at, found)
    return absent


async def test_the_story_is_told_twice_and_adds_no_venue_the_second_time(data_dir: Path) -> None:
    first = command(data_dir, "demo", "--no-serve", "--port", "0")
    output, _ = first.communicate(timeout=240)
    assert first.returncode == 0, output
    assert missing(output, LANDMARKS) == [], output
    assert "\x1b" not in output, "no colours in a pipe"
    assert max(map(len, output.splitlines())) <= 80
    assert missing(output, ["Confirmed: Kelp Harbour Kitchen", "/dev/mail"]) == [], output
    assert are_secret(data_dir, output)
    made = await counts(data_dir)
    assert made == {"accounts": 2, "venues": 3, "resources": 6, "rates": 2}

    second = command(data_dir, "demo", "--no-serve", "--port", "0")
    output, _ = second.communicate(timeout=240)
    assert second.returncode == 0, output
    assert missing(output, LANDMARKS) == [], output
    assert "found as they were" in output
    assert await counts(data_dir) == made

    audit = command(data_dir, "audit")
    findings, _ = audit.communicate(timeout=60)
    assert audit.returncode == 0, findings


async def test_two_that_start_together_from_nothing_make_every_venue_once(data_dir: Path) -> None:
    both = [command(data_dir, "demo", "--no-serve", "--port", "0") for _ in range(2)]
    outputs = [demo.communicate(timeout=240)[0] for demo in both]
    assert [demo.returncode for demo in both] == [0, 0], outputs
    assert [missing(output, LANDMARKS) for output in outputs] == [[], []], outputs
    assert await counts(data_dir) == {"accounts": 2, "venues": 3, "resources": 6, "rates": 2}


@pytest.mark.usefixtures("interruptible")
def test_it_serves_on_the_next_free_port_until_told_to_stop(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port: int = other.getsockname()[1]
        demo = command(data_dir, "demo", "--port", str(port))
        assert demo.stdout
        heard = ""
        while "curl -s" not in heard:
            line = demo.stdout.readline()
            assert line, heard
            heard += line
        assert f"Port {port} is taken; serving on " in heard
        time.sleep(0.2)
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=30)
    assert demo.returncode == 0, rest
    assert "Traceback" not in rest


@pytest.mark.parametrize("instant", INSTANTS)
def test_it_works_at_any_hour(database_url: str, instant: str, tmp_path: Path) -> None:
    clock = SettableClock()
    clock.set(datetime.fromisoformat(instant))
    output = told(database_url, clock, tmp_path) + told(database_url, clock, tmp_path)
    assert missing(output, LANDMARKS * 2) == [], output
    assert "booked out" not in output


def test_a_venue_that_is_booked_out_is_said_and_the_story_goes_on(database_url: str, tmp_path: Path) -> None:
    clock = SettableClock()
    told(database_url, clock, tmp_path)
    asyncio.run(close_every_table(database_url))
    output = told(database_url, clock, tmp_path)
    assert missing(output, ["booked out", "The second guest cancels", "invariants  all "]) == [], output


async def close_every_table(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE inventory.resources SET active = false WHERE kind = 'table'")
    await connection.close()
