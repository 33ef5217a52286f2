"""A proxy between two services that does what networks and dying machines do to one kind of request."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Self

HOST = "127.0.0.1"


class Fault(StrEnum):
    """What becomes of a request, told as the table has it."""

    NEVER_ARRIVED = "the connection ends before the request arrives"
    ANSWER_LOST = "it took effect, the answer is lost"
    TOO_LATE = "it takes effect after the caller gave up"
    HALF_OPEN = "the connection is open, nobody answers"
    BROKEN = "status 500"


@dataclass
class HttpProxy:
    """Passes everything on to `host:port`, but requests whose path ends with `path` while there is a `fault`."""

    port: int
    fault: Fault | None = None
    path: str = ""
    met: int = 0
    open: set["asyncio.Task[None]"] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self.server = await asyncio.start_server(self.accepted, HOST, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.server.close()
        for task in self.open:
            task.cancel()
        await asyncio.gather(*self.open, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server.sockets[0].getsockname()[1]}"

    async def accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.open.add(task)
        try:
            while request := await message(reader):
                if not await self.answer(request, reader, writer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever it was has gone
        finally:
            writer.transport.abort()
            self.open.discard(task)

    async def answer(self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        fault = self.fault if request.split(b" ", 2)[1].decode().endswith(self.path) else None
        self.met += fault is not None
        if fault is Fault.NEVER_ARRIVED:
            return False
        if fault is Fault.BROKEN:
            writer.write(b"HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n")
            return True
        if fault in (Fault.HALF_OPEN, Fault.TOO_LATE):
            await reader.read()  # until the caller has had enough
        if fault is not Fault.HALF_OPEN:
            answer = await self.passed_on(request)
            if fault is None:
                writer.write(answer)
                await writer.drain()
        return fault is None

    async def passed_on(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(HOST, self.port)
        try:
            writer.write(request)
            return await message(reader)
        finally:
            writer.close()


async def message(reader: asyncio.StreamReader) -> bytes:
    """One request or answer, head and body; nothing at the connection's end."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if line)
    return head + await reader.readexactly(int(fields.get(b"content-length", b"0")))
