"""What is wrong in the first line of a request: the path, the query, the method."""

import json
from uuid import UUID

import httpx
import pytest

from holdfast.wiring import Wiring
from tests.api.junk import is_problem, rows
from tests.house import House

JSON = {"Content-Type": "application/json"}

NOTHING = UUID(int=7)
UNKNOWN = [
    ("GET", "/api/v1/venues/{}", "venue-not-found"),
    ("PATCH", "/api/v1/venues/{}", "venue-not-found"),
    ("GET", "/api/v1/resources/{}", "resource-not-found"),
    ("PATCH", "/api/v1/resources/{}", "resource-not-found"),
    ("GET", "/api/v1/resources/{}/slots?from=2030-01-08&to=2030-01-08", "resource-not-found"),
    ("GET", "/api/v1/bookings/{}", "booking-not-found"),
    ("PUT", "/api/v1/bookings/{}", "booking-not-found"),
    ("POST", "/api/v1/bookings/{}/cancel", "booking-not-found"),
    ("POST", "/api/v1/bookings/{}/status", "booking-not-found"),
    ("GET", "/api/v1/bookings/{}/history", "booking-not-found"),
    ("GET", "/api/v1/bookings/{}/passengers", "booking-not-found"),
    ("POST", "/api/v1/bookings/{}/passengers", "booking-not-found"),
    ("DELETE", "/api/v1/bookings/{}/passengers/{}", "booking-not-found"),
    ("GET", "/api/v1/bookings/venue/{}", "venue-not-found"),
    ("GET", "/api/v1/bookings/policies/{}", "venue-not-found"),
    ("PUT", "/api/v1/bookings/policies/{}", "venue-not-found"),
    ("DELETE", "/api/v1/pricing/rates/{}", "rate-not-found"),
    ("DELETE", "/api/v1/pricing/fee-rules/{}", "fee-rule-not-found"),
]
BODIES = {
    "/cancel": {"reason": "x"},
    "/status": {"status": "CONFIRMED"},
    "/passengers": {"full_name": "Guest"},
    "/policies/": {"tiers": []},
    "/venues/": {"name": "x"},
    "/resources/": {"name": "x"},
    "": {"notes": "x", "expected_version": 1},
}


@pytest.mark.parametrize(("method", "path", "kind"), UNKNOWN)
async def test_ids_of_nothing_and_ids_of_no_form(
    client: httpx.AsyncClient, wired: Wiring, method: str, path: str, kind: str
) -> None:
    body = next(body for part, body in BODIES.items() if part in path)
    before = await rows(wired)

    async def ask(id_: str) -> httpx.Response:
        content = json.dumps(body) if method in {"POST", "PUT", "PATCH"} else None
        return await client.request(method, path.replace("{}", id_), content=content, headers=JSON)

    is_problem(await ask(str(NOTHING)), 404, kind)
    for id_ in (
        "x",
        "%00",
        "7",
        "%F0%9F%8F%A8",
        "%ED%A0%80",
        "%0d%0aX-Evil:%201",
        "'--",
        f"{NOTHING}0",
        "a" * 5_000,
    ):
        answer = await ask(id_)
        problem = is_problem(answer, 422, "invalid-request")
        assert {each["in"] for each in problem["errors"]} == {"path"}, id_
        assert "x-evil" not in answer.headers
    assert await rows(wired) == before


@pytest.mark.parametrize(
    "reference", ["x", "%00" * 8, "K7QM-3XRD-K7QM-3XRD", "K7QM%0a3XRD", "K7QM%003XRD", "-K7QM3XRD"]
)
async def test_references_of_no_form(client: httpx.AsyncClient, reference: str) -> None:
    is_problem(await client.get(f"/api/v1/bookings/reference/{reference}"), 422, "invalid-request")


LISTS = ["/api/v1/venues", "/api/v1/resources", "/api/v1/pricing/rates", "/api/v1/pricing/fee-rules"]
LISTS += [f"/api/v1/bookings/guest/{UUID(int=5)}", "/api/v1/bookings/venue/{venue}"]
NO_PAGE = ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=2.5", "limit=", "limit=%00", "limit=" + "9" * 400]
NO_PAGE += [
    "page=0",
    "page=-1",
    "page=1000001",
    "page=" + "1" + "0" * 30,
    "page=" + "9" * 5_000,
    "page=%F0%9F%8F%A8",
]


@pytest.mark.parametrize("path", LISTS)
async def test_pages_that_do_not_exist(house: House, client: httpx.AsyncClient, path: str) -> None:
    path = path.format(venue=(await house.open())["id"])
    for query in NO_PAGE:
        problem = is_problem(await client.get(f"{path}?{query}"), 422, "invalid-request")
        assert problem["errors"][0]["in"] == "query"
        assert problem["pointer"] == "/" + query.partition("=")[0]
    far = await client.get(f"{path}?page=1000000&limit=200")
    assert (far.status_code, far.json()["items"]) == (200, [])


