"""Claim, send, mark: no transaction is open while an endpoint is talked to.

    waiting ──claim──> sending ──2xx──> delivered
      ^                  ├──anything else──> waiting   later, and later still
      │                  └──for the last time, or the endpoint is disabled──> failed
      └── the claim ends with its sender dead (the row still says sending)

A message is sent once, except where its sender dies between the answer and the mark, or the answer is lost: then
it is sent again with the same `webhook-id`.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.webhook import DisabledBecause, EndpointId, WebhookDisabled
from holdfast.domains.webhook.exceptions import Unreached
from holdfast.domains.webhook.keyring import Keyring
from holdfast.domains.webhook.ports import Parcel, Sender
from holdfast.domains.webhook.queries import deliveries, endpoints
from holdfast.domains.webhook.queries.deliveries import Attempt, Claimed
from holdfast.domains.webhook.rules.retries import GONE, MAX_ATTEMPTS, asked_pause, is_hopeless, is_taken, pause
from holdfast.domains.webhook.rules.signing import headers
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import transaction
from holdfast.kernel.outbox import record
from holdfast.kernel.telemetry import WEBHOOKS

# longer than any sender's own time limit, so that a living one never loses its claim
CLAIM = timedelta(minutes=1)
# messages on their way to one endpoint
PER_ENDPOINT = 4
TEXT_LENGTH = 1_000

log = structlog.get_logger()


class ClaimDeliveries:
    """Messages that are due, with the sealed secrets that sign them, for this caller alone to send."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, *, limit: int, now: datetime, claim: timedelta = CLAIM
    ) -> list[tuple[Claimed, Sequence[bytes]]]:
        async with transaction(self.db):
            claimed = await deliveries.claim_due(
                self.db, limit=limit, per_endpoint=PER_ENDPOINT, now=now, until=now + claim
            )
        boxes = await endpoints.valid_secrets(self.db, {each.endpoint_id for each in claimed}, now=now)
        return [(each, boxes.get(each.endpoint_id, ())) for each in claimed]


class SendDelivery:
    """One try of a claimed message, and its mark."""

    def __init__(self, db: AsyncSession, keyring: Keyring, sender: Sender) -> None:
        self.db = db
        self.keyring = keyring
        self.sender = sender

    async def execute(self, message: Claimed, boxes: Sequence[bytes], *, clock: Clock) -> None:
        attempt = await self.attempt(message, boxes, now=clock.now())
        await self.mark(message, attempt, now=clock.now())

    async def attempt(self, message: Claimed, boxes: Sequence[bytes], *, now: datetime) -> Attempt:
        started = asyncio.get_running_loop().time()

        def lasted() -> int:
            return round((asyncio.get_running_loop().time() - started) * 1000)

        if message.attempts > MAX_ATTEMPTS:
            return Attempt(0, error="the sender died while sending")
        try:
            secrets = [self.keyring.opened(message.endpoint_id, box) for box in boxes]
            signed = headers(secrets, message.event_id, body=message.body, now=now)
            answer = await self.sender.send(Parcel(message.url, signed, message.body.encode()))
        except Unreached as error:
            return Attempt(lasted(), error=storable(str(error)))
        except Exception as error:  # one message's defect must not hold up the others
            log.exception("webhook sender failed", delivery_id=str(message.id))
            return Attempt(lasted(), error=type(error).__name__)
        return Attempt(
            lasted(), status_code=answer.status, answer=storable(answer.text), retry_after=answer.retry_after
        )

    async def mark(self, message: Claimed, attempt: Attempt, *, now: datetime) -> None:
        taken = attempt.status_code is not None and is_taken(attempt.status_code)
        last = message.attempts >= MAX_ATTEMPTS
        again_at = None if taken or last else next_try(message, attempt, now=now)
        async with transaction(self.db):
            ours = await deliveries.settle(
                self.db, message, delivered_at=now if taken else None, again_at=again_at
            )
            if not ours:
                return
            await deliveries.log_attempt(self.db, message.id, attempt, now=now)
            if taken:
                await endpoints.note_success(self.db, message.endpoint_id)
            else:
                await self.note_failure(message.endpoint_id, attempt, now=now)
        outcome = "delivered" if taken else "failed" if last else "deferred"
        WEBHOOKS.labels(outcome).inc()
        if not taken:
            log.warning(
                "webhook not delivered",
                delivery_id=str(message.id),
                outcome=outcome,
                status_code=attempt.status_code,
                error=attempt.error,
            )

    async def note_failure(self, endpoint_id: EndpointId, attempt: Attempt, *, now: datetime) -> None:
        failing_since = await endpoints.note_failure(self.db, endpoint_id, now=now)
        if failing_since is None:  # disabled meanwhile, and this message was on its way
            await deliveries.give_up_waiting(self.db, [endpoint_id])
        elif attempt.status_code == GONE:
            await self.disable(endpoint_id, DisabledBecause.GONE, now=now)
        elif is_hopeless(failing_since, now=now):
            await self.disable(endpoint_id, DisabledBecause.FAILING, now=now)

    async def disable(self, endpoint_id: EndpointId, because: DisabledBecause, *, now: datetime) -> None:
        for endpoint in await endpoints.disable(self.db, endpoints.one(endpoint_id), because, now=now):
            await deliveries.give_up_waiting(self.db, [endpoint.id])
            event = WebhookDisabled(
                endpoint_id=endpoint.id, owner_id=endpoint.owner_id, because=because, occurred_at=now
            )
            record(self.db, event)


def next_try(message: Claimed, attempt: Attempt, *, now: datetime) -> datetime:
    """By our own pauses, or later where the endpoint asks for it."""
    own = pause(message.attempts, chance=random.random())
    return now + max(own, asked_pause(attempt.status_code, attempt.retry_after, now=now))


def storable(text: str) -> str:
    """As PostgreSQL can keep it: an endpoint may say anything."""
    return text.replace("\0", "").encode(errors="replace").decode()[:TEXT_LENGTH]
