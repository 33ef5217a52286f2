"""The events that payment answers: what a booking becomes, its money follows.

booking.refund_requested                      refunds are promised, and carried out by a job
booking.cancelled, expired, failed, no_show   nothing more is asked for it
booking.updated                               and nothing is owed: nothing more is asked for it
every change of what was sold                 the ledger's sale is restated as the booking now is: also when the
                                              last of its money has gone back, which moves its lifecycle alone
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import booking as told
from holdfast.contracts.identity import SYSTEM
from holdfast.domains.payment.ports import Bookings
from holdfast.domains.payment.services import LedgerService, OrderService
from holdfast.kernel.money import Money
from holdfast.kernel.relay import Delivery, only_where


@dataclass(frozen=True)
class Desk:
    """Who does what is to be done."""

    bookings: Bookings
    orders: OrderService
    ledger: LedgerService


Answer = Callable[[AsyncSession, Delivery, Desk], Awaitable[None]]


async def promise_refunds_when_booking_asks(db: AsyncSession, event: Delivery, desk: Desk) -> None:
    asked = told.BookingRefundRequested.from_store(event.data)
    await desk.orders.promise_refunds(asked, now=event.occurred_at)


async def close_intents_when_booking_ends(db: AsyncSession, event: Delivery, desk: Desk) -> None:
    await desk.orders.cancel_open(told.BookingId(event.aggregate_id), now=event.occurred_at)


async def close_intents_when_nothing_is_owed(db: AsyncSession, event: Delivery, desk: Desk) -> None:
    """Its new time is free, or costs what was paid: who still has the old page must not pay there."""
    booking = await desk.bookings.get(told.BookingId(event.aggregate_id), actor=SYSTEM)
    if Money.parse(booking.outstanding, booking.price.currency).minor <= 0:
        await desk.orders.cancel_open(booking.id, now=event.occurred_at)


async def restate_sale_when_booking_changes(db: AsyncSession, event: Delivery, desk: Desk) -> None:
    booking = await desk.bookings.get(told.BookingId(event.aggregate_id), actor=SYSTEM)
    supplier_id = await desk.bookings.supplier_of(booking.id)
    await desk.ledger.restate_sale(
        booking, supplier_id=supplier_id, event_id=event.event_id, now=event.occurred_at
    )


def all_is_returned(event: Delivery) -> bool:
    return told.BookingStatusChanged.from_store(event.data).lifecycle_status is told.Lifecycle.REFUNDED


@only_where(all_is_returned)
async def restate_sale_when_all_is_returned(db: AsyncSession, event: Delivery, desk: Desk) -> None:
    await restate_sale_when_booking_changes(db, event, desk)


ENDS: tuple[Answer, ...] = (close_intents_when_booking_ends, restate_sale_when_booking_changes)

REACTIONS: Mapping[str, Sequence[Answer]] = {
    told.BookingConfirmed.type: (restate_sale_when_booking_changes,),
    told.BookingCompleted.type: (restate_sale_when_booking_changes,),
    told.BookingUpdated.type: (close_intents_when_nothing_is_owed, restate_sale_when_booking_changes),
    told.BookingStatusChanged.type: (restate_sale_when_all_is_returned,),
    told.BookingCancelled.type: ENDS,
    told.BookingExpired.type: ENDS,
    told.BookingFailed.type: ENDS,
    told.BookingNoShow.type: ENDS,
    told.BookingRefundRequested.type: (promise_refunds_when_booking_asks, restate_sale_when_booking_changes),
}
