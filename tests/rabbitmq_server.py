"""A private RabbitMQ node on free ports, in a folder of its own; it can be killed and brought back as it was."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from amqp.connection import Connection
from amqp.exceptions import AMQPError

from tests.redis_server import HOST, free_port

DEBIANS = Path("/usr/lib/rabbitmq/bin")  # the scripts on the path there change the user first


class RabbitServer:
    """Runs while the block lasts; every start finds what the last one kept."""

    def __init__(self, folder: Path) -> None:
        own = DEBIANS / "rabbitmq-server"
        program = str(own) if own.exists() else shutil.which("rabbitmq-server")
        if program is None:
            pytest.skip("rabbitmq-server is not installed: nothing is tested on it")
        folder.mkdir(parents=True, exist_ok=True)
        self.program = program
        self.folder = folder
        self.port, distribution = free_port(), free_port()
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {HOST}:{self.port}\nlog.console = false\nlog.file.level = warning\n"
        )
        (folder / "enabled_plugins").write_text("[].\n")
        self.environment = {
            **os.environ,
            "HOME": str(folder),  # the cookie that Erlang nodes share lies there
            "RABBITMQ_NODENAME": f"test-{secrets.token_hex(4)}@localhost",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "data"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(distribution),
            # no daemon that maps names to ports: the node is asked for by nobody
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +S 2:2 -start_epmd false -erl_epmd_port "
            f"{distribution} -kernel inet_dist_use_interface {{127,0,0,1}}",
        }

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{HOST}:{self.port}/"

    def start(self) -> float:
        """Returns when it takes connections; after how many seconds."""
        began = time.monotonic()
        with (self.folder / "console.log").open("ab") as log:
            self.process = subprocess.Popen(
                [self.program], env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        while not self.answers():
            assert self.process.poll() is None, (self.folder / "console.log").read_text()[-3000:]
            assert time.monotonic() < began + 120, (self.folder / "console.log").read_text()[-3000:]
            time.sleep(0.05)
        return time.monotonic() - began

    def answers(self) -> bool:
        """It lets somebody in: a node listens before its virtual host is there, and turns everybody away."""
        try:
            with Connection(f"{HOST}:{self.port}", connect_timeout=5):
                return True
        except (OSError, AMQPError):
            return False

    def restart(self) -> None:
        """In order. A node writes down within half a second that a quorum queue was declared, and loses the queue
        if it is killed before that: who kills it after a declaration restarts it first."""
        assert self.process
        self.process.terminate()
        self.process.wait()
        self.start()

    def kill(self) -> None:
        """At once, with everything that it started."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.kill()
