"""Limits over HTTP: by address, by account, by class of route; exact headers, and 429 with a time to come back."""

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from ipaddress import ip_network

import httpx
import pytest
from fastapi.routing import iter_route_contexts

from holdfast.api.rate_limits import Kind, kind_of, listed_kind
from holdfast.main import create_app
from holdfast.settings import ProxySettings, RateLimitSettings
from tests.clock import SettableClock
from tests.house import bearer, serving, wiring

READ = "/api/v1/venues"
LOGIN = "/api/v1/auth/login"
POLICY = '"address";q=100;w=86400, "read";q=3;w=86400'
LIMITS = RateLimitSettings(
    enabled=True, redis_url=None, address="100/day", auth="2/day", read="3/day", write="4/day", check="5/day"
)
BEHIND_A_PROXY = ProxySettings(trusted=(ip_network("127.0.0.1"),))  # where the tests' client is


def limited(
    database_url: str, limits: RateLimitSettings = LIMITS, proxies: ProxySettings | None = None
) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return serving(wiring(database_url, SettableClock(), limits=limits, proxies=proxies))


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Everybody's requests come through a proxy that says from where."""
    async with limited(database_url, proxies=BEHIND_A_PROXY) as client:
        del client.headers["Authorization"]
        yield client


async def read(client: httpx.AsyncClient, address: str = "198.51.100.1", who: str = "anonymous") -> httpx.Response:
    return await client.get(READ, headers={"X-Forwarded-For": address, **bearer(who)})


def left(answer: httpx.Response) -> dict[str, tuple[int, int]]:
    """Quota -> remaining, seconds; the field as the draft writes it, and nothing else."""
    members = [re.fullmatch(r'"(\w+)";r=(\d+);t=(\d+)', each) for each in answer.headers["ratelimit"].split(", ")]
    return {each[1]: (int(each[2]), int(each[3])) for each in members if each} if all(members) else {}


async def test_every_counted_answer_says_what_is_left(client: httpx.AsyncClient) -> None:
    for used in (1, 2, 3):
        answer = await read(client)
        assert answer.status_code == 200
        assert answer.headers.get_list("ratelimit-policy") == [POLICY]
        quotas = left(answer)
        assert {name: remaining for name, (remaining, _) in quotas.items()} == {
            "address": 100 - used,
            "read": 3 - used,
        }
        assert all(1 <= seconds <= 86_400 for _, seconds in quotas.values())
        assert "retry-after" not in answer.headers


