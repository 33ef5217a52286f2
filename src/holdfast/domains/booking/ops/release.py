"""Free what given-up bookings hold of an inventory that could not be told in their own transaction."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.inventory import ReservationId
from holdfast.domains.booking import queries
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import items
from holdfast.domains.booking.rules.machines import GIVEN_UP


class ReleaseGivenUp:
    """Of these bookings, those that are given up by now, or were never written; of these reservations, those of
    items that were taken off. May be repeated.

    One that late money has brought back keeps what it holds, and so does an item whose removal was undone.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, booking_ids: Sequence[BookingId], reservation_ids: Sequence[ReservationId] = (), *, now: datetime
    ) -> None:
        found = await queries.get_by_ids(self.db, booking_ids)
        standing = {booking.id for booking in found if booking.status not in GIVEN_UP}
        if given_up := [each for each in booking_ids if each not in standing]:
            await self.inventory.release_many(booking_ids=given_up, now=now)
        held = await items.held_of(self.db, reservation_ids) if reservation_ids else set()
        if left := [each for each in reservation_ids if each not in held]:
            await self.inventory.release_many(reservation_ids=left, now=now)
