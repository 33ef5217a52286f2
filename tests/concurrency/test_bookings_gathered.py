"""Bookings that are asked for at once share a transaction, and nothing else."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from sqlalchemy import text

from holdfast.kernel.database import create_engine
from holdfast.settings import BookingSettings
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.concurrency.rush import broken, change, column, rush, scalar, verdict, verdicts
from tests.house import CUSTOMER, STRANGER, SUPPLIER, House, Json, at, bearer, serving, wiring
from tests.postgres import PATIENCE

TRANSACTIONS = "SELECT count(DISTINCT xmin::text) FROM booking.bookings"


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> Wiring:
    """One transaction at a time: whoever comes while the first is under way is in the second."""
    return wiring(database_url, clock, booking=BookingSettings(batches=1, queue=200))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while not is_so():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.005)


@asynccontextmanager
async def held_up(wired: Wiring, *, waiting: int) -> AsyncIterator[None]:
    """Nobody who books gets on until so many wait."""
    owner = create_engine(wired.database_url)
    try:
        async with owner.connect() as connection:
            await connection.execution_options(isolation_level="READ COMMITTED")
            await connection.execute(text("LOCK TABLE booking.policies IN ACCESS EXCLUSIVE MODE"))
            yield
            await until(lambda: wired.creations.waiting >= waiting)
    finally:
        await owner.dispose()


async def together(wired: Wiring, house: House, *wishes: Json, waiting: int | None = None) -> list[httpx.Response]:
    """The first one's transaction has begun when the others come; they share the next."""
    async with held_up(wired, waiting=len(wishes) - 1 if waiting is None else waiting):
        first = asyncio.create_task(house.book(None, **wishes[0]))
        await until(lambda: bool(wired.creations.running))
        others = [asyncio.create_task(house.book(None, **each)) for each in wishes[1:]]
    return await asyncio.gather(first, *others)


async def test_64_bookings_take_two_transactions(house: House, wired: Wiring) -> None:
    table = await house.table()
    wishes = [{"resource_id": table["id"], "start_at": at(n)} for n in range(64)]
    answers = await together(wired, house, *wishes)
    assert verdicts(answers) == {(201, None): 64}
    assert await scalar(wired, TRANSACTIONS) == 2
    # each got their own: the answers are in order
    assert [answer.json()["start_at"][:16] for answer in answers] == [at(n)[:16] for n in range(64)]
    assert await scalar(wired, "SELECT count(*) FROM booking.history") == 4 * 64
    assert await scalar(wired, "SELECT count(*) FROM kernel.outbox") == 3 * 64
    assert await broken(wired) == []


async def test_without_batches_each_has_its_own(database_url: str, clock: SettableClock) -> None:
    wired = wiring(database_url, clock, booking=BookingSettings(batch_size=1))
    async with serving(wired) as client:
        house = House(client)
        table = await house.table()
        answers = await rush(*(house.book(table, start_at=at(n)) for n in range(8)))
        assert verdicts(answers) == {(201, None): 8}
        assert await scalar(wired, TRANSACTIONS) == 8


@pytest.mark.every_postgres
async def test_in_one_batch_one_gets_the_slot_and_ten_the_covers(house: House, wired: Wiring) -> None:
    table, other, covers = await house.table(), await house.table(name="Other"), await house.pool(10)
    one = {"resource_id": table["id"], "start_at": at(0)}
    cover = {"resource_id": covers["id"], "start_at": at(0), "party_size": 1}
    answers = await together(wired, house, {"resource_id": other["id"]}, *[one] * 24, *[cover] * 24)
    assert verdicts(answers[1:25]) == {(201, None): 1, (409, "slot-taken"): 23}
    assert verdicts(answers[25:]) == {(201, None): 10, (409, "slot-taken"): 14}
    assert await scalar(wired, TRANSACTIONS) == 2
    assert await broken(wired) == []


