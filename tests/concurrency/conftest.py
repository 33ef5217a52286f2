from collections.abc import AsyncIterator

import httpx
import pytest

from holdfast.settings import BookingSettings
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, serving, wiring


@pytest.fixture
async def wired(database_url: str, clock: SettableClock) -> AsyncIterator[Wiring]:
    """With connections enough for a real race, 20 kept and 20 more, and a transaction for each booking, so that
    they race within one process as they would between many."""
    alone = BookingSettings(batch_size=1, batches=40)
    wired = wiring(database_url, clock, pool_size=20, booking=alone)
    yield wired
    await wired.engine.dispose()


@pytest.fixture
async def client(wired: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(wired) as client:
        yield client


@pytest.fixture
def house(client: httpx.AsyncClient) -> House:
    return House(client)
