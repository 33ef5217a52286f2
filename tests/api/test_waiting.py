"""Nobody waits without end for what another session holds."""

import time
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.settings import DatabaseSettings, ServerSettings, Settings
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, at, serving

LOCK = text("SELECT 1 FROM booking.bookings WHERE id = :id FOR UPDATE")


@pytest.fixture
async def hurried(database_url: str, clock: SettableClock) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        server=ServerSettings(worker_in_process=False), database=DatabaseSettings(lock_timeout_seconds=0.5)
    )
    async with serving(Wiring(settings, database_url, clock)) as client:
        yield client


async def test_a_cancel_of_a_locked_booking_is_told_to_come_back(
    hurried: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    house = House(hurried)
    table = await house.table()
    held, other = await house.booked(table), await house.booked(table, start_at=at(5))
    transactional = engine.execution_options(isolation_level="READ COMMITTED")
    async with transactional.connect() as connection:
        await connection.execute(LOCK, {"id": held["id"]})
        began = time.monotonic()
        path = f"/api/v1/bookings/{held['id']}/cancel"
        refused = await hurried.post(path, json={"reason": "plans changed"})
        waited = time.monotonic() - began
        assert (await hurried.get(f"/api/v1/bookings/{other['id']}")).status_code == 200
    assert (refused.status_code, refused.json()["type"]) == (503, "busy")
    assert int(refused.headers["retry-after"]) >= 1
    assert 0.4 < waited < 5
    assert (await hurried.post(path, json={"reason": "plans changed"})).status_code == 200
