"""Bookings over HTTP: created, read, moved, cancelled; and on a refusal, nothing written and nothing told."""

import uuid
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, Json, at, wish

TABLES = ("booking.bookings", "booking.history", "kernel.outbox", "kernel.idempotency_keys")


async def written(wired: Wiring) -> dict[str, int]:
    """How many rows each table holds that a booking writes to."""
    async with wired.sessions() as db:
        counts = {table: await db.scalar(text(f"SELECT count(*) FROM {table}")) for table in TABLES}
        live = "SELECT count(*) FROM inventory.allocations WHERE status <> 'released'"
        return {**counts, "live allocations": await db.scalar(text(live))}


async def told(wired: Wiring) -> list[str]:
    async with wired.sessions() as db:
        return list(await db.scalars(text("SELECT type FROM kernel.outbox ORDER BY id")))


async def test_a_free_booking_is_confirmed_at_once(house: House, wired: Wiring) -> None:
    table = await house.table()
    answer = await house.book(table, notes="window", metadata={"source": "phone"})
    assert answer.status_code == 201
    booking = answer.json()
    assert booking["status"] == "CONFIRMED"
    assert booking["lifecycle_status"] == "supplier_confirmed"
    assert booking["version"] == 1
    assert booking["venue"] == {"id": house.venue["id"], "type": "restaurant", "name": "Seaview"}
    assert booking["start_at"] == "2030-01-08T12:00:00Z"
    assert booking["end_at"] == "2030-01-08T13:00:00Z"
    assert booking["duration_minutes"] == 60
    assert booking["price"]["total"] == "0.00"
    assert booking["price"]["terms"] == "none"
    assert booking["payment"] is None
    assert booking["expires_at"] is None
    assert booking["notes"] == "window"
    assert booking["metadata"] == {"source": "phone"}
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/api/v1/bookings/{booking['id']}"
    assert answer.headers["x-request-id"]
    assert await told(wired) == ["booking.created", "booking.status_changed", "booking.confirmed"]


