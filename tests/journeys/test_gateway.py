"""The demo's story, told to a server that runs, through nginx."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.nginx_server import gateway
from tests.redis_server import HOST, free_port
from tests.server import server

pytestmark = pytest.mark.timeout(900)

HOLDFAST = str(Path(sys.executable).with_name("holdfast"))
LANDMARKS = ("slot-taken", "The guest pays", "gone back to the guest", "404 Not Found", "invariants  all ")


def test_the_story_is_told_through_the_gateway(database_url: str, tmp_path: Path) -> None:
    port, secret = free_port(), secrets.token_hex(32)
    settings = {
        "PUBLIC_URL": f"http://{HOST}:{port}",
        "TRUSTED_PROXIES": HOST,
        "WORKER_IN_PROCESS": "true",
        "SECRET": secret,
        "DATA_DIR": str(tmp_path / "data"),
    }
    told = {"DATABASE_URL": database_url, "SECRET": secret, "DATA_DIR": str(tmp_path / "story")}
    (tmp_path / "story").mkdir()
    environment = {**os.environ, **{f"HOLDFAST_{name}": each for name, each in told.items()}}
    with server(database_url, **settings) as app, gateway(tmp_path / "nginx", app, port=port) as url:
        done = subprocess.run(
            [HOLDFAST, "demo", "--at", url],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [each for each in LANDMARKS if each not in done.stdout] == []
