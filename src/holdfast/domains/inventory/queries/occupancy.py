"""What is held and sold around some times, as the evaluator wants it. An expired hold counts as gone."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import ResourceId
from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import Span
from holdfast.domains.inventory.rules.evaluator import Allocations, Counters, Gaps, Occupancy
from holdfast.domains.inventory.rules.resource import Need, Resource, Taken

# a resource and a span of it
Place = tuple[Resource, Span]


async def around(
    db: AsyncSession, needs: Iterable[tuple[Resource, Need]], *, now: datetime, but: Iterable[UUID] = ()
) -> dict[ResourceId, Occupancy]:
    """What others have of each resource around each need; `but` reservations are looked through.

    One statement for exclusive resources and one for pools, whatever the number.
    """
    places = [(resource, pool.claimed(resource, need.start, need.end)) for resource, need in needs]
    exclusive = [place for place in places if place[0].exclusive]
    pools = [place for place in places if not place[0].exclusive]
    found: dict[ResourceId, Occupancy] = {}
    if exclusive:
        taken = await allocations(db, exclusive, now=now, but=but)
        found |= {resource.id: Allocations(taken.get(resource.id, [])) for resource, _ in exclusive}
    if pools:
        left = await counters(db, pools, now=now, but=but)
        found |= {resource.id: Counters(left.get(resource.id, {})) for resource, _ in pools}
    return found


async def over(db: AsyncSession, places: Sequence[Place], *, now: datetime) -> dict[ResourceId, Occupancy]:
    """What is free of each resource over a long span: one statement for each mode."""
    exclusive = [place for place in places if place[0].exclusive]
    pools = [place for place in places if not place[0].exclusive]
    found: dict[ResourceId, Occupancy] = {}
    if exclusive:
        free = await gaps(db, exclusive, now=now)
        found |= {resource.id: Gaps(free.get(resource.id, [])) for resource, _ in exclusive}
    if pools:
        left = await counters(db, pools, now=now)
        found |= {resource.id: Counters(left.get(resource.id, {})) for resource, _ in pools}
    return found


async def allocations(
    db: AsyncSession, places: Sequence[Place], *, now: datetime, but: Iterable[UUID] = ()
) -> Mapping[ResourceId, list[Taken]]:
    found: dict[ResourceId, list[Taken]] = {}
    rows = await db.execute(ALLOCATIONS, spans(places) | {"now": now, "but": list(but)})
    for row in rows:
        taken = Taken(row.id, Span(row.start_at, row.end_at), Span(row.begins, row.ends), row.expires_at)
        found.setdefault(ResourceId(row.resource_id), []).append(taken)
    return found


async def gaps(db: AsyncSession, places: Sequence[Place], *, now: datetime) -> Mapping[ResourceId, list[Span]]:
    found: dict[ResourceId, list[Span]] = {}
    for row in await db.execute(GAPS, spans(places) | {"now": now}):
        found.setdefault(ResourceId(row.resource_id), []).append(Span(row.begins, row.ends))
    return found


async def counters(
    db: AsyncSession, places: Sequence[Place], *, now: datetime, but: Iterable[UUID] = ()
) -> Mapping[ResourceId, dict[datetime, int]]:
    found: dict[ResourceId, dict[datetime, int]] = {}
    for row in await db.execute(COUNTERS, spans(places) | {"now": now, "but": list(but)}):
        found.setdefault(ResourceId(row.resource_id), {})[row.bucket_at] = row.remaining
    return found


def spans(places: Sequence[Place]) -> dict[str, object]:
    return {
        "resource_ids": [resource.id for resource, _ in places],
        "begins": [span.start for _, span in places],
        "ends": [span.end for _, span in places],
    }


PLACES = """unnest(CAST(:resource_ids AS uuid[]), CAST(:begins AS timestamptz[]), CAST(:ends AS timestamptz[]))
            AS place(resource_id, begins, ends)"""

ALLOCATIONS = text(f"""
    SELECT DISTINCT a.id, a.resource_id, a.expires_at,
           lower(a.period) AS start_at, upper(a.period) AS end_at,
           lower(a.during) AS begins, upper(a.during) AS ends
    FROM {PLACES}
    JOIN inventory.allocations a
      ON a.active AND a.resource_id = place.resource_id AND a.during && tstzrange(place.begins, place.ends)
    WHERE (a.status = 'committed' OR a.expires_at > CAST(:now AS timestamptz))
      AND a.id <> ALL (CAST(:but AS uuid[]))
""")

GAPS = text(f"""
    SELECT place.resource_id, lower(gap) AS begins, upper(gap) AS ends
    FROM {PLACES}
    CROSS JOIN LATERAL (
        SELECT coalesce(range_agg(a.during), '{{}}') AS busy
        FROM inventory.allocations a
        WHERE a.active AND a.resource_id = place.resource_id
          AND a.during && tstzrange(place.begins, place.ends)
          AND (a.status = 'committed' OR a.expires_at > CAST(:now AS timestamptz))) taken
    CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(place.begins, place.ends)) - taken.busy) AS gap
    ORDER BY place.resource_id, gap
""")

# units of expired holds, found by their own small index, and of the reservations to look through
COUNTERS = text(f"""
    SELECT DISTINCT b.resource_id, b.bucket_at, CAST(b.capacity - b.reserved
        + coalesce((SELECT sum(a.units) FROM inventory.allocations a
                    WHERE a.resource_id = b.resource_id AND a.during @> b.bucket_at
                      AND a.status = 'held' AND NOT a.exclusive AND a.expires_at <= CAST(:now AS timestamptz)), 0)
        + coalesce((SELECT sum(a.units) FROM inventory.allocations a
                    WHERE a.id = ANY (CAST(:but AS uuid[]))
                      AND a.resource_id = b.resource_id AND a.during @> b.bucket_at
                      AND (a.status = 'committed' OR a.expires_at > CAST(:now AS timestamptz))), 0)
        AS integer) AS remaining
    FROM {PLACES}
    JOIN inventory.buckets b
      ON b.resource_id = place.resource_id AND b.bucket_at >= place.begins AND b.bucket_at < place.ends
""")
