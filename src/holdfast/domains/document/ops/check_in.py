"""A door reads the code on a voucher and lets its guests in, once."""

from datetime import datetime

from holdfast.contracts.booking import BookingView, Status, StatusChange
from holdfast.contracts.identity import Actor
from holdfast.domains.document.exceptions import AlreadyCheckedIn
from holdfast.domains.document.ports import Bookings
from holdfast.domains.document.proofs.codes import CheckInCodes
from holdfast.kernel.errors import Conflict


class CheckInByCode:
    """CheckInCodeInvalid, BookingNotFound for a door of somebody else, AlreadyCheckedIn the second time; whatever
    else keeps the booking from being checked in is booking's to say."""

    def __init__(self, bookings: Bookings, codes: CheckInCodes) -> None:
        self.bookings = bookings
        self.codes = codes

    async def execute(self, code: str, *, now: datetime, actor: Actor) -> BookingView:
        admission = self.codes.read(code)
        change = StatusChange(status=Status.CHECKED_IN, reason="the code on the voucher")
        try:
            answer = await self.bookings.change_status(admission.booking_id, change, now=now, actor=actor)
        except Conflict as refusal:
            booking = await self.bookings.get(admission.booking_id, actor=actor)
            if booking.checked_in_at is None:
                raise
            raise await self.used(booking, actor=actor) from refusal
        return answer.view

    async def used(self, booking: BookingView, *, actor: Actor) -> AlreadyCheckedIn:
        """When, where and by whom it was used before."""
        steps = (await self.bookings.history(booking.id, actor=actor)).items
        step = next((each for each in steps if each.to_status is Status.CHECKED_IN), None)
        return AlreadyCheckedIn(
            f"it was used at {booking.venue.name} at {booking.checked_in_at:%Y-%m-%d %H:%M} UTC",
            checked_in_at=booking.checked_in_at,
            venue_id=booking.venue.id,
            venue_name=booking.venue.name,
            by_type=step.actor_type if step else None,
            by_id=step.actor_id if step else None,
        )
