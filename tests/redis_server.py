"""A private Redis server on a free port, without a file of its own; it can be killed and brought back."""

import shutil
import socket
import subprocess
import time
from types import TracebackType
from typing import Self

import pytest

PROGRAMS = ("redis-server", "valkey-server")
HOST = "127.0.0.1"


class RedisServer:
    """Runs while the block lasts; every start begins empty, on the same port."""

    def __init__(self) -> None:
        program = next(filter(None, map(shutil.which, PROGRAMS)), None)
        if program is None:
            pytest.skip("redis-server is not installed: nothing is tested on it")
        self.program = program
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    def start(self) -> None:
        """Returns when it answers."""
        nothing_kept = ("--save", "", "--appendonly", "no")
        where = ("--bind", HOST, "--port", str(self.port))
        self.process = subprocess.Popen(
            [self.program, *where, *nothing_kept], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        until = time.monotonic() + 120
        while not self.answers():
            assert self.process.poll() is None, "redis-server has ended"
            assert time.monotonic() < until, "redis-server does not answer"
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            with socket.create_connection((HOST, self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16) == b"+PONG\r\n"
        except OSError:
            return False

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
