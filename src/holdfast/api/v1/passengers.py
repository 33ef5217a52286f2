"""The travellers of a booking."""

from uuid import UUID

from fastapi import APIRouter

from holdfast.api import problems
from holdfast.api.dependencies import Booking, CallingActor, IfMatch, Now
from holdfast.contracts.booking import BookingId, PassengerDraft, PassengerId, PassengersView, PassengerView
from holdfast.domains.booking.exceptions import (
    BookingClosed,
    BookingNotFound,
    NotYourMove,
    PassengerNotFound,
    TooManyPassengers,
    VersionConflict,
)

router = APIRouter(prefix="/api/v1/bookings/{booking_id}/passengers", tags=["bookings"])


@router.post(
    "",
    status_code=201,
    responses=problems.documents(BookingNotFound, NotYourMove, VersionConflict, BookingClosed, TooManyPassengers),
)
async def add_passenger(
    booking_id: UUID,
    draft: PassengerDraft,
    bookings: Booking,
    now: Now,
    actor: CallingActor,
    expected_version: IfMatch,
) -> PassengerView:
    """Add a traveller, at most as many as the booking's party. It is the booking's next version."""
    return await bookings.add_passenger(
        BookingId(booking_id), draft, expected_version=expected_version, now=now, actor=actor
    )


@router.get("", responses=problems.documents(BookingNotFound))
async def list_passengers(booking_id: UUID, bookings: Booking, actor: CallingActor) -> PassengersView:
    """The travellers, in the order they were added."""
    return await bookings.list_passengers(BookingId(booking_id), actor=actor)


@router.delete(
    "/{passenger_id}",
    status_code=204,
    responses=problems.documents(BookingNotFound, NotYourMove, VersionConflict, BookingClosed, PassengerNotFound),
)
async def remove_passenger(
    booking_id: UUID,
    passenger_id: UUID,
    bookings: Booking,
    now: Now,
    actor: CallingActor,
    expected_version: IfMatch,
) -> None:
    """Take a traveller off a booking that has not ended. It is the booking's next version."""
    await bookings.remove_passenger(
        BookingId(booking_id), PassengerId(passenger_id), expected_version=expected_version, now=now, actor=actor
    )
