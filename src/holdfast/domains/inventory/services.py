"""Inventory's facade."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import (
    Alternative,
    AvailabilityQuery,
    AvailabilityView,
    Claim,
    ReleaseRequest,
    ReleaseView,
    ReservationChange,
    ReservationId,
    ReservationView,
    ReserveRequest,
    ResourceDraft,
    ResourceFacts,
    ResourceId,
    ResourcePatch,
    ResourceView,
    SlotQuery,
    SlotsView,
    VenueDraft,
    VenueId,
    VenuePatch,
    VenueSearch,
    VenueView,
    Wish,
)
from holdfast.domains.inventory.ops.audit import AuditInventory, ClaimsOf
from holdfast.domains.inventory.ops.availability import CheckAvailability, CheckVenue, FindAlternatives, ListSlots
from holdfast.domains.inventory.ops.move import MoveReservation
from holdfast.domains.inventory.ops.reserve import Reserve
from holdfast.domains.inventory.ops.reserve_many import ReserveMany
from holdfast.domains.inventory.ops.resources import (
    CreateResource,
    DescribeMany,
    GetResource,
    ListResources,
    NightZones,
    UpdateResource,
)
from holdfast.domains.inventory.ops.settle import CommitMany, Release, ReleaseExpired, ReleaseMany
from holdfast.domains.inventory.ops.venues import CreateVenue, GetVenue, ListVenues, UpdateVenue
from holdfast.kernel.errors import Refusal
from holdfast.kernel.invariants import Finding
from holdfast.kernel.paging import Page, PageRequest


class InventoryService:
    """Venues and resources, what is free of them, and every claim on them."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def create_venue(self, draft: VenueDraft, *, now: datetime, actor: Actor) -> VenueView:
        return await CreateVenue(self.db).execute(draft, now=now, actor=actor)

    async def list_venues(self, page: PageRequest, *, type_: str | None = None) -> Page[VenueView]:
        return await ListVenues(self.db).execute(page, type_=type_)

    async def get_venue(self, venue_id: VenueId) -> VenueView:
        return await GetVenue(self.db).execute(venue_id)

    async def update_venue(
        self, venue_id: VenueId, patch: VenuePatch, *, now: datetime, actor: Actor
    ) -> VenueView:
        return await UpdateVenue(self.db).execute(venue_id, patch, now=now, actor=actor)

    async def create_resource(self, draft: ResourceDraft, *, now: datetime, actor: Actor) -> ResourceView:
        return await CreateResource(self.db).execute(draft, now=now, actor=actor)

    async def list_resources(self, page: PageRequest, *, venue_id: VenueId | None = None) -> Page[ResourceView]:
        return await ListResources(self.db).execute(page, venue_id=venue_id)

    async def get_resource(self, resource_id: ResourceId) -> ResourceView:
        return await GetResource(self.db).execute(resource_id)

    async def update_resource(
        self, resource_id: ResourceId, patch: ResourcePatch, *, now: datetime, actor: Actor
    ) -> ResourceView:
        return await UpdateResource(self.db).execute(resource_id, patch, now=now, actor=actor)

    async def describe_many(self, resource_ids: Iterable[ResourceId]) -> dict[ResourceId, ResourceFacts]:
        return await DescribeMany(self.db).execute(resource_ids)

    async def night_zones(
        self, *, resource_ids: Iterable[ResourceId] = (), venue_ids: Iterable[VenueId] = ()
    ) -> dict[UUID, str]:
        return await NightZones(self.db).execute(resource_ids=resource_ids, venue_ids=venue_ids)

    async def slots(self, resource_id: ResourceId, query: SlotQuery, *, now: datetime) -> SlotsView:
        return await ListSlots(self.db).execute(resource_id, query, now=now)

    async def check_availability(self, query: AvailabilityQuery, *, now: datetime) -> AvailabilityView:
        return await CheckAvailability(self.db).execute(query, now=now)

    async def check_venue(self, search: VenueSearch, *, now: datetime) -> AvailabilityView:
        return await CheckVenue(self.db).execute(search, now=now)

    async def alternatives(self, wish: Wish, *, now: datetime, limit: int = 5) -> list[Alternative]:
        return await FindAlternatives(self.db).execute(wish, now=now, limit=limit)

    # reserve, release and update_reservation are for clients: they never touch what a booking has

    async def reserve(self, request: ReserveRequest, *, max_hold: timedelta, now: datetime) -> ReservationView:
        return await Reserve(self.db).execute(request, max_hold=max_hold, now=now)

    async def release(self, request: ReleaseRequest, *, now: datetime) -> ReleaseView:
        return await Release(self.db).execute(request, now=now)

    async def update_reservation(self, change: ReservationChange, *, now: datetime) -> ReservationView:
        return await MoveReservation(self.db, by_client=True).execute(change, now=now)

    async def reserve_many(self, claims: Sequence[Claim], *, now: datetime) -> list[ReservationView | Refusal]:
        return await ReserveMany(self.db).execute(claims, now=now)

    async def commit_many(
        self, reservation_ids: Sequence[ReservationId], *, now: datetime
    ) -> list[ReservationView | Refusal]:
        return await CommitMany(self.db).execute(reservation_ids, now=now)

    async def release_many(
        self, *, reservation_ids: Sequence[ReservationId] = (), booking_ids: Sequence[UUID] = (), now: datetime
    ) -> int:
        return await ReleaseMany(self.db).execute(
            reservation_ids=reservation_ids, booking_ids=booking_ids, now=now
        )

    async def release_expired(self, *, now: datetime, limit: int = 100) -> int:
        return await ReleaseExpired(self.db).execute(now=now, limit=limit)

    async def move(self, change: ReservationChange, *, now: datetime) -> ReservationView:
        return await MoveReservation(self.db).execute(change, now=now)

    async def audit(self) -> list[Finding]:
        return await AuditInventory(self.db).execute()

    async def claims_of(self, booking_ids: Sequence[UUID]) -> list[ReservationView]:
        return await ClaimsOf(self.db).execute(booking_ids)
