"""`kill -9` in the middle of a payment and of a refund: after a restart each is settled, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.kernel.database import create_engine
from tests.faults.server import DAY_AFTER_TOMORROW, Served, holdfast
from tests.house import House, Json

# as the domains lock them: rows that refer to these may be written meanwhile
BOOKING = "SELECT id FROM booking.bookings WHERE id = :id FOR NO KEY UPDATE"
INTENT = "SELECT id FROM payment.intents WHERE id = :id FOR NO KEY UPDATE"


@asynccontextmanager
async def database(house_dir: Path) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(EmbeddedPostgres(house_dir).url, pool_size=2)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def held(engine: AsyncEngine, statement: str, row_id: str) -> AsyncIterator[None]:
    """That row, so that whoever wants it waits."""
    async with engine.connect() as connection:
        await connection.execution_options(isolation_level="READ COMMITTED")
        # it is idle on purpose
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        await connection.execute(text(statement), {"id": row_id})
        yield
        await connection.rollback()


async def until(engine: AsyncEngine, statement: str, **values: object) -> None:
    """That selects something."""
    async with engine.connect() as connection:
        for _ in range(600):
            if await selects(connection, statement, **values):
                return
            await asyncio.sleep(0.05)
    raise TimeoutError(statement)


async def selects(connection: AsyncConnection, statement: str, **values: object) -> int:
    return len((await connection.execute(text(statement), values)).all())


async def killed_while(served: Served, request: asyncio.Task[httpx.Response]) -> None:
    served.kill()
    with pytest.raises(httpx.TransportError):
        await request


@pytest.mark.timeout(300)
async def test_a_payment_and_a_refund_that_were_cut_short_are_settled_once(
    served: Served, house_dir: Path
) -> None:
    served.start()
    async with served.client() as client, database(house_dir) as engine:
        booking, intent = await asked(client)
        # the money is taken, and the booking has not heard of it
        async with held(engine, BOOKING, booking["id"]):
            paying = asyncio.create_task(
                client.post(
                    f"/api/v1/payments/intents/{intent['id']}/confirm", json={"payment_method": "sandbox_ok"}
                )
            )
            await until(engine, "SELECT id FROM payment.captures WHERE intent_id = :id", id=intent["id"])
            await killed_while(served, paying)
        async with engine.connect() as connection:
            pending = "SELECT id FROM booking.bookings WHERE id = :id AND status = 'PENDING'"
            assert await selects(connection, pending, id=booking["id"]) == 1
        served.start()
        confirmed = "SELECT id FROM booking.bookings WHERE id = :id AND status = 'CONFIRMED'"
        await until(engine, confirmed, id=booking["id"])

    async with served.client() as client, database(house_dir) as engine:
        body = {"intent_id": intent["id"], "amount": "20.00", "reason": "sorry", "idempotency_key": "one"}
        # the provider has given it back, and its answer is not written down
        async with held(engine, INTENT, intent["id"]):
            refunding = asyncio.create_task(client.post("/api/v1/payments/refunds", json=body))
            await until(engine, "SELECT 1 FROM sandbox.refunds")
            await killed_while(served, refunding)
        async with engine.connect() as connection:
            assert await selects(connection, "SELECT id FROM payment.refunds WHERE status = 'pending'") == 1
            # the time that a living process would have had to write it down is over
            await connection.execute(text("UPDATE payment.refunds SET next_attempt_at = now()"))
        served.start()
        await until(engine, "SELECT id FROM payment.refunds WHERE status = 'succeeded'")
        async with engine.connect() as connection:
            assert await selects(connection, "SELECT 1 FROM sandbox.refunds") == 1
            assert await selects(connection, "SELECT id FROM payment.captures") == 1

    async with served.client() as client:
        again = await client.post("/api/v1/payments/refunds", json=body)
        assert (again.status_code, again.json()["status"]) == (201, "succeeded")
        balances = (await client.get("/api/v1/admin/ledger/balances")).json()["items"]
        assert {"account": "clearing:sandbox", "amount": "100.00", "currency": "EUR"} in balances
    audit = holdfast(house_dir, "audit")
    assert audit.returncode == 0, audit.stdout
    assert served.stop() == 0


async def asked(client: httpx.AsyncClient) -> tuple[Json, Json]:
    """A booking with money due, and the intent to pay it, open at the provider."""
    house = House(client)
    table = await house.table()
    await house.rate(table)
    start = DAY_AFTER_TOMORROW.isoformat()
    booking = await house.booked(table, start_at=start)
    body = {"booking_id": booking["id"], "idempotency_key": "one"}
    return booking, await house.made("/api/v1/payments/intents", body)
