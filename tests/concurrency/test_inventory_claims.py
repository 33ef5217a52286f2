"""Claims against claims. Each race is also run without its guard, to show that it happens."""

import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import Claim, ReservationView
from holdfast.domains.inventory.exceptions import SlotTaken
from holdfast.domains.inventory.services import InventoryService
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.wiring import Wiring
from tests.clock import MONDAY
from tests.concurrency.crowd import Sessions, broken, connected, crowd, overlaps, without
from tests.concurrency.rush import with_slow_claims, without_advisory_locks, without_locks_on_buckets
from tests.domains.places import HOLD_UNTIL, HOUR, TEN, claim, held, reserve, resource, venue

MINUTE = timedelta(minutes=1)
Answer = ReservationView | Refusal


def claims(*wanted: Claim, now: datetime = MONDAY) -> Callable[[AsyncSession], Awaitable[list[Answer]]]:
    return lambda db: InventoryService(db).reserve_many(wanted, now=now)


def granted(answers: list[list[Answer]]) -> list[ReservationView]:
    return [each for batch in answers for each in batch if isinstance(each, ReservationView)]


def refused(answers: list[list[Answer]]) -> Counter[str]:
    return Counter(type(each).__name__ for batch in answers for each in batch if isinstance(each, Refusal))


@pytest.mark.every_postgres
async def test_of_64_clients_one_gets_the_slot(db: AsyncSession, sessions: Sessions) -> None:
    table = await resource(db)
    answers = await crowd(sessions, *(claims(claim(table)) for _ in range(64)))
    assert len(granted(answers)) == 1
    assert refused(answers) == {"SlotTaken": 63}
    assert await broken(db) == []


async def test_without_the_constraint_several_get_the_slot(db: AsyncSession, sessions: Sessions) -> None:
    table = await resource(db)
    await without(db, "allocations", "allocations_no_overlap")
    answers = await crowd(sessions, *(claims(claim(table)) for _ in range(64)))
    assert len(granted(answers)) > 1
    assert await overlaps(db) > 0
    assert "no exclusive resource is held twice at a time" in await broken(db)


@pytest.mark.every_postgres
async def test_of_60_clients_ten_get_the_ten_covers(db: AsyncSession, sessions: Sessions) -> None:
    room = await resource(db, mode="pooled", capacity=10, bucket_minutes=15)
    answers = await crowd(sessions, *(claims(claim(room)) for _ in range(60)))
    assert len(granted(answers)) == 10
    assert refused(answers) == {"SlotTaken": 50}
    assert await broken(db) == []


async def test_without_the_counters_locks_covers_are_sold_twice(db: AsyncSession, wired: Wiring) -> None:
    """Each claim reads the counter before the others have written theirs; the check is the net below."""
    room = await resource(db, mode="pooled", capacity=10, bucket_minutes=15)
    await held(db, claim(room))
    await without_locks_on_buckets(wired)
    await without(db, "buckets", "buckets_within_capacity")
    await with_slow_claims(wired)
    await connected(wired.sessions, 20)
    answers = await crowd(wired.sessions, *(claims(claim(room)) for _ in range(20)))
    assert 1 + len(granted(answers)) > 10
    assert await broken(db) == ["no bucket holds more than its capacity"]


async def test_the_check_stops_even_a_claim_that_forgets_to_lock(db: AsyncSession) -> None:
    room = await resource(db, mode="pooled", capacity=2)
    await held(db, claim(room, quantity=2))
    with pytest.raises(SlotTaken):
        async with transaction(db, {"buckets_within_capacity": SlotTaken}):
            await db.execute(text("UPDATE inventory.buckets SET reserved = reserved + 1"))
    assert await broken(db) == []


