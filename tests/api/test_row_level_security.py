"""The last wall: with every check of the application left out, the database shows each caller only their own."""

from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from holdfast.contracts.identity import ANONYMOUS, SYSTEM, Actor, ActorType
from holdfast.kernel.access import APPLICATION_ROLE, Admission, admit
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import RefusedByPolicy
from holdfast.wiring import Wiring
from tests.house import ADMIN, CUSTOMER, RIVAL, STAFF, STRANGER, SUPPLIER, House, Json

# what holds people's data, or decides what is whose
GUARDED = {
    "booking.bookings",
    "booking.history",
    "booking.captures",
    "booking.passengers",
    "booking.policies",
    "inventory.venues",
    "inventory.resources",
    "pricing.rates",
    "pricing.fee_rules",
    "notification.messages",
    "notification.secrets",
    "notification.attempts",
    "notification.notices",
    "notification.templates",
    "notification.reminders",
    "document.documents",
    "document.files",
    "document.counters",
    "document.sellers",
    "kernel.outbox",
    "kernel.inbox",
    "kernel.idempotency_keys",
    "kernel.audit_log",
}
# times and units, but nobody's name; every claim has to see all of them
OPEN = {"inventory.allocations", "inventory.buckets", "kernel.alembic_version"}


@pytest.fixture
async def booking(house: House) -> Json:
    """The customer's, at the supplier's venue, with a passenger and a kept answer."""
    await house.open(supplier_id=str(SUPPLIER.id))
    guest = {"id": str(CUSTOMER.id), "name": "Owner", "email": "owner@example.org"}
    made = await house.booked(await house.table(), guest=guest, idempotency_key="once")
    await house.made(f"/api/v1/bookings/{made['id']}/passengers", {"full_name": "Somebody"})
    return made


async def seen(db: AsyncSession, table: str) -> int:
    return await db.scalar(text(f"SELECT count(*) FROM {table}")) or 0


def guest_of(booking: Json) -> Actor:
    return Actor(type=ActorType.GUEST, booking_id=UUID(booking["id"]))


@pytest.mark.every_postgres
async def test_each_sees_their_own_and_nothing_else(wired: Wiring, booking: Json) -> None:
    callers = {
        "system": SYSTEM,
        "staff": STAFF,
        "owner": CUSTOMER,
        "supplier": SUPPLIER,
        "its token": guest_of(booking),
        "stranger": STRANGER,
        "rival": RIVAL,
        "nobody": ANONYMOUS,
        "another's token": Actor(type=ActorType.GUEST, booking_id=UUID(int=9)),
    }
    tables = ("booking.bookings", "booking.passengers", "booking.history")
    shown = {}
    for name, actor in callers.items():
        async with wired.session(actor) as db:
            shown[name] = [await seen(db, table) > 0 for table in tables]
    assert {name for name, each in shown.items() if all(each)} == {
        "system", "staff", "owner", "supplier", "its token",
    }  # fmt: skip
    assert {name for name, each in shown.items() if not any(each)} == {
        "stranger", "rival", "nobody", "another's token",
    }  # fmt: skip


@pytest.mark.every_postgres
async def test_a_stranger_changes_nothing_they_cannot_see(wired: Wiring, booking: Json) -> None:
    async with wired.session(STRANGER) as db:
        for change in (
            "UPDATE booking.bookings SET notes = 'mine now'",
            "DELETE FROM booking.passengers",
            "UPDATE inventory.venues SET name = 'mine now'",
            "UPDATE pricing.rates SET active = false",
        ):
            assert (await db.execute(text(change))).rowcount == 0  # type: ignore[attr-defined]


async def test_kept_answers_are_seen_by_who_asked(wired: Wiring, booking: Json) -> None:
    shown = {}
    for name, actor in {"staff": STAFF, "owner": CUSTOMER, "nobody": ANONYMOUS}.items():
        async with wired.session(actor) as db:
            shown[name] = await seen(db, "kernel.idempotency_keys")
    assert shown == {"staff": 1, "owner": 0, "nobody": 0}


def copied(made_for: Actor) -> str:
    """Another booking like the first one, with this account as its guest; its id is 7."""
    row = f"""jsonb_build_object('id', '{UUID(int=7)}', 'reference', 'COPY-COPY', 'guest_id', '{made_for.id}',
                                 'supplier_id', NULL)"""
    return f"""INSERT INTO booking.bookings SELECT (jsonb_populate_record(b, {row})).* FROM booking.bookings b
               WHERE id = ANY (kernel.calling_bookings())"""


@pytest.mark.every_postgres
@pytest.mark.parametrize(
    ("account", "made_for", "let_in"), [(CUSTOMER, CUSTOMER, True), (STRANGER, CUSTOMER, False)]
)
async def test_a_transaction_of_several_callers_makes_each_booking_as_its_own_caller(
    wired: Wiring, booking: Json, account: Actor, made_for: Actor, let_in: bool
) -> None:
    """Admitted to make booking 7 for `account`, it inserts one for `made_for`."""
    admissions = [Admission(UUID(booking["id"])), Admission(UUID(int=7), account_id=account.id)]
    async with wired.session(ANONYMOUS) as db:
        if let_in:
            async with transaction(db):
                await admit(db, admissions)
                await db.execute(text(copied(made_for)))
                assert await seen(db, "booking.bookings") == 2
        else:
            with pytest.raises(RefusedByPolicy):
                async with transaction(db):
                    await admit(db, admissions)
                    await db.execute(text(copied(made_for)))
        assert await seen(db, "booking.bookings") == 0  # admitted until the transaction ended
    async with wired.sessions() as db:
        assert await seen(db, "booking.bookings") == (2 if let_in else 1)


