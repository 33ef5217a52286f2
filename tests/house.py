"""The application under test and a house to book in, over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import httpx
from pydantic import SecretStr

from holdfast.api.access import Authenticate
from holdfast.contracts.identity import Actor, ActorType, UserId
from holdfast.main import authenticator, create_app
from holdfast.settings import (
    BookingSettings,
    DatabaseSettings,
    InventorySettings,
    ProxySettings,
    RateLimitSettings,
    SecuritySettings,
    ServerSettings,
    Settings,
)
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.postgres import PATIENCE

Json = dict[str, Any]

# where what a test's server keeps as files goes, until this process ends
DATA = TemporaryDirectory(prefix="holdfast-data-")

# on the next day of the clock's first instant, so that check-in is open 24 hours before
TOMORROW_NOON = datetime.fromisoformat("2030-01-08T12:00:00+00:00")


# bearer tokens of the tests: who holds the one named so
STAFF = Actor(type=ActorType.STAFF, id=UserId(UUID(int=1)))
ADMIN = Actor(type=ActorType.ADMIN, id=UserId(UUID(int=2)))
SUPPLIER = Actor(type=ActorType.SUPPLIER, id=UserId(UUID(int=3)))
RIVAL = Actor(type=ActorType.SUPPLIER, id=UserId(UUID(int=4)))
CUSTOMER = Actor(type=ActorType.CUSTOMER, id=UserId(UUID(int=5)))
STRANGER = Actor(type=ActorType.CUSTOMER, id=UserId(UUID(int=6)))
HOLDERS = {
    "staff": STAFF,
    "admin": ADMIN,
    "supplier": SUPPLIER,
    "rival": RIVAL,
    "customer": CUSTOMER,
    "stranger": STRANGER,
}


def holder(wired: Wiring) -> Authenticate:
    """Who holds a token: one of the names above, or whatever the application itself makes of it."""
    real = authenticator(wired)

    async def authenticate(token: str) -> Actor:
        return HOLDERS[token] if token in HOLDERS else await real(token)

    return authenticate


def bearer(name: str) -> dict[str, str]:
    """The header of one of these holders; nobody's for "anonymous"."""
    return {} if name == "anonymous" else {"Authorization": f"Bearer {name}"}


def wiring(
    database_url: str,
    clock: SettableClock,
    *,
    pool_size: int = 10,
    limits: RateLimitSettings | None = None,
    booking: BookingSettings | None = None,
    proxies: ProxySettings | None = None,
) -> Wiring:
    """The real collaborators, with a clock that stands still and no background work; unlimited unless said.

    Holds may last two days.
    """
    settings = Settings(
        server=ServerSettings(worker_in_process=False),
        inventory=InventorySettings(max_hold_seconds=2 * 86_400),
        booking=booking or BookingSettings(),
        rate_limits=limits or RateLimitSettings(enabled=False),
        proxies=proxies or ProxySettings(),
        database=DatabaseSettings(
            data_dir=Path(DATA.name),
            pool_size=pool_size,
            max_overflow=10,
            pool_timeout_seconds=PATIENCE.total_seconds(),
            lock_timeout_seconds=30,
        ),
        security=SecuritySettings(secret=SecretStr("of the tests, and long enough for any key")),
    )
    return Wiring(settings, database_url, clock)


@asynccontextmanager
async def serving(wired: Wiring) -> AsyncIterator[httpx.AsyncClient]:
    """A staff member's client of the application in this process; a defect is an answer here as it is outside."""
    transport = httpx.ASGITransport(create_app(wired, holder(wired)), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://holdfast.test", timeout=60, headers=bearer("staff")
    ) as client:
        yield client
    await wired.engine.dispose()


@dataclass
class House:
    """A venue and what can be booked in it, made through the API."""

    client: httpx.AsyncClient
    venue: Json = field(default_factory=dict)

    async def open(self, **fields: object) -> Json:
        """A venue, from now on this house's own."""
        body = {"name": "Seaview", "type": "restaurant", "timezone": "UTC", "currency": "EUR", **fields}
        self.venue = await self.made("/api/v1/venues", body)
        return self.venue

    async def table(self, **fields: object) -> Json:
        """One exclusive resource for up to four."""
        if not self.venue:
            await self.open()
        body = {
            "venue_id": self.venue["id"],
            "name": "Table 1",
            "kind": "table",
            "mode": "exclusive",
            "capacity": 4,
            **fields,
        }
        return await self.made("/api/v1/resources", body)

    async def pool(self, capacity: int, **fields: object) -> Json:
        """A pool of covers, 15 minutes to the bucket."""
        pooled = {"mode": "pooled", "capacity": capacity, "bucket_minutes": 15, "kind": "covers", **fields}
        return await self.table(**pooled)

    async def rate(self, resource: Json, amount: str = "120.00", **fields: object) -> Json:
        body = {
            "resource_id": resource["id"],
            "amount": amount,
            "currency": "EUR",
            "per": "booking",
            "terms": "full",
            "taxes": [],
            **fields,
        }
        return await self.made("/api/v1/pricing/rates", body)

    async def book(
        self, resource: Json | None, *, headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        return await self.client.post("/api/v1/bookings", json=wish(resource, **fields), headers=headers)

    async def booked(self, resource: Json, **fields: Any) -> Json:
        answer = await self.book(resource, **fields)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def move(self, booking: Json, to: str, **fields: object) -> httpx.Response:
        """Ask for another status."""
        body = {"status": to, **fields}
        return await self.client.post(f"/api/v1/bookings/{booking['id']}/status", json=body)

    async def made(self, path: str, body: Json) -> Json:
        answer = await self.client.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()  # type: ignore[no-any-return]


def wish(resource: Json | None = None, **fields: object) -> Json:
    """A request for two at tomorrow noon, for an hour."""
    body: Json = {
        "start_at": TOMORROW_NOON.isoformat(),
        "duration_minutes": 60,
        "party_size": 2,
        "guest": {"name": "Guest", "email": "guest@example.org"},
        **fields,
    }
    if resource is not None:
        body["resource_id"] = resource["id"]
    return {name: value for name, value in body.items() if value is not None}


def at(hours: float) -> str:
    """An instant so many hours after tomorrow noon."""
    return (TOMORROW_NOON + timedelta(hours=hours)).isoformat()
