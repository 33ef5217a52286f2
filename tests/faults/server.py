"""`holdfast serve` as a process of its own, and guests who remember every answer they were given."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx
import psutil

from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.kernel.clock import SystemClock
from tests.house import Json, bearer
from tests.people import EMAIL, PASSWORD

HOLDFAST = Path(sys.executable).with_name("holdfast")
EXPECTED = (200, 201, 409, 503)
DAY_AFTER_TOMORROW = SystemClock().now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)


def lasting(booking: Json) -> Json:
    """What of a booking stays as it was told until somebody changes it: its papers are made behind the answer."""
    return {name: value for name, value in booking.items() if name not in ("lifecycle_status", "updated_at")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(data_dir: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    ours.pop("DATABASE_URL", None)
    told = {"DATA_DIR": str(data_dir), "LOG_LEVEL": "warning", "RATE_LIMITS": "off"}
    return {**ours, **{f"HOLDFAST_{name}": value for name, value in told.items()}}


def holdfast(data_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One command to its end."""
    return subprocess.run(
        [str(HOLDFAST), *arguments],
        env=environment(data_dir),
        cwd=data_dir,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def postmaster(data_dir: Path) -> int | None:
    return EmbeddedPostgres(data_dir).cluster.running_pid()


@dataclass
class Served:
    """One `holdfast serve` on a data folder; `stop` is what a service manager does."""

    data_dir: Path
    workers: int = 1
    background: bool = True
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process
        return self.process.pid

    def start(self) -> float:
        """Start, wait until it answers, and sign in at the first time; how many seconds until it answered."""
        began = time.monotonic()
        command = [str(HOLDFAST), "serve", "--port", str(self.port), "--workers", str(self.workers)]
        with (self.data_dir / "serve.log").open("ab") as log:
            settings = {**environment(self.data_dir), "HOLDFAST_WORKER_IN_PROCESS": str(self.background)}
            self.process = subprocess.Popen(command, env=settings, cwd=self.data_dir, stdout=log, stderr=log)
        while time.monotonic() < began + 180:
            assert self.process.poll() is None, (self.data_dir / "serve.log").read_text()[-4000:]
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    seconds = time.monotonic() - began
                    self.token = self.token or self.signed_in()
                    return seconds
            except httpx.TransportError:
                time.sleep(0.05)
        raise TimeoutError(f"no answer within three minutes:\n{(self.data_dir / 'serve.log').read_text()[-4000:]}")

    def signed_in(self) -> str:
        """A staff member's token; the account is made with the first server of this data folder."""
        answer = self.login()
        if answer.status_code == 401:
            made = holdfast(
                self.data_dir, "users", "create", "--email", EMAIL, "--password", PASSWORD, "--role", "staff"
            )
            assert made.returncode == 0, made.stderr
            answer = self.login()
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def login(self) -> httpx.Response:
        said = {"email": EMAIL, "password": PASSWORD}
        return httpx.post(f"{self.url}/api/v1/auth/login", json=said, timeout=60)

    def client(self) -> httpx.AsyncClient:
        """The staff member's; the token outlives a restart."""
        return httpx.AsyncClient(base_url=self.url, timeout=60, headers=bearer(self.token))

    def kill(self) -> None:
        """As the kernel does when memory is short: this process and its workers, nobody else."""
        assert self.process
        family = [self.process.pid, *(child.pid for child in self.children())]
        for pid in family:
            os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def children(self) -> list[psutil.Process]:
        """The living worker processes; not the resource tracker that serves them."""
        living = []
        for each in psutil.Process(self.pid).children():
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(each.cmdline()):
                    living.append(each)
        return living

    def end(self) -> None:
        """Whatever state it is in."""
        if self.process and self.process.poll() is None:
            self.stop()

    def terminate(self) -> None:
        assert self.process
        self.process.terminate()

    def ended(self) -> int:
        """Its exit code, once it has ended."""
        assert self.process
        return self.process.wait(30)

    def stop(self) -> int:
        """SIGTERM, and its exit code."""
        self.terminate()
        return self.ended()


@dataclass
class Guest:
    """Books tables, moves and cancels, under a key each, and keeps what was answered and what was not.

    `asked` is every request in its order: key, method, path, body; `answers` holds the 2xx answer of each key.
    """

    client: httpx.AsyncClient
    name: str
    table: Json
    shared: Json
    chance: random.Random
    asked: dict[str, tuple[str, str, Json]] = field(default_factory=dict)
    answers: dict[str, Json] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)

    async def ask(self, key: str) -> httpx.Response:
        method, path, body = self.asked[key]
        answer = await self.client.request(method, path, json=body, headers={"Idempotency-Key": key})
        self.statuses[answer.status_code] += 1
        assert answer.status_code in EXPECTED, answer.text
        if answer.is_success:
            self.answers[key] = answer.json()
        else:
            self.refused.add(key)
            self.problems[answer.json()["type"]] += 1
        return answer

    @property
    def unanswered(self) -> set[str]:
        return self.asked.keys() - self.answers.keys() - self.refused

    async def live(self) -> None:
        """Until the server is gone: the last request that was asked may have no answer."""
        for number in range(10_000):
            place = self.shared if number % 3 == 2 else self.table
            key = f"{self.name}-{number}"
            body = {
                "resource_id": place["id"],
                "start_at": slot(number),
                "duration_minutes": 30,
                "party_size": 2,
                "guest": {"name": self.name, "email": "guest@example.org"},
            }
            self.asked[key] = ("POST", "/api/v1/bookings", body)
            answer = await self.ask(key)
            if answer.status_code != 201:
                continue
            path = f"/api/v1/bookings/{answer.json()['id']}"
            version = 1
            if self.chance.random() < 0.4:
                later = {"expected_version": 1, "start_at": slot(number + 0.5)}
                self.asked[f"{key}-move"] = ("PUT", path, later)
                moved = await self.ask(f"{key}-move")
                version += moved.is_success
            if self.chance.random() < 0.4:
                body = {"expected_version": version, "reason": "plans changed"}
                self.asked[f"{key}-cancel"] = ("POST", f"{path}/cancel", body)
                await self.ask(f"{key}-cancel")


def slot(number: float) -> str:
    """The number's own hour, from the day after tomorrow on."""
    return (DAY_AFTER_TOMORROW + timedelta(hours=number)).isoformat()