@pytest.mark.parametrize("seed", [1, 2])
async def test_random_intervals_never_coexist(db: AsyncSession, sessions: Sessions, seed: int) -> None:
    """Batches in random order over three exclusive resources and a pool, with buffers."""
    chance = random.Random(seed)
    house = await venue(db)
    tables = [await resource(db, venue_id=house, name=f"T{n}", buffer_after_minutes=10) for n in range(3)]
    tables.append(await resource(db, venue_id=house, name="Bar", mode="pooled", capacity=3))

    def wish() -> Claim:
        start, length = TEN + chance.randrange(0, 600, 5) * MINUTE, chance.randrange(5, 120, 5) * MINUTE
        if chance.random() < 0.2:
            return claim(venue_id=house, start=start, length=length)
        return claim(chance.choice(tables), start=start, length=length)

    batches = [claims(*(wish() for _ in range(chance.randrange(1, 8)))) for _ in range(40)]
    answers = await crowd(sessions, *batches)
    assert len(granted(answers)) > 20
    assert refused(answers).keys() == {"SlotTaken"}
    assert await broken(db) == []


async def test_without_the_constraint_random_intervals_do_coexist(db: AsyncSession, sessions: Sessions) -> None:
    chance = random.Random(1)
    table = await resource(db)
    await without(db, "allocations", "allocations_no_overlap")
    starts = [TEN + chance.randrange(0, 120, 5) * MINUTE for _ in range(40)]
    await crowd(sessions, *(claims(claim(table, start=start)) for start in starts))
    assert await overlaps(db) > 0


@pytest.mark.every_postgres
@pytest.mark.parametrize("guests", [2, 8])
async def test_every_guest_is_seated_while_a_table_is_free(
    db: AsyncSession, sessions: Sessions, guests: int
) -> None:
    """As many guests as free tables race by venue: all are seated, none beside a free table."""
    house = await venue(db)
    tables = [await resource(db, venue_id=house, name=f"T{n}", capacity=2 + n % 3) for n in range(guests + 2)]
    await held(db, claim(tables[0]), claim(tables[-1]))
    answers = await crowd(sessions, *(claims(claim(venue_id=house, quantity=2)) for _ in range(guests)))
    assert len({each.resource_id for each in granted(answers)}) == guests
    late = await reserve(db, claim(venue_id=house, quantity=2))
    assert isinstance(late[0], SlotTaken)
    assert await broken(db) == []


async def test_without_the_lock_a_guest_is_left_standing_beside_a_free_table(
    db: AsyncSession, wired: Wiring
) -> None:
    """All choose the first table that they see free; all but one of them come too late for it."""
    house = await venue(db)
    tables = [await resource(db, venue_id=house, name=f"T{n}") for n in range(8)]
    await without_advisory_locks(wired)
    await with_slow_claims(wired)
    await connected(wired.sessions, len(tables))
    answers = await crowd(wired.sessions, *(claims(claim(venue_id=house)) for _ in tables))
    assert refused(answers).keys() == {"SlotTaken"}
    assert len({each.resource_id for each in granted(answers)}) < len(tables)
    await held(db, claim(venue_id=house))


@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 1}])
async def test_an_expired_hold_is_reclaimed_exactly_once(
    db: AsyncSession, sessions: Sessions, rules: dict[str, object]
) -> None:
    table = await resource(db, rules)
    for n in range(8):
        start = TEN + n * HOUR
        (lapsed,) = await held(db, claim(table, start=start))
        racers = [claim(table, start=start, expires_at=HOLD_UNTIL + HOUR) for _ in range(2)]
        answers = await crowd(sessions, *(claims(racer, now=HOLD_UNTIL) for racer in racers))
        assert len(granted(answers)) == 1
        assert granted(answers)[0].reservation_id != lapsed.reservation_id
        assert refused(answers) == {"SlotTaken": 1}
    assert await broken(db) == []


@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 5}])
async def test_the_same_claim_at_once_is_one_reservation(
    db: AsyncSession, sessions: Sessions, rules: dict[str, object]
) -> None:
    table = await resource(db, rules)
    wanted = claim(table)
    answers = await crowd(sessions, *(claims(wanted) for _ in range(12)))
    assert len({each.reservation_id for each in granted(answers)}) == 1
    assert len(granted(answers)) == 12
    assert await broken(db) == []
