"""The statements on a booking's items and on staff's tasks. The booking's row is locked before its items'."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingId,
    ItemFilter,
    ItemId,
    ItemStatus,
    Lifecycle,
    SuppliedItemView,
    TaskId,
    TaskView,
)
from holdfast.contracts.inventory import ReservationId
from holdfast.domains.booking.exceptions import ItemNotFound, TaskNotFound
from holdfast.domains.booking.models import bookings, items, tasks
from holdfast.domains.booking.records import ItemRecord
from holdfast.kernel.paging import Page, PageRequest

# what a supplier has nothing to do for any more
OVER = (Lifecycle.COMPLETED, Lifecycle.CANCELLED, Lifecycle.REFUNDED)


async def insert_item(db: AsyncSession, item: ItemRecord) -> None:
    values = {name: getattr(item, name) for name in ItemRecord.__dataclass_fields__}
    await db.execute(insert(items).values(values))


async def items_of(db: AsyncSession, booking_id: BookingId) -> list[ItemRecord]:
    """In the order in which they were added."""
    rows = await db.execute(select(items).where(items.c.booking_id == booking_id).order_by(items.c.number))
    return [ItemRecord(**{**row, "status": ItemStatus(row["status"])}) for row in rows.mappings()]


async def page_of_supplied(db: AsyncSession, wanted: ItemFilter, page: PageRequest) -> Page[SuppliedItemView]:
    """By their start; what the house does itself has no supplier, and is left out."""
    stage = bookings.c.lifecycle_status.label("lifecycle_status")
    fitting = select(items, stage).join(bookings, bookings.c.id == items.c.booking_id)
    fitting = fitting.where(items.c.supplier_id.is_not(None))
    if wanted.supplier_id is not None:
        fitting = fitting.where(items.c.supplier_id == wanted.supplier_id)
    if wanted.status is not None:
        fitting = fitting.where(items.c.status == wanted.status)
    if wanted.since is not None:
        fitting = fitting.where(items.c.end_at > wanted.since)
    if wanted.until is not None:
        fitting = fitting.where(items.c.start_at < wanted.until)
    if not wanted.ended:
        fitting = fitting.where(stage.element.not_in(OVER), items.c.status != ItemStatus.REMOVED)
    total = await db.scalar(select(func.count()).select_from(fitting.subquery())) or 0
    ordered = fitting.order_by(items.c.start_at, items.c.id).limit(page.limit).offset(page.offset)
    found = [supplied(row) for row in (await db.execute(ordered)).mappings()]
    return Page(items=found, page=page.page, limit=page.limit, total=total)


def supplied(row: RowMapping) -> SuppliedItemView:
    values = dict(row)
    lifecycle = Lifecycle(values.pop("lifecycle_status"))
    item = ItemRecord(**{**values, "status": ItemStatus(values["status"])})
    return SuppliedItemView(**dict(item.view()), lifecycle_status=lifecycle)


async def item_of(db: AsyncSession, booking_id: BookingId, item_id: ItemId) -> ItemRecord:
    found = [item for item in await items_of(db, booking_id) if item.id == item_id]
    if not found:
        raise ItemNotFound
    return found[0]


async def next_number(db: AsyncSession, booking_id: BookingId) -> int:
    """The inventory's item 1 is the booking's own claim."""
    highest = await db.scalar(select(func.max(items.c.number)).where(items.c.booking_id == booking_id))
    return (highest or 1) + 1


async def write_item(db: AsyncSession, item: ItemRecord) -> None:
    values = {
        name: getattr(item, name)
        for name in (
            "status",
            "confirmation_reference",
            "reason",
            "confirmed_at",
            "updated_at",
            "reservation_id",
        )
    }
    await db.execute(update(items).where(items.c.id == item.id).values(values))


async def waiting(db: AsyncSession, booking_ids: Iterable[BookingId]) -> set[BookingId]:
    """Those of these bookings with an item whose supplier has not confirmed it."""
    open_ = select(items.c.booking_id).where(
        items.c.booking_id.in_(list(booking_ids)),
        items.c.supplier_id.is_not(None),
        items.c.status.not_in((ItemStatus.CONFIRMED, ItemStatus.REMOVED)),
    )
    return set(await db.scalars(open_))


async def holds_of(db: AsyncSession, booking_ids: Iterable[BookingId]) -> Mapping[BookingId, list[ReservationId]]:
    rows = await db.execute(
        select(items.c.booking_id, items.c.reservation_id)
        .where(items.c.booking_id.in_(list(booking_ids)), items.c.reservation_id.is_not(None))
        .order_by(items.c.booking_id, items.c.number)
    )
    found: dict[BookingId, list[ReservationId]] = {}
    for row in rows:
        found.setdefault(row.booking_id, []).append(row.reservation_id)
    return found


async def held_of(db: AsyncSession, reservation_ids: Iterable[ReservationId]) -> set[ReservationId]:
    """Those of these reservations that an item has."""
    mine = select(items.c.reservation_id).where(items.c.reservation_id.in_(list(reservation_ids)))
    return set(await db.scalars(mine))


CONFIRM_OWN = text(
    """
    UPDATE booking.items SET status = 'confirmed', confirmed_at = :now, updated_at = :now
    WHERE booking_id = ANY (CAST(:ids AS uuid[])) AND supplier_id IS NULL AND status = 'requested'
    """
)


async def confirm_own(db: AsyncSession, booking_ids: Sequence[BookingId], *, now: datetime) -> None:
    """The house's own items confirm themselves when their booking is confirmed."""
    await db.execute(CONFIRM_OWN, {"ids": list(booking_ids), "now": now})


async def insert_task(db: AsyncSession, task: TaskView) -> None:
    await db.execute(insert(tasks).values(**task.model_dump()))


async def open_tasks(db: AsyncSession, page: PageRequest) -> Page[TaskView]:
    """The oldest first."""
    fitting = select(tasks).where(tasks.c.done_at.is_(None))
    total = await db.scalar(select(func.count()).select_from(fitting.subquery())) or 0
    rows = await db.execute(fitting.order_by(tasks.c.created_at, tasks.c.id).limit(page.limit).offset(page.offset))
    found = [TaskView.from_store(dict(row)) for row in rows.mappings()]
    return Page(items=found, page=page.page, limit=page.limit, total=total)


async def finish_tasks_about(db: AsyncSession, item_id: ItemId, *, by: UUID | None, now: datetime) -> None:
    """The open ones are done with their item."""
    about = update(tasks).where(tasks.c.item_id == item_id, tasks.c.done_at.is_(None))
    await db.execute(about.values(done_at=now, done_by=by))


async def finish_task(db: AsyncSession, task_id: TaskId, *, by: UUID | None, now: datetime) -> TaskView:
    """Done once; a task that was done before stays as it was. TaskNotFound."""
    await db.execute(
        update(tasks).where(tasks.c.id == task_id, tasks.c.done_at.is_(None)).values(done_at=now, done_by=by)
    )
    row = (await db.execute(select(tasks).where(tasks.c.id == task_id))).mappings().one_or_none()
    if row is None:
        raise TaskNotFound
    return TaskView.from_store(dict(row))
