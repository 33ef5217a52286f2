"""A closed loop of keep-alive HTTP/1.1 connections, spread over processes so that it can outrun the server.

The one way in which load is made: wrk and its like send one request again and again, while here what is sent next
depends on what was answered (a journey), no two clients book the same hour, and the answers are counted for the
database to be held against. What a request costs the loop itself is measured too.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any, cast

import uvloop

PROCESSES = 2
# before it is measured: connections open, statements are prepared
WARM_SECONDS = 1.0
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: object | None = None
    key: str | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


# What a client does once: requests, each told its answer, and at the end whether all went as it should.
Unit = Generator[Request, Answer, bool]
# (client, number of its unit) -> the unit, or None when there is nothing left to do
Flow = Callable[[int, int], Unit | None]


@dataclass
class Measured:
    """`seconds` and `errors` of the units that began after the warm-up, `statuses` of every answer."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    errors: int = 0
    # the last answer of the first unit that went wrong
    wrong: str = ""
    elapsed: float = 0.0
    cpu: float = 0.0

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.elapsed

    def quantile(self, q: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return ordered[min(int(len(ordered) * q), len(ordered) - 1)] * 1000 if ordered else 0.0


def run(
    port: int, flow: Flow, *, token: str, clients: int, seconds: float, warmed: Callable[[], None]
) -> Measured:
    """Drive `clients` connections for so long; each asks again as soon as it is answered. `warmed` is called
    when the measuring begins."""
    shares = [range(n, clients, PROCESSES) for n in range(min(PROCESSES, clients))]
    begin = time.time() + 0.3
    parts = [fork(partial(drive, port, flow, token, begin, seconds, share)) for share in shares]
    time.sleep(max(0.0, begin + WARM_SECONDS - time.time()))
    warmed()
    done = [part() for part in parts]
    whole = Measured()
    for part in done:
        whole.seconds += part.seconds
        whole.statuses += part.statuses
        whole.errors += part.errors
        whole.wrong = whole.wrong or part.wrong
        whole.cpu += part.cpu
        whole.elapsed = max(whole.elapsed, part.elapsed)
    return whole


def fork(work: Callable[[], Measured]) -> Callable[[], Measured]:
    """Begin the work in a process of its own, which has all that this one has; what waits for its result."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(work()))
    process.start()
    theirs.close()  # ours ends when that process does, with or without a result

    def result() -> Measured:
        seen: Measured = ours.recv()
        process.join()
        return seen

    return result


def drive(port: int, flow: Flow, token: str, begin: float, seconds: float, clients: range) -> Measured:
    return uvloop.run(drive_all(port, flow, token, begin, seconds, clients))


async def drive_all(port: int, flow: Flow, token: str, begin: float, seconds: float, clients: range) -> Measured:
    loop = asyncio.get_running_loop()
    seen = Measured()
    made = [Client(flow, client, seen, f"authorization: Bearer {token}\r\n") for client in clients]
    for client in made:
        await loop.create_connection(partial(same, client), "127.0.0.1", port)
    await asyncio.sleep(begin - time.time())
    measuring = time.perf_counter() + WARM_SECONDS
    loop.call_later(WARM_SECONDS, seen.__setattr__, "cpu", -time.process_time())
    for client in made:
        client.start(measuring, until=measuring + seconds)
    async with asyncio.timeout(WARM_SECONDS + seconds + PATIENCE_SECONDS):
        await asyncio.gather(*(client.done for client in made))
    seen.elapsed = time.perf_counter() - measuring
    seen.cpu = time.process_time() + min(seen.cpu, 0.0)
    return seen


def same(client: "Client") -> "Client":
    return client


class Client(asyncio.Protocol):
    """One connection: it takes its flow's next unit as soon as the last one is over."""

    def __init__(self, flow: Flow, client: int, seen: Measured, head: str) -> None:
        self.flow = flow
        self.client = client
        self.seen = seen
        self.head = head
        self.number = 0
        self.buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's own

    def start(self, measuring: float, *, until: float) -> None:
        self.measuring, self.until = measuring, until
        self.next_unit()

    def next_unit(self) -> None:
        self.began = time.perf_counter()
        unit = self.flow(self.client, self.number) if self.began < self.until else None
        if unit is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.number += 1
        self.unit = unit
        self.send(next(unit))

    def send(self, request: Request) -> None:
        self.transport.write(encoded(request, self.head))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (answer := self.complete()) is not None:
            self.seen.statuses[answer.status] += 1
            try:
                self.send(self.unit.send(answer))
            except StopIteration as end:
                if not end.value and not self.seen.wrong:
                    self.seen.wrong = f"{answer.status} {answer.body.decode()}"
                self.finished(well=end.value)

    def complete(self) -> Answer | None:
        """The first whole answer of the buffer, taken out of it."""
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        status = int(head[9:12])
        _, said, length = head.lower().partition(b"content-length:")
        size = int(length.split(b"\r\n", 1)[0]) if said else 0
        if len(rest) < size:
            return None
        self.buffer = rest[size:]
        return Answer(status, rest[:size])

    def finished(self, *, well: bool) -> None:
        if self.began >= self.measuring:
            self.seen.seconds.append(time.perf_counter() - self.began)
            self.seen.errors += not well
        self.next_unit()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server hung up"))


def encoded(request: Request, head: str) -> bytes:
    payload = b"" if request.body is None else json.dumps(request.body).encode()
    lines = f"{request.method} {request.path} HTTP/1.1\r\nhost: localhost\r\n{head}"
    if request.body is not None:
        lines += "content-type: application/json\r\n"
    if request.key is not None:
        lines += f"idempotency-key: {request.key}\r\n"
    return f"{lines}content-length: {len(payload)}\r\n\r\n".encode() + payload
