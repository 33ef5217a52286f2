"""Claiming, moving and releasing: the writes, and the locks before them (see the package for their order)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import Maker, ResourceId
from holdfast.domains.inventory.queries.occupancy import Place
from holdfast.domains.inventory.queries.sql import CHANGES, FREED, INSERT, STALE, WISHES
from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import Span
from holdfast.domains.inventory.rules.resource import Resource

Bucket = tuple[ResourceId, datetime]


@dataclass(frozen=True)
class NewAllocation:
    """A row to be: `during` is what it takes of the resource, with buffers or in buckets."""

    id: UUID
    booking_id: UUID
    item: int
    resource: Resource
    period: Span
    guests: int
    expires_at: datetime | None
    made_by: Maker = Maker.BOOKING  # for good: a move leaves it alone

    @property
    def during(self) -> Span:
        return pool.claimed(self.resource, self.period.start, self.period.end)


@dataclass(frozen=True)
class Locked:
    """A live row this transaction holds."""

    id: UUID
    resource_id: ResourceId
    during: Span
    exclusive: bool
    bucket: timedelta

    @property
    def buckets(self) -> Iterable[Bucket]:
        if not self.exclusive:
            for n in range((self.during.end - self.during.start) // self.bucket):
                yield self.resource_id, self.during.start + n * self.bucket


def lock_key(resource_id: UUID) -> int:
    """A resource's advisory lock: the random half of its id."""
    return int.from_bytes(resource_id.bytes[8:], signed=True)


async def insert_exclusive(db: AsyncSession, rows: Sequence[NewAllocation], *, now: datetime) -> set[UUID]:
    """Lock, release the expired holds in the way, and insert: one statement. Which of the rows went in.

    The exclusion constraint decides; a row it refuses is left out and the others stand.
    """
    keys = sorted({lock_key(row.resource.id) for row in rows})
    result = await db.execute(INSERT_EXCLUSIVE, wishes(rows) | {"keys": keys, "now": now})
    return set(result.scalars())


async def lock(
    db: AsyncSession,
    places: Sequence[Place],
    *,
    whole: Iterable[ResourceId],
    keys: Sequence[tuple[UUID, int]] = (),
    own: Iterable[UUID] = (),
    now: datetime,
) -> list[Locked]:
    """Lock the resources of these places (`whole`: against every other claim), then the expired holds that
    are in the way or stand under these (booking, item) keys, and `own` reservations."""
    whole = set(whole)
    locks = sorted({(lock_key(resource.id), resource.id in whole) for resource, _ in places})
    parameters = {
        "lock_keys": [key for key, _ in locks],
        "lock_whole": [alone for _, alone in locks],
        "resource_ids": [resource.id for resource, _ in places],
        "begins": [during.start for _, during in places],
        "ends": [during.end for _, during in places],
        "booking_ids": [booking_id for booking_id, _ in keys],
        "items": [item for _, item in keys],
        "own": list(own),
        "now": now,
    }
    rows = await db.execute(LOCK, parameters)
    return [
        Locked(row.id, row.resource_id, Span(row.begins, row.ends), row.exclusive, timedelta(minutes=row.step))
        for row in rows
    ]


async def lock_whole(db: AsyncSession, resource_id: ResourceId) -> None:
    """Keep every claim off this resource until the transaction ends."""
    await db.execute(LOCK_WHOLE, {"key": lock_key(resource_id)})


async def lock_buckets(db: AsyncSession, buckets: Iterable[Bucket]) -> None:
    """Lock these counters in order; those nobody has touched yet begin at zero with the pool's capacity."""
    ordered = sorted(set(buckets))
    if ordered:
        parameters = {"resource_ids": [id_ for id_, _ in ordered], "buckets_at": [at for _, at in ordered]}
        await db.execute(LOCK_BUCKETS, parameters)


async def insert_counted(
    db: AsyncSession, rows: Sequence[NewAllocation], *, stale: Iterable[UUID], now: datetime
) -> set[UUID]:
    """Release the stale, insert the rows and count both in their buckets, all locked before."""
    result = await db.execute(INSERT_COUNTED, wishes(rows) | {"stale": list(stale), "now": now})
    return set(result.scalars())


async def release(db: AsyncSession, reservation_ids: Iterable[UUID], *, now: datetime) -> int:
    """Release these rows, locked before with their buckets."""
    result = await db.execute(RELEASE, {"stale": list(reservation_ids), "now": now})
    return int(result.scalar_one())


async def move(db: AsyncSession, row: NewAllocation, *, stale: Iterable[UUID], now: datetime) -> None:
    """Change a reservation in place: its own old time is no obstacle, and its id stays."""
    parameters = {
        "id": row.id,
        "resource_id": row.resource.id,
        "start_at": row.period.start,
        "end_at": row.period.end,
        "begin": row.during.start,
        "end": row.during.end,
        "exclusive": row.resource.exclusive,
        "units": row.resource.units(row.guests),
        "guests": row.guests,
        "stale": list(stale),
        "now": now,
    }
    await db.execute(MOVE, parameters)


