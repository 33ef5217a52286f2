"""Sends what is due, side by side, and never waits for the slowest: a lane that is free takes the next message."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.domains.webhook.ports import Sender
from holdfast.domains.webhook.queries.deliveries import Claimed
from holdfast.domains.webhook.services import WebhookService
from holdfast.kernel.clock import Clock

LANES = 16
# how long a pass that found nothing waits for a lane to be free, before it looks again anyhow
MOMENT = 1.0

log = structlog.get_logger()


class Courier:
    """One per process; any number of processes."""

    def __init__(
        self,
        sessions: async_sessionmaker[AsyncSession],
        service: Callable[[AsyncSession], WebhookService],
        sender: Sender,
        clock: Clock,
        *,
        lanes: int = LANES,
        claim: timedelta | None = None,
    ) -> None:
        """`sessions` are the system's. `claim`: how long a message is one sender's alone."""
        self.sessions = sessions
        self.service = service
        self.sender = sender
        self.clock = clock
        self.lanes = lanes
        self.claim = {} if claim is None else {"claim": claim}
        self.running: set[asyncio.Task[None]] = set()

    async def dispatch(self) -> int:
        """Put a message into every free lane; how many, and 1 at least while any is on its way."""
        if len(self.running) >= self.lanes:
            await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
        async with self.sessions() as db:
            claimed = await self.service(db).claim_due(
                limit=self.lanes - len(self.running), now=self.clock.now(), **self.claim
            )
        for message, boxes in claimed:
            task = asyncio.create_task(self.carry(message, boxes))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        if claimed or not self.running:
            return len(claimed)
        await asyncio.wait(self.running, timeout=MOMENT, return_when=asyncio.FIRST_COMPLETED)
        return 1

    async def carry(self, message: Claimed, boxes: Sequence[bytes]) -> None:
        """A failure to mark leaves the claim to run out: the message is sent again."""
        try:
            async with self.sessions() as db:
                await self.service(db).send(message, boxes, self.sender, clock=self.clock)
        except Exception:
            log.exception("webhook not marked", delivery_id=str(message.id))

    async def drain(self) -> None:
        """Until nothing is due and nothing on its way."""
        while await self.dispatch():
            pass

    async def stop(self) -> None:
        """What is on its way is broken off, and sent again when its claim has ended."""
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
