"""Moves, releases, commits and tidying against each other: no overlap, no lost counter, no deadlock."""

import random
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.inventory import (
    Claim,
    ReservationChange,
    ReservationId,
    ReservationStatus,
    ReservationView,
    ResourceId,
    ResourcePatch,
)
from holdfast.domains.inventory.exceptions import (
    CapacityBelowReserved,
    ReservationExpired,
    ReservationReleased,
    SlotTaken,
)
from holdfast.domains.inventory.services import InventoryService
from holdfast.kernel.errors import Refusal
from holdfast.wiring import Wiring
from tests.clock import MONDAY
from tests.concurrency.crowd import Sessions, broken, connected, crowd, without
from tests.concurrency.rush import (
    with_slow_claims,
    without_advisory_locks,
    without_locks_on_buckets,
    without_row_locks_on_allocations,
)
from tests.domains.places import HOLD_UNTIL, HOUR, TEN, claim, held, resource

MINUTE = timedelta(minutes=1)
Act = Callable[[AsyncSession], Awaitable[object]]
OVERSOLD = {"no exclusive resource is held twice at a time", "no bucket holds more than its capacity"}


def moves(
    reservation: ReservationView, *, start: datetime, length: timedelta = HOUR, to: ResourceId | None = None
) -> Act:
    change = ReservationChange(
        reservation_id=reservation.reservation_id,
        resource_id=to,
        start_at=start,
        end_at=start + length,
        quantity=reservation.quantity,
    )
    return answered(lambda db: InventoryService(db).move(change, now=MONDAY))


def releases(reservation_id: ReservationId) -> Act:
    return lambda db: InventoryService(db).release_many(reservation_ids=[reservation_id], now=MONDAY)


def reserves(wanted: Claim, *, now: datetime = MONDAY) -> Act:
    async def act(db: AsyncSession) -> object:
        return (await InventoryService(db).reserve_many([wanted], now=now))[0]

    return act


def commits(reservation_id: ReservationId, *, now: datetime) -> Act:
    async def act(db: AsyncSession) -> object:
        return (await InventoryService(db).commit_many([reservation_id], now=now))[0]

    return act


def answered(act: Act) -> Act:
    """A refusal is an answer; anything else that is raised fails the test, a deadlock above all."""

    async def act_or_refusal(db: AsyncSession) -> object:
        try:
            return await act(db)
        except (SlotTaken, ReservationReleased, ReservationExpired, CapacityBelowReserved) as refusal:
            return refusal

    return act_or_refusal


@pytest.mark.every_postgres
@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 1}])
async def test_two_moves_into_one_time_admit_one(
    db: AsyncSession, sessions: Sessions, rules: dict[str, object]
) -> None:
    table = await resource(db, rules)
    for n in range(6):
        day = TEN + timedelta(days=n)
        one, two = await held(db, claim(table, start=day), claim(table, start=day + HOUR))
        target = day + 4 * HOUR
        answers = await crowd(sessions, moves(one, start=target), moves(two, start=target))
        assert sorted(isinstance(each, Refusal) for each in answers) == [False, True]
    assert await broken(db) == []


async def test_a_swap_never_overlaps_nor_deadlocks(db: AsyncSession, sessions: Sessions) -> None:
    """In place on one resource, and across two: each is in the other's way, so both stay where they are."""
    left, right = await resource(db), await resource(db)
    for n in range(6):
        day = TEN + timedelta(days=n)
        one, two = await held(db, claim(left, start=day), claim(left, start=day + HOUR))
        three, four = await held(db, claim(left, start=day + 5 * HOUR), claim(right, start=day + 5 * HOUR))
        answers = await crowd(
            sessions,
            moves(one, start=day + HOUR),
            moves(two, start=day),
            moves(three, start=day + 5 * HOUR, to=right.id),
            moves(four, start=day + 5 * HOUR, to=left.id),
        )
        assert [type(each) for each in answers] == [SlotTaken] * 4
    assert await broken(db) == []


@pytest.mark.every_postgres
@pytest.mark.parametrize("seed", [1, 2])
async def test_everything_at_once_keeps_every_invariant(db: AsyncSession, sessions: Sessions, seed: int) -> None:
    """Random moves within and between tables and a pool, with claims, releases, commits and tidying between."""
    chance = random.Random(seed)
    places = [await resource(db, name=f"T{n}", buffer_after_minutes=5) for n in range(2)]
    places += [await resource(db, mode="pooled", capacity=2, bucket_minutes=15)]
    standing: list[ReservationView] = []
    for place in places:
        standing += await held(db, *(claim(place, start=TEN + 2 * n * HOUR) for n in range(5)))
    lapsed = [
        claim(place, start=TEN + (2 * n + 1) * HOUR + 10 * MINUTE, length=HOUR / 2)
        for place in places
        for n in range(4)
    ]
    await held(db, *(each.model_copy(update={"expires_at": MONDAY}) for each in lapsed), now=MONDAY - HOUR)

    def act() -> Act:
        start = TEN + chance.randrange(0, 600, 5) * MINUTE
        kind = chance.random()
        some = chance.choice(standing)
        if kind < 0.5:
            to = chance.choice([None, *(place.id for place in places)])
            return moves(some, start=start, length=chance.randrange(5, 90, 5) * MINUTE, to=to)
        if kind < 0.75:
            batch = [claim(chance.choice(places), start=start + n * HOUR) for n in range(3)]
            return lambda db: InventoryService(db).reserve_many(batch, now=MONDAY)
        if kind < 0.85:
            return releases(some.reservation_id)
        if kind < 0.95:
            return lambda db: InventoryService(db).commit_many([some.reservation_id], now=MONDAY)
        return lambda db: InventoryService(db).release_expired(now=MONDAY)

    answers = await crowd(sessions, *(act() for _ in range(80)))
    moved = [each for each in answers if isinstance(each, ReservationView)]
    assert moved
    assert await broken(db) == []


