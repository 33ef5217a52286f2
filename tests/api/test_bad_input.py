"""Every field of every write, with what it does not take: a problem that points at it, and nothing written."""

import httpx
import pytest

from holdfast.wiring import Wiring
from tests.api.junk import DEEP, HUGE, NAN, branches, changed, is_problem, junk_for, leaves, nested, pointer, rows
from tests.api.writes import WRITES, Standing, Write
from tests.house import House, Json, at


@pytest.fixture
def database_url(furnished_url: str) -> str:
    return furnished_url


each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)


@each_write
async def test_the_body_itself_is_taken(here: Standing, client: httpx.AsyncClient, write: Write) -> None:
    answer = await write.send(client, here, write.body(here))
    assert answer.status_code in {200, 201}, answer.text


@each_write
async def test_junk_in_a_field_is_pointed_at(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write
) -> None:
    body = write.body(here)
    before = await rows(wired)
    for way, value in leaves(body):
        for junk in junk_for(way, value):
            answer = await write.send(client, here, changed(body, way, junk))
            told = f"{pointer(way)} = {ascii(junk)[:60]}: {answer.status_code} {answer.text[:300]}"
            assert answer.status_code == 422, told
            problem = is_problem(answer, 422, "invalid-request")
            assert pointer(way) in {each["pointer"] for each in problem["errors"]}, told
            assert {each["in"] for each in problem["errors"]} == {"body"}, told
    assert await rows(wired) == before


NO_OBJECT_NOR_LIST: list[object] = [7, "x", True, NAN, "\x00", [[]], [{}], [None], ["\ud800"], DEEP]


@each_write
async def test_other_kinds_of_json_in_place_of_an_object_or_a_list(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write
) -> None:
    body = write.body(here)
    before = await rows(wired)
    for way in branches(body):
        for junk in NO_OBJECT_NOR_LIST:
            answer = await write.send(client, here, changed(body, way, junk))
            problem = is_problem(answer, 422, "invalid-request")
            pointers = {each["pointer"] for each in problem["errors"]}
            assert all(each.startswith(pointer(way)) for each in pointers), (way, junk, pointers)
    for whole in (None, 7, "x", True, [], [body], NAN, HUGE, DEEP):
        is_problem(await write.send(client, here, whole), 422, "invalid-request")
    assert await rows(wired) == before


@each_write
async def test_unknown_fields_wherever_they_are(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write
) -> None:
    body = write.body(here)
    before = await rows(wired)
    objects = [(), *(way for way in branches(body) if way[0] != "metadata" and isinstance(found(body, way), dict))]
    for way in objects:
        for name, escaped in {"x": "x", "a/b~c": "a~1b~0c", "": "", "\ud800": "", "\x00": "\x00"}.items():
            answer = await write.send(client, here, changed(body, (*way, name), 1))
            problem = is_problem(answer, 422, "invalid-request")
            # pydantic does not say which name it could not read
            expected = pointer(way) if name == "\ud800" else f"{pointer(way)}/{escaped}"
            assert problem["pointer"] == expected
    assert await rows(wired) == before


@each_write
async def test_required_fields_that_are_missing_are_named(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write
) -> None:
    before = await rows(wired)
    answer = await write.send(client, here, {})
    if write.name in {"update_venue", "update_resource", "set_cancellation_policy"}:
        assert answer.status_code == 200  # every field may be absent
        return
    problem = is_problem(answer, 422, "invalid-request")
    for each in problem["errors"]:
        assert each["pointer"] == "" or each["pointer"][1:] in write.body(here), each
    assert await rows(wired) == before


def found(body: Json, way: tuple[str | int, ...]) -> object:
    place: object = body
    for part in way:
        place = place[part]  # type: ignore[index]
    return place


COUNTS = ("quantity", "party_size")
TIMED = {
    "check_resource_availability",
    "reserve",
    "update_reservation",
    "calculate",
    "create_booking",
    "create_booking_by_workflow_path",
    "update_booking",
    "check_availability",
}
TIMED_WRITES = [each for each in WRITES if each.name in TIMED]
each_timed = pytest.mark.parametrize("write", TIMED_WRITES, ids=lambda write: write.name)


