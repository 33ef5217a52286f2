"""Keyed requests whose server, connection or database goes away: the key tells what became of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from holdfast.kernel.database import create_engine
from holdfast.main import create_app
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, Json, bearer, holder, serving, wiring

KEY = {"Idempotency-Key": "first-try"}

WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = :kind"


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


def replayed(answer: httpx.Response) -> bool:
    return "idempotency-replayed" in answer.headers


async def kept(wired: Wiring) -> int:
    async with wired.sessions() as db:
        return await db.scalar(text("SELECT count(*) FROM kernel.idempotency_keys")) or 0


@asynccontextmanager
async def owner(wired: Wiring) -> AsyncIterator[AsyncConnection]:
    """The database's owner sees and ends what the application's own role may not."""
    engine = create_engine(wired.database_url)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def waiting(wired: Wiring, kind: str) -> int:
    """The server process that waits like this, as soon as there is one."""
    async with owner(wired) as db:
        while True:
            if (pid := await db.scalar(text(WAITING), {"kind": kind})) is not None:
                return int(pid)
            await asyncio.sleep(0.01)


async def cut(wired: Wiring, which: str) -> None:
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    async with owner(wired) as db:
        await db.execute(text(f"{ended} AND pid <> pg_backend_pid() AND {which}"))


class CutOff(httpx.ASGITransport):
    """The server does its work and answers into a connection that is gone."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await super().handle_async_request(request)
        raise httpx.ReadError("the connection was cut", request=request)


@pytest.fixture
async def restarted(wired: Wiring, clock: SettableClock) -> AsyncIterator[httpx.AsyncClient]:
    """Another server on the same database."""
    async with serving(wiring(wired.database_url, clock)) as client:
        yield client


async def test_the_key_holds_after_a_restart(house: House, wired: Wiring, restarted: httpx.AsyncClient) -> None:
    table = await house.table()
    first = await house.book(table, headers=KEY)
    await wired.engine.dispose()
    again = await House(restarted).book(table, headers=KEY)
    assert (again.status_code, replayed(again), again.json()) == (201, True, first.json())


async def test_an_answer_that_never_arrived_is_had_by_asking_again(house: House, wired: Wiring) -> None:
    table = await house.table()
    transport = CutOff(create_app(wired, holder(wired)))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://holdfast.test", headers=bearer("staff")
    ) as client:
        with pytest.raises(httpx.ReadError):
            await House(client).book(table, headers=KEY)
    answer = await house.book(table, headers=KEY)
    assert (answer.status_code, replayed(answer)) == (201, True)
    listed = await house.client.get(f"/api/v1/bookings/venue/{house.venue['id']}")
    assert listed.json()["items"] == [answer.json()]


async def test_an_answer_kept_at_the_last_moment_is_found(
    house: House, wired: Wiring, restarted: httpx.AsyncClient
) -> None:
    """The first request ends after the second has begun to look and before it holds the key."""
    table = await house.table()
    async with owner(wired) as db:
        await db.execute(
            text(
                """
                CREATE FUNCTION public.pg_try_advisory_xact_lock(bigint) RETURNS boolean LANGUAGE plpgsql AS $$
                BEGIN PERFORM pg_sleep(1); RETURN pg_catalog.pg_try_advisory_xact_lock($1); END $$
                """
            )
        )
        database = await db.scalar(text("SELECT current_database()"))
        # for connections made from now on: those of the second server
        await db.execute(text(f"ALTER DATABASE {database} SET search_path = public, pg_catalog"))
    second = asyncio.create_task(House(restarted).book(table, headers=KEY))
    await waiting(wired, "Timeout")
    first = await house.book(table, headers=KEY)
    assert (first.status_code, replayed(first)) == (201, False)
    assert not second.done()
    answer = await second
    assert (answer.status_code, replayed(answer), answer.json()) == (201, True, first.json())


@pytest.fixture
async def booking(house: House) -> Json:
    return await house.booked(await house.table())


async def cancel(house: House, booking: Json) -> httpx.Response:
    path = f"/api/v1/bookings/{booking['id']}/cancel"
    return await house.client.post(path, json={"reason": "plans changed"}, headers=KEY)


@pytest.mark.parametrize("death", ["the server", "its connection"])
async def test_a_request_that_dies_before_its_commit_leaves_its_key_free(
    house: House, wired: Wiring, booking: Json, death: str
) -> None:
    async with wired.sessions() as other:
        await other.execute(text("BEGIN"))
        await other.execute(text("SELECT FROM booking.bookings FOR UPDATE"))
        dying = asyncio.create_task(cancel(house, booking))
        pid = await waiting(wired, "Lock")
        in_flight = await cancel(house, booking)
        assert (problem(in_flight), in_flight.headers["retry-after"]) == ((409, "request-in-flight"), "1")
        if death == "the server":
            dying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await dying
        else:
            await cut(wired, f"pid = {pid}")
            lost = await dying
            assert (problem(lost), lost.headers["retry-after"]) == ((503, "database-unreachable"), "5")
        await other.execute(text("ROLLBACK"))
    assert await kept(wired) == 0
    assert (await house.client.get(f"/api/v1/bookings/{booking['id']}")).json() == booking
    answer = await cancel(house, booking)
    assert (answer.status_code, replayed(answer), answer.json()["status"]) == (200, False, "CANCELLED")


async def cut_every_connection(wired: Wiring) -> None:
    """As when the database restarts: the pool finds out one request later."""
    await cut(wired, "true")


async def test_pooled_connections_that_died_cost_one_503_and_no_500(house: House, wired: Wiring) -> None:
    table = await house.table()
    await asyncio.gather(*(house.client.get(f"/api/v1/resources/{table['id']}") for _ in range(5)))
    await cut_every_connection(wired)
    answers = [await house.book(table, headers=KEY) for _ in range(3)]
    assert problem(answers[0]) == (503, "database-unreachable")
    assert [answer.status_code for answer in answers[1:]] == [201, 201]
    assert [replayed(answer) for answer in answers[1:]] == [False, True]


READS = ["bookings/{id}", "bookings/{id}/history", "bookings/venue/{venue}", "resources/{resource}", "venues"]


@pytest.mark.parametrize("path", READS)
async def test_a_read_whose_connection_died_is_503_too(
    house: House, wired: Wiring, booking: Json, path: str
) -> None:
    await cut_every_connection(wired)
    where = path.format(id=booking["id"], venue=house.venue["id"], resource=booking["resource_id"])
    answer = await house.client.get(f"/api/v1/{where}")
    assert (problem(answer), answer.headers["retry-after"]) == ((503, "database-unreachable"), "5")
    assert (await house.client.get(f"/api/v1/{where}")).status_code == 200
