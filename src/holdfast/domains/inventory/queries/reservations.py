"""Reservations as others see them."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, any_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import Maker, ReservationId, ReservationStatus, ReservationView, VenueSummary
from holdfast.domains.inventory.models import allocations, resources, venues

# a literal: a generic plan matches a partial index only by what it can read
LIVE = text("allocations.status <> 'released'")
VIEW = (
    select(
        allocations.c.id,
        allocations.c.booking_id,
        allocations.c.item,
        allocations.c.resource_id,
        func.lower(allocations.c.period).label("start_at"),
        func.upper(allocations.c.period).label("end_at"),
        allocations.c.guests,
        allocations.c.units,
        allocations.c.status,
        allocations.c.expires_at,
        venues.c.id.label("venue_id"),
        venues.c.type.label("venue_type"),
        venues.c.name.label("venue_name"),
        venues.c.supplier_id,
    )
    .join(resources, resources.c.id == allocations.c.resource_id)
    .join(venues, venues.c.id == resources.c.venue_id)
)
BY_ID = VIEW.where(allocations.c.id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE))))
LIVE_OF_BOOKINGS = VIEW.where(allocations.c.booking_id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE))), LIVE)


async def by_id(db: AsyncSession, ids: Iterable[UUID]) -> dict[ReservationId, ReservationView]:
    rows = await db.execute(BY_ID, {"ids": list(ids)})
    return {ReservationId(row["id"]): reservation(row) for row in rows.mappings()}


async def live_by_key(db: AsyncSession, bookings: Iterable[UUID]) -> dict[tuple[UUID, int], ReservationView]:
    """What these bookings hold, expired holds included, by (booking, item)."""
    rows = await db.execute(LIVE_OF_BOOKINGS, {"ids": list(bookings)})
    return {(row["booking_id"], row["item"]): reservation(row) for row in rows.mappings()}


async def live_ids(db: AsyncSession, ids: Iterable[UUID], bookings: Iterable[UUID]) -> list[UUID]:
    """The unreleased reservations among these ids and of these bookings."""
    rows = await db.execute(LIVE_IDS, {"ids": list(ids), "booking_ids": list(bookings)})
    return list(rows.scalars())


async def of_bookings(db: AsyncSession, ids: Iterable[UUID]) -> set[UUID]:
    """Those of these reservations that bookings made."""
    made = select(allocations.c.id).where(
        allocations.c.id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE))), allocations.c.made_by == Maker.BOOKING
    )
    return set(await db.scalars(made, {"ids": list(ids)}))


async def commit(db: AsyncSession, ids: Iterable[ReservationId], *, now: datetime) -> set[ReservationId]:
    """Commit the unexpired holds among these, locked by id; which they were."""
    rows = await db.execute(COMMIT, {"ids": list(ids), "now": now})
    return {ReservationId(row) for row in rows.scalars()}


async def expired(db: AsyncSession, *, now: datetime, limit: int) -> list[UUID]:
    """Some expired holds that nobody else is busy with, locked."""
    return list((await db.execute(EXPIRED, {"now": now, "limit": limit})).scalars())


def reservation(row: RowMapping) -> ReservationView:
    return ReservationView(
        reservation_id=row["id"],
        booking_id=row["booking_id"],
        item=row["item"],
        resource_id=row["resource_id"],
        venue=VenueSummary(id=row["venue_id"], type=row["venue_type"], name=row["venue_name"]),
        supplier_id=row["supplier_id"],
        start_at=row["start_at"],
        end_at=row["end_at"],
        quantity=row["guests"],
        units=row["units"],
        status=ReservationStatus(row["status"]),
        expires_at=row["expires_at"],
    )


LIVE_IDS = text("""
    SELECT id FROM inventory.allocations WHERE id = ANY (CAST(:ids AS uuid[])) AND status <> 'released'
    UNION
    SELECT id FROM inventory.allocations
    WHERE booking_id = ANY (CAST(:booking_ids AS uuid[])) AND status <> 'released'
""")

COMMIT = text("""
    WITH locked AS MATERIALIZED (
        SELECT id FROM inventory.allocations
        WHERE id = ANY (CAST(:ids AS uuid[])) AND status = 'held' AND expires_at > CAST(:now AS timestamptz)
        ORDER BY id FOR UPDATE)
    UPDATE inventory.allocations SET status = 'committed', expires_at = NULL
    WHERE id = ANY (ARRAY (SELECT id FROM locked))
    RETURNING id
""")

EXPIRED = text("""
    SELECT id FROM inventory.allocations WHERE status = 'held' AND expires_at <= CAST(:now AS timestamptz)
    ORDER BY expires_at LIMIT :limit FOR UPDATE SKIP LOCKED
""")
