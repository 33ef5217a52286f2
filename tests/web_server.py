"""A small HTTP server that keeps what it is sent and answers as it is told."""

import asyncio
import json
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, cast

SILENCE = "silence"


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Said:
    """An answer to give."""

    status: int = 200
    body: str = "{}"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class WebServer:
    """Listens while the block lasts. `answers` are given first, one to each request, then `usual`."""

    usual: Said = field(default_factory=Said)
    answers: list[Said | str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.server.close()
        await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{cast(int, self.server.sockets[0].getsockname()[1])}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (each.partition(":") for each in lines if each)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        method, path, _ = head.split(" ")
        self.asked.append(Asked(method, path, headers, body))
        told = self.answers.pop(0) if self.answers else self.usual
        if isinstance(told, Said):
            content = told.body.encode()
            given = {"Content-Length": str(len(content)), "Connection": "close", **told.headers}
            shown = "".join(f"{name}: {value}\r\n" for name, value in given.items())
            writer.write(f"HTTP/1.1 {told.status} Told\r\n{shown}\r\n".encode() + content)
            await writer.drain()
            writer.close()
        elif told != SILENCE:
            writer.transport.abort()
        else:
            await reader.read()  # until the other side has had enough
            writer.close()
