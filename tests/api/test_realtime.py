"""What happens, as it happens, at /socket.io: to whoever may see it, and to nobody else."""

import asyncio
import base64
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from holdfast.contracts.booking import BookingId
from holdfast.contracts.identity import Ban, Role
from holdfast.contracts.payment import CaptureId, IntentId, PaymentCompleted
from holdfast.contracts.realtime import FlightSearchPulse
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record
from holdfast.settings import RateLimitSettings, RealtimeSettings
from holdfast.wiring import Wiring
from tests.accounts import account, refused, signed_in
from tests.clock import SettableClock
from tests.house import ADMIN, SUPPLIER, House, Json, wiring, wish
from tests.people import EMAIL
from tests.server import server
from tests.socketio import Clients, Served, clients_of, comes_true, served


@pytest.fixture
async def site(wired: Wiring) -> AsyncIterator[Served]:
    async with served(wired) as site:
        yield site


@pytest.fixture
async def clients(site: Served) -> AsyncIterator[Clients]:
    async with clients_of(site.url) as clients:
        yield clients


async def pay(wired: Wiring, booking: Json, *amounts: str) -> None:
    """As if a provider had told of it."""
    events = [
        PaymentCompleted(
            intent_id=IntentId(uuid7()),
            booking_id=BookingId(UUID(booking["id"])),
            provider="test",
            amount=amount,
            currency="EUR",
            capture_id=CaptureId(uuid7()),
            occurred_at=wired.clock.now(),
        )
        for amount in amounts
    ]
    async with wired.sessions() as db, transaction(db):
        record(db, *events)


async def tick(wired: Wiring) -> None:
    async with wired.sessions() as db, transaction(db):
        await wired.realtime(db).revenue(Money.parse("10.00", "EUR"), at=wired.clock.now())


async def test_each_is_told_what_they_may_see(wired: Wiring, site: Served, clients: Clients) -> None:
    house = House(site.client)
    await house.open(supplier_id=str(SUPPLIER.id))
    table = await house.table()
    made = await site.client.post("/api/v1/bookings", json=wish(table), headers={"Authorization": ""})
    booking, venue = made.json(), house.venue
    for name in ("staff", "supplier", "rival", "stranger", "customer"):
        assert "connected" in await clients.open(name, name)
    assert "connected" in await clients.open("guest", booking["manage_token"])

    yes, no = (
        {"ok": True},
        {"type": "room-not-found", "title": "There is no such room, or it is not yours to enter", "status": 404},
    )
    assert await clients.join("supplier", f"venue:{venue['id']}") == yes
    assert await clients.join("supplier", f"booking:{booking['id']}") == yes
    for name in ("rival", "stranger", "guest"):
        assert (await clients.join(name, f"venue:{venue['id']}"))["problem"] == no
    for name in ("rival", "stranger", "customer"):
        assert (await clients.join(name, f"booking:{booking['id']}"))["problem"] == no
    for room in ("staff", "booking:1", f"booking:{UUID(int=5)}", "", None, ["staff"], {"room": "staff"}, "*"):
        assert (await clients.join("stranger", room))["problem"] == no  # type: ignore[arg-type]

    await wired.relay().drain()
    cancelled = await site.client.post(
        f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "rain, said Ann"}
    )
    assert cancelled.status_code == 200
    for amount in ("120.00", "0.50"):
        await pay(wired, booking, amount)
        await wired.relay().drain()
    async with wired.sessions() as db, transaction(db):
        pulse = FlightSearchPulse(
            origin="BER",
            destination="LIS",
            departs_on=date(2030, 2, 1),
            passengers=2,
            at=wired.clock.now(),
        )
        await wired.realtime(db).flight_search(pulse)

    for name in ("staff", "supplier", "guest"):
        told = await clients.event(name, "booking.cancelled")
        assert told == {
            "booking_id": booking["id"],
            "reference": booking["reference"],
            "version": cancelled.json()["version"],
            "status": "CANCELLED",
            "lifecycle_status": "cancelled",
            "resource_id": table["id"],
            "venue_id": venue["id"],
            "start_at": booking["start_at"],
            "end_at": booking["end_at"],
            "occurred_at": "2030-01-07T08:00:00Z",
        }
    await clients.event("staff", "flight.search.pulse", origin="BER")
    ticks = [each["data"] for each in clients.reports if each.get("event") == "revenue.tick"]
    assert [(tick["amount"], tick["currency"], tick["total_today"]) for tick in ticks] == [
        ("120.00", "EUR", "120.00"),
        ("0.50", "EUR", "120.50"),
    ]
    assert clients.told("supplier").count("booking.cancelled") == 1, "once, though in two rooms"
    assert set(clients.told("guest")) == set(clients.told("supplier"))
    assert not [event for event in clients.told("supplier") if not event.startswith("booking.")]
    # they would have been told by now: what was said last has arrived
    assert [clients.told(name) for name in ("rival", "stranger", "customer")] == [[], [], []]


