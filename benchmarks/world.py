"""What there is to book, and what is booked, by statements that make whole sets of rows.

spread      many tables without opening hours, on which nobody meets anybody
hot         one pool with room for everybody
contended   one table among twenty, which everybody wants at the same hour
paid        many tables that are paid when they are booked
stock       tables with opening hours and confirmed bookings, to be read, searched and cancelled
past        ten thousand tables and years of bookings that are over, where a history is asked for
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import asyncpg

TOMORROW = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

SIZES: Mapping[str, int] = {"spread": 500, "hot": 1, "contended": 20, "paid": 500, "stock": 100}
STOCK_EACH = 300
# of the thirteen hours that a table of the stock is open
A_DAY, OPENS = 8, 9
BATCH = 250_000

VENUE = """
INSERT INTO inventory.venues (id, name, type, timezone, currency, created_at, updated_at)
VALUES (gen_random_uuid(), $1, 'restaurant', 'UTC', 'EUR', now(), now())
"""

RESOURCES = """
INSERT INTO inventory.resources (id, venue_id, name, kind, exclusive, capacity, nightly, bucket_minutes,
    bucket_offset_minutes, opening_hours, exceptions, buffer_before_minutes, buffer_after_minutes,
    min_notice_minutes, max_advance_days, min_duration_minutes, max_duration_minutes, grid_minutes,
    places_per_unit, active, created_at, updated_at)
SELECT gen_random_uuid(), v.id, v.name || ' ' || n, 'table', v.name <> 'hot',
    CASE WHEN v.name = 'hot' THEN 1000000 ELSE 4 END, false, CASE WHEN v.name = 'hot' THEN 60 END, 0,
    CASE WHEN v.name IN ('stock', 'past') THEN
        '[{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "09:00", "closes": "22:00"}]'
        ELSE '[]' END::jsonb,
    '[]', 0, 0, 0, 3660, 1, 527040, NULL, 1, true, now(), now()
FROM inventory.venues v, generate_series(1, $2::integer) AS n WHERE v.name = $1
"""

RATES = """
INSERT INTO pricing.rates (id, resource_id, amount, currency, per, terms, adjustments, taxes, active, created_at)
SELECT gen_random_uuid(), r.id, 4000, 'EUR', 'booking', 'full', '[]', '[]', true, now()
FROM inventory.resources r JOIN inventory.venues v ON v.id = r.venue_id WHERE v.name = 'paid'
"""

PRICE = """{"currency": "EUR", "lines": [], "subtotal": "0.00", "fees": "0.00", "taxes": "0.00", "total": "0.00",
 "due_now": "0.00", "terms": "none"}"""

# bookings $4 to before $5 of each of the venue's resources, at eight hours a day from $2 on, in both machines
# where $6 says. 2654435761 is odd, so the references of different numbers differ; 0 and 1 are not of their letters
PLANNED = """
INSERT INTO planned
SELECT gen_random_uuid(), gen_random_uuid(),
    translate(substr(hex, 1, 4) || '-' || substr(hex, 5), '01', 'GH'),
    CASE WHEN NOT $6 THEN 'CONFIRMED' WHEN i % 5 = 4 THEN 'CANCELLED' ELSE 'COMPLETED' END,
    r.id, r.venue_id, $1, start_at, $6::boolean
FROM (SELECT id, venue_id, row_number() OVER (ORDER BY id) AS n FROM inventory.resources) r
JOIN inventory.venues v ON v.id = r.venue_id AND v.name = $1
CROSS JOIN LATERAL (
    SELECT i, lpad(upper(to_hex((r.n * 100000 + i) * 2654435761 % 4294967296)), 8, '0') AS hex,
        $2::timestamptz + make_interval(days => (i / $3)::integer, hours => (9 + i % $3)::integer) AS start_at
    FROM generate_series($4::bigint, $5::bigint - 1) AS i) planned
"""
PLAN = """
CREATE TEMPORARY TABLE planned (id uuid, reservation_id uuid, reference text, status text, resource_id uuid,
    venue_id uuid, venue_name text, start_at timestamptz, over boolean)
"""

BOOKINGS = f"""
INSERT INTO booking.bookings (id, reference, status, lifecycle_status, version, resource_id, reservation_id,
    venue_id, venue_type, venue_name, guest_id, guest_name, guest_email, start_at, end_at, party_size, currency,
    price, due_now_minor, confirmed_for_minor, policy, metadata, created_at, updated_at, confirmed_at,
    checked_in_at, completed_at, cancelled_at)
