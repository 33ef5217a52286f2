"""The connection to another service: kept alive, bounded in time, tried again where that is safe."""

import asyncio
from dataclasses import dataclass
from functools import cached_property

import httpx
import structlog
from pydantic_core import from_json

from holdfast.clients import deadline, tokens
from holdfast.clients.ports import SAFE
from holdfast.clients.tokens import ServiceTokenRefused, ServiceTokens
from holdfast.kernel.access import Caller
from holdfast.kernel.clock import Clock
from holdfast.kernel.crossing import heard
from holdfast.kernel.errors import Refusal, Unavailable
from holdfast.kernel.line import Line, NoAnswer
from holdfast.kernel.telemetry import PEER_ANSWERS, passed_on
from holdfast.kernel.tracing import Kind, span

PREFIX = "/internal"
REFUSAL = "application/vnd.holdfast.refusal+json"
ONCE = "Holdfast-Once"
# of one process to one other; above that, questions wait their turn
CONNECTIONS = 100

log = structlog.get_logger()


class PeerUnavailable(Unavailable):
    """A service that this needs cannot be reached right now; nothing was decided, ask again."""


@dataclass(frozen=True)
class Peer:
    """`patience` in seconds is for one question, all its tries together."""

    name: str
    url: str
    patience: float
    tokens: ServiceTokens
    clock: Clock

    @cached_property
    def http(self) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        # the line says when it has been too long
        return httpx.AsyncClient(base_url=self.url, timeout=None, limits=limits, trust_env=False)

    @cached_property
    def line(self) -> Line:
        return Line(self.name, self.patience, unavailable=PeerUnavailable, answers=PEER_ANSWERS)

    async def ask(self, port: str, method: str, body: bytes, *, caller: Caller, once: str | None = None) -> bytes:
        """What it answers, as it is written; `once`: the name of an effect that is to happen once.

        Refuses as the other does; PeerUnavailable names the `dependency` that is away.
        """

        async def question() -> bytes:
            with span(f"ask {port}.{method}", kind=Kind.CLIENT):
                return await self.post(port, method, body, caller=caller, once=once)

        again = once is not None or (port, method) in SAFE
        try:
            return await self.line.ask(question, again=again, within=deadline.seconds_left())
        except PeerUnavailable as away:
            away.facts.setdefault("dependency", self.name)
            raise

    async def post(self, port: str, method: str, body: bytes, *, caller: Caller, once: str | None) -> bytes:
        left = min(self.patience, deadline.seconds_left() or self.patience)
        headers = {
            "Content-Type": "application/json",
            tokens.HEADER: self.tokens.sign(audience=port, caller=caller, now=self.clock.now()),
            deadline.HEADER: str(int(left * 1000)),
            **({ONCE: once} if once else {}),
            **passed_on(),
        }
        try:
            said = await self.http.post(f"{PREFIX}/{port}/{method}", content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NoAnswer(repr(error)) from error
        if said.status_code == httpx.codes.OK:
            return said.content
        if said.headers.get("content-type") == REFUSAL:
            raise self.refusal(said.content)
        raise NoAnswer(f"status {said.status_code}")

    def refusal(self, content: bytes) -> Refusal:
        refused = heard(from_json(content))
        if isinstance(refused, ServiceTokenRefused):  # ours to mend, and nothing to whoever asked us
            log.error("a peer takes us for a stranger: is its HOLDFAST_SECRET this one?", peer=self.name)
            return PeerUnavailable(f"{self.name} takes us for a stranger")
        return refused

    async def answers(self, *, within: float) -> bool:
        """Whether it is there at all."""
        try:
            async with asyncio.timeout(within):
                said = await self.http.get("/healthz")
        except (httpx.HTTPError, TimeoutError):
            return False
        return said.status_code == httpx.codes.OK

    async def close(self) -> None:
        await self.http.aclose()
