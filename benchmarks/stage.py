"""The servers that are measured, started as a user would start them, and who calls them."""

import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

PROGRAMS = Path(sys.executable).parent
PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Running:
    port: int
    pid: int
    # from the command to the first answer
    started_in: float


def holdfast(workers: int) -> Sequence[str]:
    return [str(PROGRAMS / "holdfast"), "serve", "--workers", str(workers), "--port"]


def bare(workers: int) -> Sequence[str]:
    """The ASGI handler on the same server with as many processes."""
    quiet = ["--log-level", "error", "--no-access-log", "--timeout-worker-healthcheck", "60"]
    return [str(PROGRAMS / "uvicorn"), "benchmarks.bare:app", "--workers", str(workers), *quiet, "--port"]


@contextmanager
def server(command: Sequence[str], *, asked: str = "/readyz") -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    began = time.monotonic()
    process = subprocess.Popen([*command, str(port)])
    try:
        yield Running(port, process.pid, answering(port, asked, process) - began)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answering(port: int, path: str, process: "subprocess.Popen[bytes]") -> float:
    """When it first answered."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
            return time.monotonic()
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"{process.args!r} does not answer")


class Staff:
    """A member of staff, who signs in again before the access token of fifteen minutes ends."""

    def __init__(self) -> None:
        self.credentials = {"email": "bench@example.org", "password": secrets.token_urlsafe(24) + "aA1!"}
        offered = ["--email", self.credentials["email"], "--password", self.credentials["password"]]
        command = [str(PROGRAMS / "holdfast"), "users", "create", *offered, "--role", "staff"]
        subprocess.run(command, check=True, capture_output=True)
        self.signed: dict[int, tuple[str, float]] = {}

    def signed_in(self, port: int) -> str:
        """A token of the server there: it names its own address in each."""
        token, until = self.signed.get(port, ("", 0.0))
        if time.monotonic() > until:
            answer = httpx.post(f"http://127.0.0.1:{port}/api/v1/auth/login", json=self.credentials, timeout=30)
            answer.raise_for_status()
            token = str(answer.json()["access_token"])
            self.signed[port] = token, time.monotonic() + 600
        return token
