"""The server in this process, beside the one that tells: real sockets, one Ctrl-C for both."""

import errno
import signal
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

HOST = "127.0.0.1"
# further up somebody else's range begins; beyond these the system picks one
NEIGHBOURS = 20
GRACE_SECONDS = 3


class NotServing(Exception):
    """The server did not come up."""


class Server:
    """Serves from a thread of its own while the block lasts; uvicorn leaves the signals to the main thread."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        self.server = uvicorn.Server(config)
        # not Thread.join: interrupted, it takes a running thread for a finished one (Python 3.11)
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(listener,), name="server", daemon=True)

    def serve(self, listener: socket.socket) -> None:
        try:
            self.server.run([listener])
        finally:
            self.ended.set()

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def ready(self) -> Self:
        """Waits until it serves; NotServing if it gives up instead."""
        while not self.server.started:
            if self.ended.wait(0.01):
                raise NotServing("the server did not start; HOLDFAST_LOG_LEVEL=debug says more")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        # a second Ctrl-C would leave requests half answered; this takes seconds at most
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
        self.server.should_exit = True
        self.ended.wait()
        for number, handler in before.items():
            signal.signal(number, handler)

    def wait(self) -> None:
        """Until interrupted, or until the server ends by itself."""
        self.ended.wait()


def listen(port: int) -> socket.socket:
    """A listening socket on this port, or the next free one; 0 takes any."""
    for candidate in range(port, min(port + NEIGHBOURS, 65536)):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, candidate))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return listener
    return listen(0)
