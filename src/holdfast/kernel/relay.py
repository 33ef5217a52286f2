"""From the outbox to the reactions: at least once to each, once in effect, in order per aggregate.

What is due is read in one statement and told in lots. A lot is one transaction: its events' marks and receipts, in
one statement, then its reactions. It holds what one aggregate has to tell its reactions, so that no more is locked
by them at a time than their own operations lock; or what many aggregates have to tell listeners, who take no such
locks and hear of all of it at once.

A lot in which something fails is undone, and its events are told one by one, each reaction in a savepoint of its
own: so it fails alone. Its event is tried again with a growing pause, later events of the same aggregate wait for
it, and after the last try it is parked for a person to see.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import structlog
from pydantic import JsonValue
from sqlalchemy import ColumnElement, RowMapping, and_, not_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel import waiting
from holdfast.kernel.backoff import pause
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import savepoint, transaction
from holdfast.kernel.tables import outbox
from holdfast.kernel.telemetry import EVENTS_PARKED, EVENTS_RELAYED
from holdfast.kernel.tracing import Kind, Span, span

# 2, 4, 8 … 512 seconds, less up to a half, then parked: 8 to 17 minutes for whatever was down to come back
MAX_ATTEMPTS = 10
# of one aggregate in one transaction; of many, where only listeners hear of them
ANSWERED_LOT = 10
QUIET_LOT = 100

log = structlog.get_logger()


@dataclass(frozen=True)
class Delivery:
    """An event as a reaction receives it; `data` is the event's own JSON."""

    id: int
    event_id: UUID
    type: str
    aggregate_id: UUID
    data: dict[str, JsonValue]
    occurred_at: datetime
    attempts: int
    traceparent: str | None = None


Reaction = Callable[[AsyncSession, Delivery], Awaitable[None]]
Hearing = Callable[[AsyncSession, Sequence[Delivery]], Awaitable[None]]


@dataclass(frozen=True)
class Listener:
    """What hears of events of every type, many at once, for as long as `wanted` holds in the database.

    It is asked in the statement that reads the events: so what was recorded after somebody began to listen is
    heard, and while nobody does it costs nothing.
    """

    hearing: Hearing
    wanted: ColumnElement[bool]

    @property
    def name(self) -> str:
        """On its receipts."""
        return self.hearing.__name__

    async def hear_one(self, db: AsyncSession, event: Delivery) -> None:
        await self.hearing(db, [event])


Answer = TypeVar("Answer", bound=Callable[..., Awaitable[None]])
CONDITION = "condition"


def only_where(condition: Callable[[Delivery], bool]) -> Callable[[Answer], Answer]:
    """This reaction has nothing to do for other events of its type, as the event alone says: they pass it by, and
    there is no receipt of that."""

    def conditional(answer: Answer) -> Answer:
        setattr(answer, CONDITION, condition)
        return answer

    return conditional


def answers(reaction: Reaction, event: Delivery) -> bool:
    condition: Callable[[Delivery], bool] | None = getattr(reaction, CONDITION, None)
    try:
        return condition is None or condition(event)
    except Exception:  # what it cannot read is the reaction's to fail at, alone
        return True


@dataclass(frozen=True)
class Due:
    """An event, and who is to be told of it now."""

    event: Delivery
    reactions: Sequence[Reaction]
    listeners: Sequence[Listener]

    @property
    def by_name(self) -> Mapping[str, Reaction]:
        """Who is told, by the names on their receipts."""
        listening = {each.name: each.hear_one for each in self.listeners}
        return {**{each.__name__: each for each in self.reactions}, **listening}


Lot = Sequence[Due]


