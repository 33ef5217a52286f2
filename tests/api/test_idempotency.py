"""The same request twice has the effect of once: replayed, raced, restarted, cut off before its answer."""

import asyncio
from collections import Counter

import httpx
import pytest
from sqlalchemy import text

from holdfast.wiring import Wiring
from tests.house import STAFF, House, Json, at, wish

KEY = {"Idempotency-Key": "first-try"}
TABLES = (
    "booking.bookings",
    "booking.history",
    "kernel.outbox",
    "kernel.idempotency_keys",
    "inventory.allocations",
)
REPLAYED = ("true", '"1"')


async def written(wired: Wiring) -> dict[str, int]:
    async with wired.sessions() as db:
        return {table: await db.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in TABLES}


def marks(answer: httpx.Response) -> tuple[str | None, str | None]:
    return answer.headers.get("idempotency-replayed"), answer.headers.get("etag")


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


@pytest.fixture
async def booking(house: House) -> Json:
    return await house.booked(await house.table())


def requests_on(booking: Json) -> dict[str, tuple[str, str, Json]]:
    """Each keyed change of a confirmed booking at version 1: method, path, body."""
    path = f"/api/v1/bookings/{booking['id']}"
    return {
        "update": ("PUT", path, {"expected_version": 1, "notes": "window"}),
        "move": ("PUT", path, {"expected_version": 1, "start_at": at(3)}),
        "cancel": ("POST", f"{path}/cancel", {"reason": "plans changed"}),
        "status": ("POST", f"{path}/status", {"status": "CHECKED_IN", "override": True, "reason": "early"}),
    }


async def test_a_repeated_create_gets_the_first_answer_and_writes_nothing(house: House, wired: Wiring) -> None:
    table = await house.table()
    first = await house.book(table, headers=KEY)
    assert (first.status_code, marks(first)) == (201, (None, '"1"'))
    before = await written(wired)
    assert before == dict(zip(TABLES, (1, 4, 3, 1, 1), strict=True))
    for _ in range(2):
        again = await house.book(table, headers=KEY)
        assert (again.status_code, marks(again)) == (201, REPLAYED)
        assert again.json() == first.json()
        assert again.headers["location"] == first.headers["location"]
    assert await written(wired) == before


@pytest.mark.parametrize("change", ["update", "move", "cancel", "status"])
async def test_a_repeated_change_gets_the_first_answer_and_writes_nothing(
    client: httpx.AsyncClient, wired: Wiring, booking: Json, change: str
) -> None:
    method, path, body = requests_on(booking)[change]
    first = await client.request(method, path, json=body, headers=KEY)
    assert (first.status_code, marks(first), first.json()["version"]) == (200, (None, '"2"'), 2)
    before = await written(wired)
    again = await client.request(method, path, json=body, headers=KEY)
    assert (again.status_code, marks(again), again.json()) == (200, ("true", '"2"'), first.json())
    assert await written(wired) == before


async def test_the_answer_is_replayed_as_it_was_not_as_the_booking_now_is(
    house: House, client: httpx.AsyncClient
) -> None:
    table = await house.table()
    first = (await house.book(table, headers=KEY)).json()
    await client.post(f"/api/v1/bookings/{first['id']}/cancel", json={"reason": "plans changed"})
    again = await house.book(table, headers=KEY)
    assert (again.status_code, again.json()) == (201, first)


async def test_the_key_may_travel_in_the_header_or_in_the_body(house: House, wired: Wiring) -> None:
    table = await house.table()
    first = await house.book(table, headers=KEY)
    again = await house.book(table, idempotency_key="first-try")
    assert (marks(again), again.json()) == (REPLAYED, first.json())
    both = await house.book(table, headers=KEY, idempotency_key="first-try")
    assert (marks(both), both.json()) == (REPLAYED, first.json())
    unlike = await house.book(table, headers=KEY, idempotency_key="another")
    assert (problem(unlike), unlike.json()["pointer"]) == ((422, "invalid-request"), "/idempotency_key")
    assert (await written(wired))["booking.bookings"] == 1


async def test_the_same_wish_in_other_words_is_the_same_wish(house: House, client: httpx.AsyncClient) -> None:
    """Another order of the fields, another offset, blanks around a name: what is asked for is the same."""
    table = await house.table()
    first = await house.book(table, headers=KEY)
    body = wish(
        table, start_at="2030-01-08T14:00:00+02:00", guest={"email": "guest@example.org", "name": " Guest "}
    )
    again = await client.post("/api/v1/bookings", json=dict(reversed(body.items())), headers=KEY)
    assert (marks(again), again.json()) == (REPLAYED, first.json())


@pytest.mark.parametrize(
    "other", [{"party_size": 3}, {"start_at": at(5)}, {"notes": "window"}, {"duration_minutes": 61}]
)
async def test_another_payload_under_the_key_is_refused_and_changes_nothing(
    house: House, wired: Wiring, other: Json
) -> None:
    table = await house.table()
    await house.book(table, headers=KEY)
    before = await written(wired)
    answer = await house.book(table, headers=KEY, **other)
    assert (problem(answer), answer.json()["pointer"]) == ((422, "idempotency-key-reused"), "/idempotency_key")
    assert await written(wired) == before