async def test_beyond_the_limit_is_a_problem_with_a_time_to_come_back(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await read(client)
    refused = await read(client)
    assert refused.status_code == 429
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers.get_list("ratelimit-policy") == [POLICY]
    quotas = left(refused)
    assert quotas["read"][0] == 0
    assert int(refused.headers["retry-after"]) == quotas["read"][1]
    problem = refused.json()
    assert problem.pop("request_id") == refused.headers["x-request-id"]
    assert problem == {
        "type": "too-many-requests",
        "title": "Too many requests; there will be room again after Retry-After",
        "status": 429,
        "detail": "at most 3 in 86400 seconds",
        "quota": "read",
    }


async def test_each_class_is_counted_by_itself(client: httpx.AsyncClient) -> None:
    asked = {"X-Forwarded-For": "198.51.100.1"}
    for _ in range(4):
        await read(client)
    checked = await client.post("/api/v1/inventory/check-availability", json={}, headers=asked)
    written = await client.post("/api/v1/bookings", json={}, headers=asked)
    assert (checked.status_code, written.status_code) == (422, 422)
    assert left(checked)["check"][0] == 4
    assert left(written)["write"][0] == 3


async def test_accounts_behind_one_address_do_not_share(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await read(client, who="customer")).status_code == 200
    assert (await read(client, who="customer")).status_code == 429
    assert (await read(client, who="stranger")).status_code == 200
    assert (await read(client)).status_code == 200


async def test_an_account_cannot_move_to_another_address(client: httpx.AsyncClient) -> None:
    for last in range(3):
        assert (await read(client, f"198.51.100.{last}", "customer")).status_code == 200
    assert (await read(client, "203.0.113.9", "customer")).status_code == 429
    assert (await read(client, "203.0.113.9")).status_code == 200


async def test_a_token_that_is_nobodys_counts_for_its_address(client: httpx.AsyncClient) -> None:
    for guess in range(3):
        assert (await read(client, who=f"guess-{guess}")).status_code in (200, 401)
    assert (await read(client, who="guess-4")).status_code == 429
    assert (await read(client)).status_code == 429


async def test_signing_in_is_counted_by_address_whoever_asks(client: httpx.AsyncClient) -> None:
    for name in ("customer", "stranger", "staff"):
        answer = await client.post(LOGIN, headers={"X-Forwarded-For": "198.51.100.1", **bearer(name)})
    assert answer.status_code == 429
    assert answer.json()["quota"] == "auth"
    elsewhere = await client.post(LOGIN, headers={"X-Forwarded-For": "203.0.113.9"})
    assert elsewhere.status_code != 429


async def test_one_network_of_ipv6_is_one_address(client: httpx.AsyncClient) -> None:
    for last in range(3):
        assert (await read(client, f"2001:db8::{last}")).status_code == 200
    assert (await read(client, "2001:db8::ffff")).status_code == 429
    assert (await read(client, "2001:db8:0:1::1")).status_code == 200


async def test_all_accounts_of_an_address_together_have_a_ceiling(database_url: str) -> None:
    tight = LIMITS.model_copy(update={"address": "2/day"})
    async with limited(database_url, tight, BEHIND_A_PROXY) as client:
        assert (await read(client, who="customer")).status_code == 200
        assert (await read(client, who="stranger")).status_code == 200
        refused = await read(client, who="staff")
        assert (refused.status_code, refused.json()["quota"]) == (429, "address")
        assert refused.headers["ratelimit-policy"] == '"address";q=2;w=86400'


async def test_a_made_up_address_changes_nothing(database_url: str) -> None:
    async with limited(database_url) as client:  # no proxy is trusted
        del client.headers["Authorization"]
        for last in range(3):
            assert (await read(client, f"198.51.100.{last}")).status_code == 200
        assert (await read(client, "203.0.113.9")).status_code == 429


async def test_what_a_client_put_before_the_proxy_changes_nothing(client: httpx.AsyncClient) -> None:
    for last in range(3):
        assert (await read(client, f"192.0.2.{last}, 198.51.100.1")).status_code == 200
    assert (await read(client, "192.0.2.9, 198.51.100.1")).status_code == 429


async def test_probes_are_never_counted(client: httpx.AsyncClient) -> None:
    for _ in range(4):
        await read(client)
    for path in ("/healthz", "/readyz", "/metrics"):
        answer = await client.get(path, headers={"X-Forwarded-For": "198.51.100.1"})
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers
    ready = await client.get("/readyz")
    assert ready.json() == {"status": "ok", "components": {"database": "ok", "rate_limits": "ok"}}


async def test_switched_off_nothing_is_counted(database_url: str) -> None:
    async with limited(database_url, RateLimitSettings(enabled=False, auth="1/day")) as client:
        for _ in range(3):
            answer = await client.post(LOGIN)
            assert answer.status_code != 429
            assert "ratelimit" not in answer.headers


def test_every_route_has_a_class() -> None:
    app = create_app(wiring("postgresql://nowhere", SettableClock()))
    paths = {route.path or "no path" for route in iter_route_contexts(app.routes)}
    assert len(paths) > 30
    without = sorted(path for path in paths if listed_kind(re.sub(r"\{[^}]*\}", "x", path)) is None)
    assert without == [], "say in api/rate_limits.py which class they are of"


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/healthz", Kind.EXEMPT),
        ("GET", "/healthz/x", Kind.READ),  # exempt is that path and no other
        ("POST", "/api/v1/auth/login", Kind.AUTH),
        ("GET", "/api/v1/auth/google/start", Kind.AUTH),
        ("POST", "/api/v1/auth/refresh", Kind.WRITE),
        ("GET", "/api/v1/resources/x/slots", Kind.CHECK),
        ("GET", "/api/v1/resources/x", Kind.READ),
        ("POST", "/api/v1/bookings/availability/check", Kind.CHECK),
        ("DELETE", "/api/v1/bookings/x/passengers/y", Kind.WRITE),
        ("POST", "/nowhere", Kind.WRITE),
        ("GET", "/api/v1/authors", Kind.READ),
    ],
)
def test_the_class_of_a_request(method: str, path: str, kind: Kind) -> None:
    assert kind_of(method, path) is kind
