"""Requests that pretend: another path, another method, another origin, somebody else's key. None gets further."""

import httpx
import pytest

from tests.house import CUSTOMER, STRANGER, House, bearer, wish

USERS = "/api/v1/admin/users"


@pytest.mark.parametrize(
    "path",
    [
        f"/{USERS}",
        "/api/v1//admin/users",
        "/api/v1/./admin/users",
        "/api/v1/users/../admin/users",
        "/API/v1/admin/users",
        "/api/v1/%61dmin/users",
        "/api/v1/admin%2fusers",
        f"{USERS}/",
        f"{USERS}/.",
        f"{USERS};x=1",
        f"{USERS}%00",
        f"{USERS}%20",
    ],
)
async def test_no_spelling_of_a_path_gets_past_the_role(client: httpx.AsyncClient, path: str) -> None:
    for who in ("anonymous", "customer", "supplier"):
        header = bearer(who) or {"Authorization": ""}
        answer = await client.get(path, headers=header)
        assert answer.status_code in (401, 403, 404), (who, answer.text)


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_a_method_is_what_it_is(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.post(
        "/api/v1/users/me?_method=PATCH", json={"full_name": "X"}, headers={header: "PATCH", **bearer("customer")}
    )
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PATCH")


async def test_a_path_is_what_was_asked_for(client: httpx.AsyncClient) -> None:
    for header in ("X-Original-URL", "X-Rewrite-URL"):
        answer = await client.get("/healthz", headers={header: USERS, **bearer("admin")})
        assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "null", "http://holdfast.test"])
async def test_no_other_site_is_let_in_by_its_browser(client: httpx.AsyncClient, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "PATCH"}
    for answer in (
        await client.get("/api/v1/venues", headers={"Origin": origin}),
        await client.options("/api/v1/users/me", headers=asked),
    ):
        assert [name for name in answer.headers if name.startswith("access-control")] == []


@pytest.mark.parametrize(
    "path", ["//elsewhere.example", "/%2felsewhere.example", "/docs/", "/login/", "/api/v1/venues/"]
)
async def test_nobody_is_sent_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path, headers={"Host": "elsewhere.example", "X-Forwarded-Host": "elsewhere.example"})
    assert not answer.is_redirect
    assert "elsewhere.example" not in str(answer.headers)


async def test_a_key_is_its_callers_own(house: House) -> None:
    """The same wish under the same key: the answer that another was given is not told again."""
    first = await house.table()
    body = wish(first, idempotency_key="the same for both")
    theirs = await house.client.post("/api/v1/bookings", json=body, headers=bearer("customer"))
    assert (theirs.status_code, theirs.json()["guest"]["id"]) == (201, str(CUSTOMER.id))
    for who in ("stranger", "staff"):
        answer = await house.client.post("/api/v1/bookings", json=body, headers=bearer(who))
        assert (answer.status_code, answer.json()["type"]) == (409, "slot-taken")
        assert theirs.json()["id"] not in answer.text
    assert str(STRANGER.id) not in theirs.text