@each_timed
async def test_parties_that_nobody_brings_and_stays_that_end_before_they_start(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write
) -> None:
    body = write.body(here)
    before = await rows(wired)
    for name in COUNTS:
        for size in (0, -1, 10**9, HUGE) if name in body else ():
            problem = is_problem(await write.send(client, here, {**body, name: size}), 422, "invalid-request")
            assert problem["pointer"] == f"/{name}"
    lengthless = {name: value for name, value in body.items() if name != "duration_minutes"}
    for end in (body["start_at"], at(-3)):
        answer = await write.send(client, here, {**lengthless, "end_at": end})
        kind = "ends-before-start" if write.name == "update_booking" else "invalid-request"
        assert is_problem(answer, 422, kind)["pointer"] == "/end_at"
    assert await rows(wired) == before


LAST = "2200-12-31T23:30:00Z"


@pytest.mark.parametrize("start", [LAST, "1970-01-01T00:00:00Z", "2150-06-01T00:00:00Z", "2030-01-07T07:00:00Z"])
@pytest.mark.parametrize(
    "write", [each for each in TIMED_WRITES if each.name != "calculate"], ids=lambda write: write.name
)
async def test_times_at_the_edges_are_refused_by_a_rule(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, write: Write, start: str
) -> None:
    body = write.body(here)
    before = await rows(wired)
    lengths: list[Json] = [{"end_at": start.replace(":00:00Z", ":20:00Z").replace(":30:00Z", ":59:00Z")}]
    if write.name in {"create_booking", "create_booking_by_workflow_path", "check_availability"}:
        lengths += [{"duration_minutes": minutes} for minutes in (1, 60, 527_040)]
    if write.name == "update_booking":
        lengths += [{}]
    timeless = {name: value for name, value in body.items() if name not in {"end_at", "duration_minutes"}}
    for length in lengths:
        answer = await write.send(client, here, {**timeless, "start_at": start, **length})
        if answer.status_code == 200:
            assert answer.json()["reason"] in {"too_far", "too_soon", "too_long"}
        else:
            assert is_problem(answer, 422)["type"] in {"not-bookable", "invalid-request", "ends-too-late"}
    assert await rows(wired) == before


UNSTORABLE = [
    {"a": "\x00"},
    {"\x00": 1},
    {"a": {"b": ["\ud800"]}},
    {"\udfff": 1},
    {"a": NAN},
    {"a": [float("inf")]},
    {"a": "x" * 20_000},
    {"a": DEEP},
    {"a": 10**5000},
    [],
    "x",
    7,
]


@pytest.mark.parametrize("name", ["create_booking", "update_booking"])
async def test_metadata_that_cannot_be_kept(
    here: Standing, client: httpx.AsyncClient, wired: Wiring, name: str
) -> None:
    write = next(each for each in WRITES if each.name == name)
    before = await rows(wired)
    for metadata in UNSTORABLE:
        if metadata == {"a": 10**5000}:
            body = b'{"metadata": {"a": 1' + b"0" * 5000 + b"}}"
        else:
            body = {**write.body(here), "metadata": metadata}  # type: ignore[assignment]
        is_problem(await write.send(client, here, body), 422, "invalid-request")
    assert await rows(wired) == before


@pytest.mark.parametrize(
    "metadata",
    [
        {"text": "\\u0000 is how JSON writes NUL", "\\": "\\\\u0000"},
        {"big": 10**400, "small": -(2**63), "float": 0.1, "tiny": 5e-324},
        {"emoji": "🏨", "controls": "\x01\x1f\x7f\u2028", "": None},
        {"nested": nested(200), "kinds": [True, False, None]},
    ],
)
async def test_metadata_comes_back_as_it_was_given(house: House, metadata: Json) -> None:
    booking = await house.booked(await house.table(), metadata=metadata)
    answer = await house.client.get(f"/api/v1/bookings/{booking['id']}")
    assert answer.json()["metadata"] == metadata == booking["metadata"]
