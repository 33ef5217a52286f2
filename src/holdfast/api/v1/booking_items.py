"""The items of a travel booking, and what their suppliers say to them."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from holdfast.api import problems
from holdfast.api.dependencies import (
    Booking,
    CallingActor,
    HouseActor,
    Now,
    Paging,
    SupplyingActor,
    SystemSession,
    WiringDep,
)
from holdfast.contracts.booking import (
    BookingId,
    ItemConfirmation,
    ItemDecline,
    ItemDraft,
    ItemId,
    ItemsView,
    ItemView,
    TaskId,
    TaskView,
)
from holdfast.domains.booking import exceptions as refusals
from holdfast.domains.booking.services import BookingService
from holdfast.kernel.money import AmountTooLarge, NotAnAmount, TooManyDecimals
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/bookings/{booking_id}/items", tags=["bookings"])
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


@router.post(
    "",
    status_code=201,
    responses=problems.documents(
        refusals.BookingNotFound,
        refusals.NoDraftAnyMore,
        refusals.ResourceUnknown,
        refusals.RateNeeded,
        NotAnAmount,
        TooManyDecimals,
        AmountTooLarge,
    ),
)
async def add_item(booking_id: UUID, draft: ItemDraft, bookings: Booking, now: Now, actor: HouseActor) -> ItemView:
    """Add an item to a lead or a quoted booking, with its supplier and its price in its own currency."""
    return await bookings.add_item(BookingId(booking_id), draft, now=now, actor=actor)


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


@tasks_router.get("", responses=problems.documents())
async def list_tasks(paging: Paging, bookings: Booking, actor: HouseActor) -> Page[TaskView]:
    """What staff has to see to, the oldest first."""
    return await bookings.list_tasks(paging, actor=actor)


@tasks_router.post("/{task_id}/done", responses=problems.documents(refusals.TaskNotFound))
async def finish_task(task_id: UUID, bookings: Booking, now: Now, actor: HouseActor) -> TaskView:
    """Done; doing it twice is fine."""
    return await bookings.finish_task(TaskId(task_id), now=now, actor=actor)
