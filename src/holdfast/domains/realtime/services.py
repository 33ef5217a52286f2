"""What realtime does: count what was taken, and say what happened. In a transaction of the system's."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingEvent
from holdfast.contracts.identity import UserId
from holdfast.contracts.realtime import (
    STAFF_ROOM,
    Announcement,
    BookingPulse,
    FlightSearchPulse,
    Recheck,
    RevenueTick,
)
from holdfast.domains.realtime import queries
from holdfast.kernel.broadcast import broadcast
from holdfast.kernel.money import Money


class RealtimeService:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def bookings(self, moved: Sequence[tuple[str, dict[str, JsonValue]]]) -> None:
        """The types of events and their own data, in their order."""
        pulses = []
        for type_, data in moved:
            told = BookingEvent.from_store(data)
            pulse = BookingPulse.model_validate({name: getattr(told, name) for name in BookingPulse.model_fields})
            rooms = [f"booking:{told.booking_id}", f"venue:{told.venue_id}", STAFF_ROOM]
            pulses.append(Announcement(event=type_, rooms=rooms, data=pulse))
        await self.announce(*pulses)

    async def revenue(self, taken: Money, *, at: datetime) -> None:
        total = await queries.add_revenue(self.db, at.astimezone(UTC).date(), taken)
        tick = RevenueTick(amount=str(taken), currency=taken.currency, at=at, total_today=str(total))
        await self.announce(Announcement(event=RevenueTick.event, rooms=[STAFF_ROOM], data=tick))

    async def flight_search(self, pulse: FlightSearchPulse) -> None:
        """Called by whoever has answered a search for flights."""
        await self.announce(Announcement(event=FlightSearchPulse.event, rooms=[STAFF_ROOM], data=pulse))

    async def recheck(self, user_id: UserId) -> None:
        """Their rights have changed: connections of this account are looked at again now."""
        await broadcast(self.db, Recheck(recheck=user_id).model_dump_json())

    async def announce(self, *announcements: Announcement) -> None:
        await broadcast(self.db, *(each.model_dump_json() for each in announcements))
