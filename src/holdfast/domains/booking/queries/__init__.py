"""Every statement on schema `booking`. Lock order: a booking's row first, several in the order of their ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json
from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    true,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingId,
    BookingView,
    CancellationPolicy,
    GuestId,
    HistoryEntryView,
    Lifecycle,
    PassengerId,
    PassengerView,
    Status,
)
from holdfast.contracts.identity import UserId
from holdfast.contracts.inventory import MAX_MINUTES, VenueId
from holdfast.domains.booking.exceptions import BookingNotFound
from holdfast.domains.booking.models import (
    LONGER_THAN_A_DAY,
    LONGER_THAN_A_MONTH,
    bookings,
    captures,
    history,
    passengers,
    policies,
    returns,
)
from holdfast.domains.booking.records import BookingRecord, CaptureRecord, HistoryRecord, ReturnRecord
from holdfast.kernel.paging import Page, PageRequest

# the inventory lets nobody stay longer; the day more is for the hour by which nights outlast a clock change
LONGEST_STAY = timedelta(days=1, minutes=MAX_MINUTES)
# how long stays are at most, and by which index those are found that began before the shorter ones of the line
# above could; literals, since a generic plan matches a partial index only by what it can read
STAYS = (
    (timedelta(days=1), true()),
    (timedelta(days=31), LONGER_THAN_A_DAY),
    (LONGEST_STAY, LONGER_THAN_A_MONTH),
)

# what `advance` may change; the rest of a row changes only through an update of its details
MOVED = (
    "status",
    "lifecycle_status",
    "version",
    "reservation_id",
    "captured_minor",
    "returned_minor",
    "asked_back_minor",
    "confirmed_for_minor",
    "payment",
    "refund_due",
    "expires_at",
    "updated_at",
    "confirmed_at",
    "checked_in_at",
    "completed_at",
    "cancelled_at",
)
DETAILS = (
    "version",
    "resource_id",
    "reservation_id",
    "guest_id",
    "guest_name",
    "guest_email",
    "guest_phone",
    "start_at",
    "end_at",
    "party_size",
    "currency",
    "price",
    "due_now_minor",
    "asked_back_minor",
    "payment",
    "notes",
    "metadata",
    "updated_at",
)


# built once: with every request it took a tenth of a read
BY_ID = select(bookings).where(bookings.c.id == bindparam("said"))
BY_ID_FOR_UPDATE = BY_ID.with_for_update()
BY_REFERENCE = select(bookings).where(bookings.c.reference == bindparam("said"))


def recorded(row: Mapping[Any, Any]) -> BookingRecord:
    """A fetched row; `row` holds exactly the table's columns."""
    values = dict(row)
    values["status"] = Status(values["status"])
    values["lifecycle_status"] = Lifecycle(values["lifecycle_status"])
    return BookingRecord(**values)


