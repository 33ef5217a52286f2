"""Look at items: those of a booking, and those of a supplier."""

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, ItemFilter, ItemsView, SuppliedItemView
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import ItemsNotYours
from holdfast.domains.booking.queries import items as rows
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.kernel.paging import Page, PageRequest


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


class ListSupplied:
    """The items of a supplier, by when they start: their own, or anybody's for the house; ItemsNotYours.

    Wants a session of the system: how far a sale is stands in its booking, which its items' suppliers may not see.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, wanted: ItemFilter, page: PageRequest, *, actor: Actor) -> Page[SuppliedItemView]:
        if not actor.is_house:
            if wanted.supplier_id not in (None, actor.id):
                raise ItemsNotYours
            wanted = wanted.model_copy(update={"supplier_id": actor.id})
        return await rows.page_of_supplied(self.db, wanted, page)
