"""What is free, and claims on it, for callers that keep their bookings elsewhere."""

from datetime import timedelta

from fastapi import APIRouter

from holdfast.api import problems
from holdfast.api.dependencies import HouseActor, Inventory, Now, WiringDep
from holdfast.contracts.inventory import (
    AvailabilityQuery,
    AvailabilityView,
    ReleaseRequest,
    ReleaseView,
    ReservationChange,
    ReservationView,
    ReserveRequest,
)
from holdfast.domains.inventory.exceptions import (
    AnotherReservation,
    HoldInThePast,
    HoldTooLong,
    NotBookable,
    PartyTooLarge,
    ReservationCommitted,
    ReservationExpired,
    ReservationNotFound,
    ReservationOfBooking,
    ReservationReleased,
    ResourceNotFound,
    SlotTaken,
)

router = APIRouter(prefix="/api/v1/inventory", tags=["inventory"])


@router.post("/check-availability", responses=problems.documents(ResourceNotFound))
async def check_resource_availability(
    query: AvailabilityQuery, inventory: Inventory, now: Now
) -> AvailabilityView:
    """Nothing is written; a claim may still come first."""
    return await inventory.check_availability(query, now=now)


@router.post(
    "/reserve",
    status_code=201,
    responses=problems.documents(
        ResourceNotFound, SlotTaken, AnotherReservation, NotBookable, PartyTooLarge, HoldInThePast, HoldTooLong
    ),
)
async def reserve(
    request: ReserveRequest, inventory: Inventory, wired: WiringDep, now: Now, actor: HouseActor
) -> ReservationView:
    """Hold it until `expires_at`, at most a day ahead unless configured otherwise.

    The same request again gives the same reservation: `booking_id` is its idempotency key.
    """
    max_hold = timedelta(seconds=wired.settings.inventory.max_hold_seconds)
    return await inventory.reserve(request, max_hold=max_hold, now=now)


@router.post("/release", responses=problems.documents(ReservationCommitted, ReservationOfBooking))
async def release(request: ReleaseRequest, inventory: Inventory, now: Now, actor: HouseActor) -> ReleaseView:
    """Free a reservation made here, or all of one `booking_id`; releasing twice is fine.

    What a booking of this system has is freed by the booking alone.
    """
    return await inventory.release(request, now=now)


@router.post(
    "/update-reservation",
    responses=problems.documents(
        ReservationNotFound,
        ReservationExpired,
        ReservationReleased,
        ReservationCommitted,
        ReservationOfBooking,
        ResourceNotFound,
        SlotTaken,
        NotBookable,
        PartyTooLarge,
    ),
)
async def update_reservation(
    change: ReservationChange, inventory: Inventory, now: Now, actor: HouseActor
) -> ReservationView:
    """Claim the new time and free the old one, or change nothing. Bookings move through `/bookings`."""
    return await inventory.update_reservation(change, now=now)
