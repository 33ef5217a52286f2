from datetime import datetime

from holdfast.contracts.booking import BookingId, Lifecycle, LifecycleChange
from holdfast.contracts.identity import SYSTEM
from holdfast.domains.document.ports import Bookings

NOTE = "voucher and itinerary are made"


class SayMade:
    """Take the sale to documents_generated, where it waits for just that."""

    def __init__(self, bookings: Bookings) -> None:
        self.bookings = bookings

    async def execute(self, booking_id: BookingId, *, now: datetime) -> None:
        booking = await self.bookings.get(booking_id, actor=SYSTEM)
        if booking.lifecycle_status is Lifecycle.SUPPLIER_CONFIRMED:
            change = LifecycleChange(to_status=Lifecycle.DOCUMENTS_GENERATED, note=NOTE)
            await self.bookings.change_lifecycle(booking_id, change, now=now, actor=SYSTEM)
