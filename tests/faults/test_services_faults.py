"""Every fault at every step of creating, paying and cancelling a booking whose services are apart: what the client
is told, and what is there once all is well again and time has passed. docs/faults.md is this as a table.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from holdfast.clients.deadline import within
from holdfast.clients.peer import Peer
from holdfast.kernel.access import Caller
from tests.apart import Apart, apart, client_of, listening
from tests.clock import SettableClock
from tests.faults.http_proxy import Fault, HttpProxy
from tests.house import House, Json, at

# those that a booking is made, paid and given up by
NAMES = ("booking", "inventory", "pricing", "payment")
PAGE = Path(__file__).parents[2] / "docs" / "faults.md"


class ImpatientPeer(Peer):
    """Waits for what the proxy will never answer no longer than it must, and for all else as long as it takes."""

    never: str = "-"

    async def ask(self, port: str, method: str, body: bytes, *, caller: Caller, once: str | None = None) -> bytes:
        with within(1.0 if f"{port}/{method}" == ImpatientPeer.never else None):
            return await super().ask(port, method, body, caller=caller, once=once)


@dataclass
class Stage:
    """The services, each reached through a proxy."""

    system: Apart
    client: httpx.AsyncClient
    proxies: Mapping[str, HttpProxy]
    taken: int = 0

    @property
    def house(self) -> House:
        return House(self.client)

    def begin(self, fault: Fault, question: str) -> None:
        proxy = self.proxies[question.partition("/")[0]]
        proxy.fault, proxy.path, proxy.met = fault, question, 0
        if fault in (Fault.HALF_OPEN, Fault.TOO_LATE):
            ImpatientPeer.never = question

    def end(self) -> int:
        """All is well again; how often it was not."""
        ImpatientPeer.never = "-"
        for service in self.system.services.values():
            for peer in service.wired.peers.known.values():
                peer.line.failed, peer.line.open_until = 0, None
        met = sum(proxy.met for proxy in self.proxies.values())
        for proxy in self.proxies.values():
            proxy.fault, proxy.met = None, 0
        return met

    async def later(self, minutes: int) -> None:
        """What time does, in every service."""
        self.system.clock.advance(timedelta(minutes=minutes))
        for service in self.system.services.values():
            for name in ("expire", "tidy holds"):
                if job := service.wired.work.periodic.get(name):
                    await job.run(service.wired)
        await self.system.settle()

    async def table(self, *, paid: bool) -> Json:
        table = await self.house.table()
        if paid:
            await self.house.rate(table)
        return table

    async def book(self, table: Json, key: str) -> httpx.Response:
        return await self.house.book(table, headers={"Idempotency-Key": key})

    async def stands(self, table: Json) -> list[str]:
        """The statuses of the bookings of this table."""
        async with self.system.wired("booking").sessions() as db:
            found = await db.scalars(text(BOOKED), {"table": UUID(table["id"])})
            return list(found)

    async def held(self, table: Json) -> list[str]:
        async with self.system.wired("inventory").sessions() as db:
            return list(await db.scalars(text(HELD), {"table": UUID(table["id"])}))

    async def sound(self) -> bool:
        found = [await service.wired.audit() for service in self.system.services.values()]
        return not any(finding.breaches for findings in found for finding in findings)


BOOKED = "SELECT status FROM booking.bookings WHERE resource_id = :table"
HELD = "SELECT status FROM inventory.allocations WHERE resource_id = :table AND status <> 'released'"


def told(answer: httpx.Response) -> str:
    if answer.status_code < 400:
        return str(answer.status_code)
    said = answer.json()
    return f"{answer.status_code} {said['type']}, {said.get('dependency', '-')}"


@pytest.fixture
async def stage(apart_databases: dict[str, str], clock: SettableClock) -> AsyncIterator[Stage]:
    sockets = {name: listening() for name in NAMES}
    async with AsyncExitStack() as stack:
        proxies = {
            name: await stack.enter_async_context(HttpProxy(sockets[name].getsockname()[1])) for name in NAMES
        }
        reached = {name: proxy.url for name, proxy in proxies.items()}
        system = await stack.enter_async_context(
            apart(apart_databases, clock, names=NAMES, sockets=sockets, reached=reached)
        )
        for service in system.services.values():
            known = cast(dict[str, Peer], service.wired.peers.known)
            for name, peer in known.items():
                known[name] = ImpatientPeer(peer.name, peer.url, peer.patience, peer.tokens, peer.clock)
        yield Stage(system, await stack.enter_async_context(client_of(system)), proxies)


Row = tuple[str, str, str]


async def creating(stage: Stage, fault: Fault, question: str, *, paid: bool) -> Row:
    """Once while it fails, once more with the same key, and then the guest does nothing."""
    table, key = await stage.table(paid=paid), str(uuid4())
    stage.begin(fault, question)
    first = await stage.book(table, key)
    assert stage.end() > 0
    await stage.system.settle()
    again = await stage.book(table, key)
    assert len(await stage.stands(table)) == 1
    await stage.later(1)
    await stage.later(20)
    return (
        told(first),
        f"{told(again)}, one booking",
        f"{', '.join(await stage.stands(table))}, held: {', '.join(await stage.held(table)) or 'nothing'}",
    )


async def paying(stage: Stage, fault: Fault, question: str) -> Row:
    """The guest pays while it fails, and tries again where told to."""
    table = await stage.table(paid=True)
    booking = (await stage.book(table, str(uuid4()))).json()
    key, intents = {"Idempotency-Key": str(uuid4())}, "/api/v1/payments/intents"
    if question == "inventory/commit_many":
        asked = await stage.client.post(intents, json={"booking_id": booking["id"]}, headers=key)
        stage.begin(fault, question)
        paid = f"{intents}/{asked.json()['id']}/confirm"
        first = await stage.client.post(paid, json={"payment_method": "ok"})
        await stage.system.settle()
        assert stage.end() > 0
        again = await stage.client.get(f"{intents}/{asked.json()['id']}")
    else:
        stage.begin(fault, question)
        first = await stage.client.post(intents, json={"booking_id": booking["id"]}, headers=key)
        assert stage.end() > 0
        again = await stage.client.post(intents, json={"booking_id": booking["id"]}, headers=key)
        await stage.client.post(f"{intents}/{again.json()['id']}/confirm", json={"payment_method": "ok"})
    await stage.later(1)
    await stage.later(20)
    return (
        told(first),
        f"{told(again)}, paid once",
        f"{', '.join(await stage.stands(table))}, held: {', '.join(await stage.held(table)) or 'nothing'}",
    )


async def cancelling(stage: Stage, fault: Fault, question: str) -> Row:
    table = await stage.table(paid=False)
    booking = (await stage.book(table, str(uuid4()))).json()
    stage.begin(fault, question)
    url, key = f"/api/v1/bookings/{booking['id']}/cancel", {"Idempotency-Key": str(uuid4())}
    first = await stage.client.post(url, json={"reason": "ill"}, headers=key)
    await stage.system.settle()
    assert stage.end() > 0
    again = await stage.client.post(url, json={"reason": "ill"}, headers=key)
    await stage.later(1)
    return (
        told(first),
        told(again),
        f"{', '.join(await stage.stands(table))}, held: {', '.join(await stage.held(table)) or 'nothing'}",
    )


Act = Callable[[Stage, Fault, str], Awaitable[Row]]


@dataclass(frozen=True)
class Step:
    """Who does what, the question at which it fails, and what is told and left, whatever the fault."""

    act: Act
    question: str
    expected: Row


STEPS: Mapping[str, Step] = {
    "create: hold": Step(
        partial(creating, paid=True),
        "inventory/reserve_many",
        ("503 peer-unavailable, inventory", "201, one booking", "EXPIRED, held: nothing"),
    ),
    "create: price": Step(
        partial(creating, paid=True),
        "pricing/calculate_many",
        ("503 peer-unavailable, pricing", "201, one booking", "EXPIRED, held: nothing"),
    ),
    "create: open an intent": Step(
        partial(creating, paid=True),
        "payment/open_many",
        ("503 peer-unavailable, payment", "201, one booking", "EXPIRED, held: nothing"),
    ),
    "create, nothing due: commit the claim": Step(
        partial(creating, paid=False),
        "inventory/commit_many",
        ("503 peer-unavailable, inventory", "201, one booking", "CONFIRMED, held: committed"),
    ),
    "pay: ask what is owed": Step(
        paying,
        "booking/get",
        ("503 peer-unavailable, booking", "201, paid once", "CONFIRMED, held: committed"),
    ),
    "pay: confirm the booking": Step(
        paying, "inventory/commit_many", ("200", "200, paid once", "CONFIRMED, held: committed")
    ),
    "cancel: release": Step(cancelling, "inventory/release_many", ("200", "200", "CANCELLED, held: nothing")),
}

HEAD = """# What happens when a service fails

