"""Ways to pay what bookings have due."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from holdfast.contracts.booking import PaymentSummary
from holdfast.contracts.payment import IntentOrder
from holdfast.domains.booking.ports import Payments
from holdfast.domains.booking.records import BookingRecord

# an intent in one of these still takes money
OPEN = frozenset({"requires_action", "processing"})


async def offer(payments: Payments, bookings: Sequence[BookingRecord], *, now: datetime) -> list[BookingRecord]:
    """The bookings, each with an intent over its balance, which is above zero; to be stored by the caller."""
    orders = [
        IntentOrder(
            booking_id=booking.id,
            reference=booking.reference,
            provider=booking.payment_provider,
            minor=booking.balance.minor,
            currency=booking.currency,
        )
        for booking in bookings
    ]
    summaries = await payments.open_many(orders, now=now)
    return [showing(booking, summary) for booking, summary in zip(bookings, summaries, strict=True)]


def showing(booking: BookingRecord, summary: PaymentSummary) -> BookingRecord:
    """The booking with this as the intent that it shows."""
    return replace(booking, payment=summary.model_dump(mode="json"))


def withdrawn(booking: BookingRecord) -> BookingRecord:
    """The booking with the intent that it shows as payment leaves it when a booking is given up: nobody can pay by
    it any more."""
    shown = booking.payment_summary
    if shown is None or shown.status not in OPEN:
        return booking
    return showing(booking, shown.model_copy(update={"status": "cancelled", "checkout_url": None}))


def asks_for_balance(booking: BookingRecord) -> bool:
    """Whether the intent that the booking shows is open, over exactly what is due."""
    shown = booking.payment_summary
    return shown is not None and shown.status in OPEN and shown.amount == str(booking.balance)
