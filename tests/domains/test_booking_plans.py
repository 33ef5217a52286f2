"""Booking's hot statements on a table with a past, under the generic plan that a busy server settles on."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from holdfast.contracts.booking import BookingId, GuestId, Status
from holdfast.contracts.inventory import VenueId
from holdfast.domains.booking import queries
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.database import session_factory, transaction
from holdfast.kernel.paging import PageRequest
from holdfast.kernel.relay import Relay

ROWS = 20_000
VENUE = VenueId(UUID(int=1))
FIRST = datetime(2020, 1, 1, tzinfo=UTC)
# one booking every four hours at this one venue, over nine years
NOW = FIRST + timedelta(hours=4 * ROWS)
PAGE = PageRequest(page=1, limit=50)

# stays that touch the day from SINCE on, or just do not, by when they begin and how long they are
SINCE = NOW - timedelta(days=30)
A_DAY = timedelta(days=1)
MOMENT = timedelta(seconds=1)
TOUCHING = {
    "a day, until a moment after": (SINCE - timedelta(days=1) + MOMENT, timedelta(days=1)),
    "a day and a moment": (SINCE - timedelta(days=1), timedelta(days=1) + MOMENT),
    "a week": (SINCE - timedelta(days=3), timedelta(days=7)),
    "a month, until a moment after": (SINCE - timedelta(days=31) + MOMENT, timedelta(days=31)),
    "a month and a moment": (SINCE - timedelta(days=31), timedelta(days=31) + MOMENT),
    "a year": (SINCE - timedelta(days=364), timedelta(days=366)),
    "the longest": (SINCE - timedelta(days=366), timedelta(days=366) + MOMENT),
    "begins then": (SINCE, timedelta(hours=1)),
}
PASSING = {
    "a day, until then": (SINCE - timedelta(days=1), timedelta(days=1)),
    "a month, until then": (SINCE - timedelta(days=31), timedelta(days=31)),
    "begins after": (SINCE + timedelta(days=1), timedelta(days=2)),
}
# ids, guests and references by number; of each hundred at the end one waits for its money, the rest of it is sold
FILL = """
INSERT INTO booking.bookings (
    id, reference, status, lifecycle_status, version, resource_id, venue_id, venue_type, venue_name, guest_id,
    guest_name, guest_email, start_at, end_at, party_size, currency, price, due_now_minor, policy, metadata,
    expires_at, created_at, updated_at)
SELECT lpad(to_hex(n), 32, '0')::uuid, 'REF-' || n,
       CASE WHEN n <= 19900 THEN 'COMPLETED' WHEN n % 10 = 0 THEN 'PENDING' ELSE 'CONFIRMED' END,
       CASE WHEN n <= 19900 THEN 'completed' WHEN n % 10 = 0 THEN 'booking_created' ELSE 'payment_confirmed' END,
       1, gen_random_uuid(), CAST(:venue AS uuid), 'restaurant', 'Seaview',
       lpad(to_hex(n % 2000), 32, '0')::uuid, 'Guest', 'guest@example.org', at, at + interval '2 hours', 2, 'EUR',
       '{"currency": "EUR", "lines": [], "subtotal": "0.00", "fees": "0.00", "taxes": "0.00", "total": "0.00",
         "due_now": "0.00", "terms": "none"}', 0, '{}', '{}', at, at, at
FROM generate_series(1, 20000) AS n
CROSS JOIN LATERAL (SELECT CAST(:first AS timestamptz) + n * interval '4 hours') AS t(at)
"""
STAY = (
    FILL.replace("generate_series(1, 20000)", "generate_series(CAST(:number AS integer), :number)")
    .replace("CAST(:first AS timestamptz) + n * interval '4 hours'", "CAST(:first AS timestamptz)")
    .replace("at + interval '2 hours'", "at + CAST(:length AS interval)")
    .replace("'Guest',", ":name,")
)
HISTORY = """
INSERT INTO booking.history (
    booking_id, version, to_status, to_lifecycle_status, actor_type, override, metadata, at)
SELECT id, 1, status, lifecycle_status, 'system', false, '{}', created_at FROM booking.bookings
"""
OUTBOX = """
INSERT INTO kernel.outbox (event_id, type, aggregate_id, data, occurred_at, delivered_at)
SELECT gen_random_uuid(), 'booking.created', id, '{}', created_at,
       CASE WHEN status = 'COMPLETED' THEN created_at END
