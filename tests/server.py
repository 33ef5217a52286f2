"""`holdfast serve` as a process of its own, on a free port."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.redis_server import HOST, free_port


@contextmanager
def server(database_url: str, **settings: str) -> Iterator[str]:
    """Its base URL, once it answers; `settings` are HOLDFAST_… variables without that prefix."""
    port = free_port()
    told = {
        "DATABASE_URL": database_url,
        "MIGRATE_ON_START": "false",
        "WORKER_IN_PROCESS": "false",
        "SECRET": secrets.token_hex(32),
        "LOG_LEVEL": "warning",
        **settings,
    }
    environment = {**os.environ, **{f"HOLDFAST_{name}": value for name, value in told.items()}}
    command = [str(Path(sys.executable).with_name("holdfast")), "serve", "--host", HOST, "--port", str(port)]
    process = subprocess.Popen(command, env=environment)
    url = f"http://{HOST}:{port}"
    try:
        until = time.monotonic() + 180
        while not answers(url):
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
