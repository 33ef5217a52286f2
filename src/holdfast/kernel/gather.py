"""Requests that come at once share their work: what arrives while a batch is under way goes into the next.

    ask ─> one queue for each caller ─> a free lane takes one of each in turn ─> work(batch) ─> to each its answer

No batch waits for company: with a lane free, a request goes at once, alone. How many a batch holds follows from
how many came while the one before it was under way.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from holdfast.kernel.errors import Busy
from holdfast.kernel.telemetry import BATCHES

Ask = TypeVar("Ask")
Got = TypeVar("Got")


@dataclass(frozen=True)
class Entry(Generic[Ask, Got]):
    """Somebody who waits; one who has gone away has a cancelled answer."""

    what: Ask
    answer: asyncio.Future[Got]


class Gather(Generic[Ask, Got]):
    """`work` answers a batch, in its order; where it raises, all of the batch is undone.

    A batch that fails is halved until what is at fault is alone, unless `divisible` says of the error that the
    parts would fare no better, or that it is not known whether anything was done.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Ask]], Awaitable[Sequence[Got]]],
        *,
        most: int,
        waiting: int,
        lanes: int,
        divisible: Callable[[Exception], bool],
    ) -> None:
        """At most `most` in a batch, `waiting` in the queues and half of that in one caller's; `lanes` batches at
        a time."""
        self.name = name
        self.work = work
        self.most = most
        self.room = waiting
        self.lanes = lanes
        self.divisible = divisible
        self.queues: OrderedDict[Hashable, deque[Entry[Ask, Got]]] = OrderedDict()
        self.waiting = 0
        self.running: set[asyncio.Task[None]] = set()

    async def ask(self, what: Ask, *, of: Hashable) -> Got:
        """The answer, or the error that this one alone had. Busy, when too many wait."""
        queue = self.queues.get(of, deque())
        if self.waiting >= self.room or len(queue) >= max(1, self.room // 2):
            raise Busy("too many requests are waiting", retry_after=1)
        loop = asyncio.get_running_loop()
        entry = Entry[Ask, Got](what, loop.create_future())
        queue.append(entry)
        self.queues[of] = queue
        self.waiting += 1
        if len(self.running) < self.lanes:
            # in a context of its own: what a batch logs is not about whoever came first
            self.running.add(loop.create_task(self.lane(), name=f"gather {self.name}", context=Context()))
        return await entry.answer

    async def drain(self) -> None:
        """Until everybody has their answer."""
        while self.running:
            await asyncio.wait(self.running)

    async def lane(self) -> None:
        try:
            while batch := self.next():
                BATCHES.labels(self.name).observe(len(batch))
                try:
                    await self.settle(batch)
                finally:  # also where the lane is cancelled: all are answered
                    for entry in batch:
                        entry.answer.cancel()
        finally:  # here, not when the task is found done: whoever asks in between would wait for ever
            self.running.discard(cast(asyncio.Task[None], asyncio.current_task()))

    def next(self) -> list[Entry[Ask, Got]]:
        """One of each caller in turn, until the batch is full; a caller with more goes to the end of the line."""
        batch: list[Entry[Ask, Got]] = []
        while self.queues and len(batch) < self.most:
            of, queue = self.queues.popitem(last=False)
            entry = queue.popleft()
            self.waiting -= 1
            if queue:
                self.queues[of] = queue
            if not entry.answer.done():
                batch.append(entry)
        return batch

    async def settle(self, batch: Sequence[Entry[Ask, Got]]) -> None:
        try:
            answers = await self.work([entry.what for entry in batch])
            answered = list(zip(batch, answers, strict=True))
        except Exception as error:
            if len(batch) > 1 and self.divisible(error):
                middle = len(batch) // 2
                await self.settle(batch[:middle])
                await self.settle(batch[middle:])
                return
            for entry in batch:
                if not entry.answer.done():
                    entry.answer.set_exception(error)
            return
        for entry, answer in answered:
            if not entry.answer.done():
                entry.answer.set_result(answer)
