"""The whole of it: one process's facades, and the work that goes on behind them."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import ClassVar
from uuid import UUID

import structlog

from holdfast.contracts.identity import Actor
from holdfast.domains.webhook.courier import Courier
from holdfast.gateways.webhook_sender import WebhookSender
from holdfast.kernel.database import snapshot
from holdfast.kernel.invariants import OUTBOX, Finding, check
from holdfast.kernel.relay import MAX_ATTEMPTS, Listener, Reaction, Relay
from holdfast.wiring.facades import Facades
from holdfast.wiring.reactions import Bindings

# the relay tries ten times in 17 minutes before it parks an event
STUCK_AFTER = timedelta(minutes=30)

log = structlog.get_logger()


class Wiring(Facades):
    """One process's collaborators."""

    # a caller waits: some 20 ms as a rule, this long at most
    nudge_seconds: ClassVar[float] = 5.0

    @cached_property
    def reactions(self) -> Mapping[str, Sequence[Reaction]]:
        return Bindings(self).reactions()

    @cached_property
    def listeners(self) -> Sequence[Listener]:
        return Bindings(self).listeners()

    def courier(self) -> Courier:
        """What this process sends webhooks with."""
        return Courier(self.sessions, self.webhook, WebhookSender(self.webhook_targets), self.clock)

    def relay(self) -> Relay:
        return Relay(
            self.sessions,
            self.reactions,
            self.clock,
            self.listeners,
            lanes=self.settings.worker.relay_lanes,
            outside=self.settings.events.url is not None,
        )

    async def nudge(self, *aggregate_ids: UUID) -> None:
        """Have what waits about these told at once, so that who caused it sees what follows from it. It takes
        `nudge_seconds` at most and never fails: the relay tells what is left."""
        try:
            async with asyncio.timeout(self.nudge_seconds):
                await self.relay().deliver_about(*aggregate_ids)
        except TimeoutError:
            log.info("told later", aggregate_ids=[str(each) for each in aggregate_ids])
        except Exception as error:
            log.warning("told later", aggregate_ids=[str(each) for each in aggregate_ids], error=repr(error))

    async def authenticate(self, token: str) -> Actor:
        """Who holds this access token or API key now; looked up by the system, since nobody is known yet."""
        async with self.sessions() as db:
            return await self.identity(db).authenticate(token, now=self.clock.now())

    async def audit(self) -> list[Finding]:
        """Every invariant of every domain, checked on the live data as it is at one instant."""
        now = self.clock.now()
        async with self.sessions() as db, snapshot(db):
            return [
                *await self.inventory(db).audit(),
                *await self.booking(db).audit(now=now),
                *await self.document(db).audit(),
                *await self.notification(db).audit(now=now),
                *await self.payment_work(db).audit(now=now),
                *await check(db, OUTBOX, stuck_since=now - STUCK_AFTER, most_attempts=MAX_ATTEMPTS),
            ]
