"""Look at the items of a booking."""

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, ItemsView
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.queries import items as rows
from holdfast.domains.booking.rules.access import Right, allow


class ListItems:
    """The items of a booking that the caller may see: all of them for whoever sees the booking, their own for an
    item's supplier. BookingNotFound for whoever sees neither."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId, *, actor: Actor) -> ItemsView:
        """In the caller's own session: the database shows suppliers nothing but their own."""
        found = await rows.items_of(self.db, booking_id)
        if not found:
            allow(actor, Right.SEE, await queries.get_by_id(self.db, booking_id))
        return ItemsView(items=[item.view() for item in found])