@dataclass(frozen=True)
class Relay:
    """Delivers what waits. Any number of relays may run: a row another holds is skipped.

    `lanes` lots are delivered side by side. Where there is an `outside`, a publisher tells it of the events by
    itself, and an event is delivered when both are done.
    """

    sessions: async_sessionmaker[AsyncSession]
    reactions: Mapping[str, Sequence[Reaction]]
    clock: Clock
    listeners: Sequence[Listener] = ()
    lanes: int = 1
    outside: bool = False

    async def drain(self, *, batch: int = 200) -> int:
        """Deliver until nothing is due; how many events were delivered."""
        delivered = 0
        while passed := await self.pass_unanswered(limit=batch * 10):
            delivered += passed
        while due := await self.due(limit=batch):
            passed = await self.deliver_all(lots(due))
            delivered += passed
            if not passed:
                break
        return delivered

    async def deliver_about(self, *aggregate_ids: UUID) -> None:
        """Deliver what is due of these aggregates, and wait for what another relay is delivering of it."""
        while due := await self.due(limit=20, about=aggregate_ids):
            if not await self.deliver_all(lots(due)):
                await asyncio.sleep(0.02)

    async def pass_unanswered(self, *, limit: int) -> int:
        """What no reaction answers and no listener wants, without a look at it."""
        unanswered = and_(
            outbox.c.type.not_in(list(self.reactions)), *(not_(each.wanted) for each in self.listeners)
        )
        async with self.sessions() as db, transaction(db):
            passed = await waiting.pass_unanswered(
                db, unanswered=unanswered, limit=limit, now=self.clock.now(), outside=self.outside
            )
        count(passed)
        return len(passed)

    async def due(self, *, limit: int, about: Sequence[UUID] = ()) -> list[Due]:
        wanted = {f"listener_{number}": each for number, each in enumerate(self.listeners)}
        flags = {label: each.wanted for label, each in wanted.items()}
        async with self.sessions() as db:
            rows = await waiting.due(db, now=self.clock.now(), limit=limit, about=about, flags=flags)
        found = []
        for row in rows:
            event = delivery(row)
            reactions = [each for each in self.reactions.get(event.type, ()) if answers(each, event)]
            found.append(Due(event, reactions, [each for label, each in wanted.items() if row[label]]))
        return found

    async def deliver_all(self, ready: Iterable[Lot]) -> int:
        """Each of them once, in as many lanes as there are; how many events were delivered."""
        left, passed = iter(ready), 0

        async def lane() -> None:
            nonlocal passed
            for lot in left:
                delivered = await self.deliver(lot)
                passed += delivered  # not in one line: what other lanes added meanwhile would be lost

        ended = await asyncio.gather(*(lane() for _ in range(self.lanes)), return_exceptions=True)
        for failure in ended:
            if failure is not None:
                raise failure
        return passed

    async def deliver(self, lot: Lot) -> int:
        try:
            return await self.deliver_together(lot)
        except Exception as error:
            log.info("a lot is told one by one", events=len(lot), error=repr(error))
        passed, held_back = 0, set[UUID]()
        for each in lot:
            if each.event.aggregate_id not in held_back:
                if await self.deliver_alone(each):
                    passed += 1
                else:
                    held_back.add(each.event.aggregate_id)
        return passed

    async def deliver_together(self, lot: Lot) -> int:
        """All of it or nothing; how many of its events were still to be told, and not held by another relay."""
        receipts = [(each.event.event_id, name) for each in lot for name in each.by_name]
        async with self.sessions() as db, transaction(db):
            fresh = await self.take(db, lot, receipts)
            ours = [each for each in lot if each.event.id in fresh]
            for each in ours:
                for reaction in each.reactions:
                    if reaction.__name__ in fresh[each.event.id]:
                        with reacting(reaction.__name__, each.event):
                            await reaction(db, each.event)
            for listener in self.listeners:
                heard = [each.event for each in ours if listener.name in fresh[each.event.id]]
                if heard:
                    with reacting(listener.name, heard[0]):  # in the trace of the first: it can be in one only
                        await listener.hearing(db, heard)
        count(each.event.type for each in ours)
        return len(ours)

    async def deliver_alone(self, due: Due) -> bool:
        """One event to all who have no receipt of it yet; False when another relay has it or a reaction failed."""
        event, failure = due.event, None
        async with self.sessions() as db, transaction(db):
            if not await self.take(db, [due], []):
                return False
            for name, reaction in due.by_name.items():
                with reacting(name, event) as running:
                    try:
                        async with savepoint(db):
                            if await waiting.first_time(db, event.event_id, name):
                                await reaction(db, event)
                    except Exception as error:
                        running.failed(type(error).__name__)
                        log.exception("reaction failed", reaction=name, event_id=str(event.event_id))
                        failure = error
            if failure is not None:
                await self.postpone(db, event, failure)
        if failure is None:
            count([event.type])
        return failure is None

    async def take(
        self, db: AsyncSession, lot: Lot, receipts: Sequence[waiting.Receipt]
    ) -> Mapping[int, Sequence[str]]:
        ids = [each.event.id for each in lot]
        return await waiting.take(db, ids, receipts, now=self.clock.now(), outside=self.outside)

    async def postpone(self, db: AsyncSession, event: Delivery, failure: Exception) -> None:
        now, attempts = self.clock.now(), event.attempts + 1
        parked = attempts >= MAX_ATTEMPTS
        if parked:
            EVENTS_PARKED.labels(event.type).inc()
        await waiting.take_back(
            db,
            event.id,
            attempts=attempts,
            last_error=repr(failure)[:2000],
            next_attempt_at=now + pause(attempts),
            parked_at=now if parked else None,
        )


def lots(due: Sequence[Due]) -> Iterator[Lot]:
    """Those with reactions aggregate by aggregate, the others together; each aggregate's in order.

    What does not fit waits for the next look, for it follows on what is told now.
    """
    by_aggregate: dict[UUID, list[Due]] = defaultdict(list)
    for each in due:
        by_aggregate[each.event.aggregate_id].append(each)
    quiet: list[Due] = []
    for its in by_aggregate.values():
        if any(each.reactions for each in its):
            yield its[:ANSWERED_LOT]
            continue
        quiet += its[:QUIET_LOT]
        if len(quiet) >= QUIET_LOT:
            yield quiet
            quiet = []
    if quiet:
        yield quiet


def delivery(row: RowMapping) -> Delivery:
    return Delivery(**{each.name: row[each.name] for each in fields(Delivery)})


@contextmanager
def reacting(name: str, event: Delivery) -> Iterator[Span]:
    """In the trace of what caused the event."""
    with span(name, kind=Kind.CONSUMER, within=event.traceparent) as running:
        running.set("holdfast.event", event.type)
        yield running


def count(types: Iterable[str]) -> None:
    for wire_name, told in Counter(types).items():
        EVENTS_RELAYED.labels(wire_name).inc(told)
