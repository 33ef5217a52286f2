"""Cancel a booking."""

from datetime import datetime

from holdfast.contracts.booking import BookingId, BookingView, Cancellation, Status, StatusChange
from holdfast.contracts.identity import Actor
from holdfast.domains.booking.ops.change_status import ChangeStatus
from holdfast.kernel.idempotency import Answer


class CancelBooking:
    """Cancel a booking, free what it held and record the refund that its policy grants.

    Refusals: BookingNotFound, VersionConflict, TransitionNotAllowed.
    """

    def __init__(self, move: ChangeStatus) -> None:
        self.move = move

    async def execute(
        self, booking_id: BookingId, cancellation: Cancellation, *, now: datetime, actor: Actor
    ) -> Answer[BookingView]:
        change = StatusChange(status=Status.CANCELLED, **cancellation.model_dump(exclude_unset=True))
        return await self.move.execute(booking_id, change, now=now, actor=actor)
