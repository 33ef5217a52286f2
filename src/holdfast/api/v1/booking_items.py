"""The items of a travel booking, and what their suppliers say to them."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import JSONResponse

from holdfast.api import problems
from holdfast.api.dependencies import (
    Booking,
    CallingActor,
    Headers,
    HouseActor,
    Now,
    Paging,
    SupplyingActor,
    SystemSession,
    WiringDep,
    stated,
)
from holdfast.api.v1.bookings import CLAIMS, HOLD_GONE, KEYED
from holdfast.contracts.booking import (
    BookingId,
    ItemConfirmation,
    ItemDecline,
    ItemDraft,
    ItemFilter,
    ItemId,
    ItemRemoval,
    ItemReplacement,
    ItemStatus,
    ItemsView,
    ItemView,
    SuppliedItemView,
    TaskId,
    TaskView,
)
from holdfast.contracts.identity import UserId
from holdfast.domains.booking import exceptions as refusals
from holdfast.domains.booking.services import BookingService
from holdfast.domains.payment.exceptions import ProviderNotConfigured
from holdfast.kernel.contract import Instant
from holdfast.kernel.idempotency import Answer
from holdfast.kernel.money import AmountTooLarge, NotAnAmount, TooManyDecimals
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/bookings/{booking_id}/items", tags=["bookings"])
supplied_router = APIRouter(prefix="/api/v1/items", tags=["bookings"])
tasks_router = APIRouter(prefix="/api/v1/admin/tasks", tags=["bookings"])


async def all_bookings(wired: WiringDep, db: SystemSession) -> AsyncIterator[BookingService]:
    """An item's supplier decides on a booking that the database does not show them; the operation judges."""
    yield wired.booking(db)


AllBookings = Annotated[BookingService, Depends(all_bookings)]
DECIDES = problems.documents(
    refusals.BookingNotFound,
    refusals.ItemNotFound,
    refusals.NotYourMove,
    refusals.BookingClosed,
    refusals.ItemDecided,
)


ARRANGES = (
    refusals.BookingNotFound,
    refusals.VersionConflict,
    refusals.BookingClosed,
    ProviderNotConfigured,
    *KEYED,
)
DRAFTED = (
    refusals.ResourceUnknown,
    refusals.RateNeeded,
    NotAnAmount,
    TooManyDecimals,
    AmountTooLarge,
    *CLAIMS,
)


def answered(answer: Answer[ItemView], response: Response, *, status: int = 200) -> ItemView | JSONResponse:
    """A kept answer as it was given then, with the header that says so."""
    if not answer.replayed:
        return answer.view
    response.headers["Idempotency-Replayed"] = "true"
    return JSONResponse(answer.stored, status, headers=dict(response.headers))


@router.post("", status_code=201, response_model=ItemView, responses=problems.documents(*ARRANGES, *DRAFTED))
async def add_item(
    booking_id: UUID,
    draft: ItemDraft,
    response: Response,
    bookings: Booking,
    now: Now,
    actor: HouseActor,
    headers: Headers,
) -> ItemView | JSONResponse:
    """Add an item with its supplier and its price in its own currency; once the booking holds its time, what is
    ours of the item is claimed too, and what it costs is due."""
    answer = await bookings.add_item(BookingId(booking_id), stated(draft, headers), now=now, actor=actor)
    return answered(answer, response, status=201)


@router.post(
    "/{item_id}/remove",
    response_model=ItemView,
    responses=problems.documents(*ARRANGES, refusals.ItemNotFound, refusals.ItemGone),
)
async def remove_item(
    booking_id: UUID,
    item_id: UUID,
    removal: ItemRemoval,
    response: Response,
    bookings: Booking,
    now: Now,
    actor: HouseActor,
    headers: Headers,
) -> ItemView | JSONResponse:
    """Take an item off: what it held is free, and what was paid above the rest goes back."""
    answer = await bookings.remove_item(
        BookingId(booking_id), ItemId(item_id), stated(removal, headers), now=now, actor=actor
    )
    return answered(answer, response)


@router.post(
    "/{item_id}/replace",
    response_model=ItemView,
    responses=problems.documents(*ARRANGES, *DRAFTED, *HOLD_GONE, refusals.ItemNotFound, refusals.ItemGone),
)
async def replace_item(
    booking_id: UUID,
    item_id: UUID,
    draft: ItemReplacement,
    response: Response,
    bookings: Booking,
    now: Now,
    actor: HouseActor,
    headers: Headers,
) -> ItemView | JSONResponse:
    """Another item in the place of this one, or nothing changes; the difference is asked for, or goes back."""
    answer = await bookings.replace_item(
        BookingId(booking_id), ItemId(item_id), stated(draft, headers), now=now, actor=actor
    )
    return answered(answer, response)


@router.get("", responses=problems.documents(refusals.BookingNotFound))
async def list_items(booking_id: UUID, bookings: Booking, actor: CallingActor) -> ItemsView:
    """All items for whoever may see the booking; an item's supplier sees their own."""
    return await bookings.list_items(BookingId(booking_id), actor=actor)


@router.post("/{item_id}/confirm", responses=DECIDES)
async def confirm_item(
    booking_id: UUID,
    item_id: UUID,
    confirmation: ItemConfirmation,
    bookings: AllBookings,
    now: Now,
    actor: SupplyingActor,
) -> ItemView:
    """Its supplier has it; with the last one the sale is `supplier_confirmed`. Confirming twice is fine."""
    return await bookings.confirm_item(BookingId(booking_id), ItemId(item_id), confirmation, now=now, actor=actor)


@router.post("/{item_id}/decline", responses=DECIDES)
async def decline_item(
    booking_id: UUID,
    item_id: UUID,
    decline: ItemDecline,
    bookings: AllBookings,
    now: Now,
    actor: SupplyingActor,
) -> ItemView:
    """Its supplier cannot; staff gets a task, with what is free instead."""
    return await bookings.decline_item(BookingId(booking_id), ItemId(item_id), decline, now=now, actor=actor)


@supplied_router.get("", responses=problems.documents(refusals.ItemsNotYours))
async def list_supplied_items(
    paging: Paging,
    bookings: AllBookings,
    actor: SupplyingActor,
    supplier_id: UUID | None = None,
    status: ItemStatus | None = None,
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query(alias="to")] = None,
    ended: bool = False,
) -> Page[SuppliedItemView]:
    """A supplier's own items, by their start: `status=requested` is what waits for their word. `ended` shows those
    of bookings that are over, and removed ones, too. Staff sees all, or one supplier's by `supplier_id`."""
    wanted = ItemFilter(
        supplier_id=UserId(supplier_id) if supplier_id else None,
        status=status,
        since=since,
        until=until,
        ended=ended,
    )
    return await bookings.list_supplied(wanted, paging, actor=actor)


@tasks_router.get("", responses=problems.documents())
async def list_tasks(paging: Paging, bookings: Booking, actor: HouseActor) -> Page[TaskView]:
    """What staff has to see to, the oldest first."""
    return await bookings.list_tasks(paging, actor=actor)


@tasks_router.post("/{task_id}/done", responses=problems.documents(refusals.TaskNotFound))
async def finish_task(task_id: UUID, bookings: Booking, now: Now, actor: HouseActor) -> TaskView:
    """Done; doing it twice is fine."""
    return await bookings.finish_task(TaskId(task_id), now=now, actor=actor)
