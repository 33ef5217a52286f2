"""The events that booking answers: what became of its payments.

payment.requested    show the intent that was asked for; the sale waits for its money
payment.completed    record the capture: confirm, or send back what came for nothing   (ops/record_capture.py)
payment.failed       fail the pending booking that waited for it
payment.refunded     note what went back; `refunded` when it is all

News may come twice, late, or out of order: each is noted under the id of its capture or refund.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from holdfast.contracts.booking import PaymentSummary
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.payment import (
    IntentStatus,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    PaymentRequested,
)
from holdfast.domains.booking.services import BookingService
from holdfast.kernel.money import Money
from holdfast.kernel.relay import Delivery

Answer = Callable[[BookingService, Delivery, datetime], Awaitable[None]]


async def show_intent_when_payment_requested(bookings: BookingService, event: Delivery, now: datetime) -> None:
    asked = PaymentRequested.from_store(event.data)
    payment = PaymentSummary(
        intent_id=asked.intent_id,
        provider=asked.provider,
        status=IntentStatus.REQUIRES_ACTION,
        amount=asked.amount,
        checkout_url=asked.checkout_url,
    )
    await bookings.show_payment(asked.booking_id, payment, now=now, actor=SYSTEM)


async def record_capture_when_payment_completed(bookings: BookingService, event: Delivery, now: datetime) -> None:
    paid = PaymentCompleted.from_store(event.data)
    await bookings.record_capture(
        paid.booking_id,
        Money.parse(paid.amount, paid.currency),
        capture_id=paid.capture_id,
        payment=summary(paid, IntentStatus.SUCCEEDED, amount=paid.amount),
        now=now,
        actor=SYSTEM,
    )


async def fail_booking_when_payment_failed(bookings: BookingService, event: Delivery, now: datetime) -> None:
    failed = PaymentFailed.from_store(event.data)
    await bookings.record_failure(failed.booking_id, failed.intent_id, reason=failed.reason, now=now, actor=SYSTEM)


async def record_return_when_payment_refunded(bookings: BookingService, event: Delivery, now: datetime) -> None:
    gone = PaymentRefunded.from_store(event.data)
    whole = Money.parse(gone.refunded_total, gone.currency) >= Money.parse(gone.captured_total, gone.currency)
    status = IntentStatus.REFUNDED if whole else IntentStatus.PARTIALLY_REFUNDED
    await bookings.record_return(
        gone.booking_id,
        Money.parse(gone.amount, gone.currency),
        refund_id=gone.refund_id,
        capture_id=gone.capture_id,
        payment=summary(gone, status, amount=gone.captured_total),
        now=now,
        actor=SYSTEM,
    )


def summary(event: PaymentCompleted | PaymentRefunded, status: IntentStatus, *, amount: str) -> PaymentSummary:
    """The intent as its booking shows it once there is nothing left to pay with it."""
    return PaymentSummary(
        intent_id=event.intent_id, provider=event.provider, status=status, amount=amount, checkout_url=None
    )


REACTIONS: Mapping[str, Sequence[Answer]] = {
    PaymentRequested.type: (show_intent_when_payment_requested,),
    PaymentCompleted.type: (record_capture_when_payment_completed,),
    PaymentFailed.type: (fail_booking_when_payment_failed,),
    PaymentRefunded.type: (record_return_when_payment_refunded,),
}