async def test_a_tick_arrives_from_a_server_with_its_own_worker(database_url: str, clock: SettableClock) -> None:
    """Nothing but `holdfast serve`: its relay is woken, and its sockets are told."""
    clock.set(datetime.now(UTC))
    secret = secrets.token_hex(32)
    plain = wiring(database_url, clock)
    security = plain.settings.security.model_copy(update={"secret": SecretStr(secret)})
    wired = replace(plain, settings=plain.settings.model_copy(update={"security": security}))
    await account(wired, Role.STAFF)
    with server(database_url, SECRET=secret, WORKER_IN_PROCESS="true") as url:
        async with httpx.AsyncClient(base_url=url) as client, clients_of(url) as clients:
            token = (await signed_in(client, email=EMAIL))["Authorization"].removeprefix("Bearer ")
            assert "connected" in await clients.open("staff", token)
            house = House(client)
            client.headers["Authorization"] = f"Bearer {token}"
            start = clock.now() + timedelta(days=2)
            booking = await house.booked(await house.table(), start_at=start.isoformat())
            await pay(wired, booking, "75.00")
            assert (await clients.event("staff", "revenue.tick"))["amount"] == "75.00"
    await wired.engine.dispose()


async def test_who_is_nobody_is_refused_and_told_why(site: Served, clients: Clients) -> None:
    for name, token, type_ in (
        ("empty", "", "sign-in-first"),
        ("forged", "bk_forged.token", "manage-token-invalid"),
        ("nonsense", "nonsense", "token-invalid"),
        ("key", "hf_nobody_has_this", "api-key-invalid"),
    ):
        assert (await clients.open(name, token))["refused"]["type"] == type_
    assert site.realtime.clients == {}
    for method in ("GET", "POST"):
        refused(await site.client.request(method, "/socket.io/?EIO=4&transport=polling"), 426, "web-sockets-only")


async def test_who_is_banned_or_expires_is_cut_off(
    wired: Wiring, site: Served, clients: Clients, clock: SettableClock
) -> None:
    banned = await account(wired, Role.STAFF, email="banned@example.org")
    await account(wired, Role.STAFF, email="other@example.org")
    tokens = {}
    for name in ("banned", "other"):
        header = await signed_in(site.client, email=f"{name}@example.org")
        tokens[name] = header["Authorization"].removeprefix("Bearer ")
        assert "connected" in await clients.open(name, tokens[name])
    async with wired.sessions() as db:
        await wired.accounts(db).ban(banned, Ban(reason="fraud"), now=clock.now(), actor=ADMIN)
    await wired.relay().drain()
    await clients.cut_off("banned")
    await tick(wired)
    await clients.event("other", "revenue.tick")
    assert clients.told("banned") == []

    clock.advance(timedelta(minutes=16))
    await site.realtime.check(*site.realtime.clients)
    await clients.cut_off("other")


async def test_who_may_no_longer_see_a_booking_is_no_longer_told(
    wired: Wiring, site: Served, clients: Clients
) -> None:
    house = House(site.client)
    mine = {"id": str(UUID(int=5)), "name": "Owner", "email": "owner@example.org"}
    booking = await house.booked(await house.table(), guest=mine)
    await clients.open("customer", "customer")
    assert await clients.join("customer", f"booking:{booking['id']}") == {"ok": True}
    others = {"id": str(UUID(int=6)), "name": "Other", "email": "other@example.org"}
    change = {"expected_version": booking["version"], "guest": others}
    assert (await site.client.put(f"/api/v1/bookings/{booking['id']}", json=change)).status_code == 200
    await site.realtime.check(*site.realtime.clients)
    (client,) = site.realtime.clients.values()
    assert client.rooms == set()


