"""What every test may ask for: a database of its own, sessions on it, and a clock that stands still."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.kernel.database import create_engine, session_factory
from tests.apart import SERVICES, branches_of
from tests.clock import SettableClock
from tests.postgres import DEFAULT, PATIENCE, VERSIONS, Server

RUN = pytest.StashKey[Path]()
MEMORY = Path("/dev/shm")
# two servers with their journals, and the databases of eight workers
ROOM_BYTES = 4 * 2**30


def pytest_configure(config: pytest.Config) -> None:
    # not pytest's own base folder: every run closes that one again to the server's account
    told = getattr(config, "workerinput", {}).get("run_folder")
    config.stash[RUN] = Path(told or tempfile.mkdtemp(prefix="holdfast-tests-", dir=in_memory()))


def in_memory() -> str | None:
    """Where a database of 600 files is copied in a third of the time, if the machine has memory to spare."""
    free = shutil.disk_usage(MEMORY).free if MEMORY.is_dir() else 0
    return str(MEMORY) if free > ROOM_BYTES and os.access(MEMORY, os.W_OK) else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: pytest.Session) -> None:
    node.workerinput["run_folder"] = str(node.config.stash[RUN])  # type: ignore[attr-defined]


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[RUN], ignore_errors=True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.definition.get_closest_marker("every_postgres"):
        metafunc.parametrize("postgres", VERSIONS, indirect=True)


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, Server]]:
    """The servers this worker has joined, by version; the last worker to leave one stops it."""
    joined: dict[str, Server] = {}
    yield joined
    for server in joined.values():
        server.stop()


@pytest.fixture
def postgres(request: pytest.FixtureRequest, servers: dict[str, Server]) -> Server:
    """PostgreSQL 18, or with `@pytest.mark.every_postgres` each supported version in turn."""
    return joined(servers, getattr(request, "param", DEFAULT), request.config)


def joined(servers: dict[str, Server], version: str, config: pytest.Config) -> Server:
    if version not in servers:
        servers[version] = Server(config.stash[RUN] / version, version)
    return servers[version]


@pytest.fixture
def database_url(postgres: Server) -> Iterator[str]:
    """A fresh, migrated, empty database."""
    url = postgres.create()
    yield url
    postgres.drop(url)


@pytest.fixture
def apart_databases(request: pytest.FixtureRequest, postgres: Server) -> Iterator[dict[str, str]]:
    """The URL of a database for each service (for those of the test's module, where it has `NAMES`), with its
    own domains' tables and no others."""
    names = getattr(request.module, "NAMES", SERVICES)
    urls = {name: postgres.create(template=postgres.template(name, branches_of(name))) for name in names}
    yield urls
    for url in urls.values():
        postgres.drop(url)


@pytest.fixture
def empty_database_url(postgres: Server) -> Iterator[str]:
    """A fresh database before its first migration."""
    url = postgres.create(template="template0")
    yield url
    postgres.drop(url)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(database_url, pool_size=20, pool_timeout=PATIENCE)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> async_sessionmaker[AsyncSession]:
    return session_factory(engine)


@pytest.fixture
async def db(sessions: async_sessionmaker[AsyncSession]) -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """What a test configures of logging ends with it: the next one may look at what is logged."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()
