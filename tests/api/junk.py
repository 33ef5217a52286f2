"""What no field of a body takes, and how a refusal is read."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
from sqlalchemy import text

from holdfast.wiring import Wiring
from tests.house import Json

Way = tuple[str | int, ...]

HUGE = 10**400
NAN, INFINITY = float("nan"), float("inf")


def nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner


DEEP = nested(300)
# what no field takes, whatever it is for; free text is the most that any of them is
NOTHING_TAKES = ["\x00", "a\x00b", "\ud800", "x" * 5000, {"a": 1}, {}, DEEP, NAN, -INFINITY, -HUGE, HUGE]
NOT_TEXT = [-1.5, 0, 7, 2.5, True, [], ["x"]]
NOT_A_NUMBER = ["2", "", "two", True, False, 2.5, -1.5, -1, [2], "\u0662"]
NOT_AN_INSTANT = [
    "",
    "soon",
    "2030-01-08T12:00:00",
    "2030-01-08",
    "1893456000",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59Z",
    "2030-02-30T12:00:00Z",
    "2030-01-08T25:00:00Z",
    "2030-01-08T12:00:00+25:00",
    "2030-01-08T12:00:00Z\n",
    "\u0662\u0660\u0663\u0660-\u0660\u0661-\u0660\u0668T\u0661\u0662:\u0660\u0660:\u0660\u0660Z",
]
NOT_A_DATE = [
    "",
    "0000-01-01",
    "2030-02-30",
    "20300108",
    "2030-01-08T00:00:00Z",
    "1893456000",
    "\u0662\u0660\u0663\u0660-\u0660\u0661-\u0660\u0668",
]
NOT_AN_ID = ["", "x", "00000000-0000-0000-0000-00000000000g", "0" * 33]
NOT_A_PERCENT: list[object] = ["1e2", "1_0", "\u0663", "NaN", "Infinity", "1.00001", True, []]
IDS = {"id", "resource_id", "venue_id", "booking_id", "reservation_id"}
DATES = {"from", "to", "date", "valid_from", "valid_to", "date_of_birth"}
NOT_A_FLAG: list[object] = ["true", "yes", 1, 0, "", []]


def junk_for(way: Way, value: object) -> list[object]:
    """What this field does not take."""
    name = str(next(part for part in reversed(way) if isinstance(part, str)))
    kinds: list[tuple[bool, Sequence[object]]] = [
        (isinstance(value, bool), NOT_A_FLAG),
        (isinstance(value, int), NOT_A_NUMBER),
        (name.endswith("_at"), [*NOT_TEXT, *NOT_AN_INSTANT]),
        (name in IDS, [*NOT_TEXT, *NOT_AN_ID]),
        (name.endswith("_on") or name in DATES, [*NOT_TEXT, *NOT_A_DATE]),
        (name.endswith("percent"), NOT_A_PERCENT),
        (True, NOT_TEXT),
    ]
    return [*NOTHING_TAKES, *next(junk for fits, junk in kinds if fits)]


def leaves(value: object, way: Way = ()) -> Iterator[tuple[Way, object]]:
    """Every value of a body that is neither object nor list; metadata is its caller's own."""
    if way == ("metadata",):
        return
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if below is None:
        yield way, value
        return
    for part, each in below:
        yield from leaves(each, (*way, part))


def branches(value: object, way: Way = ()) -> Iterator[Way]:
    """Every object and list of a body, below its root."""
    if isinstance(value, dict | list):
        if way:
            yield way
        for part, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from branches(each, (*way, part))


def changed(body: Json, way: Way, junk: object) -> Json:
    """A copy with this one place changed."""
    whole = copy.deepcopy(body)
    place: Any = whole
    for part in way[:-1]:
        place = place[part]
    place[way[-1]] = junk
    return whole


def pointer(way: Way) -> str:
    return "".join(f"/{part}" for part in way)


async def rows(wired: Wiring) -> dict[str, int]:
    """How many rows every table holds."""
    listed = "SELECT schemaname || '.' || relname FROM pg_stat_user_tables WHERE relname <> 'alembic_version'"
    async with wired.sessions() as db:
        tables = list(await db.scalars(text(listed)))
        return {table: await db.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables}


def is_problem(answer: httpx.Response, status: int, kind: str | None = None) -> Json:
    """The problem document, after everything that is the same for all of them."""
    assert answer.status_code == status, (answer.status_code, answer.text[:500])
    assert answer.headers["content-type"] == "application/problem+json"
    document: Json = answer.json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(document)
    assert document["status"] == status
    assert document["request_id"] == answer.headers["x-request-id"]
    if kind is not None:
        assert document["type"] == kind
    return document
