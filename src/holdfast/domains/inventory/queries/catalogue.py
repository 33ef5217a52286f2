"""Venues and resources."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlalchemy import RowMapping, Select, any_, bindparam, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, UUID
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import (
    ResourceFacts,
    ResourceId,
    ResourceMode,
    ResourceView,
    VenueId,
    VenueSummary,
    VenueView,
)
from holdfast.domains.inventory.models import resources, venues
from holdfast.domains.inventory.rules.calendar import Hours, Timetable, hours
from holdfast.domains.inventory.rules.resource import Resource
from holdfast.kernel.paging import Page, PageRequest

OF_VENUE = (
    venues.c.name.label("venue_name"),
    venues.c.type.label("venue_type"),
    venues.c.timezone,
    venues.c.currency,
    venues.c.supplier_id,
)
WITH_VENUE = select(resources, *OF_VENUE).join(venues, venues.c.id == resources.c.venue_id)
BY_TARGET = WITH_VENUE.where(
    or_(
        resources.c.id == any_(bindparam("ids", type_=ARRAY(UUID))),
        resources.c.venue_id == any_(bindparam("venue_ids", type_=ARRAY(UUID))),
    )
)
zone = lru_cache(maxsize=1024)(ZoneInfo)


async def add_venue(db: AsyncSession, values: Mapping[str, object]) -> VenueView:
    rows = await db.execute(insert(venues).values(**values).returning(*venues.c))
    return VenueView.model_validate(dict(rows.mappings().one()))


async def change_venue(db: AsyncSession, venue_id: VenueId, values: Mapping[str, object]) -> VenueView | None:
    rows = await db.execute(update(venues).where(venues.c.id == venue_id).values(**values).returning(*venues.c))
    row = rows.mappings().one_or_none()
    return VenueView.model_validate(dict(row)) if row else None


async def venue(db: AsyncSession, venue_id: VenueId) -> VenueView | None:
    row = (await db.execute(select(venues).where(venues.c.id == venue_id))).mappings().one_or_none()
    return VenueView.model_validate(dict(row)) if row else None


async def known_venues(db: AsyncSession, venue_ids: Iterable[VenueId]) -> set[VenueId]:
    """Those of the ids that are venues."""
    known = select(venues.c.id).where(venues.c.id == any_(bindparam("ids", type_=ARRAY(UUID))))
    return {VenueId(row) for row in (await db.execute(known, {"ids": list(venue_ids)})).scalars()}


async def venue_page(db: AsyncSession, page: PageRequest, *, type_: str | None) -> Page[VenueView]:
    chosen = select(venues) if type_ is None else select(venues).where(venues.c.type == type_)
    rows, total = await paged(db, chosen.order_by(venues.c.id), page)
    items = [VenueView.model_validate(dict(row)) for row in rows]
    return Page[VenueView](items=items, page=page.page, limit=page.limit, total=total)


async def add_resource(db: AsyncSession, values: Mapping[str, object]) -> ResourceId:
    await db.execute(insert(resources).values(**values))
    return ResourceId(values["id"])  # type: ignore[arg-type]


async def change_resource(db: AsyncSession, resource_id: ResourceId, values: Mapping[str, object]) -> None:
    await db.execute(update(resources).where(resources.c.id == resource_id).values(**values))


async def lock_resource(db: AsyncSession, resource_id: ResourceId) -> ResourceView | None:
    """The resource, held against other changes of its rules."""
    statement = WITH_VENUE.where(resources.c.id == resource_id).with_for_update(of=resources, key_share=True)
    row = (await db.execute(statement)).mappings().one_or_none()
    return resource_view(row) if row else None


async def change_capacity(db: AsyncSession, resource_id: ResourceId, capacity: int, *, now: datetime) -> None:
    """Give the pool's present and future buckets this capacity; `buckets_within_capacity` may refuse."""
    await db.execute(CHANGE_CAPACITY, {"resource_id": resource_id, "capacity": capacity, "now": now})


async def resource_view_by_id(db: AsyncSession, resource_id: ResourceId) -> ResourceView | None:
    row = (await db.execute(WITH_VENUE.where(resources.c.id == resource_id))).mappings().one_or_none()
    return resource_view(row) if row else None


async def resource_page(db: AsyncSession, page: PageRequest, *, venue_id: VenueId | None) -> Page[ResourceView]:
    chosen = WITH_VENUE if venue_id is None else WITH_VENUE.where(resources.c.venue_id == venue_id)
    rows, total = await paged(db, chosen.order_by(resources.c.id), page)
    items = [resource_view(row) for row in rows]
    return Page[ResourceView](items=items, page=page.page, limit=page.limit, total=total)


