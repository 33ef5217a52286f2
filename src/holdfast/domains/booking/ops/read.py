"""Reads: one booking, its history, and lists."""

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingFilter, BookingId, BookingView, GuestId, HistoryView
from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.inventory import VenueId
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import GuestNotFound, VenueNotYours
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.rules.access import Right, allow, rights
from holdfast.domains.booking.rules.references import normalised
from holdfast.kernel.paging import Page, PageRequest


class GetBooking:
    """One booking by id, or BookingNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId, *, actor: Actor) -> BookingView:
        booking = await queries.get_by_id(self.db, booking_id)
        allow(actor, Right.SEE, booking)
        return booking.view()


class GetBookings:
    """Those of these bookings that there are and that the actor may see, by their ids."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_ids: Collection[BookingId], *, actor: Actor) -> dict[BookingId, BookingView]:
        found = await queries.get_by_ids(self.db, booking_ids)
        return {booking.id: booking.view() for booking in found if Right.SEE in rights(actor, booking)}


class GetSupplierOf:
    """Whose resource a booking is of, for other domains; None where it is the house's own. BookingNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId) -> UserId | None:
        return (await queries.get_by_id(self.db, booking_id)).supplier_id


class GetByReference:
    """One booking by its reference, however it was typed, or BookingNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, reference: str, *, actor: Actor) -> BookingView:
        booking = await queries.get_by_reference(self.db, normalised(reference))
        allow(actor, Right.SEE, booking)
        return booking.view()


class GetHistory:
    """Every step of either machine, oldest first, or BookingNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId, *, actor: Actor) -> HistoryView:
        allow(actor, Right.SEE, await queries.get_by_id(self.db, booking_id))
        return HistoryView(items=await queries.history_of(self.db, booking_id))


class ListByGuest:
    """A guest's bookings, newest first: their own, or any guest's for the house; GuestNotFound for a stranger."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, guest_id: GuestId, page: PageRequest, *, actor: Actor) -> Page[BookingView]:
        if not actor.is_house and actor.id != guest_id:
            raise GuestNotFound
        return await queries.list_by_guest(self.db, guest_id, page)


class ListByVenue:
    """A venue's bookings in order of their start, for its supplier and the house; else VenueNotFound."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, venue_id: VenueId, wanted: BookingFilter, page: PageRequest, *, actor: Actor
    ) -> Page[BookingView]:
        venue = await self.inventory.get_venue(venue_id)
        if not actor.supplies(venue.supplier_id):
            raise VenueNotYours
        zone = ZoneInfo(venue.timezone)
        since = instant(wanted.since, zone, days=0)
        until = instant(wanted.until, zone, days=1)
        return await queries.list_by_venue(self.db, venue_id, page, since=since, until=until, status=wanted.status)


def instant(bound: datetime | date | None, zone: ZoneInfo, *, days: int) -> datetime | None:
    """An instant as it is; a local date as the midnight that many days after it began."""
    if bound is None or isinstance(bound, datetime):
        return bound
    return datetime.combine(bound + timedelta(days=days), time(), zone)