def columns_of(record: CaptureRecord | ReturnRecord) -> dict[str, object]:
    """A row's values by column; dataclasses.asdict would copy every JSON document in it."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


async def get(db: AsyncSession, asked: Select[Any], said: object) -> BookingRecord:
    """The one booking that fits, or BookingNotFound."""
    row = (await db.execute(asked, {"said": said})).mappings().one_or_none()
    if row is None:
        raise BookingNotFound
    return recorded(row)


async def get_by_id(db: AsyncSession, booking_id: BookingId) -> BookingRecord:
    return await get(db, BY_ID, booking_id)


async def get_by_ids(db: AsyncSession, booking_ids: Iterable[BookingId]) -> list[BookingRecord]:
    """Those there are, in no order."""
    rows = await db.execute(select(bookings).where(bookings.c.id.in_(booking_ids)))
    return [recorded(row) for row in rows.mappings()]


async def get_by_reference(db: AsyncSession, reference: str) -> BookingRecord:
    return await get(db, BY_REFERENCE, reference)


async def get_for_update(db: AsyncSession, booking_id: BookingId) -> BookingRecord:
    """The booking, locked until the transaction ends; BookingNotFound."""
    return await get(db, BY_ID_FOR_UPDATE, booking_id)


async def get_all_for_update(db: AsyncSession, booking_ids: Iterable[BookingId]) -> dict[BookingId, BookingRecord]:
    """Those there are, locked until the transaction ends."""
    found = select(bookings).where(bookings.c.id.in_(booking_ids)).order_by(bookings.c.id).with_for_update()
    return {row["id"]: recorded(row) for row in (await db.execute(found)).mappings()}


async def overdue_for_update(
    db: AsyncSession, status: Status, due_at: datetime, *, limit: int
) -> list[BookingRecord]:
    """Bookings whose time in `status` is up, locked; those another sweep or a guest holds are skipped.

    PENDING is up at `expires_at`, CONFIRMED at `start_at`; each has its partial index.
    """
    deadline = {Status.PENDING: bookings.c.expires_at, Status.CONFIRMED: bookings.c.start_at}[status]
    # a literal: a generic plan matches a partial index only by what it can read
    in_status = bookings.c.status == literal_column(f"'{status}'")
    rows = await db.execute(
        select(bookings)
        .where(in_status, deadline <= due_at)
        .order_by(deadline)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [recorded(row) for row in rows.mappings()]


async def insert_many(db: AsyncSession, records: Sequence[BookingRecord]) -> set[BookingId]:
    """Insert what can be; the ids that were. A missing one drew a reference that is in use."""
    return set(await db.scalars(INSERT_BOOKINGS, {"rows": as_json(records)}))


async def insert_history(db: AsyncSession, entries: Sequence[HistoryRecord]) -> None:
    await db.execute(INSERT_HISTORY, {"rows": as_json(entries)})


def as_json(records: Sequence[BookingRecord] | Sequence[HistoryRecord]) -> str:
    return to_json(records).decode()


def inserting(table: Table, record: type[BookingRecord] | type[HistoryRecord]) -> str:
    """One statement for any number of rows, from one parameter: nothing of it is built, or planned, per request.
    Row by row through the driver, a booking's forty columns cost more than all the rest of it."""
    names = ", ".join(f'"{field.name}"' for field in fields(record))
    return f"""
        INSERT INTO {table.fullname} ({names})
        SELECT {names} FROM json_populate_recordset(NULL::{table.fullname}, CAST(CAST(:rows AS text) AS json))
    """


UNLESS_REFERENCE_IN_USE = "ON CONFLICT ON CONSTRAINT bookings_reference_key DO NOTHING RETURNING id"
INSERT_BOOKINGS = text(f"{inserting(bookings, BookingRecord)} {UNLESS_REFERENCE_IN_USE}")
INSERT_HISTORY = text(inserting(history, HistoryRecord))


async def write(db: AsyncSession, records: Sequence[BookingRecord], columns: Sequence[str]) -> None:
    """Store these columns of bookings that this transaction has locked."""
    await db.execute(
        update(bookings)
        .where(bookings.c.id == bindparam("booking_id"))
        .values({column: bindparam(f"new_{column}") for column in columns}),
        [
            {"booking_id": record.id, **{f"new_{column}": getattr(record, column) for column in columns}}
            for record in records
        ],
        execution_options={"synchronize_session": False},
    )


async def history_of(db: AsyncSession, booking_id: BookingId) -> list[HistoryEntryView]:
    columns = [column for column in history.c if column.name not in ("id", "booking_id")]
    rows = await db.execute(select(*columns).where(history.c.booking_id == booking_id).order_by(history.c.id))
    return [HistoryEntryView.model_validate(dict(row)) for row in rows.mappings()]


async def list_by_guest(db: AsyncSession, guest_id: GuestId, page: PageRequest) -> Page[BookingView]:
    """Newest first."""
    fitting = select(bookings).where(bookings.c.guest_id == guest_id)
    return await paged(db, fitting, page, order=(bookings.c.created_at.desc(), bookings.c.id.desc()))


async def list_by_venue(
    db: AsyncSession,
    venue_id: VenueId,
    page: PageRequest,
    *,
    since: datetime | None,
    until: datetime | None,
    status: Status | None,
) -> Page[BookingView]:
    """In order of their start; those that touch [since, until)."""
    fitting = select(bookings).where(bookings.c.venue_id == venue_id)
    if until is not None:
        fitting = fitting.where(bookings.c.start_at < until)
    if status is not None:
        fitting = fitting.where(bookings.c.status == status)
    found = fitting.subquery() if since is None else touching(fitting, since)
    return await paged(db, select(found), page, order=(found.c.start_at, found.c.id))


