"""nginx as `holdfast gateway nginx` configures it, on a free port, in a folder of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from holdfast.cli.gateway import upstreams, write
from holdfast.cli.gateway.nginx import Gateway
from holdfast.settings import Settings
from tests.redis_server import HOST, free_port

PATIENCE_SECONDS = 120


def program() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        pytest.skip("nginx is not installed: the gateway's configuration is not tested")
    return found


@contextmanager
def gateway(
    folder: Path, app: str, *, settings: Settings | None = None, port: int | None = None, **at: str
) -> Iterator[str]:
    """Its URL, once it listens; `at` says where a service is that is not at `app`."""
    nginx, port = program(), port or free_port()
    places = upstreams(app, [f"{service}={url}" for service, url in at.items()])
    write(folder, Gateway(f"{HOST}:{port}", places, cached_seconds=3_600), settings or Settings())
    # started by root its workers are nobody, who may not look into a test's folder
    said = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    with (folder / "nginx.log").open("wb") as log:
        command = [nginx, "-p", str(folder), "-c", "nginx.conf", "-g", said]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        ends = time.monotonic() + PATIENCE_SECONDS
        while not listens(port):
            assert process.poll() is None, (folder / "nginx.log").read_text()
            assert time.monotonic() < ends, "nginx does not listen"
            time.sleep(0.05)
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        process.wait(30)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
