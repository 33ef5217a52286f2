"""In front of Socket.IO: how many connections an address has and makes, and a line that can always be cut.

WebSockets only. Long polling would need every request of a client to reach the same process, and `--workers N` has
nobody who sees to that.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.api.problems import TooManyRequests, problem
from holdfast.api.rate_limits import address_key
from holdfast.gateways.quotas import Quota, Quotas
from holdfast.kernel.errors import Refusal
from holdfast.kernel.telemetry import RATE_LIMITED, SOCKETS
from holdfast.settings import RealtimeSettings

# to say who one is, after connecting
SIGN_IN_SECONDS = 10.0
# for one message to leave; who is slower is cut off rather than waited for
SEND_SECONDS = 10.0

CLOSED: Message = {"type": "websocket.disconnect", "code": 1008}

Result = TypeVar("Result")


class WebSocketsOnly(Refusal):
    """This takes WebSocket connections: ask your Socket.IO client for `transports: ["websocket"]`."""

    status = 426


class LineCut(OSError):
    """This connection was ended from here."""


class Line:
    """One connection. Once cut, nothing is read from it or written to it, and nobody waits for either."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self.inner_receive = receive
        self.inner_send = send
        self.end = asyncio.get_running_loop().create_future()
        self.known = False
        self.tries = 0

    def cut(self) -> None:
        if not self.end.done():
            self.end.set_result(None)

    def cut_strangers(self) -> None:
        if not self.known:
            self.cut()

    async def receive(self) -> Message:
        try:
            message = await self.unless_cut(self.inner_receive())
        except LineCut:
            return CLOSED
        if message.get("bytes") is not None:  # attachments, which nobody asks for and nothing would bound
            self.cut()
            return CLOSED
        return message

    async def send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self.unless_cut(self.inner_send(message))
        except TimeoutError as error:
            self.cut()
            raise LineCut from error

    async def unless_cut(self, awaited: Awaitable[Result]) -> Result:
        if self.end.done():
            asyncio.ensure_future(awaited).cancel()
            raise LineCut
        task = asyncio.ensure_future(awaited)
        try:
            await asyncio.wait({task, self.end}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise LineCut
            return task.result()
        finally:
            task.cancel()


class Door:
    """The ASGI application that is mounted."""

    def __init__(self, engine: ASGIApp, quotas: Quotas | None, settings: RealtimeSettings) -> None:
        """Without `quotas` nothing is counted."""
        self.engine = engine
        self.quotas = quotas
        self.connects = Quota.of("connects", settings.connects)
        self.per_address = settings.per_address
        self.open: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await problem(WebSocketsOnly())(scope, receive, send)
            return
        key = address_key(scope["state"]["address"])
        refused = await self.refused(key)
        if refused is not None:
            await problem(refused)(scope, receive, send)
            return
        line = Line(receive, send)
        stranger = asyncio.get_running_loop().call_later(SIGN_IN_SECONDS, line.cut_strangers)
        self.open[key] += 1
        SOCKETS.inc()
        try:
            await self.engine({**scope, "line": line}, line.receive, line.send)
        finally:
            SOCKETS.dec()
            self.open[key] -= 1
            if not self.open[key]:
                del self.open[key]
            stranger.cancel()
            line.cut()

    async def refused(self, key: str) -> Refusal | None:
        if self.quotas is None:
            return None
        if self.open[key] >= self.per_address:
            RATE_LIMITED.labels("connections").inc()
            return TooManyRequests(f"at most {self.per_address} connections at a time", quota="connections")
        taken = await self.quotas.take(self.connects, key)
        if taken.admitted:
            return None
        RATE_LIMITED.labels(self.connects.name).inc()
        said = f"at most {self.connects.amount} in {self.connects.window} seconds"
        return TooManyRequests(said, retry_after=taken.seconds, quota=self.connects.name)
