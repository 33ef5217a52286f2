"""A provider's server in a thread of its own, that can be told to fail."""

import asyncio
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

HOST = "127.0.0.1"
HANG_SECONDS = 5

Json = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]


class Fault(StrEnum):
    """`LOST`: it does what it was asked, and its answer never arrives."""

    ERROR = "500"
    TOO_MANY = "429"
    TOO_MANY_FOR_LONG = "429 for a minute"
    HANG = "hang"
    JUNK = "junk"
    STRANGE = "strange"
    LOST = "lost"


@dataclass(frozen=True)
class Heard:
    """A request as it arrived."""

    method: str
    path: str
    key: str | None
    body: bytes


@dataclass
class Peer:
    """`faults` befall the next requests of their method, one each; what was asked is `heard`."""

    key_header: str
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    heard: list[Heard] = field(default_factory=list)
    url: str = ""

    def fail(self, *faults: Fault, method: str = "GET") -> None:
        self.faults.setdefault(method, deque()).extend(faults)

    def quiet(self) -> None:
        self.faults.clear()
        self.heard.clear()

    def posts(self, ending: str = "") -> list[Heard]:
        return [each for each in self.heard if each.method == "POST" and each.path.endswith(ending)]

    def guarded(self, handler: Handler) -> Handler:
        async def guard(request: Request) -> Response:
            body = await request.body()
            self.heard.append(Heard(request.method, request.url.path, request.headers.get(self.key_header), body))
            waiting = self.faults.get(request.method)
            fault = waiting.popleft() if waiting else None
            if fault is Fault.HANG:
                await asyncio.sleep(HANG_SECONDS)
            if fault is Fault.LOST:
                await handler(request)
            if fault is Fault.JUNK:
                return PlainTextResponse("<html>gateway</html>")
            if fault is Fault.STRANGE:
                return JSONResponse({"strange": ["to", "say"]})
            if fault in (Fault.TOO_MANY, Fault.TOO_MANY_FOR_LONG):
                wait = "60" if fault is Fault.TOO_MANY_FOR_LONG else "0"
                return JSONResponse({"error": {"message": "slow down"}}, 429, {"Retry-After": wait})
            if fault is not None:
                return JSONResponse({"error": {"code": "SERVER_ERROR", "message": "out of order"}}, 500)
            return await handler(request)

        return guard

    def routes(self) -> Sequence[Route]:
        raise NotImplementedError


@contextmanager
def serving(peer: Peer) -> Iterator[None]:
    """While the block lasts; `peer.url` is where."""
    routes = [
        Route(each.path, peer.guarded(each.endpoint), methods=list(each.methods or ())) for each in peer.routes()
    ]
    listener = socket.create_server((HOST, 0))
    peer.url = f"http://{HOST}:{listener.getsockname()[1]}"
    config = uvicorn.Config(
        Starlette(routes=routes), log_config=None, access_log=False, timeout_graceful_shutdown=0, lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


async def said(request: Request) -> Json:
    body = await request.body()
    found: Json = json.loads(body) if body else {}
    return found
