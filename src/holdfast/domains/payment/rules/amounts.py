"""How much may be asked for a booking now."""

from datetime import datetime

from holdfast.contracts.booking import BookingView, Status
from holdfast.domains.payment.exceptions import AmountAboveDue, AmountNotAboveZero, NothingDue
from holdfast.kernel.money import Money

PAYABLE = frozenset({Status.PENDING, Status.CONFIRMED, Status.CHECKED_IN, Status.COMPLETED})


def due(booking: BookingView, kept: Money, *, now: datetime) -> Money:
    """What is due now, or else the rest of the total. NothingDue.

    `kept` is what payment itself has taken and not promised back: the booking may not have heard of it yet.
    """
    currency = booking.price.currency
    if booking.status not in PAYABLE:
        raise NothingDue(f"the booking is {booking.status}", booking_status=booking.status)
    if booking.status is Status.PENDING and booking.expires_at is not None and booking.expires_at <= now:
        raise NothingDue("the time to pay for it is over", booking_status=booking.status)
    due_now = Money.parse(booking.price.due_now, currency)
    noted = due_now - Money.parse(booking.balance, currency)
    covered = max(noted, kept) if kept.currency == currency else noted
    now_or_rest = due_now - covered if due_now > covered else Money.parse(booking.price.total, currency) - covered
    if now_or_rest.minor <= 0:
        raise NothingDue
    return now_or_rest


def asked(amount: str | None, most: Money) -> Money:
    """The amount that is asked for: without one, all of it. AmountAboveDue; it is above zero."""
    if amount is None:
        return most
    wanted = above_zero(amount, most.currency)
    if wanted > most:
        raise AmountAboveDue(f"{most} {most.currency} are due", pointer="/amount", due=str(most))
    return wanted


def above_zero(amount: str, currency: str) -> Money:
    """AmountNotAboveZero, and what `Money.parse` refuses."""
    money = Money.parse(amount, currency)
    if money.minor == 0:
        raise AmountNotAboveZero(pointer="/amount")
    return money