async def test_money_due_now_keeps_it_pending_until_it_expires(
    house: House, wired: Wiring, clock: SettableClock
) -> None:
    table = await house.table()
    await house.rate(table)
    booking = await house.booked(table)
    assert (booking["status"], booking["lifecycle_status"]) == ("PENDING", "booking_created")
    assert booking["expires_at"] == "2030-01-07T08:15:00Z"
    assert booking["price"]["due_now"] == "120.00"
    refused = await house.move(booking, "CONFIRMED")
    assert refused.status_code == 409
    assert refused.json()["type"] == "payment-due"
    assert refused.json()["amount"] == "120.00"

    clock.advance(timedelta(minutes=15))
    async with wired.sessions() as db:
        assert await wired.booking(db).expire_pending(now=clock.now()) == 1
    expired = (await house.client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert (expired["status"], expired["lifecycle_status"], expired["version"]) == ("EXPIRED", "cancelled", 2)
    assert (await house.book(table)).status_code == 201


async def test_staff_confirms_without_money_by_override_and_the_history_says_so(house: House) -> None:
    table = await house.table()
    await house.rate(table)
    booking = await house.booked(table)
    confirmed = await house.move(booking, "CONFIRMED", override=True, reason="pays by invoice")
    assert confirmed.json()["status"] == "CONFIRMED"
    history = (await house.client.get(f"/api/v1/bookings/{booking['id']}/history")).json()["items"]
    assert [step["to_lifecycle_status"] for step in history] == [
        "booking_created",
        "payment_pending",
        "payment_confirmed",
        "supplier_confirmed",
    ]
    assert {step["override"] for step in history[1:]} == {True}
    assert {step["reason"] for step in history[1:]} == {"pays by invoice"}
    assert [step["version"] for step in history] == [1, 2, 2, 2]


async def test_an_override_without_a_reason_is_refused(house: House) -> None:
    booking = await house.booked(await house.table())
    answer = await house.move(booking, "CHECKED_IN", override=True)
    assert answer.status_code == 422


async def test_an_override_never_opens_a_forbidden_edge(house: House) -> None:
    booking = await house.booked(await house.table())
    answer = await house.move(booking, "COMPLETED", override=True, reason="in a hurry")
    assert answer.status_code == 409
    problem = answer.json()
    assert problem["type"] == "transition-not-allowed"
    assert (problem["from"], problem["to"]) == ("CONFIRMED", "COMPLETED")
    assert problem["allowed"] == ["CHECKED_IN", "CANCELLED", "NO_SHOW"]


@pytest.mark.parametrize("status", ["EXPIRED", "FAILED"])
async def test_expired_and_failed_are_the_systems_alone(house: House, status: str) -> None:
    table = await house.table()
    await house.rate(table)
    booking = await house.booked(table)
    answer = await house.move(booking, status)
    assert (answer.status_code, answer.json()["type"]) == (403, "reserved-for-system")


async def test_check_in_opens_a_day_before(house: House, clock: SettableClock) -> None:
    booking = await house.booked(await house.table())
    early = await house.move(booking, "CHECKED_IN")
    assert (early.status_code, early.json()["type"]) == (409, "check-in-not-open")
    assert early.json()["opens_at"] == "2030-01-07T12:00:00Z"
    clock.advance(timedelta(hours=4))
    assert (await house.move(booking, "CHECKED_IN")).json()["status"] == "CHECKED_IN"
    done = (await house.move(booking, "COMPLETED")).json()
    assert (done["status"], done["lifecycle_status"], done["version"]) == ("COMPLETED", "completed", 3)
    assert done["completed_at"] == "2030-01-07T12:00:00Z"


async def test_no_show_only_after_the_start(house: House, clock: SettableClock) -> None:
    booking = await house.booked(await house.table())
    early = await house.move(booking, "NO_SHOW")
    assert (early.status_code, early.json()["type"]) == (409, "not-yet-no-show")
    clock.advance(timedelta(hours=28))
    assert (await house.move(booking, "NO_SHOW")).json()["status"] == "NO_SHOW"


async def test_the_sweep_marks_no_shows_after_the_grace(house: House, wired: Wiring, clock: SettableClock) -> None:
    booking = await house.booked(await house.table())
    start = clock.advance(timedelta(hours=28))
    async with wired.sessions() as db:
        assert await wired.booking(db).mark_no_shows(started_by=start - timedelta(seconds=1), now=start) == 0
        assert await wired.booking(db).mark_no_shows(started_by=start, now=start) == 1
    assert (await house.client.get(f"/api/v1/bookings/{booking['id']}")).json()["status"] == "NO_SHOW"


async def test_the_second_guest_is_told_why_and_what_is_free(house: House, wired: Wiring) -> None:
    table = await house.table()
    await house.booked(table)
    other = await house.table(name="Table 2")
    before = await written(wired)
    answer = await house.book(table)
    assert answer.status_code == 409
    problem = answer.json()
    assert (problem["type"], problem["reason"]) == ("slot-taken", "taken")
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["alternatives"][0] == {
        "resource_id": other["id"],
        "start_at": "2030-01-08T12:00:00Z",
        "end_at": "2030-01-08T13:00:00Z",
    }
    assert await written(wired) == before


async def test_read_by_id_and_by_reference_with_etag(house: House, client: httpx.AsyncClient) -> None:
    booking = await house.booked(await house.table())
    for path in (booking["id"], f"reference/{booking['reference']}", f"reference/{booking['reference'].lower()}"):
        answer = await client.get(f"/api/v1/bookings/{path}")
        assert answer.json() == booking
        assert answer.headers["etag"] == '"1"'
    fresh = await client.get(f"/api/v1/bookings/{booking['id']}", headers={"If-None-Match": '"1"'})
    assert (fresh.status_code, fresh.content, fresh.headers["etag"]) == (304, b"", '"1"')


@pytest.mark.parametrize("path", [f"{uuid.UUID(int=7)}", "reference/2222-2222", f"{uuid.UUID(int=7)}/history"])
async def test_what_does_not_exist_is_404(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(f"/api/v1/bookings/{path}")
    assert (answer.status_code, answer.json()["type"]) == (404, "booking-not-found")


async def test_a_move_claims_the_new_time_and_frees_the_old(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    booking = await house.booked(table)
    moved = await client.put(f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, "start_at": at(3)})
    assert moved.status_code == 200
    assert moved.json()["end_at"] == "2030-01-08T16:00:00Z"
    assert moved.json()["version"] == 2
    assert moved.json()["reservation_id"] == booking["reservation_id"]
    assert (await house.book(table)).status_code == 201
    assert (await house.book(table, start_at=at(3))).status_code == 409


async def test_a_refused_move_changes_nothing(house: House, client: httpx.AsyncClient, wired: Wiring) -> None:
    table = await house.table()
    booking = await house.booked(table)
    await house.booked(table, start_at=at(3))
    before = await written(wired)
    answer = await client.put(f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, "start_at": at(3)})
    assert (answer.status_code, answer.json()["type"]) == (409, "slot-taken")
    assert answer.json()["alternatives"]
    assert (await client.get(f"/api/v1/bookings/{booking['id']}")).json() == booking
    assert await written(wired) == before


async def test_a_longer_stay_may_overlap_its_own_old_time(house: House, client: httpx.AsyncClient) -> None:
    booking = await house.booked(await house.table())
    answer = await client.put(
        f"/api/v1/bookings/{booking['id']}", json={"end_at": at(1.5)}, headers={"If-Match": '"1"'}
    )
    assert answer.json()["duration_minutes"] == 90


async def test_a_move_prices_anew_and_confirms_when_nothing_is_due_any_more(
    house: House, client: httpx.AsyncClient
) -> None:
    table = await house.table(min_notice_minutes=0)
    weekend = {"kind": "weekday", "days": ["wed"], "percent": "-100"}
    await house.rate(table, adjustments=[weekend])
    booking = await house.booked(table)
    assert booking["status"] == "PENDING"
    answer = await client.put(
        f"/api/v1/bookings/{booking['id']}", json={"expected_version": 1, "start_at": at(24)}
    )
    assert answer.json()["price"]["total"] == "0.00"
    assert (answer.json()["status"], answer.json()["version"]) == ("CONFIRMED", 2)


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        ({"notes": "x"}, {}, 422, "version-required"),
        ({"notes": "x", "expected_version": 7}, {}, 409, "version-conflict"),
        ({"notes": "x"}, {"If-Match": '"7"'}, 409, "version-conflict"),
        ({"notes": "x", "expected_version": 1}, {"If-Match": '"7"'}, 422, "invalid-request"),
        ({"notes": "x"}, {"If-Match": "seven"}, 422, "invalid-request"),
        ({"expected_version": 1}, {}, 422, "invalid-request"),
        ({"expected_version": 1, "end_at": at(-1)}, {}, 422, "ends-before-start"),
    ],
)
async def test_an_update_that_cannot_be(
    house: House, client: httpx.AsyncClient, body: Json, headers: dict[str, str], status: int, kind: str
) -> None:
    booking = await house.booked(await house.table())
    answer = await client.put(f"/api/v1/bookings/{booking['id']}", json=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (status, kind)
    if kind == "version-conflict":
        assert answer.json()["current_version"] == 1
    assert (await client.get(f"/api/v1/bookings/{booking['id']}")).json() == booking


async def test_cancelling_frees_the_time_once(house: House, client: httpx.AsyncClient, wired: Wiring) -> None:
    table = await house.table()
    booking = await house.booked(table)
    path = f"/api/v1/bookings/{booking['id']}/cancel"
    cancelled = await client.post(path, json={"reason": "plans changed"})
    assert (cancelled.json()["status"], cancelled.json()["lifecycle_status"]) == ("CANCELLED", "cancelled")
    assert (await told(wired))[-2:] == ["booking.status_changed", "booking.cancelled"]
    again = await client.post(path, json={"reason": "once more"})
    assert (again.status_code, again.json()["type"]) == (409, "transition-not-allowed")
    assert again.json()["allowed"] == []
    assert (await house.book(table)).status_code == 201
    closed = await client.put(f"/api/v1/bookings/{booking['id']}", json={"expected_version": 2, "notes": "x"})
    assert (closed.status_code, closed.json()["type"]) == (409, "booking-closed")


async def test_lists_by_guest_and_by_venue(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    guest = {"id": str(uuid.UUID(int=5)), "name": "Guest", "email": "guest@example.org"}
    first = await house.booked(table, guest=guest)
    second = await house.booked(table, guest=guest, start_at=at(24))
    third = await house.booked(table, start_at=at(2))
    mine = (await client.get(f"/api/v1/bookings/guest/{uuid.UUID(int=5)}?limit=1&page=2")).json()
    assert (mine["total"], mine["page"], mine["limit"]) == (2, 2, 1)
    assert len(mine["items"]) == 1
    assert {first["id"], second["id"]} >= {mine["items"][0]["id"]}
    venue = f"/api/v1/bookings/venue/{house.venue['id']}"
    everything = (await client.get(venue)).json()
    assert [each["id"] for each in everything["items"]] == [first["id"], third["id"], second["id"]]
    a_day = (await client.get(venue, params={"from": "2030-01-09", "to": "2030-01-09"})).json()
    assert [each["id"] for each in a_day["items"]] == [second["id"]]
    touching = (await client.get(venue, params={"from": at(0.5), "to": at(2.5), "status": "CONFIRMED"})).json()
    assert [each["id"] for each in touching["items"]] == [first["id"], third["id"]]
    unknown = await client.get(f"/api/v1/bookings/venue/{uuid.UUID(int=9)}")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "venue-not-found")


async def test_availability_is_judged_as_the_claim_is(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    path = "/api/v1/bookings/availability/check"
    stay = {"resource_id": table["id"], "start_at": at(0), "duration_minutes": 60, "party_size": 2}
    free = (await client.post(path, json=stay)).json()
    assert (free["available"], free["reason"], free["alternatives"]) == (True, None, [])
    await house.booked(table)
    taken = (await client.post(path, json=stay)).json()
    assert (taken["available"], taken["reason"]) == (False, "taken")
    assert taken["alternatives"]
    offered = taken["alternatives"][0]
    assert (await house.book(None, **offered, duration_minutes=None)).status_code == 201


async def test_the_workflow_path_creates_too(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    answer = await client.post("/bookings", json=wish(table))
    assert answer.status_code == 201


async def test_refund_due_follows_the_policy_the_booking_was_made_under(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock
) -> None:
    from holdfast.contracts.identity import SYSTEM  # noqa: PLC0415
    from holdfast.kernel.money import Money  # noqa: PLC0415

    table = await house.table()
    await house.rate(table)
    tiers = [{"hours_before_start": 48, "percent": 100}, {"hours_before_start": 24, "percent": 50}]
    path = f"/api/v1/bookings/policies/{house.venue['id']}"
    assert (await client.put(path, json={"tiers": tiers})).status_code == 200
    booking = await house.booked(table)
    assert (await client.put(path, json={"tiers": []})).status_code == 200
    async with wired.sessions() as db:
        paid = await wired.booking(db).record_capture(
            booking["id"], Money(12_000, "EUR"), capture_id=uuid.uuid4(), now=clock.now(), actor=SYSTEM
        )
    assert (paid.status, paid.version) == ("CONFIRMED", 2)
    answer = await client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    assert answer.json()["refund_due"] == {"amount": "60.00", "currency": "EUR", "percent": "50"}


async def test_a_refusal_points_at_the_field_that_was_sent(house: House) -> None:
    table = await house.table(capacity=4, max_duration_minutes=120, min_duration_minutes=30)
    too_many = (await house.book(table, party_size=5)).json()
    assert (too_many["type"], too_many["pointer"]) == ("party-too-large", "/party_size")
    too_long = (await house.book(table, duration_minutes=121)).json()
    assert (too_long["reason"], too_long["pointer"]) == ("too_long", "/duration_minutes")
    too_late = (await house.book(table, duration_minutes=None, end_at=at(3))).json()
    assert (too_late["reason"], too_late["pointer"]) == ("too_long", "/end_at")
    assert list(too_late)[:5] == ["type", "title", "status", "detail", "request_id"]
