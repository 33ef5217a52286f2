"""Bookings: create, read, change, move, cancel."""

from datetime import timedelta
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from holdfast.api import problems
from holdfast.api.dependencies import (
    AccountActor,
    Booking,
    CallingActor,
    Headers,
    HouseActor,
    Now,
    Paging,
    SupplyingActor,
    WiringDep,
    stated,
)
from holdfast.api.manage_tokens import ManageTokens
from holdfast.api.rate_limits import caller_key
from holdfast.contracts.booking import (
    BookingAvailabilityView,
    BookingChange,
    BookingDraft,
    BookingFilter,
    BookingId,
    BookingView,
    Cancellation,
    CancellationPolicy,
    GuestId,
    HistoryView,
    LeadDraft,
    MadeBookingView,
    Status,
    StatusChange,
    Stay,
)
from holdfast.contracts.identity import ActorType
from holdfast.contracts.inventory import Day, VenueId
from holdfast.domains.booking import exceptions as refusals
from holdfast.domains.booking.services import Asked
from holdfast.domains.inventory.exceptions import (
    NotBookable,
    PartyTooLarge,
    ReservationExpired,
    ReservationReleased,
    ResourceNotFound,
    SlotTaken,
    VenueNotFound,
)
from holdfast.domains.pricing.exceptions import NoRateForDate, StayTooLong
from holdfast.kernel.contract import Instant
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer, IdempotencyKeyReused, RequestInFlight
from holdfast.kernel.money import AmountTooLarge
from holdfast.kernel.paging import Page
from holdfast.wiring import Wiring

router = APIRouter(prefix="/api/v1/bookings", tags=["bookings"])
# the resource booking workflow's own path for the same operation
workflow_router = APIRouter(tags=["bookings"])

Json = dict[str, Any]
# every other method
NOT_POSTED = ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]

KEYED = (IdempotencyKeyReused, RequestInFlight)
CLAIMS = (SlotTaken, NotBookable, PartyTooLarge)
PRICES = (NoRateForDate, StayTooLong, AmountTooLarge)
# the hold ran out, and perhaps was tidied away, before the sweep saw the booking
HOLD_GONE = (ReservationExpired, ReservationReleased)
# what every change of a booking may meet
CHANGES = (refusals.BookingNotFound, refusals.NotYourMove, refusals.VersionConflict, *KEYED)
CREATES = problems.documents(
    *CLAIMS, ResourceNotFound, VenueNotFound, *PRICES, refusals.NotYourGuest, refusals.ReferencesExhausted, *KEYED
)
Reference = Annotated[str, Path(pattern=r"^[0-9A-Za-z][0-9A-Za-z -]{6,15}$", examples=["K7QM-3XRD"])]


def tag(booking: BookingView) -> str:
    return f'"{booking.version}"'


def pending_ttl(wired: Wiring) -> timedelta:
    return timedelta(seconds=wired.settings.booking.pending_ttl_seconds)


def answered(answer: Answer[BookingView], response: Response, *, status: int = 200) -> BookingView | JSONResponse:
    """The view with its ETag; a kept answer as it was given then, with the header that says so."""
    response.headers["ETag"] = tag(answer.view)
    if not answer.replayed:
        return answer.view
    response.headers["Idempotency-Replayed"] = "true"
    return JSONResponse(answer.stored, status, headers=dict(response.headers))


@workflow_router.post(
    "/bookings",
    status_code=201,
    response_model=BookingView | MadeBookingView,
    responses=CREATES,
)
@router.post(
    "",
    status_code=201,
    response_model=BookingView | MadeBookingView,
    responses=CREATES,
)
async def create_booking(
    draft: BookingDraft,
    request: Request,
    response: Response,
    wired: WiringDep,
    actor: CallingActor,
    headers: Headers,
) -> BookingView | JSONResponse:
    """Book a resource, or any fitting one of a venue: confirmed at once where nothing is due, else pending."""
    answer = await wired.creations.ask(Asked(stated(draft, headers), actor), of=caller_key(request.scope))
    if isinstance(answer, Refusal):
        raise answer
    response.headers["Location"] = f"/api/v1/bookings/{answer.view.id}"
    made = answered(answer, response, status=201)
    if actor.type not in (ActorType.ANONYMOUS, ActorType.GUEST):
        return made
    shown = answer.stored if answer.replayed else answer.view.model_dump(mode="json")
    token = ManageTokens(wired.secret).issue(answer.view.id)
    return JSONResponse(dict(cast(Json, shown), manage_token=token), 201, headers=dict(response.headers))


