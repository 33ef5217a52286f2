"""The events that document answers.

booking.status_changed   payment_confirmed on the way         -> invoice
                         supplier_confirmed on the way        -> voucher and itinerary, then documents_generated
                         given up, or all of it refunded      -> credit note on what is sold no more
booking.updated          another price                        -> credit note on the old invoice, and a new one
                         another time, party, guest or item   -> new versions of voucher and itinerary, and of the
                                                                 quotation as long as nothing is sold
booking.item_confirmed   after the itinerary was made         -> a new version, with the supplier's reference

A booking may have moved on since: a paper that it is not ready for any more is not made.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from holdfast.contracts.booking import (
    BookingId,
    BookingItemConfirmed,
    BookingStatusChanged,
    BookingUpdated,
    Lifecycle,
)
from holdfast.contracts.document import DocumentKind, DocumentOrder
from holdfast.contracts.identity import SYSTEM
from holdfast.domains.document.exceptions import DocumentNotReady, NothingToInvoice
from holdfast.domains.document.services import DocumentService
from holdfast.kernel.database import savepoint
from holdfast.kernel.relay import Delivery, only_where

K = DocumentKind
Answer = Callable[[DocumentService, Delivery, datetime], Awaitable[None]]
FOR_THE_JOURNEY = (K.VOUCHER, K.ITINERARY)
# changes that a voucher or an itinerary shows
SHOWN = frozenset({"start_at", "end_at", "party_size", "guest", "resource_id", "items"})


def reached(*stages: Lifecycle) -> Callable[[Delivery], bool]:
    """The sale passed one of these, or ended there."""
    return lambda event: any(to in stages for _, to in BookingStatusChanged.from_store(event.data).steps)


@only_where(reached(Lifecycle.PAYMENT_CONFIRMED))
async def issue_invoice_when_payment_confirmed(papers: DocumentService, event: Delivery, now: datetime) -> None:
    moved = BookingStatusChanged.from_store(event.data)
    await make(papers, moved.booking_id, K.INVOICE, event, now=now)


@only_where(reached(Lifecycle.SUPPLIER_CONFIRMED))
async def issue_voucher_and_itinerary_when_supplier_confirmed(
    papers: DocumentService, event: Delivery, now: datetime
) -> None:
    moved = BookingStatusChanged.from_store(event.data)
    made = [await make(papers, moved.booking_id, kind, event, now=now) for kind in FOR_THE_JOURNEY]
    if all(made):
        await papers.say_made(moved.booking_id, now=now)


@only_where(reached(Lifecycle.CANCELLED, Lifecycle.REFUNDED))
async def credit_invoice_when_given_up_or_refunded(
    papers: DocumentService, event: Delivery, now: datetime
) -> None:
    moved = BookingStatusChanged.from_store(event.data)
    await papers.settle(moved.booking_id, reason=moved.reason, occasion=occasion(event), now=now, actor=SYSTEM)


async def correct_papers_when_booking_updated(papers: DocumentService, event: Delivery, now: datetime) -> None:
    changed = BookingUpdated.from_store(event.data)
    if (changed.previous_total, changed.previous_currency) != (changed.total, changed.currency):
        await papers.settle(changed.booking_id, reason=None, occasion=occasion(event), now=now, actor=SYSTEM)
    if SHOWN & set(changed.changed):
        await make_anew(papers, changed.booking_id, (*FOR_THE_JOURNEY, K.QUOTATION), event, now=now)


async def renew_itinerary_when_item_confirmed(papers: DocumentService, event: Delivery, now: datetime) -> None:
    confirmed = BookingItemConfirmed.from_store(event.data)
    await make_anew(papers, confirmed.booking_id, (K.ITINERARY,), event, now=now)


async def make(
    papers: DocumentService, booking_id: BookingId, kind: DocumentKind, event: Delivery, *, now: datetime
) -> bool:
    """Whether there is one now."""
    order = DocumentOrder(booking_id=booking_id, kind=kind)
    try:
        async with savepoint(papers.db):
            await papers.generate(order, occasion=occasion(event), now=now, actor=SYSTEM)
    except (NothingToInvoice, DocumentNotReady):
        return False
    return True


async def make_anew(
    papers: DocumentService, booking_id: BookingId, kinds: Sequence[K], event: Delivery, *, now: datetime
) -> None:
    """New versions of those that there are."""
    made = await papers.list_of_booking(booking_id, actor=SYSTEM)
    for kind in kinds:
        if any(each.kind is kind for each in made.items):
            await make(papers, booking_id, kind, event, now=now)


def occasion(event: Delivery) -> str:
    return f"{event.type} {event.event_id}"


REACTIONS: Mapping[str, Sequence[Answer]] = {
    BookingStatusChanged.type: (
        issue_invoice_when_payment_confirmed,
        issue_voucher_and_itinerary_when_supplier_confirmed,
        credit_invoice_when_given_up_or_refunded,
    ),
    BookingUpdated.type: (correct_papers_when_booking_updated,),
    BookingItemConfirmed.type: (renew_itinerary_when_item_confirmed,),
}