@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 1}])
async def test_release_against_reserve(db: AsyncSession, sessions: Sessions, rules: dict[str, object]) -> None:
    """One newcomer gets the time or none does, and afterwards exactly what stands is counted."""
    table = await resource(db, rules)
    for n in range(10):
        start = TEN + n * HOUR
        (first,) = await held(db, claim(table, start=start))
        newcomers = [claim(table, start=start) for _ in range(3)]
        released, *answers = await crowd(sessions, releases(first.reservation_id), *map(reserves, newcomers))
        assert released == 1
        got = [each for each in answers if not isinstance(each, Refusal)]
        assert len(got) <= 1
        if not got:
            await held(db, newcomers[0])
    assert await broken(db) == []


@pytest.mark.parametrize("pooled", [False, True])
async def test_without_guards_a_release_lets_several_in(db: AsyncSession, wired: Wiring, pooled: bool) -> None:
    """What decides among newcomers: the constraint of exclusive resources, the lock on a pool's counters."""
    table = await (resource(db, mode="pooled", capacity=1) if pooled else resource(db))
    (first,) = await held(db, claim(table))
    if pooled:
        await without_locks_on_buckets(wired)
        await without(db, "buckets", "buckets_within_capacity")
        await releases(first.reservation_id)(db)
    else:
        await without(db, "allocations", "allocations_no_overlap")
    newcomers = [reserves(claim(table)) for _ in range(12)]
    await with_slow_claims(wired)
    await connected(wired.sessions, 1 + len(newcomers))
    answers = await crowd(wired.sessions, releases(first.reservation_id), *newcomers)
    assert len([each for each in answers[1:] if not isinstance(each, Refusal)]) > 1
    assert set(await broken(db)) & OVERSOLD


@pytest.mark.parametrize("pooled", [False, True])
async def test_without_guards_several_moves_into_one_time_arrive(
    db: AsyncSession, wired: Wiring, pooled: bool
) -> None:
    table = await (resource(db, mode="pooled", capacity=1) if pooled else resource(db))
    target = TEN + 4 * HOUR
    there, *movers = await held(
        db, claim(table, start=target), *(claim(table, start=TEN - n * HOUR) for n in range(8))
    )
    await releases(there.reservation_id)(db)
    await without_advisory_locks(wired)
    await without_locks_on_buckets(wired)
    await without(db, "buckets", "buckets_within_capacity")
    await without(db, "allocations", "allocations_no_overlap")
    await with_slow_claims(wired)
    await connected(wired.sessions, len(movers))
    answers = await crowd(wired.sessions, *(moves(each, start=target) for each in movers))
    assert len([each for each in answers if isinstance(each, ReservationView)]) > 1
    assert set(await broken(db)) & OVERSOLD


def at_the_end(hold: ReservationView, next_one: Claim) -> tuple[Act, Act]:
    """A commit at the last instant of the hold, and a claim on its time at the first instant after."""
    last = HOLD_UNTIL - timedelta(microseconds=1)
    return commits(hold.reservation_id, now=last), reserves(next_one, now=HOLD_UNTIL)


async def test_commit_against_reclaim_has_one_winner(db: AsyncSession, sessions: Sessions) -> None:
    """At the very end of a hold: either its booking keeps it or the next one gets it, never both."""
    table = await resource(db)
    for n in range(8):
        start = TEN + n * HOUR
        (hold,) = await held(db, claim(table, start=start))
        next_one = claim(table, start=start, expires_at=HOLD_UNTIL + HOUR)
        answers = await crowd(sessions, *at_the_end(hold, next_one))
        assert sorted(isinstance(each, Refusal) for each in answers) == [False, True]
    assert await broken(db) == []


async def test_without_row_locks_commit_and_reclaim_both_win(db: AsyncSession, wired: Wiring) -> None:
    """The reclaim frees a hold that it saw before the commit: a booking that was told yes has nothing."""
    table = await resource(db)
    (hold,) = await held(db, claim(table))
    await without_row_locks_on_allocations(wired)
    next_one = claim(table, expires_at=HOLD_UNTIL + HOUR)
    await connected(wired.sessions, 2)
    committed, reclaimed = await crowd(wired.sessions, *at_the_end(hold, next_one))
    assert isinstance(committed, ReservationView)
    assert committed.status is ReservationStatus.COMMITTED
    assert isinstance(reclaimed, ReservationView)
    kept = text("SELECT status FROM inventory.allocations WHERE id = :id").bindparams(id=hold.reservation_id)
    assert await db.scalar(kept) == "released"


async def test_capacity_is_never_cut_below_what_is_being_sold(db: AsyncSession, sessions: Sessions) -> None:
    room = await resource(db, mode="pooled", capacity=10)

    def cut(db: AsyncSession) -> Awaitable[object]:
        return InventoryService(db).update_resource(room.id, ResourcePatch(capacity=4), now=MONDAY, actor=SYSTEM)

    def sell(db: AsyncSession) -> Awaitable[object]:
        return InventoryService(db).reserve_many([claim(room)], now=MONDAY)

    await crowd(sessions, *(answered(cut if n == 10 else sell) for n in range(24)))
    assert await broken(db) == []
