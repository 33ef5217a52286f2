"""`/api/core/booking-lifecycle`: move a booking's sale over one edge, and see where it stands."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field

from holdfast.api import problems
from holdfast.api.dependencies import Booking, CallingActor, Headers, Now, WiringDep, stated
from holdfast.api.tos.envelope import CamelContract, Envelope, enveloped
from holdfast.api.v1.bookings import CHANGES, CLAIMS, HOLD_GONE, PRICES, pending_ttl
from holdfast.contracts.booking import (
    BookingId,
    HistoryEntryView,
    Lifecycle,
    LifecycleChange,
    LifecycleView,
    Status,
)
from holdfast.contracts.identity import ActorType
from holdfast.domains.booking import exceptions as refusals
from holdfast.kernel.contract import Instant, Metadata

router = APIRouter(prefix="/api/core", tags=["travel operating system"])


class LifecycleRequest(CamelContract, LifecycleChange):
    """`actorType` and `actorId` are kept as said; `override` and `expectedVersion` are optional, as elsewhere."""

    booking_id: BookingId


class LifecycleEvent(CamelContract):
    """One step of either machine. `actorType` and `actorId`: whom the request named, else who called."""

    booking_id: BookingId
    from_status: Lifecycle | None
    to_status: Lifecycle
    from_booking_status: Status | None
    to_booking_status: Status
    actor_type: str
    actor_id: str | None
    called_by_type: ActorType
    called_by_id: UUID | None
    note: str | None
    reason: str | None
    override: bool
    idempotency_key: str | None
    metadata: Metadata
    version: int
    created_at: Instant


class BookingLifecycle(CamelContract):
    """`status` is the lifecycle's, `bookingStatus` what is reserved; `allowed` are the edges from here."""

    booking_id: BookingId
    reference: str
    status: Lifecycle
    booking_status: Status
    version: int
    allowed: Annotated[list[Lifecycle], Field(max_length=20)]
    events: list[LifecycleEvent]


@router.post(
    "/booking-lifecycle",
    responses=problems.documents(
        *CHANGES,
        refusals.TransitionNotAllowed,
        refusals.PaymentDue,
        refusals.CheckInNotOpen,
        refusals.NotAllReturned,
        refusals.ItemsUnconfirmed,
        refusals.OverrideNotYours,
        *CLAIMS,
        *PRICES,
        *HOLD_GONE,
    ),
)
async def change_lifecycle(
    wanted: LifecycleRequest,
    response: Response,
    bookings: Booking,
    wired: WiringDep,
    now: Now,
    actor: CallingActor,
    headers: Headers,
) -> Envelope[BookingLifecycle]:
    """Take the booking over one edge of its lifecycle; its status moves along. A key makes it once."""
    asked = stated(wanted, headers)
    answer = await bookings.change_lifecycle(
        asked.booking_id, asked, pending_ttl=pending_ttl(wired), now=now, actor=actor
    )
    if answer.replayed:
        response.headers["Idempotency-Replayed"] = "true"
    return enveloped(said(answer.view))


@router.get("/booking-lifecycle", responses=problems.documents(refusals.BookingNotFound))
async def get_lifecycle(
    booking_id: Annotated[UUID, Query(alias="bookingId")], bookings: Booking, actor: CallingActor
) -> Envelope[BookingLifecycle]:
    """Where the booking's sale stands, the edges from there, and every step so far, oldest first."""
    return enveloped(said(await bookings.lifecycle(BookingId(booking_id), actor=actor)))


def said(view: LifecycleView) -> BookingLifecycle:
    return BookingLifecycle.model_construct(
        booking_id=view.booking_id,
        reference=view.reference,
        status=view.lifecycle_status,
        booking_status=view.status,
        version=view.version,
        allowed=view.allowed,
        events=[event(view.booking_id, each) for each in view.events],
    )


def event(booking_id: BookingId, entry: HistoryEntryView) -> LifecycleEvent:
    return LifecycleEvent.model_construct(
        booking_id=booking_id,
        from_status=entry.from_lifecycle_status,
        to_status=entry.to_lifecycle_status,
        from_booking_status=entry.from_status,
        to_booking_status=entry.to_status,
        actor_type=entry.claimed_actor_type or entry.actor_type,
        actor_id=entry.claimed_actor_id or (str(entry.actor_id) if entry.actor_id else None),
        called_by_type=entry.actor_type,
        called_by_id=entry.actor_id,
        note=entry.note,
        reason=entry.reason,
        override=entry.override,
        idempotency_key=entry.idempotency_key,
        metadata=entry.metadata,
        version=entry.version,
        created_at=entry.at,
    )
