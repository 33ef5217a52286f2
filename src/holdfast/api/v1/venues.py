"""Venues."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from holdfast.api import problems
from holdfast.api.dependencies import Inventory, Now, Paging, SupplyingActor
from holdfast.contracts.inventory import VenueDraft, VenueId, VenuePatch, VenueType, VenueView
from holdfast.domains.inventory.exceptions import NotYourVenue, VenueNotFound
from holdfast.kernel.money import UnknownCurrency
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/venues", tags=["inventory"])


@router.post("", status_code=201, responses=problems.documents(UnknownCurrency))
async def create_venue(draft: VenueDraft, inventory: Inventory, now: Now, actor: SupplyingActor) -> VenueView:
    """Open a venue; resources belong to one. Its time zone is for good."""
    return await inventory.create_venue(draft, now=now, actor=actor)


@router.get("", responses=problems.documents())
async def list_venues(
    inventory: Inventory, page: Paging, kind: Annotated[VenueType | None, Query(alias="type")] = None
) -> Page[VenueView]:
    """Oldest first, all or those of one type."""
    return await inventory.list_venues(page, type_=kind)


@router.get("/{venue_id}", responses=problems.documents(VenueNotFound))
async def get_venue(venue_id: UUID, inventory: Inventory) -> VenueView:
    """One venue."""
    return await inventory.get_venue(VenueId(venue_id))


@router.patch("/{venue_id}", responses=problems.documents(VenueNotFound, NotYourVenue, UnknownCurrency))
async def update_venue(
    venue_id: UUID, patch: VenuePatch, inventory: Inventory, now: Now, actor: SupplyingActor
) -> VenueView:
    """Absent fields stay; the time zone is for good, since bookings were made in it."""
    return await inventory.update_venue(VenueId(venue_id), patch, now=now, actor=actor)
