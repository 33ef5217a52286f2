"""The whole of it: one process's facades, and the work that goes on behind them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import ClassVar
from uuid import UUID

import structlog

from holdfast.clients.asking import asking_first
from holdfast.contracts.identity import ANONYMOUS, Actor
from holdfast.domains.booking.services import Asked, Outcome
from holdfast.domains.identity.services import signed_here
from holdfast.domains.webhook.courier import Courier
from holdfast.gateways.events import EventsRoute
from holdfast.gateways.webhook_sender import WebhookSender
from holdfast.kernel.database import left_nothing, snapshot
from holdfast.kernel.errors import Refusal
from holdfast.kernel.gather import Gather
from holdfast.kernel.invariants import OUTBOX, Finding, check
from holdfast.kernel.relay import MAX_ATTEMPTS, Due, Listener, Lot, Reaction, Relay
from holdfast.kernel.tracing import span
from holdfast.wiring.facades import Facades
from holdfast.wiring.reactions import Bindings, readers

# the relay tries ten times in 17 minutes before it parks an event
STUCK_AFTER = timedelta(minutes=30)

# one statement, two rows a token: more than this many would keep the others waiting
LOOKED_UP_AT_ONCE = 256
LOOKUPS_WAITING = 8_192

log = structlog.get_logger()


@dataclass(frozen=True)
class AskingRelay(Relay):
    """A relay whose reactions ask other services first."""

    async def deliver_together(self, lot: Lot) -> int:
        """One with more questions than an operation may have is told one by one."""
        deliver = super().deliver_together
        return await asking_first(lambda: deliver(lot))

    async def deliver_alone(self, due: Due) -> bool:
        deliver = super().deliver_alone
        return await asking_first(lambda: deliver(due))


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

    @property
    def events_route(self) -> EventsRoute:
        url, source = self.settings.events.url, self.settings.accounts.public_url
        return EventsRoute(url.get_secret_value() if url else None, source, readers() if self.split else {})

    def courier(self) -> Courier:
        """What this process sends webhooks with."""
        return Courier(self.sessions, self.webhook, WebhookSender(self.webhook_targets), self.clock)

    def relay(self) -> Relay:
        kind = AskingRelay if self.split else Relay
        return kind(
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

    @cached_property
    def creations(self) -> Gather[Asked, Outcome]:
        """Bookings that are asked for at once are made in one transaction; each alone where services are apart, as
        several transactions are not undone together."""
        settings, database = self.settings.booking, self.settings.database
        connections = database.pool_size + database.max_overflow
        return Gather(
            "bookings",
            self.create_bookings,
            most=1 if self.split else settings.batch_size,
            waiting=settings.queue,
            lanes=connections if self.split else settings.batches,
            divisible=left_nothing,
        )

    async def create_bookings(self, asked: Sequence[Asked]) -> Sequence[Outcome]:
        """In an anonymous session, whoever asks: the transaction is let in to what it makes. Its spans are in the
        trace of the first."""
        pending_ttl = timedelta(seconds=self.settings.booking.pending_ttl_seconds)
        with span("create bookings", within=asked[0].trace) as batch:
            batch.set("holdfast.bookings", len(asked))
            async with self.session(ANONYMOUS) as db:
                return await self.booking(db).create_many(asked, pending_ttl=pending_ttl, now=self.clock.now())

    async def authenticate(self, token: str) -> Actor:
        """Who holds this access token or API key now; looked up by the system, as who calls is not known yet.

        Requests that come at once are looked up at once, each after it has come: so a ban holds from the next one.
        """
        if self.has("identity") and signed_here(token, self.vault, self.outside.issuers):
            found = await self.lookups.ask(token, of=token)
            if isinstance(found, Refusal):
                raise found
            return found
        async with self.sessions() as db:
            return await self.ask_identity(db).authenticate(token, now=self.clock.now())

    @cached_property
    def lookups(self) -> Gather[str, Actor | Refusal]:
        return Gather(
            "access tokens",
            self.look_up,
            most=LOOKED_UP_AT_ONCE,
            waiting=LOOKUPS_WAITING,
            lanes=2,
            divisible=lambda error: False,  # nothing about a token makes it fail; the database does, for all
        )

    async def look_up(self, tokens: Sequence[str]) -> Sequence[Actor | Refusal]:
        async with self.sessions() as db:
            return await self.identity(db).holders(tokens, now=self.clock.now())

    async def audit(self) -> list[Finding]:
        """Every invariant of every domain that is here, checked on the live data as it is at one instant."""
        now = self.clock.now()
        async with self.sessions() as db, snapshot(db):
            checks: Mapping[str, Callable[[], Awaitable[list[Finding]]]] = {
                "inventory": lambda: self.inventory(db).audit(),
                "booking": lambda: self.booking(db).audit(now=now),
                "document": lambda: self.document(db).audit(),
                "notification": lambda: self.notification(db).audit(now=now),
                "payment": lambda: self.payment_work(db).audit(now=now),
            }
            found = [await audit() for domain, audit in checks.items() if self.has(domain)]
            outbox = await check(db, OUTBOX, stuck_since=now - STUCK_AFTER, most_attempts=MAX_ATTEMPTS)
            return [*chain.from_iterable(found), *outbox]