@router.api_route("/leads", methods=NOT_POSTED, include_in_schema=False)
@router.api_route("/check-in", methods=NOT_POSTED, include_in_schema=False)
async def only_posted_to() -> Response:
    """These words would else be taken for the id of a booking, and be wrong as one."""
    answer = problems.problem(problems.MethodNotAllowed("POST alone is taken here"))
    answer.headers["Allow"] = "POST"
    return answer


@router.post(
    "/leads",
    status_code=201,
    response_model=BookingView,
    responses=problems.documents(
        refusals.NotYourMove, refusals.ResourceUnknown, refusals.ReferencesExhausted, *PRICES, *KEYED
    ),
)
async def create_lead(
    draft: LeadDraft, response: Response, bookings: Booking, now: Now, actor: HouseActor, headers: Headers
) -> BookingView | JSONResponse:
    """Start a booking as a lead: priced as of now, holding nothing until it becomes `booking_created`."""
    answer = await bookings.create_lead(stated(draft, headers), now=now, actor=actor)
    response.headers["Location"] = f"/api/v1/bookings/{answer.view.id}"
    return answered(answer, response, status=201)


@router.get(
    "/{booking_id}",
    responses={304: {"description": "Not modified"}, **problems.documents(refusals.BookingNotFound)},
)
async def get_booking(
    booking_id: UUID,
    response: Response,
    bookings: Booking,
    actor: CallingActor,
    if_none_match: Annotated[str | None, Header()] = None,
) -> BookingView:
    """One booking, with its version as ETag; 304 to `If-None-Match` with that version."""
    booking = await bookings.get(BookingId(booking_id), actor=actor)
    return unless_known(booking, if_none_match, response)


@router.get(
    "/reference/{reference}",
    responses={304: {"description": "Not modified"}, **problems.documents(refusals.BookingNotFound)},
)
async def get_booking_by_reference(
    reference: Reference,
    response: Response,
    bookings: Booking,
    actor: CallingActor,
    if_none_match: Annotated[str | None, Header()] = None,
) -> BookingView:
    """Upper or lower case, with or without its dash."""
    booking = await bookings.get_by_reference(reference, actor=actor)
    return unless_known(booking, if_none_match, response)


@router.put(
    "/{booking_id}",
    response_model=BookingView,
    responses=problems.documents(
        *CHANGES,
        refusals.VersionRequired,
        refusals.BookingClosed,
        refusals.EndsBeforeStart,
        refusals.EndsTooLate,
        refusals.CurrencyChanged,
        refusals.PartyBelowPassengers,
        *CLAIMS,
        *PRICES,
        *HOLD_GONE,
    ),
)
async def update_booking(
    booking_id: UUID,
    change: BookingChange,
    response: Response,
    bookings: Booking,
    now: Now,
    actor: CallingActor,
    headers: Headers,
) -> BookingView | JSONResponse:
    """Change details, or move: the new time is claimed and the old one freed at once, or nothing changes."""
    return answered(
        await bookings.update(BookingId(booking_id), stated(change, headers), now=now, actor=actor), response
    )


@router.post(
    "/{booking_id}/cancel",
    response_model=BookingView,
    responses=problems.documents(*CHANGES, refusals.TransitionNotAllowed),
)
async def cancel_booking(
    booking_id: UUID,
    cancellation: Cancellation,
    response: Response,
    bookings: Booking,
    now: Now,
    actor: CallingActor,
    headers: Headers,
) -> BookingView | JSONResponse:
    """Cancel and free the time; `refund_due` says what the policy gives back of what was captured."""
    return answered(
        await bookings.cancel(BookingId(booking_id), stated(cancellation, headers), now=now, actor=actor), response
    )


