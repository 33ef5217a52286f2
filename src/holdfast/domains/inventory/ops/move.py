"""Move a reservation to another time, size or resource."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import (
    Reason,
    ReservationChange,
    ReservationId,
    ReservationStatus,
    ReservationView,
    ResourceId,
)
from holdfast.domains.inventory.exceptions import (
    VIOLATIONS,
    ReservationExpired,
    ReservationNotFound,
    ReservationReleased,
    ResourceNotFound,
    why_not,
)
from holdfast.domains.inventory.ops.settle import open_to_clients
from holdfast.domains.inventory.queries import catalogue, claims, occupancy, reservations
from holdfast.domains.inventory.queries.claims import NewAllocation
from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import Span
from holdfast.domains.inventory.rules.evaluator import Verdict, refused_by_rules
from holdfast.domains.inventory.rules.resource import Need, Resource
from holdfast.kernel.database import transaction


class MoveReservation:
    """Claim the new time and free the old one in place; refused, the old one stands.

    A plain update waits for whoever is inserting the same time, and two could wait for each other: the new
    resource is locked whole before anything is written, so the judgement below also stays true.

    `by_client`: somebody who may not move what a booking has; ReservationCommitted, ReservationOfBooking.
    """

    def __init__(self, db: AsyncSession, *, by_client: bool = False) -> None:
        self.db = db
        self.by_client = by_client

    async def execute(self, change: ReservationChange, *, now: datetime) -> ReservationView:
        async with transaction(self.db, VIOLATIONS):
            before = await self.live(change.reservation_id, now=now)
            resource = await self.resource(change.resource_id or before.resource_id)
            need = Need.of(change, change.quantity or before.quantity)
            if unchanged(before, resource, need):
                return before
            refuse_by_rules(before, resource, need, now=now)

            place = (resource, pool.claimed(resource, need.start, need.end))
            locked = await claims.lock(self.db, [place], whole={resource.id}, own=[before.reservation_id], now=now)
            if before.reservation_id not in {row.id for row in locked}:
                raise ReservationReleased
            before = await self.live(change.reservation_id, now=now)
            need = Need.of(change, change.quantity or before.quantity)
            refuse_by_rules(before, resource, need, now=now)
            await claims.lock_buckets(
                self.db, [*buckets_of(*place), *(at for row in locked for at in row.buckets)]
            )
            around = await occupancy.around(self.db, [(resource, need)], now=now, but=[before.reservation_id])
            verdict = around[resource.id].judge(resource, need)
            if verdict.reason is not None:
                raise why_not(resource, need, verdict)
            stale = [row.id for row in locked if row.id != before.reservation_id]
            await claims.move(self.db, moved(before, resource, need), stale=stale, now=now)
            return (await reservations.by_id(self.db, [before.reservation_id]))[before.reservation_id]

    async def live(self, reservation_id: ReservationId, *, now: datetime) -> ReservationView:
        found = (await reservations.by_id(self.db, [reservation_id])).get(reservation_id)
        if found is None:
            raise ReservationNotFound(pointer="/reservation_id")
        if found.status is ReservationStatus.RELEASED:
            raise ReservationReleased
        if found.expires_at is not None and found.expires_at <= now:
            raise ReservationExpired
        if self.by_client:
            await open_to_clients(self.db, [reservation_id])
        return found

    async def resource(self, resource_id: ResourceId) -> Resource:
        found = await catalogue.with_rules(self.db, ids=[resource_id])
        if not found:
            raise ResourceNotFound(pointer="/resource_id")
        return found[0]


def unchanged(before: ReservationView, resource: Resource, need: Need) -> bool:
    now_has = (before.resource_id, before.start_at, before.end_at, before.quantity)
    return now_has == (resource.id, need.start, need.end, need.guests)


def refuse_by_rules(before: ReservationView, resource: Resource, need: Need, *, now: datetime) -> None:
    """The rules hold for what changes: a party may grow in a time that could no longer be booked afresh."""
    here = before.resource_id == resource.id
    if here and (before.start_at, before.end_at) == (need.start, need.end):
        if not resource.seats(need.guests):
            raise why_not(resource, need, Verdict(0, Reason.CAPACITY))
        return
    reason = refused_by_rules(resource, need, now=now, same_start=here and before.start_at == need.start)
    if reason is not None:
        raise why_not(resource, need, Verdict(0, reason))


def buckets_of(resource: Resource, during: Span) -> Iterable[tuple[ResourceId, datetime]]:
    return [] if resource.exclusive else [(resource.id, at) for at in pool.buckets(resource, during)]


def moved(before: ReservationView, resource: Resource, need: Need) -> NewAllocation:
    return NewAllocation(
        id=before.reservation_id,
        booking_id=before.booking_id,
        item=before.item,
        resource=resource,
        period=Span(need.start, need.end),
        guests=need.guests,
        expires_at=before.expires_at,
    )
