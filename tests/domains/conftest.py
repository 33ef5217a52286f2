from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.contracts.identity import SYSTEM
from holdfast.domains.identity.services import AccountService, IdentityService, Passwords, Vault
from holdfast.kernel.access import APPLICATION_ROLE
from holdfast.kernel.database import create_engine, session_factory
from tests.people import Postbox
from tests.postgres import PATIENCE

# nobody's passwords: as cheap as Argon2 allows
CHEAP = {"time_cost": 1, "memory_kib": 32, "parallelism": 1}


@pytest.fixture
def post() -> Postbox:
    return Postbox()


@pytest.fixture
def vault() -> Vault:
    secret = SecretStr("of the tests, and long enough for any key")
    return Vault(secret, "https://holdfast.example", passwords=Passwords(**CHEAP))


@pytest.fixture
async def app_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """As the application connects: as a role that row-level security binds."""
    engine = create_engine(database_url, role=APPLICATION_ROLE, pool_size=20, pool_timeout=PATIENCE)
    yield engine
    await engine.dispose()


@pytest.fixture
def system(app_engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return session_factory(app_engine, caller=SYSTEM.access)


@pytest.fixture
async def house_db(system: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    async with system() as db:
        yield db


@pytest.fixture
def identity(house_db: AsyncSession, post: Postbox, vault: Vault) -> IdentityService:
    return IdentityService(house_db, post, vault)


@pytest.fixture
def accounts(house_db: AsyncSession, post: Postbox, vault: Vault) -> AccountService:
    return AccountService(house_db, post, vault)
