"""A closed loop of keep-alive HTTP/1.1 connections, spread over processes so that it can outrun the server."""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

PROCESSES = 2

# (worker, number of its request) -> method, path, body
Request = tuple[str, str, object | None]
Script = Callable[[int, int], Request]


@dataclass(frozen=True)
class Measured:
    """What one loop saw: seconds of every answer, and how many answers had which status."""

    seconds: list[float]
    statuses: dict[int, int]
    elapsed: float

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.elapsed

    def quantile(self, q: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * q), len(ordered) - 1)] * 1000


def run(port: int, script: Script, *, token: str, clients: int, seconds: float) -> Measured:
    """Drive `clients` connections for so long; each asks again as soon as it is answered."""
    shares = [share for share in spread(clients) if share]
    with ProcessPoolExecutor(len(shares), mp_context=get_context("fork")) as pool:
        same = ([port], [script], [token], [seconds])
        parts = list(pool.map(drive, *(each * len(shares) for each in same), shares))
    statuses: dict[int, int] = {}
    for part in parts:
        for status, count in part.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    every = [second for part in parts for second in part.seconds]
    return Measured(every, statuses, max(part.elapsed for part in parts))


def spread(clients: int) -> list[range]:
    """Contiguous shares of the client numbers, one a process."""
    step = -(-clients // PROCESSES)
    return [range(start, min(start + step, clients)) for start in range(0, clients, step)]


def drive(port: int, script: Script, token: str, seconds: float, workers: range) -> Measured:
    return asyncio.run(drive_all(port, script, token, seconds, workers))


async def drive_all(port: int, script: Script, token: str, seconds: float, workers: range) -> Measured:
    taken: list[float] = []
    statuses: dict[int, int] = {}
    started = time.perf_counter()

    async def loop(worker: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        number = 0
        while time.perf_counter() - started < seconds:
            request = encoded(script(worker, number), token)
            sent = time.perf_counter()
            writer.write(request)
            status = await answer(reader)
            taken.append(time.perf_counter() - sent)
            statuses[status] = statuses.get(status, 0) + 1
            number += 1
        writer.close()

    await asyncio.gather(*(loop(worker) for worker in workers))
    return Measured(taken, statuses, time.perf_counter() - started)


def encoded(request: Request, token: str) -> bytes:
    method, path, body = request
    payload = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    head += f"authorization: Bearer {token}\r\n"
    return f"{head}content-length: {len(payload)}\r\n\r\n".encode() + payload


async def answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    await reader.readexactly(length)
    return int(head.split(b" ", 2)[1])
