"""Make, read and change resources."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import (
    ResourceDraft,
    ResourceFacts,
    ResourceId,
    ResourceMode,
    ResourcePatch,
    ResourceView,
    VenueId,
)
from holdfast.domains.inventory.exceptions import (
    VIOLATIONS,
    CapacityBelowReserved,
    NotYourVenue,
    ResourceNotFound,
    RulesContradict,
    VenueNotFound,
)
from holdfast.domains.inventory.queries import catalogue, claims
from holdfast.domains.inventory.rules.pool import standard_offset_minutes
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

# restaurants count covers by the quarter of an hour; a pool that says nothing does as they do
DEFAULT_BUCKET_MINUTES = 15


class CreateResource:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, draft: ResourceDraft, *, now: datetime, actor: Actor) -> ResourceView:
        """Raises VenueNotFound, NotYourVenue."""
        async with transaction(self.db, VIOLATIONS):
            venue = await catalogue.venue(self.db, draft.venue_id)
            if venue is None:
                raise VenueNotFound(pointer="/venue_id")
            if not actor.supplies(venue.supplier_id):
                raise NotYourVenue(pointer="/venue_id")
            exclusive, nightly = draft.mode is ResourceMode.EXCLUSIVE, draft.bucket_minutes == "night"
            bucket = None if exclusive or nightly else draft.bucket_minutes or DEFAULT_BUCKET_MINUTES
            values = draft.model_dump(mode="json", exclude={"mode", "venue_id"}) | {
                "id": uuid7(),
                "venue_id": draft.venue_id,
                "exclusive": exclusive,
                "nightly": nightly,
                "bucket_minutes": bucket,
                "bucket_offset_minutes": standard_offset_minutes(ZoneInfo(venue.timezone), now.year),
                "active": True,
                "created_at": now,
                "updated_at": now,
            }
            return await GetResource(self.db).execute(await catalogue.add_resource(self.db, values))


class GetResource:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, resource_id: ResourceId) -> ResourceView:
        resource = await catalogue.resource_view_by_id(self.db, resource_id)
        if resource is None:
            raise ResourceNotFound
        return resource


class ListResources:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, venue_id: VenueId | None) -> Page[ResourceView]:
        return await catalogue.resource_page(self.db, page, venue_id=venue_id)


class DescribeMany:
    """The facts of these resources; unknown ids are left out."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, resource_ids: Iterable[ResourceId]) -> dict[ResourceId, ResourceFacts]:
        return await catalogue.facts(self.db, resource_ids)


class NightZones:
    """The time zones of what is sold by the night: of these resources, and of these venues where all that is
    active is. What is not sold so, or unknown, is left out."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, *, resource_ids: Iterable[ResourceId], venue_ids: Iterable[VenueId]
    ) -> dict[UUID, str]:
        return await catalogue.night_zones(self.db, ids=resource_ids, venue_ids=venue_ids)


class UpdateResource:
    """Change the fields given. What is booked already stands, whatever the new rules say."""

    CLEARABLE = frozenset({"grid_minutes", "capacity"})

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, resource_id: ResourceId, patch: ResourcePatch, *, now: datetime, actor: Actor
    ) -> ResourceView:
        """Raises ResourceNotFound, NotYourVenue, RulesContradict, CapacityBelowReserved."""
        given = patch.model_dump(mode="json", exclude_unset=True)
        values = {key: value for key, value in given.items() if value is not None or key in self.CLEARABLE}
        async with transaction(self.db, {**VIOLATIONS, "buckets_within_capacity": CapacityBelowReserved}):
            known = await catalogue.facts(self.db, [resource_id])
            if resource_id in known and not actor.supplies(known[resource_id].supplier_id):
                raise NotYourVenue
            await claims.lock_whole(self.db, resource_id)
            before = await catalogue.lock_resource(self.db, resource_id)
            if before is None:
                raise ResourceNotFound
            pooled = before.mode is ResourceMode.POOLED
            if pooled and values.get("capacity", 0) is None:
                raise RulesContradict("A pooled resource needs a capacity.", pointer="/capacity")
            in_order(before, values)
            await catalogue.change_resource(self.db, resource_id, values | {"updated_at": now})
            if pooled and "capacity" in values:
                await catalogue.change_capacity(self.db, resource_id, values["capacity"], now=now)
            return await GetResource(self.db).execute(resource_id)


def in_order(before: ResourceView, values: dict[str, int]) -> None:
    shortest = values.get("min_duration_minutes", before.min_duration_minutes)
    if shortest > values.get("max_duration_minutes", before.max_duration_minutes):
        raise RulesContradict(
            "min_duration_minutes must not exceed max_duration_minutes", pointer="/min_duration_minutes"
        )
