"""Real requests through nginx: to stubs that show what reaches a service, and to a running Holdfast."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import socketio

from holdfast.settings import RateLimitSettings, ServerSettings, Settings
from tests.clock import SettableClock
from tests.house import House, serving, wiring
from tests.nginx_server import gateway
from tests.server import server
from tests.web_server import Said, WebServer

# the form of a token; the stub is not asked whether it is a good one
TOKEN = f"eyJh.eyJz.{'s' * 86}"
CALLER = "/internal/caller"


@pytest.fixture
async def identity() -> AsyncIterator[WebServer]:
    async with WebServer(Said(204, "")) as identity:
        yield identity


@pytest.fixture
async def others() -> AsyncIterator[WebServer]:
    async with WebServer() as others:
        yield others


@pytest.fixture
def through(tmp_path: Path, identity: WebServer, others: WebServer) -> Iterator[str]:
    small = Settings(server=ServerSettings(max_body_bytes=2_048))
    with gateway(tmp_path, others.url, identity=identity.url, settings=small) as url:
        yield url


@pytest.fixture
async def client(through: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=through, timeout=60) as client:
        yield client


def bearer(token: str = TOKEN) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_request_reaches_its_service_with_its_id_its_trace_and_its_address(
    client: httpx.AsyncClient, identity: WebServer, others: WebServer
) -> None:
    said = {"X-Request-ID": "mine-1", "X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    await client.get("/api/v1/venues?page=2", headers=said)
    (asked,) = others.asked
    assert (asked.method, asked.path) == ("GET", "/api/v1/venues?page=2")
    assert asked.headers["x-request-id"] == "mine-1"
    assert asked.headers["x-forwarded-for"] == "127.0.0.1"
    assert "forwarded" not in asked.headers
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", asked.headers["traceparent"])
    assert asked.headers["host"] == client.base_url.netloc.decode()
    assert identity.asked == []  # who brings no token is nobody's to look up


async def test_ids_of_another_form_are_replaced(client: httpx.AsyncClient, others: WebServer) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await client.get("/api/v1/venues", headers={"X-Request-ID": 'a"b', "traceparent": trace})
    await client.get("/api/v1/venues", headers={"traceparent": "nonsense"})
    first, second = others.asked
    assert re.fullmatch("[0-9a-f]{32}", first.headers["x-request-id"])
    assert first.headers["traceparent"] == trace
    assert second.headers["traceparent"] != "nonsense"


async def test_a_token_is_asked_about_once_and_a_key_each_time(
    client: httpx.AsyncClient, identity: WebServer, others: WebServer, tmp_path: Path
) -> None:
    for _ in range(3):
        assert (await client.get("/api/v1/venues", headers=bearer())).status_code == 200
    assert [(each.path, each.headers["authorization"]) for each in identity.asked] == [(CALLER, f"Bearer {TOKEN}")]
    for _ in range(2):
        await client.get("/api/v1/venues", headers={"X-API-Key": "hf_key"})
    assert [each.headers["x-api-key"] for each in identity.asked[1:]] == ["hf_key"] * 2
    assert len(others.asked) == 5
    kept = b"".join(each.read_bytes() for each in (tmp_path / "cache").rglob("*") if each.is_file())
    assert kept
    assert b"eyJz" not in kept
    assert b"hf_key" not in kept


async def test_a_bad_token_goes_no_further(
    client: httpx.AsyncClient, identity: WebServer, others: WebServer
) -> None:
    refused = {"X-Problem-Type": "token-expired", "X-Problem-Title": 'This token has \\"ended\\".'}
    identity.usual = Said(401, headers=refused)
    answer = await client.post("/api/v1/bookings", json={}, headers={**bearer(), "X-Request-ID": "mine-2"})
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json() == {
        "type": "token-expired",
        "title": 'This token has "ended".',
        "status": 401,
        "detail": 'This token has "ended".',
        "request_id": "mine-2",
    }
    assert others.asked == []
    # its holder may ask for the next one, and is told so by the service
    assert (await client.post("/api/v1/auth/refresh", json={}, headers=bearer())).status_code == 401
    assert identity.asked[-1].path == "/api/v1/auth/refresh"


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/internal/caller", "/internal", "/%69nternal/caller", "//internal/caller", "/x/../metrics"],
)
async def test_what_is_inside_is_not_reached_from_outside(through: str, others: WebServer, path: str) -> None:
    host, _, port = through.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert head.startswith(b"HTTP/1.1 404 ")
    assert json.loads(body)["type"] == "not-found"
    assert others.asked == []


async def test_a_body_that_is_too_large_is_refused_unread(client: httpx.AsyncClient, others: WebServer) -> None:
    answer = await client.post("/api/v1/bookings", content=b"x" * 2_049)
    assert (answer.status_code, answer.json()["type"]) == (413, "body-too-large")
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert others.asked == []


async def test_nobody_is_let_through_unseen_while_identity_is_away(
    client: httpx.AsyncClient, identity: WebServer, others: WebServer
) -> None:
    identity.server.close()
    answer = await client.get("/api/v1/venues", headers=bearer())
    assert (answer.status_code, answer.json()["type"]) == (503, "service-unavailable")
    assert others.asked == []
    assert (await client.get("/api/v1/venues")).status_code == 200


async def test_a_service_that_is_away_is_said_to_be(client: httpx.AsyncClient, others: WebServer) -> None:
    others.server.close()
    answer = await client.get("/api/v1/venues")
    assert (answer.status_code, answer.json()["type"]) == (503, "service-unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert (await client.post("/api/v1/auth/login", json={})).status_code == 204


async def test_an_answer_is_passed_on_as_it_is(client: httpx.AsyncClient, others: WebServer) -> None:
    others.usual = Said(500, '{"type": "internal-error"}', {"X-Content-Type-Options": "nosniff"})
    answer = await client.get("/api/v1/venues")
    assert (answer.status_code, answer.json()) == (500, {"type": "internal-error"})
    assert answer.headers.get_list("X-Content-Type-Options") == ["nosniff"]


async def test_too_many_attempts_are_refused_with_a_time(
    tmp_path: Path, identity: WebServer, others: WebServer
) -> None:
    strict = Settings(rate_limits=RateLimitSettings(auth="3 per 1 hour"))
    with gateway(tmp_path, others.url, identity=identity.url, settings=strict) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            first = await client.post("/api/v1/auth/login", json={})
            answers = [await client.post("/api/v1/auth/login", json={}) for _ in range(20)]
            other = await client.post("/api/v1/auth/refresh", json={})
    assert (first.status_code, other.status_code) == (204, 204)
    (refused, *_) = (each for each in answers if each.status_code == 429)
    assert refused.json()["type"] == "too-many-requests"
    assert refused.headers["Retry-After"] == "5"


async def test_a_booking_is_made_watched_and_documented_through_it(
    database_url: str, clock: SettableClock, tmp_path: Path
) -> None:
    async with serving(wiring(database_url, clock)) as staff:
        table = await House(staff).table()
    with server(database_url, TRUSTED_PROXIES="127.0.0.1") as app, gateway(tmp_path, app) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as guest:
            found = await guest.get(f"/api/v1/resources/{table['id']}")
            assert found.json()["name"] == table["name"]
            strange = await guest.get("/api/v1/users/me", headers=bearer())
            assert (strange.status_code, strange.json()["status"]) == (401, 401)
            assert re.fullmatch("[a-z-]+", strange.json()["type"])
            page = await guest.get("/login")
            assert len(page.headers.get_list("Content-Security-Policy")) == 1
            assert len(page.headers.get_list("X-Request-ID")) == 1
            document = (await guest.get("/openapi.json")).json()
            assert document["info"]["title"] == "Holdfast"
            assert {"/api/v1/bookings", "/api/v1/venues", "/api/v1/payments/refunds"} <= document["paths"].keys()
            assert "/internal/caller" not in document["paths"]
        socket = socketio.AsyncSimpleClient()
        with pytest.raises(socketio.exceptions.ConnectionError, match="namespaces"):  # there, and not signed in
            await socket.connect(url, transports=["websocket"])
