"""The relay: in order per aggregate, at least once, once in effect; failures wait, and are parked at last."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import event as sql_event
from sqlalchemy import exists, text, true
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.kernel.database import transaction
from holdfast.kernel.outbox import record
from holdfast.kernel.relay import MAX_ATTEMPTS, Delivery, Reaction, Relay, only_where
from holdfast.kernel.relay import Listener as Everything
from holdfast.kernel.tables import inbox
from holdfast.kernel.waiting import forget_told
from tests.clock import SettableClock
from tests.kernel.test_transaction import Spoken, spoken

Sessions = async_sessionmaker[AsyncSession]


async def speak(sessions: Sessions, *words: str, speaker: int = 1) -> None:
    async with sessions() as db, transaction(db):
        record(db, *(spoken(word).model_copy(update={"speaker": UUID(int=speaker)}) for word in words))


def relay(sessions: Sessions, clock: SettableClock, *reactions: Reaction) -> Relay:
    return Relay(sessions, {Spoken.type: reactions}, clock)


class Listener:
    """A reaction that remembers what it heard and was committed, and fails on chosen words so many times: twice in
    one look of a relay, in its lot and then alone."""

    def __init__(self, *, failing: Sequence[str] = (), times: int = 1_000) -> None:
        self.heard: list[str] = []
        self.failing = set(failing)
        self.left = times
        self.__name__ = "listen"

    async def __call__(self, db: AsyncSession, event: Delivery) -> None:
        word = str(event.data["word"])
        if word in self.failing and self.left:
            self.left -= 1
            raise ConnectionError(word)
        sql_event.listen(db.sync_session, "after_commit", lambda _: self.heard.append(word), once=True)

    async def hear(self, db: AsyncSession, events: Sequence[Delivery]) -> None:
        for event in events:
            await self(db, event)


async def state(sessions: Sessions) -> list[tuple[str, int, bool, bool]]:
    async with sessions() as db:
        rows = await db.execute(
            text(
                "SELECT data ->> 'word', attempts, delivered_at IS NOT NULL, parked_at IS NOT NULL"
                " FROM kernel.outbox ORDER BY id"
            )
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]


async def test_events_arrive_in_order_and_once(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "one", "two", "three")
    listener = Listener()
    assert await relay(sessions, clock, listener).drain() == 3
    assert listener.heard == ["one", "two", "three"]
    assert await relay(sessions, clock, listener).drain() == 0


async def test_what_nobody_answers_is_passed_on(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "one", "two")
    assert await Relay(sessions, {}, clock).drain() == 2
    assert [delivered for _, _, delivered, _ in await state(sessions)] == [True, True]


async def test_a_listener_hears_every_type_while_it_is_wanted(sessions: Sessions, clock: SettableClock) -> None:
    """Whether it is wanted is read with the events; what came before is passed on, and heard by nobody."""
    heard = Listener()
    begun = exists().where(inbox.c.reaction == "begun")
    relaying = Relay(sessions, {}, clock, [Everything(heard.hear, begun)])
    await speak(sessions, "before")
    assert await relaying.drain() == 1
    async with sessions() as db:
        await db.execute(text("INSERT INTO kernel.inbox VALUES (gen_random_uuid(), 'begun')"))
    await speak(sessions, "one", "two")
    assert await relaying.drain() == 2
    assert heard.heard == ["one", "two"]
    async with sessions() as db:
        await db.execute(text("DELETE FROM kernel.inbox WHERE reaction = 'begun'"))
    await speak(sessions, "after")
    assert await relaying.drain() == 1
    assert heard.heard == ["one", "two"]


async def test_a_failure_holds_back_its_own_aggregate_only(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "bad", "after bad", speaker=1)
    await speak(sessions, "good", speaker=2)
    listener = Listener(failing=["bad"], times=2)
    relaying = relay(sessions, clock, listener)
    await relaying.drain()
    assert listener.heard == ["good"]
    clock.advance(timedelta(seconds=1))
    await relaying.drain()
    assert listener.heard == ["good"]
    clock.advance(timedelta(seconds=1))
    await relaying.drain()
    assert listener.heard == ["good", "bad", "after bad"]


async def test_after_the_last_try_it_is_parked_and_the_next_goes_on(
    sessions: Sessions, clock: SettableClock
) -> None:
    await speak(sessions, "bad", "next")
    listener = Listener(failing=["bad"])
    for _ in range(MAX_ATTEMPTS):
        await relay(sessions, clock, listener).drain()
        clock.advance(timedelta(hours=1))
    await relay(sessions, clock, listener).drain()
    assert await state(sessions) == [("bad", MAX_ATTEMPTS, False, True), ("next", 0, True, False)]
    assert listener.heard == ["next"]


async def test_one_failing_reaction_does_not_repeat_the_others_effect(
    sessions: Sessions, clock: SettableClock
) -> None:
    await speak(sessions, "one")
    steady, shaky = Listener(), Listener(failing=["one"], times=4)
    shaky.__name__ = "shake"
    for _ in range(3):
        await relay(sessions, clock, steady, shaky).drain()
        clock.advance(timedelta(minutes=1))
    assert (steady.heard, shaky.heard) == (["one"], ["one"])


async def test_a_failed_reactions_writes_are_undone(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "one")

    async def write_then_fail(db: AsyncSession, event: Delivery) -> None:
        async with transaction(db):
            record(db, spoken("said by the reaction"))
            await db.execute(text("INSERT INTO kernel.inbox VALUES (gen_random_uuid(), 'effect')"))
            raise ConnectionError

    await relay(sessions, clock, write_then_fail).drain()
    async with sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM kernel.inbox")) == 0
    assert await state(sessions) == [("one", 1, False, False)]


@pytest.mark.every_postgres
async def test_four_relays_share_the_work_and_keep_the_order(sessions: Sessions, clock: SettableClock) -> None:
    for speaker in range(1, 6):
        await speak(sessions, *(f"{speaker}-{n}" for n in range(10)), speaker=speaker)
    listener = Listener()
    for _ in range(20):
        await asyncio.gather(*(relay(sessions, clock, listener).drain() for _ in range(4)))
    for speaker in range(1, 6):
        own = [word for word in listener.heard if word.startswith(f"{speaker}-")]
        assert own == [f"{speaker}-{n}" for n in range(10)]


async def test_what_was_told_long_ago_is_forgotten_and_what_was_not_is_kept(
    sessions: Sessions, clock: SettableClock
) -> None:
    await speak(sessions, "old", "waiting")
    listener = Listener(failing=["waiting"])
    await relay(sessions, clock, listener).drain()
    async with sessions() as db:
        await db.execute(text("UPDATE kernel.inbox SET received_at = :at"), {"at": clock.now()})
    assert await receipts(sessions) == 1

    clock.advance(timedelta(days=8))
    await speak(sessions, "new", speaker=2)
    await relay(sessions, clock, Listener()).drain()
    week_ago = clock.now() - timedelta(days=7)
    assert await forget(sessions, week_ago) == 2, "the event and its receipt"
    assert await forget(sessions, week_ago) == 0
    assert [word for word, *_ in await state(sessions)] == ["waiting", "new"]


async def test_it_is_forgotten_in_bounded_batches(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, *"abcde")
    await Relay(sessions, {}, clock).drain()
    later = clock.now() + timedelta(days=8)
    assert [await forget(sessions, later, limit=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_a_receipt_outlives_its_age_while_its_event_may_come_again(
    sessions: Sessions, clock: SettableClock
) -> None:
    await speak(sessions, "one")
    heard, failing = Listener(), Listener(failing=["one"], times=2)
    failing.__name__ = "fail_once"
    await relay(sessions, clock, heard, failing).drain()
    clock.advance(timedelta(days=8))
    await forget(sessions, clock.now() + timedelta(days=10_000))
    await relay(sessions, clock, heard, failing).drain()
    assert (heard.heard, failing.heard) == (["one"], ["one"])


async def forget(sessions: Sessions, instant: datetime, *, limit: int = 100) -> int:
    async with sessions() as db, transaction(db):
        return await forget_told(db, instant, limit=limit)


async def receipts(sessions: Sessions) -> int:
    async with sessions() as db:
        return await db.scalar(text("SELECT count(*) FROM kernel.inbox")) or 0


async def test_lanes_share_the_work_of_one_relay(sessions: Sessions, clock: SettableClock) -> None:
    for speaker in range(1, 9):
        await speak(sessions, *(f"{speaker}-{n}" for n in range(4)), speaker=speaker)
    listener, most, at_once, four = Listener(), 0, 0, asyncio.Event()

    async def wait_for_four(db: AsyncSession, event: Delivery) -> None:
        nonlocal most, at_once
        at_once += 1
        most = max(most, at_once)
        if at_once == 4:
            four.set()
        await four.wait()
        await listener(db, event)
        at_once -= 1

    assert await replace(relay(sessions, clock, wait_for_four), lanes=4).drain() == 32, "each is counted"
    assert most == 4
    for speaker in range(1, 9):
        own = [word for word in listener.heard if word.startswith(f"{speaker}-")]
        assert own == [f"{speaker}-{n}" for n in range(4)]


async def test_many_aggregates_are_heard_of_in_a_few_statements(
    engine: AsyncEngine, sessions: Sessions, clock: SettableClock
) -> None:
    for speaker in range(50):
        await speak(sessions, "one", "two", speaker=speaker)
    said: list[str] = []
    sql_event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: said.append(args[2]))
    lots: list[int] = []

    async def hear(db: AsyncSession, events: Sequence[Delivery]) -> None:
        lots.append(len(events))

    assert await Relay(sessions, {}, clock, [Everything(hear, true())]).drain() == 100
    assert lots == [100]
    assert sum("kernel.outbox" in each for each in said) == 4, "passed, read, told, and nothing left"
    assert await receipts(sessions) == 100


async def test_one_that_is_not_heard_holds_back_its_aggregate_alone(
    sessions: Sessions, clock: SettableClock
) -> None:
    for speaker in range(1, 4):
        await speak(sessions, f"{speaker}-1", f"{speaker}-2", f"{speaker}-3", speaker=speaker)
    listener = Listener(failing=["2-2"], times=2)
    relaying = Relay(sessions, {}, clock, [Everything(listener.hear, true())])
    assert await relaying.drain() == 7
    assert sorted(listener.heard) == ["1-1", "1-2", "1-3", "2-1", "3-1", "3-2", "3-3"]
    clock.advance(timedelta(seconds=2))
    assert await relaying.drain() == 2
    assert listener.heard[-2:] == ["2-2", "2-3"]


async def test_what_another_relay_holds_is_not_overtaken(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "one", "two", "three")
    listener = Listener()
    relaying = relay(sessions, clock, listener)
    for held in (1, 2):
        async with sessions() as db, transaction(db):
            await db.execute(text("SELECT FROM kernel.outbox WHERE id = :id FOR UPDATE"), {"id": held})
            await relaying.drain()
            assert listener.heard == ["one", "two", "three"][: held - 1]
    await relaying.drain()
    assert listener.heard == ["one", "two", "three"]


async def test_a_reaction_is_told_only_of_what_it_answers(sessions: Sessions, clock: SettableClock) -> None:
    """And of what its condition cannot read: that is its own to fail at."""
    await speak(sessions, "one", "two", "unread")
    heard: list[str] = []

    def says_two(event: Delivery) -> bool:
        return {"one": False, "two": True}[str(event.data["word"])]

    @only_where(says_two)
    async def hear(db: AsyncSession, event: Delivery) -> None:
        heard.append(str(event.data["word"]))

    assert await relay(sessions, clock, hear).drain() == 3
    assert heard == ["two", "unread"]
    assert await receipts(sessions) == 2


async def test_a_swallowed_failure_is_parked_as_any_other(sessions: Sessions, clock: SettableClock) -> None:
    await speak(sessions, "bad", "next")

    async def swallow(db: AsyncSession, event: Delivery) -> None:
        if event.data["word"] == "bad":
            with suppress(ConnectionError):
                async with transaction(db):
                    raise ConnectionError

    for _ in range(MAX_ATTEMPTS):
        await relay(sessions, clock, swallow).drain()
        clock.advance(timedelta(hours=1))
    await relay(sessions, clock, swallow).drain()
    assert await state(sessions) == [("bad", MAX_ATTEMPTS, False, True), ("next", 0, True, False)]