async def test_a_transaction_of_several_callers_sees_answers_in_their_scopes_alone(
    wired: Wiring, booking: Json
) -> None:
    seen_with = {}
    async with wired.session(ANONYMOUS) as db:
        for actor in (STAFF, ADMIN):
            async with transaction(db):
                await admit(db, [Admission(UUID(int=7), scope=f"{actor.caller}:create-booking")])
                seen_with[actor.type] = await seen(db, "kernel.idempotency_keys")
    assert seen_with == {"staff": 1, "admin": 0}


async def test_events_and_acts_are_for_the_house(wired: Wiring, booking: Json) -> None:
    async with wired.session(CUSTOMER) as db:
        assert await seen(db, "kernel.outbox") == 0
        assert await seen(db, "kernel.audit_log") == 0
    async with wired.session(STAFF) as db:
        assert await seen(db, "kernel.outbox") > 0


@pytest.mark.every_postgres
async def test_the_record_of_acts_is_read_by_admins_alone(wired: Wiring, booking: Json, house: House) -> None:
    """As at the route; and whoever acts writes it, though they may not read what they wrote."""
    change = {"status": "CHECKED_IN", "reason": "early", "override": True}
    assert (await house.client.post(f"/api/v1/bookings/{booking['id']}/status", json=change)).status_code == 200
    callers = {"system": SYSTEM, "admin": ADMIN, "staff": STAFF, "supplier": SUPPLIER, "owner": CUSTOMER}
    shown = {}
    for name, actor in {**callers, "nobody": ANONYMOUS, "its token": guest_of(booking)}.items():
        async with wired.session(actor) as db:
            shown[name] = await seen(db, "kernel.audit_log")
    assert {name for name, acts in shown.items() if acts} == {"system", "admin"}


@pytest.mark.every_postgres
async def test_travel_documents_are_shown_to_whom_they_concern_and_kept_nowhere_else(
    wired: Wiring, booking: Json, house: House
) -> None:
    papers = {"full_name": "Ada", "passport_number": "X9P44Q1Z", "date_of_birth": "1991-03-17"}
    await house.made(f"/api/v1/bookings/{booking['id']}/passengers", papers)
    asked = text("SELECT count(*) FROM booking.passengers WHERE passport_number = 'X9P44Q1Z'")
    callers = {"staff": STAFF, "owner": CUSTOMER, "supplier": SUPPLIER, "its token": guest_of(booking)}
    others = {"stranger": STRANGER, "rival": RIVAL, "nobody": ANONYMOUS}
    shown = {}
    for name, actor in {**callers, **others}.items():
        async with wired.session(actor) as db:
            shown[name] = await db.scalar(asked)
    assert shown == {**dict.fromkeys(callers, 1), **dict.fromkeys(others, 0)}
    async with wired.sessions() as db:
        tables = await db.scalars(
            text(
                "SELECT schemaname || '.' || tablename FROM pg_tables WHERE has_table_privilege("
                "quote_ident(schemaname) || '.' || quote_ident(tablename), 'SELECT')"
                " AND schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
        )
        holding = [
            table
            for table in tables.all()
            if await db.scalar(text(f"SELECT count(*) FROM {table} t WHERE t::text ~ 'X9P44Q1Z|1991-03-17'"))
        ]
    assert holding == ["booking.passengers"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kernel.audit_log SET action = 'nothing'",
        "DELETE FROM kernel.audit_log",
        "DELETE FROM booking.bookings",
        "UPDATE booking.history SET note = 'never happened'",
        "DELETE FROM booking.history",
        "ALTER TABLE booking.bookings DISABLE ROW LEVEL SECURITY",
        "DROP TABLE booking.passengers",
        "CREATE TABLE kernel.mine (id int)",
    ],
)
async def test_not_even_the_system_may(wired: Wiring, booking: Json, statement: str) -> None:
    async with wired.sessions() as db:
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            await db.execute(text(statement))


async def test_a_connection_does_not_keep_its_last_caller(wired: Wiring, booking: Json) -> None:
    """One connection in the pool, used by one caller after the other, with a rollback in between."""
    async with wired.session(CUSTOMER) as db:
        assert await seen(db, "booking.bookings") == 1
        await db.rollback()
    for actor in (STRANGER, ANONYMOUS, CUSTOMER):
        async with wired.session(actor) as db:
            assert await seen(db, "booking.bookings") == (1 if actor is CUSTOMER else 0)


async def test_the_application_owns_nothing_and_every_guarded_table_has_policies(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        rows = await connection.execute(
            text(
                """
                SELECT n.nspname || '.' || c.relname AS name, c.relrowsecurity AS guarded, r.rolname AS owner,
                       EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS has_policy
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles r ON r.oid = c.relowner
                WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
                """
            )
        )
        tables = {row.name: row for row in rows}
    assert APPLICATION_ROLE not in {row.owner for row in tables.values()}
    assert {name for name, row in tables.items() if not row.guarded} == OPEN
    assert {name for name, row in tables.items() if row.guarded} >= GUARDED
    assert all(row.has_policy for row in tables.values() if row.guarded)
