"""The record of acts: what is kept, with the act or not at all; who may read it, and that nobody may change it."""

from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from holdfast.contracts.identity import UserBanned, UserId
from holdfast.kernel.access import APPLICATION_ROLE, Caller
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import create_engine, session_factory, transaction
from holdfast.kernel.errors import DatabaseError
from holdfast.kernel.outbox import record
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import CUSTOMER, STAFF, House, Json, at, bearer

AUDIT = "/api/v1/admin/audit"
ACT = Act(action="user.banned", actor_type="admin", actor_id=None, subject_type="user", subject_id=None)
TRACES = text("SELECT (SELECT count(*) FROM kernel.audit_log) + (SELECT count(*) FROM kernel.outbox)")
SYSTEM = Caller(kind="system", name="system:-")


async def acts(client: httpx.AsyncClient, **asked: object) -> list[Json]:
    answer = await client.get(AUDIT, headers=bearer("admin"), params={k: str(v) for k, v in asked.items()})
    assert answer.status_code == 200, answer.text
    page = answer.json()
    assert page["total"] >= len(page["items"])
    return list(page["items"])


async def test_a_cancellation_is_on_record_with_who_why_and_whence(house: House, clock: SettableClock) -> None:
    booking = await house.booked(await house.table())
    cancelled = await house.client.post(
        f"/api/v1/bookings/{booking['id']}/cancel",
        json={"reason": "ill"},
        headers={"X-Request-ID": "told-by-us", "X-Forwarded-For": "198.51.100.1"},
    )
    assert cancelled.status_code == 200
    (act,) = await acts(house.client)
    del act["id"]
    assert act == {
        "action": "booking.cancelled",
        "actor_type": "staff",
        "actor_id": str(STAFF.id),
        "subject_type": "booking",
        "subject_id": booking["id"],
        "reason": "ill",
        "before": {"status": "CONFIRMED", "lifecycle_status": "supplier_confirmed"},
        "after": {"status": "CANCELLED", "lifecycle_status": "cancelled"},
        "at": clock.now().isoformat().replace("+00:00", "Z"),
        "request_id": "told-by-us",
        "address": "127.0.0.1",
    }


async def test_guests_and_customers_leave_the_same_record(house: House, wired: Wiring) -> None:
    table = await house.table()
    mine = (await house.book(table, headers=bearer("customer"))).json()
    answer = await house.client.post(
        f"/api/v1/bookings/{mine['id']}/cancel", json={"reason": "mine"}, headers=bearer("customer")
    )
    assert answer.status_code == 200, answer.text
    (act,) = await acts(house.client, subject_id=mine["id"])
    assert (act["actor_type"], act["actor_id"], act["reason"]) == ("customer", str(CUSTOMER.id), "mine")

    del house.client.headers["Authorization"]
    theirs = (await house.book(table)).json()
    answer = await house.client.post(
        f"/api/v1/bookings/{theirs['id']}/cancel",
        json={"reason": "guest"},
        headers={"Authorization": f"Bearer {theirs['manage_token']}"},
    )
    assert answer.status_code == 200, answer.text
    (act,) = await acts(house.client, subject_id=theirs["id"])
    assert (act["actor_type"], act["actor_id"], act["reason"]) == ("guest", None, "guest")


async def test_an_override_is_on_record_and_an_ordinary_move_is_not(house: House) -> None:
    table = await house.table()
    await house.rate(table)
    booking = await house.booked(table)
    moved = await house.move(booking, "CONFIRMED", override=True, reason="pays by invoice")
    assert moved.status_code == 200
    other = await house.booked(await house.table(name="Table 2"), start_at=at(-5))
    assert (await house.move(other, "CHECKED_IN")).status_code == 200
    (act,) = await acts(house.client)
    assert (act["action"], act["reason"]) == ("booking.override", "pays by invoice")
    assert act["before"]["status"] == "PENDING"
    assert act["after"]["status"] == "CONFIRMED"


async def test_a_refused_or_repeated_cancellation_adds_nothing(house: House) -> None:
    booking = await house.booked(await house.table())
    body = {"reason": "ill", "idempotency_key": "once"}
    path = f"/api/v1/bookings/{booking['id']}/cancel"
    refused = await house.client.post(path, json={"reason": "ill", "expected_version": 9})
    assert refused.status_code == 409
    assert await acts(house.client) == []
    assert [(await house.client.post(path, json=body)).status_code for _ in range(2)] == [200, 200]
    assert (await house.client.post(path, json={"reason": "again"})).status_code == 409
    assert len(await acts(house.client)) == 1


