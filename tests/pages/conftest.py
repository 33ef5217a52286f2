from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from holdfast.main import create_app
from holdfast.settings import AccountSettings, RateLimitSettings
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import wiring
from tests.redis_server import HOST, free_port


@pytest.fixture
async def wired(database_url: str, clock: SettableClock, tmp_path: Path) -> AsyncIterator[Wiring]:
    """Embedded, as far as mail is concerned; reached on a port of its own, with cheap passwords."""
    plain = wiring(database_url, clock, limits=RateLimitSettings(auth="40/minute"))
    changes = {
        "database": plain.settings.database.model_copy(update={"data_dir": tmp_path}),
        "accounts": AccountSettings(
            public_url=f"http://{HOST}:{free_port()}", password_time_cost=1, password_memory_kib=32
        ),
    }
    made = replace(plain, settings=plain.settings.model_copy(update=changes))
    yield made
    await made.engine.dispose()


@pytest.fixture
async def browser(wired: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    """Keeps cookies and sends forms; follows no redirect by itself."""
    transport = httpx.ASGITransport(create_app(wired), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=wired.settings.accounts.public_url) as client:
        yield client
