"""Claim, send, mark: no transaction is open while the merchant is talked to.

A webhook is sent at least once: where the sender dies after it was taken and before that is marked, it is sent
again with the same id.
"""

import asyncio
import random
from datetime import timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.sandbox import queries
from holdfast.domains.sandbox.exceptions import NotTaken
from holdfast.domains.sandbox.ports import Courier, Webhook
from holdfast.domains.sandbox.rules import pause
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import transaction

# longer than a courier waits for an answer (10 s), so that a living sender never loses its claim
CLAIM = timedelta(seconds=30)
BATCH = 10
ERROR_LENGTH = 300

log = structlog.get_logger()


class SendWebhooks:
    """Send what is due, a batch at most; how many were tried."""

    def __init__(self, db: AsyncSession, courier: Courier) -> None:
        self.db = db
        self.courier = courier

    async def execute(self, *, clock: Clock) -> int:
        now = clock.now()
        async with transaction(self.db):
            claimed = await queries.claim_webhooks(self.db, limit=BATCH, now=now, until=now + CLAIM)
        errors = await asyncio.gather(*(self.attempt(webhook) for webhook in claimed))
        async with transaction(self.db):
            for webhook, error in zip(claimed, errors, strict=True):
                await self.mark(webhook, error, clock=clock)
        return len(claimed)

    async def attempt(self, webhook: Webhook) -> str | None:
        """What stood in the way, or None once it was taken."""
        try:
            await self.courier.deliver(webhook)
        except NotTaken as error:
            return str(error).replace("\0", "").encode(errors="replace").decode()[:ERROR_LENGTH]
        return None

    async def mark(self, webhook: Webhook, error: str | None, *, clock: Clock) -> None:
        now = clock.now()
        if error is None:
            await queries.mark_taken(self.db, webhook, now=now)
            return
        log.warning("sandbox webhook not taken", id=webhook.id, attempts=webhook.attempts, error=error)
        again_at = now + pause(webhook.attempts, chance=random.random())
        await queries.mark_not_taken(self.db, webhook, error=error, again_at=again_at)