async def paged(
    db: AsyncSession, statement: Select[tuple[object, ...]], page: PageRequest
) -> tuple[list[RowMapping], int]:
    rows = (await db.execute(statement.limit(page.limit).offset(page.offset))).mappings().all()
    total = await db.scalar(select(func.count()).select_from(statement.order_by(None).subquery()))
    return list(rows), total or 0


async def facts(db: AsyncSession, resource_ids: Iterable[ResourceId]) -> dict[ResourceId, ResourceFacts]:
    rows = await db.execute(BY_TARGET, {"ids": list(resource_ids), "venue_ids": []})
    return {
        ResourceId(row["id"]): ResourceFacts(
            id=row["id"],
            name=row["name"],
            mode=ResourceMode.EXCLUSIVE if row["exclusive"] else ResourceMode.POOLED,
            venue=VenueSummary(id=row["venue_id"], type=row["venue_type"], name=row["venue_name"]),
            supplier_id=row["supplier_id"],
            timezone=row["timezone"],
            currency=row["currency"],
        )
        for row in rows.mappings()
    }


async def night_zones(
    db: AsyncSession, *, ids: Iterable[ResourceId], venue_ids: Iterable[VenueId]
) -> dict[uuid.UUID, str]:
    rows = await db.execute(NIGHT_ZONES, {"ids": list(ids), "venue_ids": list(venue_ids)})
    return {row.id: row.timezone for row in rows}


async def with_rules(
    db: AsyncSession, *, ids: Iterable[ResourceId] = (), venue_ids: Iterable[VenueId] = ()
) -> list[Resource]:
    """These resources and those of these venues, as the rules see them."""
    rows = await db.execute(BY_TARGET, {"ids": list(ids), "venue_ids": list(venue_ids)})
    return [resource_of(row) for row in rows.mappings()]


def resource_of(row: RowMapping) -> Resource:
    values = dict(row)
    usual = values.pop("opening_hours")
    week: dict[str, tuple[Hours, ...]] = {}
    for entry in usual:
        for day in entry["days"]:
            week[day] = (*week.get(day, ()), hours(entry["opens"], entry["closes"]))
    exceptions: dict[date, tuple[Hours, ...]] = {}
    for entry in values.pop("exceptions"):
        day = date.fromisoformat(entry["date"])
        open_then = () if entry.get("closed") else (hours(entry["opens"], entry["closes"]),)
        exceptions[day] = (*exceptions.get(day, ()), *open_then)
    timetable = Timetable(zone=zone(values.pop("timezone")), week=week if usual else None, exceptions=exceptions)
    del values["created_at"], values["updated_at"]
    return Resource(**values, timetable=timetable)


def resource_view(row: RowMapping) -> ResourceView:
    values = dict(row)
    for other in (
        "exclusive",
        "nightly",
        "bucket_offset_minutes",
        "venue_name",
        "venue_type",
        "currency",
        "supplier_id",
    ):
        del values[other]
    mode = ResourceMode.EXCLUSIVE if row["exclusive"] else ResourceMode.POOLED
    bucket = "night" if row["nightly"] else row["bucket_minutes"]
    return ResourceView.model_validate(values | {"mode": mode, "bucket_minutes": bucket})


NIGHT_ZONES = text("""
    SELECT r.id, v.timezone FROM inventory.resources r JOIN inventory.venues v ON v.id = r.venue_id
    WHERE r.id = ANY(:ids) AND r.nightly
    UNION ALL
    SELECT v.id, v.timezone FROM inventory.venues v JOIN inventory.resources r ON r.venue_id = v.id
    WHERE v.id = ANY(:venue_ids) AND r.active GROUP BY v.id HAVING bool_and(r.nightly)
""").bindparams(bindparam("ids", type_=ARRAY(UUID)), bindparam("venue_ids", type_=ARRAY(UUID)))

CHANGE_CAPACITY = text("""
    WITH locked AS MATERIALIZED (
        SELECT b.bucket_at
        FROM inventory.buckets b JOIN inventory.resources r ON r.id = b.resource_id
        WHERE b.resource_id = :resource_id
          AND b.bucket_at > CAST(:now AS timestamptz) - CASE WHEN r.nightly THEN interval '48 hours'
                                        ELSE make_interval(mins => r.bucket_minutes) END
        ORDER BY b.bucket_at FOR UPDATE OF b)
    UPDATE inventory.buckets b SET capacity = :capacity
    FROM locked WHERE b.resource_id = :resource_id AND b.bucket_at = locked.bucket_at
""")
