"""What staff alone does to bookings."""

from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from holdfast.api import problems
from holdfast.api.dependencies import Booking, Headers, HouseActor, Now, stated
from holdfast.api.v1.bookings import CHANGES, answered
from holdfast.contracts.booking import BookingId, BookingView, Voiding
from holdfast.domains.booking import exceptions as refusals

router = APIRouter(prefix="/api/v1/admin/bookings", tags=["bookings"])


@router.post(
    "/{booking_id}/void",
    response_model=BookingView,
    responses=problems.documents(*CHANGES, refusals.TransitionNotAllowed),
)
async def void_booking(
    booking_id: UUID,
    voiding: Voiding,
    response: Response,
    bookings: Booking,
    now: Now,
    actor: HouseActor,
    headers: Headers,
) -> BookingView | JSONResponse:
    """Undo a sale from any status that is not final: all it held is free, all that was captured goes back."""
    answer = await bookings.void(BookingId(booking_id), stated(voiding, headers), now=now, actor=actor)
    return answered(answer, response)