def wishes(rows: Sequence[NewAllocation]) -> dict[str, object]:
    ordered: Mapping[UUID, Span] = {row.id: row.during for row in rows}
    rows = sorted(rows, key=lambda row: (row.resource.id, ordered[row.id].start))
    return {
        "ids": [row.id for row in rows],
        "booking_ids": [row.booking_id for row in rows],
        "items": [row.item for row in rows],
        "resource_ids": [row.resource.id for row in rows],
        "starts_at": [row.period.start for row in rows],
        "ends_at": [row.period.end for row in rows],
        "begins": [ordered[row.id].start for row in rows],
        "ends": [ordered[row.id].end for row in rows],
        "exclusives": [row.resource.exclusive for row in rows],
        "units": [row.resource.units(row.guests) for row in rows],
        "guests": [row.guests for row in rows],
        "expiries": [row.expires_at for row in rows],
        "makers": [row.made_by for row in rows],
    }


INSERT_EXCLUSIVE = text(f"""
    WITH {WISHES},
    locked AS MATERIALIZED (
        SELECT pg_advisory_xact_lock_shared(key) FROM unnest(CAST(:keys AS bigint[])) AS key),
    stale AS MATERIALIZED (
        SELECT a.id
        FROM wish JOIN inventory.allocations a
          ON a.active AND a.resource_id = wish.resource_id AND a.during && tstzrange(wish.begins, wish.ends)
        WHERE a.status = 'held' AND a.expires_at <= CAST(:now AS timestamptz) AND (SELECT count(*) FROM locked) > 0
        ORDER BY a.id FOR UPDATE OF a),
    freed AS (
        UPDATE inventory.allocations
        SET status = 'released', released_at = CAST(:now AS timestamptz), expires_at = NULL
        WHERE id = ANY (ARRAY (SELECT id FROM stale)) RETURNING id)
    {INSERT}
    RETURNING id
""")

LOCK = text(f"""
    WITH locked AS MATERIALIZED (
        SELECT CASE WHEN alone THEN pg_advisory_xact_lock(key) ELSE pg_advisory_xact_lock_shared(key) END
        FROM unnest(CAST(:lock_keys AS bigint[]), CAST(:lock_whole AS boolean[])) AS l(key, alone)),
    wanted AS MATERIALIZED ({STALE} UNION SELECT unnest(CAST(:own AS uuid[])))
    SELECT a.id, a.resource_id, a.exclusive, lower(a.during) AS begins, upper(a.during) AS ends,
           coalesce(r.bucket_minutes, 1440) AS step
    FROM inventory.allocations a JOIN inventory.resources r ON r.id = a.resource_id
    WHERE (SELECT count(*) FROM locked) >= 0
      AND a.id = ANY (ARRAY (SELECT id FROM wanted))
      AND a.status <> 'released'
      AND (a.id = ANY (CAST(:own AS uuid[])) OR (a.status = 'held' AND a.expires_at <= CAST(:now AS timestamptz)))
    ORDER BY a.id FOR UPDATE OF a
""")

LOCK_WHOLE = text("SELECT pg_advisory_xact_lock(CAST(:key AS bigint))")

LOCK_BUCKETS = text("""
    INSERT INTO inventory.buckets (resource_id, bucket_at, reserved, capacity)
    SELECT r.id, b.bucket_at, 0, r.capacity
    FROM unnest(CAST(:resource_ids AS uuid[]), CAST(:buckets_at AS timestamptz[])) AS b(resource_id, bucket_at)
    JOIN inventory.resources r ON r.id = b.resource_id
    ORDER BY r.id, b.bucket_at
    ON CONFLICT (resource_id, bucket_at) DO UPDATE SET reserved = buckets.reserved WHERE false
""")

INSERT_COUNTED = text(f"""
    WITH {WISHES}, {FREED},
    inserted AS ({INSERT} RETURNING id, resource_id, during, units, exclusive),
    {CHANGES.format(gained="SELECT resource_id, during, units, exclusive FROM inserted")}
    SELECT id FROM inserted
""")

RELEASE = text(f"""
    WITH {FREED}, {CHANGES.format(gained="SELECT NULL::uuid, NULL::tstzrange, 0, true WHERE false")}
    SELECT count(*) FROM freed
""")

MOVE = text(f"""
    WITH {FREED},
    before AS MATERIALIZED (
        SELECT resource_id, during, units, exclusive FROM inventory.allocations WHERE id = :id),
    moved AS (
        UPDATE inventory.allocations SET
            resource_id = :resource_id, exclusive = :exclusive, units = :units, guests = :guests,
            period = tstzrange(:start_at, :end_at), during = tstzrange(:begin, :end)
        WHERE id = :id AND (SELECT count(*) FROM freed) + (SELECT count(*) FROM before) > 0
        RETURNING resource_id, during, units, exclusive),
    {
    CHANGES.format(
        gained='''SELECT resource_id, during, units, exclusive FROM moved
                    UNION ALL SELECT resource_id, during, -units, exclusive FROM before'''
    )
}
    SELECT count(*) FROM moved
""")
