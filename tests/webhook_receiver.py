"""A real HTTP receiver of webhooks that does as it is told: statuses, redirects, silence, endless bodies, TLS."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.mail_server import HOST, Authority

# what it can do instead of answering with a status
SILENCE = "silence"
ENDLESS = "endless"
LEAVE = "leave"
GARBAGE = "garbage"


@dataclass
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]

    def verified_with(self, secret: str) -> bool:
        """By the scheme's own library, which wants signatures of the last minutes."""
        try:
            Webhook(secret).verify(self.body, self.headers)
        except WebhookVerificationError:
            return False
        return True


@dataclass
class Receiver:
    """`script`: what it does with one request after the other; then it answers 204."""

    script: list[int | str] = field(default_factory=list)
    authority: Authority | None = None
    location: str = "http://169.254.169.254/latest/meta-data/"
    retry_after: str | None = None
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    async def __aenter__(self) -> Self:
        tls = self.authority.server_context if self.authority else None
        self.server = await asyncio.start_server(self.serve, HOST, 0, ssl=tls)
        self.port: int = self.server.sockets[0].getsockname()[1]
        self.open: set[asyncio.StreamWriter] = set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.close()
        for writer in list(self.open):
            writer.transport.abort()
        await self.server.wait_closed()

    def url(self, host: str = HOST, path: str = "/hooks") -> str:
        return f"{'https' if self.authority else 'http'}://{host}:{self.port}{path}"

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.received]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open.add(writer)
        self.connections += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")[1:-2]
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.received.append(Received(headers, body))
            await self.answer(self.script.pop(0) if self.script else 204, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    async def answer(self, how: int | str, writer: asyncio.StreamWriter) -> None:
        if how == SILENCE:
            await asyncio.sleep(60)
        elif how == LEAVE:
            return
        elif how == GARBAGE:
            writer.write(b"\x00\xff not HTTP at all\r\n\r\n")
        elif how == ENDLESS:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
            while True:
                writer.write(b"more " * 2_000)
                await writer.drain()
        else:
            extra = f"location: {self.location}\r\n" if 300 <= int(how) < 400 else ""
            if self.retry_after is not None:
                extra += f"Retry-After: {self.retry_after}\r\n"
            said = b"" if how == 204 else b"as told\x00"
            start = f"HTTP/1.1 {how} Told\r\n{extra}content-length: {len(said)}\r\n\r\n"
            writer.write(start.encode() + said)
        await writer.drain()


class Names:
    """A resolver that knows these names alone, each with one answer after the other; the last one stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): said for name, said in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        said = self.answers[host]
        return said.pop(0) if len(said) > 1 else said[0]
