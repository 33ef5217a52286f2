"""Confirm a booking that waits for no money, where whoever made it could not: the inventory did not answer."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, Status
from holdfast.contracts.identity import SYSTEM
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS
from holdfast.domains.booking.ops.advance import Advance, Because
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.rules.machines import to_confirmed
from holdfast.kernel.database import transaction

# the queued job; not at once: whoever makes the booking is about to
CONFIRM_FREE = "booking.confirm_free"
AFTER_SECONDS = 10


class ConfirmFree:
    """One that is confirmed or given up by now is left as it is. Refuses where its hold is gone: it expires."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(self, booking_id: BookingId, *, now: datetime) -> None:
        async with transaction(self.db, VIOLATIONS):
            booking = await queries.get_for_update(self.db, booking_id)
            if booking.status is not Status.PENDING or booking.due_now_minor > 0:
                return
            because = Because(actor=SYSTEM, reason="nothing is due now")
            moves = [(booking, to_confirmed(booking.machines))]
            await Advance(self.db, self.inventory).execute(moves, because=because, now=now)
