"""The events that notification answers: a guest hears what became of their booking, and a supplier what became of
their item (to_suppliers.py).

Events carry no personal data, so whom to tell is asked of the booking; when and what it was is the event's own,
for the booking may have moved on. Each is called once in effect: the relay's receipt and the message's row commit
together.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingCancelled,
    BookingCompleted,
    BookingConfirmed,
    BookingEvent,
    BookingExpired,
    BookingFailed,
    BookingId,
    BookingRefundRequested,
    BookingStatusChanged,
    BookingUpdated,
    Lifecycle,
    RefundCause,
    Status,
)
from holdfast.contracts.document import AttachmentRef, DocumentGenerated, DocumentKind, DocumentView
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.notification import Template
from holdfast.domains.notification import to_suppliers
from holdfast.domains.notification.services import NotificationService
from holdfast.domains.notification.speech import why_refunded
from holdfast.domains.notification.telling import Sources, Telling
from holdfast.kernel.relay import Delivery, only_where

Answer = Callable[[AsyncSession, Delivery, Sources], Awaitable[None]]


async def send_confirmation_when_booking_confirmed(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    booking = BookingConfirmed.model_validate(event.data)
    template = Template.LATE_PAYMENT_CONFIRMED if booking.late else Template.BOOKING_CONFIRMED
    telling = await Telling.of(db, booking.booking_id, sources, template=template)
    values: dict[str, JsonValue] = {
        "ends": telling.moment(booking.end_at),
        "party_size": telling.people(booking.party_size),
        "total": telling.amount(booking.total, booking.currency),
    }
    await tell(db, booking, sources, telling, values=values)


async def send_cancellation_when_booking_cancelled(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    booking = BookingCancelled.model_validate(event.data)
    telling = await Telling.of(db, booking.booking_id, sources, template=Template.BOOKING_CANCELLED)
    due = booking.refund_due
    refund = telling.amount(due.amount, due.currency) if due else None
    await tell(db, booking, sources, telling, values={"refund": refund})


async def send_thanks_when_booking_completed(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    """With the request to say how it was, where the house has a place for it."""
    booking = BookingCompleted.model_validate(event.data)
    telling = await Telling.of(db, booking.booking_id, sources, template=Template.BOOKING_COMPLETED)
    await tell(db, booking, sources, telling, values={"review_url": sources.office.review_url})


async def send_regret_when_booking_expired(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    booking = BookingExpired.model_validate(event.data)
    telling = await Telling.of(db, booking.booking_id, sources, template=Template.BOOKING_EXPIRED)
    await tell(db, booking, sources, telling, values={})


async def send_regret_when_booking_failed(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    booking = BookingFailed.model_validate(event.data)
    telling = await Telling.of(db, booking.booking_id, sources, template=Template.BOOKING_FAILED)
    await tell(db, booking, sources, telling, values={"reason": booking.reason})


async def announce_refund_when_requested(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    """Not for a cancellation, which tells of its refund itself."""
    booking = BookingRefundRequested.model_validate(event.data)
    late = booking.cause is RefundCause.TOO_LATE
    template = Template.LATE_PAYMENT_REFUNDED if late else Template.REFUND_REQUESTED
    if not late and why_refunded(booking.cause) is None:
        return
    telling = await Telling.of(db, booking.booking_id, sources, template=template)
    values: dict[str, JsonValue] = {
        "amount": telling.amount(booking.refund_amount, booking.refund_currency),
        **({} if late else {"why": why_refunded(booking.cause, telling.language)}),
    }
    await tell(db, booking, sources, telling, values=values)


def they_are_made(event: Delivery) -> bool:
    steps = BookingStatusChanged.from_store(event.data).steps
    return any(to is Lifecycle.DOCUMENTS_GENERATED for _, to in steps)


@only_where(they_are_made)
async def send_documents_when_they_are_made(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    """All that a booking has by then, in one message: the latest of each kind."""
    booking = BookingStatusChanged.from_store(event.data)
    if sources.papers is None:
        return
    made = (await sources.papers.list_of_booking(booking.booking_id, actor=SYSTEM)).items
    await send_documents(db, booking.booking_id, sources, list({each.kind: each for each in made}.values()), event)


def it_corrects_another(event: Delivery) -> bool:
    made = DocumentGenerated.from_store(event.data)
    return made.version > 1 or made.kind is DocumentKind.CREDIT_NOTE


@only_where(it_corrects_another)
async def send_document_when_it_corrects_another(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    """A credit note, and whatever replaces what was sent before."""
    made = DocumentGenerated.from_store(event.data)
    if sources.papers is None:
        return
    papers = (await sources.papers.list_of_booking(made.booking_id, actor=SYSTEM)).items
    new = [each for each in papers if each.id == made.document_id]
    await send_documents(db, made.booking_id, sources, new, event)


async def send_documents(
    db: AsyncSession, booking_id: BookingId, sources: Sources, papers: Sequence[DocumentView], event: Delivery
) -> None:
    telling = await Telling.of(db, booking_id, sources, template=Template.DOCUMENTS_READY)
    draft = telling.draft(
        starts=telling.booking.start_at,
        values={"documents": ", ".join(each.filename for each in papers)},
        attachments=[AttachmentRef(document_id=each.id, filename=each.filename) for each in papers],
    )
    await NotificationService(db, sources.people, sources.office).queue(draft, now=event.occurred_at)


async def tell(
    db: AsyncSession, event: BookingEvent, sources: Sources, telling: Telling, *, values: dict[str, JsonValue]
) -> None:
    draft = telling.draft(starts=event.start_at, values=values)
    await NotificationService(db, sources.people, sources.office).queue(draft, now=event.occurred_at)


async def plan_reminders_when_booking_confirmed(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    await plan_reminders(db, BookingConfirmed.model_validate(event.data), sources)


async def plan_reminders_when_booking_updated(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    booking = BookingUpdated.model_validate(event.data)
    if booking.status is Status.CONFIRMED and booking.start_at != booking.previous_start_at:
        await plan_reminders(db, booking, sources)


async def plan_reminders(db: AsyncSession, event: BookingEvent, sources: Sources) -> None:
    service = NotificationService(db, sources.people, sources.office)
    await service.plan_reminders(event.booking_id, start_at=event.start_at, now=event.occurred_at)


TO_GUESTS: Mapping[str, Sequence[Answer]] = {
    BookingConfirmed.type: (send_confirmation_when_booking_confirmed, plan_reminders_when_booking_confirmed),
    BookingStatusChanged.type: (send_documents_when_they_are_made,),
    DocumentGenerated.type: (send_document_when_it_corrects_another,),
    BookingUpdated.type: (plan_reminders_when_booking_updated,),
    BookingCancelled.type: (send_cancellation_when_booking_cancelled,),
    BookingCompleted.type: (send_thanks_when_booking_completed,),
    BookingExpired.type: (send_regret_when_booking_expired,),
    BookingFailed.type: (send_regret_when_booking_failed,),
    BookingRefundRequested.type: (announce_refund_when_requested,),
}

REACTIONS: Mapping[str, Sequence[Answer]] = {
    name: (*TO_GUESTS.get(name, ()), *to_suppliers.REACTIONS.get(name, ()))
    for name in sorted({*TO_GUESTS, *to_suppliers.REACTIONS})
}
