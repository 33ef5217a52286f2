"""What time does to bookings: pending ones expire, confirmed ones that nobody came to become no-shows.

Any number of workers may sweep at once; a booking that somebody holds at this moment is left for the next round.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import Status
from holdfast.contracts.identity import SYSTEM
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS
from holdfast.domains.booking.ops.advance import Advance, Because
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.rules.machines import to_status
from holdfast.kernel.database import transaction


class ExpirePending:
    """Expire one bounded batch of bookings whose time to be confirmed is over; how many they were."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.sweep = Sweep(db, inventory)

    async def execute(self, *, now: datetime, limit: int) -> int:
        because = Because(actor=SYSTEM, reason="not confirmed in time")
        return await self.sweep.execute(Status.PENDING, Status.EXPIRED, now, because=because, now=now, limit=limit)


class MarkNoShows:
    """Mark one bounded batch of confirmed bookings that started before `started_by` unattended; how many."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.sweep = Sweep(db, inventory)

    async def execute(self, *, started_by: datetime, now: datetime, limit: int) -> int:
        because = Because(actor=SYSTEM, reason="nobody checked in")
        return await self.sweep.execute(
            Status.CONFIRMED, Status.NO_SHOW, started_by, because=because, now=now, limit=limit
        )


class Sweep:
    """Move one batch of overdue bookings from one status to another, in one transaction."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, from_: Status, to: Status, due_at: datetime, *, because: Because, now: datetime, limit: int
    ) -> int:
        async with transaction(self.db, VIOLATIONS):
            overdue = await queries.overdue_for_update(self.db, from_, due_at, limit=limit)
            moves = [(booking, to_status(booking.machines, to)) for booking in overdue]
            return len(await Advance(self.db, self.inventory).execute(moves, because=because, now=now))