async def test_the_last_to_leave_ends_the_listening_and_the_relay_passes_on(
    wired: Wiring, site: Served, clients: Clients
) -> None:
    holds = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock'")
    async with wired.sessions() as db:
        assert await db.scalar(holds) == 0
        await clients.open("staff", "staff")
        assert await db.scalar(holds) == 1
        await clients.tell(name="staff", close=True)
        async with asyncio.timeout(30):
            while await db.scalar(holds):
                await db.execute(text("SELECT pg_sleep(0.05)"))
    assert site.realtime.ear.task is None


class Mute:
    """A client that connects, says who it is, and then reads nothing."""

    def __init__(self, url: str) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        parts = urlsplit(url)
        self.address = (parts.hostname, parts.port)

    async def open(self, token: str) -> None:
        loop = asyncio.get_running_loop()
        self.socket.setblocking(False)
        await loop.sock_connect(self.socket, self.address)
        key = base64.b64encode(secrets.token_bytes(16)).decode()
        ask = (
            "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: holdfast.test\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await loop.sock_sendall(self.socket, ask.encode())
        assert b" 101 " in await loop.sock_recv(self.socket, 1_024)
        await self.send(f'40{{"token":"{token}"}}'.encode())

    async def send(self, said: bytes, *, binary: bool = False) -> None:
        head = bytes([0x82 if binary else 0x81, 0x80 | len(said), 0, 0, 0, 0])
        await asyncio.get_running_loop().sock_sendall(self.socket, head + said)


async def test_a_client_that_does_not_read_is_cut_off_and_the_others_are_told(
    site: Served, clients: Clients
) -> None:
    mute = Mute(site.url)
    await mute.open("staff")
    await clients.open("reader", "staff")
    await comes_true(lambda: len(site.realtime.clients) == 2)
    sent, most = 0, 0
    async with asyncio.timeout(60):
        while len(site.realtime.clients) == 2:
            await site.realtime.emit("noise", {"number": sent, "padding": "x" * 16_000}, ["staff"])
            sent += 1
            most = max(most, *(each.queue.qsize() for each in site.realtime.sio.eio.sockets.values()))
            await asyncio.sleep(0.001)
    assert most <= 256
    assert (await clients.event("reader", "noise", number=sent - 1))["number"] == sent - 1
    assert "cut" not in str(clients.reports[-1])
    mute.socket.close()


async def test_what_nobody_asks_for_ends_the_connection(site: Served) -> None:
    """Attachments could be collected without end, and every token that is tried is a look-up."""
    client = Mute(site.url)
    await client.open("staff")
    await comes_true(lambda: len(site.realtime.clients) == 1)
    await client.send(b'451-["join",{"_placeholder":true,"num":0}]')
    await client.send(b"anything", binary=True)
    await comes_true(lambda: not site.realtime.clients and not site.realtime.app.open)

    guessing = Mute(site.url)
    await guessing.open("wrong")
    for _ in range(3):
        await guessing.send(b'40{"token":"wrong again"}')
    loop = asyncio.get_running_loop()
    said = b""
    while part := await asyncio.wait_for(loop.sock_recv(guessing.socket, 4_096), 30):
        said += part
    assert said.count(b"token-invalid") == 3
    client.socket.close()
    guessing.socket.close()


async def test_an_address_connects_so_often_and_has_so_many(database_url: str, clock: SettableClock) -> None:
    plain = wiring(database_url, clock, limits=RateLimitSettings(enabled=True))
    limits = RealtimeSettings(connects="5/minute", per_address=2)
    wired = replace(plain, settings=plain.settings.model_copy(update={"realtime": limits}))
    async with served(wired) as site, clients_of(site.url) as clients:
        opened = [await clients.open(f"client {number}", "staff") for number in range(3)]
        assert ["connected" in each for each in opened] == [True, True, False]
        await clients.tell(name="client 0", close=True)
        await comes_true(lambda: site.realtime.app.open.total() == 1)
        again = []
        for number in range(3, 7):
            again.append("connected" in await clients.open(f"client {number}", "staff"))
            await clients.tell(name=f"client {number}", close=True)
            await comes_true(lambda: site.realtime.app.open.total() == 1)
        assert again == [True, True, True, False]