@router.post(
    "/{booking_id}/status",
    response_model=BookingView,
    responses=problems.documents(
        *CHANGES,
        refusals.TransitionNotAllowed,
        refusals.PaymentDue,
        refusals.CheckInNotOpen,
        refusals.NotYetNoShow,
        refusals.ReservedForSystem,
        refusals.OverrideNotYours,
        *HOLD_GONE,
        *CLAIMS,
        *PRICES,
    ),
)
async def change_booking_status(
    booking_id: UUID,
    change: StatusChange,
    response: Response,
    bookings: Booking,
    wired: WiringDep,
    now: Now,
    actor: CallingActor,
    headers: Headers,
) -> BookingView | JSONResponse:
    """Take the booking over one edge of its status; staff may pass a guard with `override` and a reason."""
    return answered(
        await bookings.change_status(
            BookingId(booking_id), stated(change, headers), pending_ttl=pending_ttl(wired), now=now, actor=actor
        ),
        response,
    )


@router.get("/{booking_id}/history", responses=problems.documents(refusals.BookingNotFound))
async def get_history(booking_id: UUID, bookings: Booking, actor: CallingActor) -> HistoryView:
    """Every step of either machine, oldest first; steps of one command share its version."""
    return await bookings.history(BookingId(booking_id), actor=actor)


@router.get("/guest/{guest_id}", responses=problems.documents(refusals.GuestNotFound))
async def list_by_guest(guest_id: UUID, page: Paging, bookings: Booking, actor: AccountActor) -> Page[BookingView]:
    """A guest's bookings, newest first."""
    return await bookings.list_by_guest(GuestId(guest_id), page, actor=actor)


@router.get("/venue/{venue_id}", responses=problems.documents(VenueNotFound, refusals.VenueNotYours))
async def list_by_venue(
    venue_id: UUID,
    page: Paging,
    bookings: Booking,
    actor: AccountActor,
    since: Annotated[Instant | Day | None, Query(alias="from")] = None,
    until: Annotated[Instant | Day | None, Query(alias="to")] = None,
    status: Status | None = None,
) -> Page[BookingView]:
    """A venue's bookings that touch the time asked for, by start; a plain date is a local day of the venue."""
    wanted = BookingFilter(since=since, until=until, status=status)
    return await bookings.list_by_venue(VenueId(venue_id), wanted, page, actor=actor)


@router.post("/availability/check", responses=problems.documents(ResourceNotFound, VenueNotFound))
async def check_availability(stay: Stay, bookings: Booking, now: Now) -> BookingAvailabilityView:
    """Free or not, why not, and what is free instead. Nothing is written."""
    return await bookings.check_availability(stay, now=now)


@router.put("/policies/{venue_id}", responses=problems.documents(VenueNotFound, refusals.NotYourMove))
async def set_cancellation_policy(
    venue_id: UUID, policy: CancellationPolicy, bookings: Booking, now: Now, actor: SupplyingActor
) -> CancellationPolicy:
    """Refund tiers for bookings made from now on; earlier ones keep theirs."""
    return await bookings.set_policy(VenueId(venue_id), policy, now=now, actor=actor)


@router.get("/policies/{venue_id}", responses=problems.documents(VenueNotFound))
async def get_cancellation_policy(venue_id: UUID, bookings: Booking) -> CancellationPolicy:
    """The refund tiers for bookings made from now on; all of it back, where none were set."""
    return await bookings.get_policy(VenueId(venue_id))


def unless_known(booking: BookingView, if_none_match: str | None, response: Response) -> BookingView:
    """304 without a body when the caller already has this version (RFC 9110 section 13.1.2)."""
    response.headers["ETag"] = tag(booking)
    known = {each.strip().removeprefix("W/") for each in (if_none_match or "").split(",")}
    if tag(booking) in known or "*" in known:
        raise problems.NotModified(tag(booking))
    return booking