Bookings are created, paid and cancelled with every service apart. One question between two of them fails in each
of five ways for as long as the first try lasts; then all is well again, and the same request is sent once more
under its idempotency key. Afterwards 20 minutes pass, in which an unpaid booking expires. Every invariant holds in
every service then. This page is written by `tests/faults/test_services_faults.py`, which finds it so.

| step | fault | the client is told | told again | in the end |
|---|---|---|---|---|
"""


def page() -> str:
    rows = [
        f"| {name} | {fault} | {' | '.join(step.expected)} |\n" for name, step in STEPS.items() for fault in Fault
    ]
    return HEAD + "".join(rows)


def test_the_page_says_so() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", STEPS)
async def test_nothing_is_lost_or_left_behind(stage: Stage, name: str) -> None:
    step = STEPS[name]
    found = {fault: await step.act(stage, fault, step.question) for fault in Fault}
    assert found == dict.fromkeys(Fault, step.expected)
    assert await stage.sound()


async def test_without_pricing_and_payment_the_rest_goes_on(stage: Stage) -> None:
    """What is sold can be read, entered and given up; what is to be sold waits; and readiness says why."""
    table = await stage.table(paid=False)
    come, gone = [(await stage.house.booked(table, start_at=at(hours))) for hours in (-20, 0)]
    for name in ("pricing", "payment"):
        stage.proxies[name].fault = Fault.NEVER_ARRIVED
    read = await stage.client.get(f"/api/v1/bookings/{come['id']}")
    entered = await stage.house.move(come, "CHECKED_IN")
    cancelled = await stage.client.post(f"/api/v1/bookings/{gone['id']}/cancel", json={"reason": "ill"})
    key = {"Idempotency-Key": str(uuid4())}
    refused = await stage.house.book(table, headers=key, start_at=at(30))
    ready = await stage.client.get("/readyz")
    assert [read.json()["status"], entered.json()["status"], cancelled.json()["status"]] == [
        "CONFIRMED",
        "CHECKED_IN",
        "CANCELLED",
    ]
    assert told(refused) == "503 peer-unavailable, pricing"
    assert int(refused.headers["Retry-After"]) > 0
    assert (ready.status_code, {ready.json()["components"][name] for name in ("pricing", "payment")}) == (
        200,
        {"degraded"},
    )
    stage.end()
    assert (await stage.house.book(table, headers=key, start_at=at(30))).status_code == 201


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
