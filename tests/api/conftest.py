import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import make_url

from holdfast.contracts.identity import Role
from holdfast.wiring import Wiring
from tests.accounts import account, signed_in
from tests.api.writes import Standing, standing
from tests.clock import SettableClock
from tests.conftest import joined
from tests.house import House, serving, wiring
from tests.openid import OpenIdServer, openid_server
from tests.postgres import DEFAULT, Server


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> Wiring:
    return wiring(database_url, clock)


@pytest.fixture
async def client(wired: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(wired) as client:
        yield client


@pytest.fixture
def house(client: httpx.AsyncClient) -> House:
    return House(client)


@dataclass(frozen=True)
class Furnished:
    """The database of a house with something of everything in it, and the header of an admin of it."""

    database: str
    here: Standing
    admin: dict[str, str]


@pytest.fixture(scope="session")
def furnished(servers: dict[str, Server], request: pytest.FixtureRequest) -> Furnished:
    """Furnished once; whoever asks for `furnished_url` gets a copy, in a fifth of the time."""
    url = joined(servers, DEFAULT, request.config).create()

    async def furnish() -> tuple[Standing, dict[str, str]]:
        wired = wiring(url, SettableClock())
        async with serving(wired) as client:
            await account(wired, Role.ADMIN)
            return await standing(House(client)), await signed_in(client)

    here, admin = asyncio.run(furnish())
    return Furnished(str(make_url(url).database), here, admin)


@pytest.fixture
def furnished_url(furnished: Furnished, postgres: Server) -> Iterator[str]:
    url = postgres.create(template=furnished.database)
    yield url
    postgres.drop(url)


@pytest.fixture
def here(furnished: Furnished) -> Standing:
    """What stands in a copy of the furnished house."""
    return furnished.here


@pytest.fixture(scope="module")
def openid() -> Iterator[OpenIdServer]:
    """A real OpenID provider; who stops it starts one of their own."""
    with openid_server() as server:
        yield server