SELECT id, reference, status,
    CASE status WHEN 'CONFIRMED' THEN 'supplier_confirmed' ELSE lower(status) END,
    CASE status WHEN 'CONFIRMED' THEN 1 WHEN 'CANCELLED' THEN 2 ELSE 3 END, resource_id, reservation_id,
    venue_id, 'restaurant', venue_name, gen_random_uuid(), 'Guest', 'guest@example.org', start_at,
    start_at + interval '1 hour', 2, 'EUR', '{PRICE}', 0, 0, '{{"tiers": [], "no_show_percent": 0}}', '{{}}',
    made_at, made_at, made_at, CASE status WHEN 'COMPLETED' THEN start_at END,
    CASE status WHEN 'COMPLETED' THEN start_at END, CASE status WHEN 'CANCELLED' THEN made_at END
FROM planned, LATERAL (SELECT least(start_at - interval '3 days', now()) AS made_at) m
"""

ALLOCATIONS = """
INSERT INTO inventory.allocations (id, booking_id, item, resource_id, period, during, exclusive, units, guests,
    status, made_by, created_at, released_at)
SELECT reservation_id, id, 1, resource_id, tstzrange(start_at, start_at + interval '1 hour'),
    tstzrange(start_at, start_at + interval '1 hour'), true, 1, 2,
    CASE status WHEN 'CANCELLED' THEN 'released' ELSE 'committed' END, 'booking',
    least(start_at - interval '3 days', now()), CASE status WHEN 'CANCELLED' THEN start_at END
FROM planned
"""

HISTORY = """
INSERT INTO booking.history (booking_id, version, from_status, to_status, from_lifecycle_status,
    to_lifecycle_status, actor_type, reason, "override", metadata, at)
SELECT id, step.version, was, becomes, stage_was, stage, 'staff', 'nothing is due now', false, '{}',
    least(start_at - interval '3 days', now())
FROM planned JOIN (VALUES
    (1, 1, NULL, NULL, 'PENDING', NULL, 'booking_created'),
    (2, 1, NULL, 'PENDING', 'PENDING', 'booking_created', 'payment_pending'),
    (3, 1, NULL, 'PENDING', 'CONFIRMED', 'payment_pending', 'payment_confirmed'),
    (4, 1, NULL, 'CONFIRMED', 'CONFIRMED', 'payment_confirmed', 'supplier_confirmed'),
    (5, 1, 'COMPLETED', 'CONFIRMED', 'CONFIRMED', 'supplier_confirmed', 'documents_generated'),
    (6, 2, 'COMPLETED', 'CONFIRMED', 'CHECKED_IN', 'documents_generated', 'documents_generated'),
    (7, 3, 'COMPLETED', 'CHECKED_IN', 'COMPLETED', 'documents_generated', 'completed'),
    (8, 2, 'CANCELLED', 'CONFIRMED', 'CANCELLED', 'supplier_confirmed', 'cancelled')
) AS step(n, version, where_status, was, becomes, stage_was, stage)
    ON where_status IS NULL OR where_status = status
ORDER BY n
"""


async def settle(database: asyncpg.Connection) -> None:
    """The venues and resources of every kind but `past`, and the stock's bookings."""
    for name, size in SIZES.items():
        await database.execute(VENUE, name)
        await database.execute(RESOURCES, name, size)
    await database.execute(RATES)
    await book(database, "stock", each=STOCK_EACH, since=TOMORROW, over=False)


async def book(
    database: asyncpg.Connection,
    venue: str,
    *,
    each: int,
    since: datetime,
    over: bool,
    first: int = 0,
    a_day: int = A_DAY,
) -> None:
    """So many bookings on each of the venue's resources, with claims and history, in batches."""
    resources = await database.fetchval(
        "SELECT count(*) FROM inventory.resources r JOIN inventory.venues v ON v.id = r.venue_id"
        " WHERE v.name = $1",
        venue,
    )
    await database.execute(PLAN)
    step = max(1, BATCH // resources)
    for start in range(first, first + each, step):
        async with database.transaction():
            await database.execute("TRUNCATE planned")
            await database.execute(PLANNED, venue, since, a_day, start, min(start + step, first + each), over)
            for statement in (BOOKINGS, ALLOCATIONS, HISTORY):
                await database.execute(statement)
    await database.execute("DROP TABLE planned")