async def test_it_is_filtered_and_paged_newest_first(house: House) -> None:
    table = await house.table()
    bookings = [await house.booked(table, start_at=f"2030-01-08T1{hour}:00:00+00:00") for hour in range(3)]
    for booking in bookings:
        assert (await house.move(booking, "CANCELLED", reason="closed", override=True)).status_code == 200
    assert len(await acts(house.client)) == 6
    newest = [act["subject_id"] for act in await acts(house.client, action="booking.cancelled", limit=2)]
    assert newest == [bookings[2]["id"], bookings[1]["id"]]
    (last,) = await acts(house.client, action="booking.cancelled", limit=2, page=2)
    assert last["subject_id"] == bookings[0]["id"]
    assert {act["action"] for act in await acts(house.client, subject_id=bookings[1]["id"])} == {
        "booking.cancelled",
        "booking.override",
    }
    assert await acts(house.client, action="user.banned") == []
    refused = await house.client.get(AUDIT, headers=bearer("admin"), params={"action": "x'; DROP TABLE"})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("who", "status"), [("anonymous", 401), ("customer", 403), ("supplier", 403), ("staff", 403), ("admin", 200)]
)
async def test_only_admins_read_it(client: httpx.AsyncClient, who: str, status: int) -> None:
    del client.headers["Authorization"]
    assert (await client.get(AUDIT, headers=bearer(who))).status_code == status


@pytest.mark.every_postgres
async def test_the_application_can_add_to_it_and_change_nothing(database_url: str, clock: SettableClock) -> None:
    engine = create_engine(database_url, role=APPLICATION_ROLE)
    async with session_factory(engine, caller=SYSTEM)() as db:
        assert await db.scalar(text("SELECT current_user")) == "holdfast_app"
        async with transaction(db):
            attest(db, ACT, now=clock.now())
        for statement in (
            "UPDATE kernel.audit_log SET reason = 'nothing to see'",
            "DELETE FROM kernel.audit_log",
            "TRUNCATE kernel.audit_log",
            "DROP TABLE kernel.audit_log",
            "ALTER TABLE kernel.audit_log DISABLE ROW LEVEL SECURITY",
            "ALTER TABLE kernel.audit_log OWNER TO holdfast_app",
            "CREATE RULE forget AS ON INSERT TO kernel.audit_log DO INSTEAD NOTHING",
        ):
            with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
                await db.execute(text(statement))
        await db.execute(text("GRANT UPDATE, DELETE ON kernel.audit_log TO holdfast_app"))  # grants nothing
        for privilege, held in (("SELECT", True), ("INSERT", True), ("UPDATE", False), ("DELETE", False)):
            asked = text("SELECT has_table_privilege('kernel.audit_log', :privilege)")
            assert await db.scalar(asked, {"privilege": privilege}) is held
        rows = await db.execute(text("SELECT action, reason FROM kernel.audit_log"))
        assert [tuple(row) for row in rows] == [("user.banned", None)]
    await engine.dispose()


@pytest.mark.every_postgres
@pytest.mark.parametrize("kind", ["anonymous", "guest", "customer", "supplier"])
async def test_who_is_not_of_the_house_leaves_traces_and_sees_none(
    database_url: str, clock: SettableClock, kind: str
) -> None:
    engine = create_engine(database_url, role=APPLICATION_ROLE)
    async with session_factory(engine, caller=Caller(kind=kind))() as db:
        async with transaction(db):
            attest(db, ACT, now=clock.now())
            record(db, UserBanned(user_id=UserId(UUID(int=9)), occurred_at=clock.now()))
        assert await db.scalar(TRACES) == 0
    async with session_factory(engine, caller=SYSTEM)() as db:
        assert await db.scalar(TRACES) == 2
    await engine.dispose()


async def test_what_was_not_committed_is_not_on_record(wired: Wiring, clock: SettableClock) -> None:
    async with wired.sessions() as db:
        with pytest.raises(DatabaseError):
            async with transaction(db):
                attest(db, ACT, now=clock.now())
                await db.execute(text("SELECT 1 / 0"))
        assert await db.scalar(text("SELECT count(*) FROM kernel.audit_log")) == 0
