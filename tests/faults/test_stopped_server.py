"""A server that is asked to stop, or whose database or worker dies under it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.kernel.database import create_engine
from tests.faults.server import Served, holdfast, lasting, postmaster, slot
from tests.house import House, Json


async def booked(house: House, number: int = 0) -> Json:
    return await house.booked(await house.table(), start_at=slot(number))


def last_words(house_dir: Path) -> str:
    """The last line of the database's log."""
    log = max(house_dir.glob("postgres/log/*.log"), key=lambda path: path.stat().st_mtime)
    return log.read_text().splitlines()[-1]


async def until(true: Callable[[], Awaitable[object]]) -> None:
    deadline = time.monotonic() + 120
    while not await true():
        assert time.monotonic() < deadline, "it never came to this"
        await asyncio.sleep(0.01)


async def test_a_request_in_flight_is_answered_before_the_server_ends(served: Served, house_dir: Path) -> None:
    served.start()
    engine = create_engine(EmbeddedPostgres(house_dir).url)
    async with served.client() as client:
        booking = await booked(House(client))
        async with engine.connect() as other:
            await other.execute(text("BEGIN"))
            await other.execute(
                text("SELECT FROM booking.bookings WHERE id = :id FOR UPDATE"), {"id": booking["id"]}
            )
            cancel = client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
            in_flight = asyncio.create_task(cancel)
            locks = "SELECT count(*) FROM pg_locks WHERE NOT granted"  # pg_stat_activity stands still here
            await until(lambda: other.scalar(text(locks)))
            served.terminate()
            await asyncio.sleep(0.7)
            assert not in_flight.done()
            await other.execute(text("ROLLBACK"))
        answer = await in_flight
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
        await engine.dispose()
    assert served.ended() == 0
    assert postmaster(house_dir) is None, "the database stopped with its last user"
    assert last_words(house_dir).endswith("database system is shut down"), "and cleanly"


async def test_the_second_start_makes_nothing_anew(served: Served, house_dir: Path) -> None:
    served.start()
    async with served.client() as client:
        booking = await booked(House(client))
    made = (house_dir / "postgres" / "PG_VERSION").stat().st_mtime_ns
    assert served.stop() == 0
    seconds = served.start()
    print(f"\nsecond start: {seconds:.2f} s")  # noqa: T201 - told, not timed: a busy machine must not fail here
    assert (house_dir / "postgres" / "PG_VERSION").stat().st_mtime_ns == made, "initdb did not run again"
    async with served.client() as client:
        again = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
        assert lasting(again) == lasting(booking)


@pytest.mark.parametrize(
    ("served", "background"),
    [(2, True), (1, False)],
    ids=["two workers, by the background work", "one process, by the next command"],
    indirect=["served"],
)
async def test_a_killed_database_is_503_until_it_is_brought_back(
    served: Served, house_dir: Path, background: bool
) -> None:
    """Every request is answered, none with 500 and none twice."""
    served.background = background
    served.start()
    async with served.client() as client:
        house = House(client)
        table = await house.table()
        answers: list[httpx.Response] = []

        async def book(first: int) -> None:
            for number in range(first, 10_000, 4):
                headers = {"Idempotency-Key": f"{table['id']}-{number}"}
                answers.append(await house.book(table, start_at=slot(number), headers=headers))
                await asyncio.sleep(0.01)

        async def given(count: int, status: int) -> bool:
            assert not any(task.done() for task in load), load
            return sum(answer.status_code == status for answer in answers) >= count

        load = [asyncio.create_task(book(n)) for n in range(4)]
        await until(lambda: given(40, 201))
        pid = postmaster(house_dir)
        assert pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda: given(1, 503))
        if not background:
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/healthz")).status_code == 200
            for reading in ("venues", f"bookings/{answers[0].json()['id']}"):
                assert (await client.get(f"/api/v1/{reading}")).status_code == 503
            back = await asyncio.to_thread(holdfast, house_dir, "db", "url")
            assert back.returncode == 0, back.stderr
        before = sum(answer.status_code == 201 for answer in answers)
        await until(lambda: given(before + 20, 201))
        for task in load:
            task.cancel()
        await asyncio.gather(*load, return_exceptions=True)

        assert {answer.status_code for answer in answers} == {201, 503}
        lost = [answer.json() for answer in answers if answer.status_code == 503]
        assert {each["type"] for each in lost} == {"database-unreachable"}
        for answer in answers:
            if answer.status_code == 201:
                again = (await client.get(f"/api/v1/bookings/{answer.json()['id']}")).json()
                assert lasting(again) == lasting(answer.json())
    audit = holdfast(house_dir, "audit")
    assert audit.returncode == 0, audit.stdout


async def test_a_killed_worker_is_replaced_and_the_other_serves_on(house_dir: Path) -> None:
    served = Served(house_dir, workers=2)
    served.start()
    try:
        async with served.client() as client:
            booking = await booked(House(client))
        killed, other = served.children()
        os.kill(killed.pid, signal.SIGKILL)

        async def replaced() -> bool:
            living = {each.pid for each in served.children()} - {killed.pid}
            return len(living) == 2 and other.pid in living

        await until(replaced)
        answers: list[Json] = []
        while len(answers) < 20:
            async with served.client() as client:
                answers.append(lasting((await client.get(f"/api/v1/bookings/{booking['id']}")).json()))
        assert answers == [lasting(booking)] * 20
    finally:
        assert served.stop() == 0
    assert postmaster(house_dir) is None