async def test_the_key_of_one_bookings_change_is_refused_for_another_booking(
    house: House, client: httpx.AsyncClient
) -> None:
    table = await house.table()
    first, second = await house.booked(table), await house.booked(table, start_at=at(3))
    for change in ("update", "cancel"):
        method, path, body = requests_on(first)[change]
        assert (await client.request(method, path, json=body, headers={"Idempotency-Key": change})).is_success
        method, path, body = requests_on(second)[change]
        answer = await client.request(method, path, json=body, headers={"Idempotency-Key": change})
        assert problem(answer) == (422, "idempotency-key-reused")
    assert (await client.get(f"/api/v1/bookings/{second['id']}")).json() == second


async def test_a_refused_requests_key_may_be_used_again(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    other = await house.booked(table)
    assert problem(await house.book(table, headers=KEY)) == (409, "slot-taken")
    await client.post(f"/api/v1/bookings/{other['id']}/cancel", json={"reason": "plans changed"})
    second = await house.book(table, headers=KEY)
    assert (second.status_code, marks(second)) == (201, (None, '"1"'))

    stale = {"expected_version": 9, "notes": "window"}
    path = f"/api/v1/bookings/{second.json()['id']}"
    assert problem(await client.put(path, json=stale, headers=KEY)) == (409, "version-conflict")
    answer = await client.put(path, json={**stale, "expected_version": 1}, headers=KEY)
    assert (answer.status_code, marks(answer)) == (200, (None, '"2"'))


async def test_each_operation_has_keys_of_its_own(
    house: House, client: httpx.AsyncClient, booking: Json, wired: Wiring
) -> None:
    requests = requests_on(booking)
    created = await house.book({"id": booking["resource_id"]}, headers=KEY, start_at=at(6))
    assert (created.status_code, marks(created)) == (201, (None, '"1"'))
    for version, change in enumerate(("update", "cancel"), 2):
        method, path, body = requests[change]
        answer = await client.request(method, path, json=body, headers=KEY)
        assert (answer.status_code, marks(answer)) == (200, (None, f'"{version}"'))
    async with wired.sessions() as db:
        scopes = list(await db.scalars(text("SELECT scope FROM kernel.idempotency_keys ORDER BY scope")))
    assert scopes == [f"{STAFF.caller}:{each}" for each in ("change-status", "create-booking", "update-booking")]


@pytest.mark.parametrize("change", [None, "update", "cancel", "status"])
async def test_twenty_at_once_have_the_effect_of_one(
    house: House, client: httpx.AsyncClient, wired: Wiring, change: str | None
) -> None:
    table = await house.table()
    booking = await house.booked(table)
    method, path, body = requests_on(booking)[change] if change else ("POST", "/api/v1/bookings", wish(table))
    body = body if change else {**body, "start_at": at(6)}
    before = await written(wired)

    async def ask(n: int) -> httpx.Response:
        await asyncio.sleep(n * 0.002)  # so that some come while the first is at work, some when it is done
        return await client.request(method, path, json=body, headers=KEY)

    answers = await asyncio.gather(*(ask(n) for n in range(20)))
    kept = [answer for answer in answers if answer.is_success]
    assert Counter(marks(answer)[0] for answer in kept)[None] == 1, "one did it, the others were told"
    assert len({answer.content for answer in kept}) == 1
    waiting = [answer for answer in answers if answer.is_error]
    assert {(*problem(answer), answer.headers["retry-after"]) for answer in waiting} <= {
        (409, "request-in-flight", "1")
    }
    after = await written(wired)
    assert after["kernel.idempotency_keys"] == before["kernel.idempotency_keys"] + 1
    assert after["booking.bookings"] == before["booking.bookings"] + (change is None)
    again = await client.request(method, path, json=body, headers=KEY)
    assert (marks(again)[0], again.content) == ("true", kept[0].content)


async def test_guests_without_an_account_meet_no_strangers_keys(house: House, wired: Wiring) -> None:
    table = await house.table()
    nobody = {**KEY, "Authorization": ""}
    guests = [{"name": "Guest", "email": f"{name}@example.org"} for name in ("one", "two")]
    first, second = [
        await house.book(table, start_at=at(hours), end_at=None, duration_minutes=30, guest=guest, headers=nobody)
        for hours, guest in zip((5, 7), guests, strict=True)
    ]
    assert (first.status_code, second.status_code) == (201, 201), (first.text, second.text)
    assert first.json()["id"] != second.json()["id"]
    again = await house.book(
        table, start_at=at(5), end_at=None, duration_minutes=30, guest=guests[0], headers=nobody
    )
    assert (again.json()["id"], marks(again)[0]) == (first.json()["id"], "true")
