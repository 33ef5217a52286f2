"""Resources and their slots."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import ValidationError

from holdfast.api import problems
from holdfast.api.dependencies import Inventory, Now, Paging, SupplyingActor
from holdfast.contracts.inventory import (
    MAX_MINUTES,
    MAX_SLOT_DAYS,
    Day,
    ResourceDraft,
    ResourceId,
    ResourcePatch,
    ResourceView,
    SlotQuery,
    SlotsView,
    VenueId,
)
from holdfast.domains.inventory.exceptions import (
    CapacityBelowReserved,
    NotYourVenue,
    ResourceNotFound,
    RulesContradict,
    VenueNotFound,
)
from holdfast.kernel.contract import MAX_COUNT
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/resources", tags=["inventory"])


@router.post("", status_code=201, responses=problems.documents(VenueNotFound, NotYourVenue, RulesContradict))
async def create_resource(
    draft: ResourceDraft, inventory: Inventory, now: Now, actor: SupplyingActor
) -> ResourceView:
    """Add what can be booked: one booking at a time, or a pool with a capacity per bucket of time."""
    return await inventory.create_resource(draft, now=now, actor=actor)


@router.get("", responses=problems.documents())
async def list_resources(inventory: Inventory, page: Paging, venue_id: UUID | None = None) -> Page[ResourceView]:
    """Oldest first, all or those of one venue."""
    return await inventory.list_resources(page, venue_id=VenueId(venue_id) if venue_id else None)


@router.get("/{resource_id}", responses=problems.documents(ResourceNotFound))
async def get_resource(resource_id: UUID, inventory: Inventory) -> ResourceView:
    """One resource with its rules."""
    return await inventory.get_resource(ResourceId(resource_id))


@router.patch(
    "/{resource_id}",
    responses=problems.documents(ResourceNotFound, NotYourVenue, RulesContradict, CapacityBelowReserved),
)
async def update_resource(
    resource_id: UUID, patch: ResourcePatch, inventory: Inventory, now: Now, actor: SupplyingActor
) -> ResourceView:
    """Absent fields stay; what is booked already stays booked."""
    return await inventory.update_resource(ResourceId(resource_id), patch, now=now, actor=actor)


@router.get("/{resource_id}/slots", responses=problems.documents(ResourceNotFound))
async def list_slots(
    resource_id: UUID,
    inventory: Inventory,
    now: Now,
    first: Annotated[Day, Query(alias="from", description="local date of the resource's zone")],
    last: Annotated[Day, Query(alias="to", description=f"included; at most {MAX_SLOT_DAYS} days in all")],
    duration_minutes: Annotated[int | None, Query(ge=1, le=MAX_MINUTES)] = None,
    quantity: Annotated[int, Query(ge=1, le=MAX_COUNT)] = 1,
) -> SlotsView:
    """What is free, start by start; everything listed can be booked, by the same evaluator that judges claims."""
    try:
        query = SlotQuery(from_on=first, to_on=last, duration_minutes=duration_minutes, quantity=quantity)
    except ValidationError as error:
        raise problems.InvalidRequest(f"ask for 1 to {MAX_SLOT_DAYS} days", pointer="/to") from error
    return await inventory.slots(ResourceId(resource_id), query, now=now)