NO_DAYS = [
    "", "from=2030-01-08", "from=2030-01-08&to=2030-01-07", "from=2030-01-08&to=2030-02-08",
    "from=x&to=2030-01-08",
    "from=0000-01-01&to=0000-01-02", "from=9999-12-31&to=9999-12-31", "from=1969-12-31&to=1970-01-01",
    "from=2030-02-30&to=2030-03-01", "from=1893456000&to=1893456000", "from=%00&to=%00",
    "from=2030-01-08T00:00:00Z&to=2030-01-08T00:00:00Z",
    "from=2030-01-08&to=2030-01-08&duration_minutes=0", "from=2030-01-08&to=2030-01-08&duration_minutes=527041",
    "from=2030-01-08&to=2030-01-08&quantity=0", "from=2030-01-08&to=2030-01-08&quantity=100001",
    "from=2030-01-08&to=2030-01-08&duration_minutes=1e3", "from=2030-01-08&to=2030-01-08&quantity=true",
]  # fmt: skip


async def test_slots_of_no_days(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    path = f"/api/v1/resources/{table['id']}/slots"
    for query in NO_DAYS:
        is_problem(await client.get(f"{path}?{query}"), 422, "invalid-request")
    for edge in ("1970-01-01", "2200-12-31"):
        answer = await client.get(f"{path}?from={edge}&to={edge}&duration_minutes=527040&quantity=100000")
        assert (answer.status_code, answer.json()) == (200, {"items": []})


NO_TIMES = ["from=x", "from=2030-01-08T12:00:00", "to=0000-01-01", "to=9999-12-31T23:59:59Z", "from=1893456000"]
NO_TIMES += ["status=confirmed", "status=", "status=%00", "from=%F0%9F%8F%A8"]


async def test_a_venues_bookings_at_no_time(house: House, client: httpx.AsyncClient) -> None:
    path = f"/api/v1/bookings/venue/{(await house.open())['id']}"
    for query in NO_TIMES:
        problem = is_problem(await client.get(f"{path}?{query}"), 422, "invalid-request")
        assert {each["pointer"] for each in problem["errors"]} == {"/" + query.partition("=")[0]}
    for edge in ("1970-01-01", "2200-12-31"):
        assert (await client.get(f"{path}?from={edge}&to={edge}")).status_code == 200
    assert (await client.get(f"{path}?from=2030-01-09&to=2030-01-08")).json()["items"] == []


async def test_a_query_for_a_type_of_no_form(client: httpx.AsyncClient) -> None:
    for query in ("type=%00", "type=Hotel", "type=" + "x" * 51, "type="):
        is_problem(await client.get(f"/api/v1/venues?{query}"), 422, "invalid-request")
    for path in ("/api/v1/resources?venue_id=x", "/api/v1/pricing/rates?resource_id=%00"):
        is_problem(await client.get(path), 422, "invalid-request")


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1/venues/", "/api/v1/%00", "/api/v1/../v1", "//evil.example/", "/%0d%0a"]
)
async def test_paths_that_lead_nowhere(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    problem = is_problem(answer, 404, "not-found")
    assert "location" not in answer.headers
    assert "\n" not in problem["detail"] or path == "/%0d%0a"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/v1/venues", "GET, POST"),
        (f"/api/v1/venues/{NOTHING}", "GET, PATCH"),
        (f"/api/v1/bookings/{NOTHING}", "GET, PUT"),
        (f"/api/v1/bookings/policies/{NOTHING}", "GET, PUT"),
        ("/api/v1/bookings", "POST"),
        (f"/api/v1/pricing/rates/{NOTHING}", "DELETE"),
        ("/healthz", "GET"),
    ],
)
async def test_methods_that_are_not_taken(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"} - set(allowed.split(", ")):
        answer = await client.request(method, path)
        is_problem(answer, 405, "method-not-allowed")
        assert answer.headers["allow"] == allowed


async def test_head_answers_as_get_without_a_body(house: House, client: httpx.AsyncClient) -> None:
    venue = await house.open()
    for path in (
        f"/api/v1/venues/{venue['id']}",
        "/healthz",
        "/docs",
        f"/api/v1/venues/{NOTHING}",
        "/api/v1/bookings",
    ):
        get, head = await client.get(path), await client.head(path)
        assert (head.status_code, head.content) == (get.status_code, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
        assert head.headers["content-length"] == get.headers["content-length"]