FROM booking.bookings
"""


@pytest.fixture
async def filled(engine: AsyncEngine) -> AsyncEngine:
    async with engine.connect() as connection:
        await connection.execute(text(FILL), {"venue": VENUE, "first": FIRST})
        for statement in (HISTORY, OUTBOX, "ANALYZE booking.bookings, booking.history, kernel.outbox"):
            await connection.execute(text(statement))
    return engine


async def plans(engine: AsyncEngine, ask: Callable[[AsyncSession], Awaitable[object]]) -> list[dict[str, Any]]:
    """The executed generic plan of every statement that `ask` sends."""
    sent: list[tuple[str, tuple[object, ...]]] = []

    def note(_1: object, _2: object, statement: str, parameters: Any, *_3: object) -> None:
        if "booking." in statement or "kernel." in statement:
            sent.append((statement, tuple(parameters)))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    async with session_factory(engine)() as db, transaction(db):
        await ask(db)
    event.remove(engine.sync_engine, "before_cursor_execute", note)

    found = []
    async with engine.connect() as connection:
        raw = (await connection.get_raw_connection()).driver_connection
        assert raw is not None
        for number, (statement, parameters) in enumerate(sent):
            values = ", ".join(literal(value) for value in parameters)
            await raw.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE asked_{number} AS {statement}")
            explained = await raw.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE asked_{number} ({values})")
            found.append((json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"])
        await raw.execute("RESET plan_cache_mode; DEALLOCATE ALL")
        await connection.invalidate()  # the driver does not know that its own prepared statements went too
    return found


def literal(value: object) -> str:
    return "NULL" if value is None else f"'{value}'"


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for child in plan.get("Plans", ()) for node in nodes(child))]


def touched(plan: dict[str, Any]) -> int:
    """Rows read from tables: those that were given on, and those that a filter or a recheck threw away."""
    scans = [node for node in nodes(plan) if "Relation Name" in node]
    wasted = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    return sum(
        int(node.get("Actual Loops", 1))
        * int(node.get("Actual Rows", 0) + sum(node.get(name, 0) for name in wasted))
        for node in scans
    )


@pytest.mark.parametrize(
    ("ask", "most"),
    [
        (lambda db: queries.get_by_id(db, BookingId(UUID(int=777))), 1),
        (lambda db: queries.get_for_update(db, BookingId(UUID(int=777))), 2),
        (lambda db: queries.get_by_reference(db, "REF-777"), 1),
        (lambda db: queries.overdue_for_update(db, Status.PENDING, NOW, limit=5), 20),
        (lambda db: queries.overdue_for_update(db, Status.CONFIRMED, NOW, limit=5), 20),
        (lambda db: queries.list_by_guest(db, GuestId(UUID(int=777)), PAGE), 2 * 10),
        (lambda db: queries.history_of(db, BookingId(UUID(int=777))), 1),
    ],
    ids=["id", "lock", "reference", "pending", "confirmed", "guest", "history"],
)
async def test_a_statement_reads_little_more_than_it_answers(
    filled: AsyncEngine, ask: Callable[[AsyncSession], Awaitable[object]], most: int
) -> None:
    made = await plans(filled, ask)
    assert made
    assert [touched(plan) for plan in made if touched(plan) > most] == []


async def test_a_day_at_a_venue_does_not_read_its_years(filled: AsyncEngine) -> None:
    async def ask(db: AsyncSession) -> object:
        page = await queries.list_by_venue(db, VENUE, PAGE, since=SINCE, until=SINCE + A_DAY, status=None)
        assert page.total == len(page.items) == 6
        return page

    (plan,) = await plans(filled, ask)
    # six a day: of the day itself, and of the day before; once for the page and once to count them
    assert touched(plan) <= 2 * 3 * 6


async def test_a_day_at_a_venue_has_every_stay_that_touches_it_once(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        for number, (name, (start, length)) in enumerate({**TOUCHING, **PASSING}.items(), start=1):
            said = {"number": number, "name": name, "first": start, "length": length, "venue": VENUE}
            await connection.execute(text(STAY), said)
    async with session_factory(engine)() as db:
        until = SINCE + A_DAY
        page = await queries.list_by_venue(db, VENUE, PAGE, since=SINCE, until=until, status=None)
    assert [each.guest.name for each in page.items] == sorted(TOUCHING, key=lambda name: TOUCHING[name][0])
    assert page.total == len(TOUCHING)


async def most_read_for_a_day(engine: AsyncEngine) -> int:
    async def ask(db: AsyncSession) -> object:
        return await queries.list_by_venue(db, VENUE, PAGE, since=SINCE, until=SINCE + A_DAY, status=None)

    return max(touched(plan) for plan in await plans(engine, ask))


@pytest.mark.parametrize(("index", "days"), [("bookings_venue_idx", 300), ("bookings_stays_idx", 30)])
async def test_without_its_index_a_day_at_a_venue_reads_many(filled: AsyncEngine, index: str, days: int) -> None:
    """The negative control."""
    await run(filled, f"DROP INDEX booking.{index}")
    assert await most_read_for_a_day(filled) > days * 6


async def test_a_day_at_a_hotel_reads_a_month(filled: AsyncEngine) -> None:
    await run(filled, "UPDATE booking.bookings SET end_at = start_at + interval '2 days'")
    await run(filled, "VACUUM ANALYZE booking.bookings")
    assert await most_read_for_a_day(filled) <= 2 * 32 * 6
    await run(filled, "DROP INDEX booking.bookings_long_stays_idx")
    assert await most_read_for_a_day(filled) > 300 * 6, "the negative control"


async def run(engine: AsyncEngine, statement: str) -> None:
    async with engine.connect() as connection:
        await connection.execute(text(statement))


async def test_what_is_due_to_be_told_does_not_read_what_was_told(filled: AsyncEngine) -> None:
    relay = Relay(session_factory(filled), {"booking.created": ()}, SystemClock())
    (plan,) = await plans(filled, lambda _: relay.due(limit=5))
    assert touched(plan) <= 2 * 100, "a hundred wait; each looks for an earlier one of its booking"