def touching(fitting: Select[Any], since: datetime) -> Subquery:
    """Those that end after `since`, each group by the index of its length: one condition for all would read every
    booking of the year before, which is as long as a stay may be."""
    groups = []
    before = None
    for longest, longer in STAYS:
        group = fitting.where(bookings.c.end_at > since, bookings.c.start_at > since - longest, longer)
        groups.append(group if before is None else group.where(bookings.c.start_at <= before))
        before = since - longest
    return union_all(*groups).subquery()


async def paged(
    db: AsyncSession, fitting: Select[Any], page: PageRequest, *, order: Sequence[ColumnElement[Any]]
) -> Page[BookingView]:
    """The page and the length of the whole list, in one statement unless the page lies behind its end."""
    counted = select(func.count()).select_from(fitting.subquery()).scalar_subquery()
    part = fitting.add_columns(counted.label("total")).order_by(*order).limit(page.limit).offset(page.offset)
    rows = [dict(row) for row in (await db.execute(part)).mappings()]
    totals = [row.pop("total") for row in rows]
    total = totals[0] if totals else await db.scalar(select(counted)) if page.offset else 0
    return Page(items=[recorded(row).view() for row in rows], page=page.page, limit=page.limit, total=total or 0)


async def passengers_of(db: AsyncSession, booking_id: BookingId) -> list[PassengerView]:
    rows = await db.execute(
        select(passengers)
        .where(passengers.c.booking_id == booking_id)
        .order_by(passengers.c.created_at, passengers.c.id)
    )
    return [PassengerView.model_validate(dict(row)) for row in rows.mappings()]


async def insert_passenger(db: AsyncSession, passenger: PassengerView) -> None:
    await db.execute(insert(passengers).values(passenger.model_dump()))


async def delete_passenger(db: AsyncSession, booking_id: BookingId, passenger_id: PassengerId) -> bool:
    gone = await db.scalar(
        delete(passengers)
        .where(passengers.c.booking_id == booking_id, passengers.c.id == passenger_id)
        .returning(passengers.c.id)
    )
    return gone is not None


async def insert_capture(db: AsyncSession, capture: CaptureRecord) -> CaptureRecord | None:
    """Note the capture; the one that already stands under its id, if there is one."""
    fresh = upsert(captures).values(columns_of(capture)).on_conflict_do_nothing(index_elements=[captures.c.id])
    if await db.scalar(fresh.returning(captures.c.id)):
        return None
    row = (await db.execute(select(captures).where(captures.c.id == capture.id))).mappings().one()
    return CaptureRecord(**row)


async def capture_of(db: AsyncSession, capture_id: UUID) -> CaptureRecord | None:
    row = (await db.execute(select(captures).where(captures.c.id == capture_id))).mappings().one_or_none()
    return CaptureRecord(**row) if row else None


async def insert_return(db: AsyncSession, gone: ReturnRecord) -> bool:
    """Note money that went back; False where it was noted before."""
    fresh = upsert(returns).values(columns_of(gone)).on_conflict_do_nothing(index_elements=[returns.c.id])
    return await db.scalar(fresh.returning(returns.c.id)) is not None


async def passengers_count(db: AsyncSession, booking_id: BookingId) -> int:
    counted = select(func.count()).select_from(passengers).where(passengers.c.booking_id == booking_id)
    return await db.scalar(counted) or 0


async def policies_of(db: AsyncSession, venue_ids: Iterable[VenueId]) -> Mapping[VenueId, CancellationPolicy]:
    """The policies that venues have set; a venue without one is missing."""
    rows = await db.execute(
        select(policies.c.venue_id, policies.c.policy).where(policies.c.venue_id.in_(set(venue_ids)))
    )
    return {VenueId(row.venue_id): CancellationPolicy.from_store(row.policy) for row in rows}


async def set_policy(
    db: AsyncSession,
    venue_id: VenueId,
    policy: CancellationPolicy,
    *,
    supplier_id: UserId | None,
    now: datetime,
) -> None:
    values = {"policy": policy.model_dump(mode="json"), "supplier_id": supplier_id, "updated_at": now}
    await db.execute(
        upsert(policies)
        .values(venue_id=venue_id, **values)
        .on_conflict_do_update(index_elements=[policies.c.venue_id], set_=values)
    )
