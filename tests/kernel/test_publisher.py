"""The way outside: in order per aggregate, apart from the reactions, once marked, never lost."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from functools import partial
from typing import ClassVar
from uuid import UUID

import pytest
from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.database import session_factory, transaction
from holdfast.kernel.event_log import EventNotParked, EventStatus, measure, page_of_events, replay_event
from holdfast.kernel.outbox import record
from holdfast.kernel.paging import PageRequest
from holdfast.kernel.publisher import EventRefused, Publisher, Unreachable, Untold, cloud_event
from holdfast.kernel.relay import MAX_ATTEMPTS, Delivery, Relay
from holdfast.kernel.telemetry import EVENTS_GIVEN_UP, EVENTS_LAG, EVENTS_WAITING
from holdfast.kernel.wake import Wakes
from tests.clock import SettableClock
from tests.kernel.test_relay import speak
from tests.kernel.test_transaction import Spoken

Sessions = async_sessionmaker[AsyncSession]
STATES = "SELECT data ->> 'word', reacted_at IS NOT NULL, published_at IS NOT NULL, delivered_at IS NOT NULL"


class Outside:
    """A broker in memory that is away when told so, and refuses what it is told to."""

    def __init__(self, *, refusing: Collection[str] = ()) -> None:
        self.heard: list[str] = []
        self.refusing = set(refusing)
        self.away = False

    async def send(self, event: Untold) -> None:
        await asyncio.sleep(0)
        if self.away:
            raise Unreachable("gone")
        word = str(event.data["word"])
        if word in self.refusing:
            raise EventRefused(word)
        self.heard.append(word)


async def heard(db: AsyncSession, event: Delivery) -> None:
    """A reaction."""


async def states(sessions: Sessions) -> list[tuple[str, bool, bool, bool]]:
    async with sessions() as db:
        rows = await db.execute(text(f"{STATES} FROM kernel.outbox ORDER BY id"))
        return [(row[0], row[1], row[2], row[3]) for row in rows]


def relay(sessions: Sessions, clock: SettableClock) -> Relay:
    return Relay(sessions, {Spoken.type: (heard,)}, clock, outside=True, lanes=2)


async def test_an_event_is_delivered_when_both_are_done(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "one", "two")
    outside = Outside()
    publisher = Publisher(sessions, outside, clock)
    assert await relay(sessions, clock).drain() == 2
    assert await states(sessions) == [("one", True, False, False), ("two", True, False, False)]
    assert await publisher.drain() == 2
    assert await states(sessions) == [("one", True, True, True), ("two", True, True, True)]
    await speak(sessions, "three")
    assert await publisher.drain() == 1
    assert (await states(sessions))[2] == ("three", False, True, False)
    assert await relay(sessions, clock).drain() == 1
    assert (await states(sessions))[2] == ("three", True, True, True)
    assert outside.heard == ["one", "two", "three"]
    assert await publisher.drain() == 0


async def test_what_nobody_answers_goes_outside_all_the_same(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "one")
    assert await Relay(sessions, {}, clock, outside=True).drain() == 1
    outside = Outside()
    assert await Publisher(sessions, outside, clock).drain() == 1
    assert await states(sessions) == [("one", True, True, True)]


async def test_a_broker_that_is_away_stops_no_reaction_and_loses_nothing(
    sessions: Sessions, clock: SettableClock
) -> None:
    outside = Outside()
    outside.away = True
    publisher = Publisher(sessions, outside, clock)
    for word in ("one", "two"):
        await speak(sessions, word)
        assert await publisher.drain() == 0
        assert await relay(sessions, clock).drain() == 1
    outside.away = False
    assert await publisher.drain() == 2
    assert outside.heard == ["one", "two"]
    assert all(delivered for *_, delivered in await states(sessions))


async def test_a_refused_event_holds_back_its_aggregate_alone_and_is_parked_at_last(
    engine: AsyncEngine, sessions: Sessions, clock: SettableClock
) -> None:
    await speak(sessions, "bad", "after bad")
    await speak(sessions, "good", speaker=2)
    outside = Outside(refusing=["bad"])
    publisher = Publisher(sessions, outside, clock)
    await relay(sessions, clock).drain()
    await publisher.drain()
    assert outside.heard == ["good"]
    for _ in range(MAX_ATTEMPTS):
        clock.advance(timedelta(hours=1))
        await publisher.drain()
    assert outside.heard == ["good", "after bad"]
    async with session_factory(engine, caller=SYSTEM.access)() as db:
        parked = (await page_of_events(db, PageRequest(), status=EventStatus.PARKED)).items
        assert [(each.publish_attempts, each.last_error) for each in parked] == [(10, "EventRefused('bad')")]
        await measure(db, now=clock.now(), outside=True)
        assert gauged(EVENTS_GIVEN_UP) == {"": 1}
        outside.refusing.clear()
        again = await replay_event(db, parked[0].event_id, now=clock.now(), actor_type="system", actor_id=None)
        assert again.status is EventStatus.WAITING
        with pytest.raises(EventNotParked):
            await replay_event(db, parked[0].event_id, now=clock.now(), actor_type="system", actor_id=None)
        await publisher.drain()
        assert outside.heard == ["good", "after bad", "bad"]
        assert (await page_of_events(db, PageRequest(), status=EventStatus.DELIVERED)).total == 3


async def test_one_of_many_publishes_and_each_aggregate_in_order(sessions: Sessions, clock: SettableClock) -> None:
    for speaker in range(1, 6):
        await speak(sessions, *(f"{speaker}-{n}" for n in range(10)), speaker=speaker)
    outside = Outside()
    publishers = [Publisher(sessions, outside, clock) for _ in range(3)]
    await asyncio.gather(*(each.drain(batch=7) for each in publishers))
    assert len(outside.heard) == 50, "each once: there was one publisher at a time"
    for speaker in range(1, 6):
        assert [word for word in outside.heard if word[0] == str(speaker)] == [f"{speaker}-{n}" for n in range(10)]


async def test_a_row_that_a_reaction_holds_is_marked_once_it_lets_go(
    sessions: Sessions, clock: SettableClock
) -> None:
    await speak(sessions, "held", "free")
    outside = Outside()

    async def free_is_marked() -> bool:
        return [published for _, _, published, _ in await states(sessions)] == [False, True]

    async with sessions() as db:
        async with transaction(db):
            await db.execute(text("SELECT FROM kernel.outbox WHERE data ->> 'word' = 'held' FOR UPDATE"))
            publishing = asyncio.create_task(Publisher(sessions, outside, clock).drain())
            await until(free_is_marked)
        assert await publishing == 2
    assert outside.heard == ["held", "free"]


def test_a_cloud_event() -> None:
    booking, clock = UUID(int=7), SettableClock()
    event = Untold(
        1, UUID(int=1), "payment.completed", UUID(int=2), {"booking_id": str(booking)}, clock.now(), 3, 0
    )
    assert cloud_event(event, source="https://example.org") == {
        "specversion": "1.0",
        "id": str(UUID(int=1)),
        "source": "https://example.org",
        "type": "payment.completed",
        "subject": str(UUID(int=2)),
        "time": "2030-01-07T08:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:holdfast:event:payment.completed:3",
        "partitionkey": str(booking),
        "data": {"booking_id": str(booking)},
    }


def test_a_traced_cloud_event_says_which_trace() -> None:
    """By the CloudEvents extension for distributed tracing."""
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    event = Untold(1, UUID(int=1), "booking.created", UUID(int=2), {}, SettableClock().now(), 1, 0, traceparent)
    assert cloud_event(event, source="https://example.org")["traceparent"] == traceparent


class SpokenAnew(Spoken):
    schema_version: ClassVar[int] = 2


async def test_the_schema_is_that_of_the_recording_version(sessions: Sessions, clock: SettableClock) -> None:
    async with sessions() as db, transaction(db):
        record(db, SpokenAnew(speaker=UUID(int=1), word="new", occurred_at=clock.now()))
    publisher = Publisher(sessions, Outside(), clock)
    assert [event.schema_version for event in await publisher.due(limit=5)] == [2]


@pytest.mark.every_postgres
async def test_a_commit_wakes_a_relay_at_rest(
    database_url: str, engine: AsyncEngine, sessions: Sessions, clock: SettableClock
) -> None:
    system = session_factory(engine, caller=SYSTEM.access)
    wakes = Wakes(database_url, system)
    listening = asyncio.create_task(wakes.listen())
    await asyncio.wait_for(wakes.events["relay"].wait(), 30)  # it has begun to listen
    wakes.events["relay"].clear()
    for _ in range(6):  # quiet for so long that it goes to rest
        await wakes.wait("relay", found=0, at_most=0.05)
    waiting = asyncio.create_task(wakes.wait("relay", found=0, at_most=60))
    await until(partial(resting, sessions))
    await speak(sessions, "good morning")
    await asyncio.wait_for(waiting, 30)
    assert not await resting(sessions), "under load nobody is told"
    assert await Relay(system, {}, clock).drain() == 1
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def resting(sessions: Sessions) -> bool:
    async with sessions() as db:
        return bool(await db.scalar(text("SELECT resting FROM kernel.relay_rest")))


async def test_what_waits_is_measured(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "one", "two")
    clock.set(clock.now() + timedelta(seconds=90))
    async with sessions() as db:
        await measure(db, now=clock.now(), outside=True)
    assert gauged(EVENTS_WAITING) == {"reactions": 2, "broker": 2}
    assert gauged(EVENTS_LAG)["broker"] == 8 * 3600 + 90


def gauged(gauge: Gauge) -> dict[str, float]:
    """Its values by whom they are about."""
    return {sample.labels.get("to", ""): sample.value for metric in gauge.collect() for sample in metric.samples}


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(3_000):
        if await done():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError
