"""What an item's supplier is told: that a sale waits for their word, and that their part is not needed any more.

sold, by way of payment_confirmed      every item that nobody has answered for      -> item_requested
item added to what is sold             the item                                     -> item_requested
given up; item removed                 what was confirmed, and once sold the rest   -> item_cancelled

A supplier without an account hears nothing; nor does one who has been banned.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingEvent,
    BookingItemAdded,
    BookingItemRemoved,
    BookingStatusChanged,
    ItemId,
    ItemStatus,
    ItemView,
    Lifecycle,
)
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.notification import speech
from holdfast.domains.notification.services import NotificationService
from holdfast.domains.notification.telling import Sources, written_language
from holdfast.kernel.relay import Delivery

Answer = Callable[[AsyncSession, Delivery, Sources], Awaitable[None]]
SOLD = frozenset({Lifecycle.PAYMENT_CONFIRMED, Lifecycle.SUPPLIER_CONFIRMED, Lifecycle.DOCUMENTS_GENERATED})


async def ask_suppliers_when_payment_confirmed(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    moved = BookingStatusChanged.from_store(event.data)
    if all(lifecycle is not Lifecycle.PAYMENT_CONFIRMED for _, lifecycle in moved.steps):
        return
    for item in await items_of(moved, sources):
        # one that came since has an event of its own
        if item.status is ItemStatus.REQUESTED and item.created_at <= event.occurred_at:
            await tell(db, item, Template.ITEM_REQUESTED, event, sources)


async def ask_supplier_when_item_added_to_a_sale(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    added = BookingItemAdded.from_store(event.data)
    for item in await items_of(added, sources, added.item_id):
        if item.status is ItemStatus.REQUESTED and added.lifecycle_status in SOLD:
            await tell(db, item, Template.ITEM_REQUESTED, event, sources)


async def tell_suppliers_when_booking_given_up(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    moved = BookingStatusChanged.from_store(event.data)
    if moved.lifecycle_status is not Lifecycle.CANCELLED:
        return
    for item in await items_of(moved, sources):
        if concerned(item.status, moved.from_lifecycle_status):
            await tell(db, item, Template.ITEM_CANCELLED, event, sources, reason=moved.reason)


async def tell_supplier_when_item_removed(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    gone = BookingItemRemoved.from_store(event.data)
    for item in await items_of(gone, sources, gone.item_id):
        if concerned(gone.item_status, gone.lifecycle_status):
            await tell(db, item, Template.ITEM_CANCELLED, event, sources, reason=gone.reason)


def concerned(status: ItemStatus, lifecycle: Lifecycle) -> bool:
    """Whether the supplier counts on it: they confirmed it, or were asked to."""
    return status is ItemStatus.CONFIRMED or (status is ItemStatus.REQUESTED and lifecycle in SOLD)


async def items_of(event: BookingEvent, sources: Sources, item_id: ItemId | None = None) -> list[ItemView]:
    """The booking's items that somebody else supplies, or the one of them."""
    items = (await sources.bookings.list_items(event.booking_id, actor=SYSTEM)).items
    return [each for each in items if each.supplier_id is not None and item_id in (None, each.id)]


async def tell(
    db: AsyncSession,
    item: ItemView,
    template: Template,
    event: Delivery,
    sources: Sources,
    *,
    reason: str | None = None,
) -> None:
    supplier = await sources.people.account(item.supplier_id) if item.supplier_id else None
    if supplier is None or supplier.banned_at is not None:
        return
    wanted = await sources.people.language(supplier.id) or sources.office.language
    language = await written_language(db, template, wanted)
    booking = await sources.bookings.get(item.booking_id, actor=SYSTEM)
    zone = (await sources.venues.get_venue(booking.venue.id)).timezone
    values: dict[str, JsonValue] = {
        "supplier_name": supplier.full_name,
        "guest_name": booking.guest.name,
        "reference": booking.reference,
        "venue_name": booking.venue.name,
        "item": item.label,
        "starts": speech.moment(item.start_at, zone, language),
        "ends": speech.moment(item.end_at, zone, language),
        "quantity": str(item.quantity),
    }
    if template is Template.ITEM_CANCELLED:
        values |= {"confirmation": item.confirmation_reference, "reason": reason}
    draft = MessageDraft(
        to=supplier.email,
        to_name=supplier.full_name,
        phone=supplier.phone,
        template=template,
        values=values,
        user_id=supplier.id,
        booking_id=booking.id,
        language=language,
    )
    await NotificationService(db, sources.people, sources.office).queue(draft, now=event.occurred_at)


REACTIONS: Mapping[str, Sequence[Answer]] = {
    BookingStatusChanged.type: (ask_suppliers_when_payment_confirmed, tell_suppliers_when_booking_given_up),
    BookingItemAdded.type: (ask_supplier_when_item_added_to_a_sale,),
    BookingItemRemoved.type: (tell_supplier_when_item_removed,),
}
