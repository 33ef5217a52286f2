"""`/internal`: for services of this installation, with their tokens, and for nobody else."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from holdfast.clients.deadline import HEADER as PATIENCE
from holdfast.clients.peer import ONCE, REFUSAL
from holdfast.clients.ports import PORTS, SAFE
from holdfast.clients.tokens import HEADER, LIFETIME, ServiceTokenRefused, ServiceTokens
from holdfast.contracts.identity import ANONYMOUS, SYSTEM
from holdfast.kernel.access import Caller
from holdfast.kernel.crossing import calls
from holdfast.main import create_app
from holdfast.wiring import Wiring
from tests.apart import ApartWiring, service_settings
from tests.clock import SettableClock
from tests.house import STRANGER, serving, wiring

MESSAGE = {
    "draft": {
        "to": "guest@example.org",
        "template": "password_changed",
        "values": {"changed_at": "today"},
    },
    "now": "2030-01-07T08:00:00Z",
}
VENUE = {"venue_id": str(uuid4())}


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> ApartWiring:
    """Inventory, notification and identity of a system whose other services are elsewhere."""
    settings = service_settings("inventory", {"booking": "http://127.0.0.1:1"})
    services = settings.server.model_copy(update={"services": ("inventory", "notification", "identity")})
    return ApartWiring(settings.model_copy(update={"server": services}), database_url, clock)


@pytest.fixture
async def client(wired: ApartWiring) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(wired) as client:
        client.headers.pop("Authorization")
        yield client


def showing(
    wired: Wiring, port: str, caller: Caller = SYSTEM.access, *, secret: str | None = None
) -> dict[str, str]:
    """The header of a service that asks there on this caller's behalf."""
    tokens = ServiceTokens.of(SecretStr(secret)) if secret else wired.service_tokens
    return {HEADER: tokens.sign(audience=port, caller=caller, now=wired.clock.now())}


async def test_a_service_is_answered_or_refused_with_the_class(
    wired: ApartWiring, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/internal/inventory/get_venue", json=VENUE, headers=showing(wired, "inventory"))
    assert (answer.status_code, answer.headers["content-type"]) == (404, REFUSAL)
    assert answer.json()["refusal"] == "holdfast.domains.inventory.exceptions.VenueNotFound"
    known = await client.post(
        "/internal/inventory/claims_of", json={"booking_ids": []}, headers=showing(wired, "inventory")
    )
    assert (known.status_code, known.json()) == (200, [])


async def test_nobody_else_is_answered(wired: ApartWiring, client: httpx.AsyncClient) -> None:
    another = showing(wired, "inventory", secret="another installation's, and long enough")
    for headers in (
        {},
        {"Authorization": "Bearer admin"},
        {HEADER: "no.such.token"},
        another,
        showing(wired, "pricing"),
    ):
        answer = await client.post("/internal/inventory/get_venue", json=VENUE, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.json()["refusal"].endswith("ServiceTokenRefused")


async def test_a_token_ends_after_a_minute(
    wired: ApartWiring, client: httpx.AsyncClient, clock: SettableClock
) -> None:
    headers = showing(wired, "inventory")
    clock.advance(LIFETIME)
    answer = await client.post("/internal/inventory/claims_of", json={"booking_ids": []}, headers=headers)
    assert answer.status_code == 200  # clocks differ by so much
    clock.advance(timedelta(seconds=31))
    late = await client.post("/internal/inventory/claims_of", json={"booking_ids": []}, headers=headers)
    assert late.status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("inventory/create_venue", 404),
        ("inventory/__init__", 404),
        ("nothing/get_venue", 401),
        ("pricing/calculate", 404),
    ],
)
async def test_only_what_ports_ask_is_there(
    wired: ApartWiring, client: httpx.AsyncClient, path: str, status: int
) -> None:
    port = path.partition("/")[0] if status == 404 else "inventory"
    answer = await client.post(f"/internal/{path}", json=VENUE, headers=showing(wired, port))
    assert answer.status_code == status


async def test_arguments_are_checked(wired: ApartWiring, client: httpx.AsyncClient) -> None:
    for body in ("{}", '{"venue_id": "not one"}', "junk"):
        answer = await client.post(
            "/internal/inventory/get_venue", content=body, headers=showing(wired, "inventory")
        )
        assert answer.status_code == 422, body


async def test_who_has_no_time_left_is_told_so(wired: ApartWiring, client: httpx.AsyncClient) -> None:
    headers = {**showing(wired, "inventory"), PATIENCE: "0"}
    answer = await client.post("/internal/inventory/get_venue", json=VENUE, headers=headers)
    assert answer.status_code == 503
    assert answer.json()["refusal"].endswith("NotInTime")


async def test_the_database_takes_it_for_the_callers_call(wired: ApartWiring, client: httpx.AsyncClient) -> None:
    """A stranger's session finds no account but theirs, whoever carries the question."""
    body = {"user_id": str(STRANGER.id)}
    for caller, status in ((SYSTEM, 200), (STRANGER, 200), (ANONYMOUS, 200)):
        headers = showing(wired, "people", caller.access)
        answer = await client.post("/internal/people/preferences", json=body, headers=headers)
        assert (answer.status_code, answer.json()) == (status, None)
    anonymous = await client.post(
        "/internal/notification/queue", json=MESSAGE, headers=showing(wired, "notification", STRANGER.access)
    )
    assert anonymous.status_code == 200
    once = {**showing(wired, "notification", STRANGER.access), ONCE: str(uuid4())}
    refused = await client.post("/internal/notification/queue", json=MESSAGE, headers=once)
    assert refused.status_code == 403  # receipts are the system's to write


async def test_what_is_to_happen_once_happens_once(wired: ApartWiring, client: httpx.AsyncClient) -> None:
    headers = {**showing(wired, "notification"), ONCE: str(uuid4())}
    for _ in range(2):
        answer = await client.post("/internal/notification/queue", json=MESSAGE, headers=headers)
        assert answer.status_code == 200, answer.text
    async with wired.sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM notification.messages")) == 1


async def test_one_process_with_everything_has_no_such_routes(database_url: str, clock: SettableClock) -> None:
    wired = wiring(database_url, clock)
    async with serving(wired) as client:
        answer = await client.post(
            "/internal/inventory/get_venue", json=VENUE, headers=showing(wired, "inventory")
        )
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_none_of_it_is_in_the_public_document(wired: ApartWiring) -> None:
    assert [path for path in create_app(wired).openapi()["paths"] if path.startswith("/internal")] == []


def test_what_is_safe_to_repeat_is_asked_of_somebody() -> None:
    assert {(port, method) for port, method in SAFE if method not in calls(PORTS[port])} == set()


@pytest.mark.parametrize("caller", [SYSTEM, ANONYMOUS, STRANGER])
def test_a_token_says_on_whose_behalf(wired: Wiring, clock: SettableClock, caller: object) -> None:
    said = Caller(kind="guest", booking_id=UUID(int=7), name="guest:7")
    token = wired.service_tokens.sign(audience="booking", caller=said, now=clock.now())
    assert wired.service_tokens.read(token, audience="booking", now=clock.now()) == said
    with pytest.raises(ServiceTokenRefused):
        wired.service_tokens.read(token, audience="inventory", now=clock.now())
