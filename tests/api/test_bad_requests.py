"""What is wrong around the body: its size, its type, the headers; and what happens without a database."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from holdfast.main import create_app
from holdfast.wiring import Wiring
from tests.api.junk import is_problem, rows
from tests.api.writes import WRITES, Standing, Write
from tests.clock import SettableClock
from tests.house import serving, wiring


@pytest.fixture
def database_url(furnished_url: str) -> str:
    return furnished_url


each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)
LIMIT = 262_144


@each_write
async def test_bodies_that_are_no_json(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write
) -> None:
    good = json.dumps(write.body(here)).encode()
    before = await rows(wired)
    bodies = [
        b"",
        b"{",
        b"\xff\xfe",
        b"\x00",
        b"nul",
        b'{"a": 1',
        b'"\xc3"',
        good[:-1],
        good + b"x",
        b"[" * 100_000,
    ]
    bodies += [b'{"a":' * 50_000, b'{"a": ' + b"9" * 5_000 + b"}", b'{"a": 1e99999}', b"\x1f\x8b\x08\x00"]
    for body in bodies:
        is_problem(await write.send(client, here, body), 422, "invalid-request")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "json", ";", "\x00", ""):
        answer = await write.send(client, here, good, headers={"Content-Type": kind})
        is_problem(answer, 415, "not-json")
    assert await rows(wired) == before


@each_write
async def test_bodies_that_are_too_large(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write
) -> None:
    before = await rows(wired)
    large = b'{"a": "' + b"x" * LIMIT + b'"}'
    is_problem(await write.send(client, here, large), 413, "body-too-large")
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * LIMIT:
            sent += 65_536
            yield b" " * 65_536

    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    answer = await client.request(write.method, write.path(here), content=endless(), headers=headers)
    is_problem(answer, 413, "body-too-large")
    assert sent <= 2 * LIMIT  # the rest was not even read
    assert await rows(wired) == before


@pytest.mark.parametrize(
    ("length", "status"),
    [("9" * 5_000, 413), ("0" * 5_000 + "2", 422), ("-1", 422), ("1e3", 422), ("2, 2", 422), ("", 422)],
)
async def test_lengths_that_are_no_numbers_or_none_that_anybody_sends(
    client: httpx.AsyncClient, length: str, status: int
) -> None:
    headers = {"Content-Type": "application/json", "Content-Length": length}
    is_problem(await client.post("/api/v1/venues", content=b"{}", headers=headers), status)


async def test_thousands_of_wrong_fields_are_answered_briefly(client: httpx.AsyncClient) -> None:
    body = json.dumps({f"x{n}": n for n in range(16_000)}).encode()
    assert len(body) < LIMIT
    problem = is_problem(await client.post("/api/v1/venues", content=body, headers=JSON), 422, "invalid-request")
    assert len(problem["errors"]) == 50
    answer = await client.post("/api/v1/venues", content=json.dumps({"n" * 200_000: 1}).encode(), headers=JSON)
    assert len(is_problem(answer, 422).__repr__()) < 2_000


JSON = {"Content-Type": "application/json"}
KEYED = [write for write in WRITES if "idempotency_key" in write.name or "booking" in write.name]


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Idempotency-Key", ["", "x" * 256, "x" * 10_000, "a\x00b", "\x1b[2J", "\x01"]),
        (
            "If-Match",
            ["", "3", "*", 'W/"3"', '"0"', '"-1"', '"03"', '"1" , "2"', '"x"', '"' + "9" * 400 + '"', '"\xb2"'],
        ),
    ],
)
@pytest.mark.parametrize("write", KEYED, ids=lambda write: write.name)
async def test_headers_that_mean_nothing(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write, header: str, values: list[str]
) -> None:
    body = {
        name: each
        for name, each in write.body(here).items()
        if name not in {"expected_version", "idempotency_key"}
    }
    before = await rows(wired)
    for value in values:
        answer = await write.send(client, here, body, headers={header: value.encode("latin-1")})
        problem = is_problem(answer, 422, "invalid-request")
        assert problem["pointer"] == f"/{header.lower()}", value
    assert await rows(wired) == before


@pytest.mark.parametrize(
    "offered", ["", "x" * 129, "a b", "a\r\nSet-Cookie: x=1", "abc\n", "\x1b[31m", "<script>", "é", "a,b"]
)
async def test_request_ids_that_could_break_a_log_or_a_header_are_not_taken(wired: Wiring, offered: str) -> None:
    """Straight into the application: no client or server in between mends the header."""
    sent = await raw(wired, headers=[(b"x-request-id", offered.encode("latin-1"))])
    answered = dict(sent["headers"])[b"x-request-id"]
    assert answered != offered.encode("latin-1")
    assert UUID(answered.decode())


@pytest.mark.parametrize("offered", ["a", "A-1_b.c:d", "x" * 128])
async def test_a_plain_request_id_is_kept(client: httpx.AsyncClient, offered: str) -> None:
    answer = await client.get("/api/v1/nothing", headers={"X-Request-ID": offered})
    assert answer.headers["x-request-id"] == offered == answer.json()["request_id"]


async def raw(wired: Wiring, path: str = "/healthz", method: str = "GET", headers: object = ()) -> dict[str, Any]:
    """The start of the answer to a request that no HTTP client would send."""
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("holdfast.test", 80),
        "root_path": "", "client": None, "asgi": {"version": "3.0"},
    }  # fmt: skip
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, object]) -> None:
        messages.append(message)

    await create_app(wired)(scope, receive, send)  # type: ignore[arg-type]
    await wired.engine.dispose()
    return messages[0]


NOTHING = UUID(int=7)


async def test_invented_methods_share_one_metric_and_paths_cannot_write_to_the_log(
    wired: Wiring, capsys: pytest.CaptureFixture[str]
) -> None:
    for method in ("BREW", "BREW2"):
        assert (await raw(wired, "/venues/\x1b[2J\n2030 [info] forged", method))["status"] in {404, 405}
    printed = capsys.readouterr()
    assert "\x1b[2J" not in printed.out + printed.err
    assert "\n2030 [info] forged" not in printed.out + printed.err
    async with serving(wired) as client:
        metrics = (await client.get("/metrics")).text
    assert 'method="other"' in metrics
    assert "BREW" not in metrics


async def test_a_database_that_is_away_is_unavailable_for_reads_and_writes(clock: SettableClock) -> None:
    away = wiring("postgresql://holdfast@127.0.0.1:1/holdfast", clock)
    async with serving(away) as client:
        for answer in (
            await client.get(f"/api/v1/venues/{NOTHING}"),
            await client.get("/api/v1/resources"),
            await client.post("/api/v1/venues", json=WRITES[0].body(None)),  # type: ignore[arg-type]
            await client.get("/readyz"),
        ):
            is_problem(answer, 503, "database-unreachable")
            assert answer.headers["retry-after"] == "5"
        assert (await client.get("/healthz")).status_code == 200