@pytest.mark.every_postgres
async def test_each_caller_of_a_batch_sees_their_own_booking_alone(house: House, wired: Wiring) -> None:
    await house.open(supplier_id=str(SUPPLIER.id))
    table = await house.table()
    callers = ["staff", "customer", "stranger", "supplier", "anonymous", "customer"]
    guest = {"name": "Guest", "email": "guest@example.org"}
    wishes = [{"start_at": at(n), "guest": guest} for n in range(6)]
    wishes[5]["guest"] = {**guest, "id": str(STRANGER.id)}  # not the customer's to say
    async with held_up(wired, waiting=5):
        asked = []
        for wish, caller in zip(wishes, callers, strict=True):
            asked.append(asyncio.create_task(house.book(table, **wish, headers=bearer(caller))))
            await until(lambda: bool(wired.creations.running))
    answers = await asyncio.gather(*asked)
    assert [verdict(answer)[0] for answer in answers] == [201, 201, 201, 201, 201, 403]
    assert await scalar(wired, TRANSACTIONS) == 2
    ids = [answer.json()["id"] for answer in answers[:5]]
    seen = {}
    for caller in ("staff", "customer", "stranger", "supplier", "rival"):
        reads = [await house.client.get(f"/api/v1/bookings/{each}", headers=bearer(caller)) for each in ids]
        seen[caller] = [read.status_code == 200 for read in reads]
    assert seen == {
        "staff": [True] * 5,
        "customer": [False, True, False, False, False],
        "stranger": [False, False, True, False, False],
        "supplier": [True] * 5,  # the venue is theirs
        "rival": [False] * 5,
    }
    owners = await column(wired, "SELECT guest_id FROM booking.bookings ORDER BY start_at")
    assert owners[1:3] == [CUSTOMER.id, STRANGER.id]


async def test_one_that_the_database_cannot_take_fails_alone(house: House, wired: Wiring) -> None:
    table = await house.table()
    await change(
        wired,
        """CREATE FUNCTION booking.choke() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.guest_name = 'Poison' THEN RAISE 'cannot take this'; END IF; RETURN NEW; END $$""",
        "CREATE TRIGGER choke BEFORE INSERT ON booking.bookings FOR EACH ROW EXECUTE FUNCTION booking.choke()",
    )
    wishes: list[Json] = [{"resource_id": table["id"], "start_at": at(n)} for n in range(16)]
    wishes[11]["guest"] = {"name": "Poison", "email": "guest@example.org"}
    answers = await together(wired, house, *wishes)
    assert Counter(answer.status_code for answer in answers) == {201: 15, 500: 1}
    assert answers[11].status_code == 500
    assert await scalar(wired, "SELECT count(*) FROM inventory.allocations WHERE status <> 'released'") == 15
    assert await broken(wired) == []


async def test_one_whose_provider_is_unknown_is_refused_alone(house: House, wired: Wiring) -> None:
    table = await house.table()
    await house.rate(table)
    wishes: list[Json] = [{"resource_id": table["id"], "start_at": at(n)} for n in range(8)]
    wishes[3]["payment_provider"] = "paypal"
    answers = await together(wired, house, *wishes)
    assert verdicts(answers) == {(201, None): 7, verdict(answers[3]): 1}
    assert verdict(answers[3])[1] == "provider-not-configured"
    assert await broken(wired) == []


async def test_twice_under_one_key_in_a_batch_is_once(house: House, wired: Wiring) -> None:
    table = await house.table()
    keyed = {"resource_id": table["id"], "start_at": at(2), "idempotency_key": "once"}
    answers = await together(wired, house, {"resource_id": table["id"]}, keyed, keyed)
    assert verdicts(answers[1:]) == {(201, None): 1, (409, "request-in-flight"): 1}
    again = await house.book(None, **keyed)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.json() == next(answer.json() for answer in answers[1:] if answer.is_success)
    assert await scalar(wired, "SELECT count(*) FROM booking.bookings") == 2


async def test_beyond_the_queue_nobody_waits(database_url: str, clock: SettableClock) -> None:
    wired = wiring(database_url, clock, booking=BookingSettings(batches=1, queue=6))
    async with serving(wired) as client:
        house = House(client)
        table = await house.table()
        wishes = [{"resource_id": table["id"], "start_at": at(n)} for n in range(10)]
        # one is under way, and staff, who are one caller, may have three waiting
        answers = await together(wired, house, *wishes, waiting=3)
        assert verdicts(answers) == {(201, None): 4, (503, "busy"): 6}
        assert {answer.headers["Retry-After"] for answer in answers if answer.is_error} == {"1"}
        assert await scalar(wired, "SELECT count(*) FROM booking.bookings") == 4


async def test_batches_of_two_processes_that_want_the_same_do_not_deadlock(
    database_url: str, clock: SettableClock
) -> None:
    processes = [wiring(database_url, clock, booking=BookingSettings(batches=4)) for _ in range(2)]
    async with serving(processes[0]) as here, serving(processes[1]) as there:
        houses = [House(here), House(there)]
        tables = [await houses[0].table(name=f"T{n}") for n in range(6)]
        pool = await houses[0].pool(1_000)
        wishes = [(each, at(n)) for n in range(6) for each in (*tables, pool)]
        answers = await rush(
            *(houses[0].book(each, start_at=start) for each, start in wishes),
            *(houses[1].book(each, start_at=start) for each, start in reversed(wishes)),
        )
        # every table once at each hour; the pool has room for both
        assert verdicts(answers) == {(201, None): 36 + 12, (409, "slot-taken"): 36}
        assert await broken(processes[0]) == []
