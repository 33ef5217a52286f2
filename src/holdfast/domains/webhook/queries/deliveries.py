"""Messages to endpoints and every try. Those to send are claimed with SKIP LOCKED, a few of each endpoint."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    RowMapping,
    any_,
    column,
    delete,
    func,
    insert,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import UserId
from holdfast.contracts.webhook import (
    AttemptView,
    DeliveryId,
    DeliveryStatus,
    DeliveryView,
    EndpointId,
)
from holdfast.domains.webhook.exceptions import DeliveryNotFound
from holdfast.domains.webhook.models import attempts, deliveries, endpoints
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

SHOWN = tuple(deliveries.c[name] for name in DeliveryView.model_fields if name != "log")
# of each delivery; a replay adds tries without end
LOG_LENGTH = 20


@dataclass(frozen=True)
class Draft:
    """A message to one endpoint; due, and the first of its kind, at `at`."""

    endpoint_id: EndpointId
    event_id: UUID
    type: str
    aggregate_id: UUID
    body: str
    at: datetime


@dataclass(frozen=True)
class Claimed:
    """A message that this sender alone may send until its claim ends; `attempts` counts this try."""

    id: DeliveryId
    endpoint_id: EndpointId
    url: str
    event_id: UUID
    type: str
    body: str
    attempts: int


@dataclass(frozen=True)
class Attempt:
    """What became of one try; `retry_after` is not kept."""

    milliseconds: int
    status_code: int | None = None
    answer: str | None = None
    error: str | None = None
    retry_after: str | None = None


async def insert_deliveries(db: AsyncSession, drafts: Sequence[Draft]) -> list[DeliveryId]:
    """In this order; none where its endpoint has this message already."""
    # arrays: a statement that is the same however many they are, and has no more parameters than it may
    given = {
        "id": [uuid7() for _ in drafts],
        "endpoint_id": [each.endpoint_id for each in drafts],
        "event_id": [each.event_id for each in drafts],
        "type": [each.type for each in drafts],
        "aggregate_id": [each.aggregate_id for each in drafts],
        "body": [each.body for each in drafts],
        "next_attempt_at": [each.at for each in drafts],
    }
    arrays = [literal(values, ARRAY(deliveries.c[name].type)) for name, values in given.items()]
    rows = (
        func.unnest(*arrays)
        .table_valued(
            *(column(name, deliveries.c[name].type) for name in given), with_ordinality="number", name="given"
        )
        .render_derived()
    )
    chosen = select(*(rows.c[name] for name in given), literal(DeliveryStatus.WAITING), rows.c.next_attempt_at)
    done = await db.scalars(
        upsert(deliveries)
        .from_select([*given, "status", "created_at"], chosen.order_by(rows.c.number))
        .on_conflict_do_nothing()
        .returning(deliveries.c.id)
    )
    return list(done)


async def claim_due(
    db: AsyncSession, *, limit: int, per_endpoint: int, now: datetime, until: datetime
) -> list[Claimed]:
    """Take messages whose time has come, or whose sender died; what other senders are taking is passed over.

    An endpoint has few on their way at a time, so that one that hangs holds up its own only; and of one aggregate
    none before its earlier ones were tried once.
    """
    due = deliveries.alias("due")
    sent, earlier = deliveries.alias("sent"), deliveries.alias("earlier")
    on_their_way = (
        select(func.count())
        .where(
            sent.c.endpoint_id == endpoints.c.id,
            sent.c.next_attempt_at > now,
            sent.c.status == DeliveryStatus.SENDING,
        )
        .correlate(endpoints)
        .scalar_subquery()
    )
    untried = (
        select(literal(1))
        .where(
            earlier.c.endpoint_id == due.c.endpoint_id,
            earlier.c.aggregate_id == due.c.aggregate_id,
            earlier.c.position < due.c.position,
            earlier.c.next_attempt_at.is_not(None),
            (earlier.c.attempts == 0) | ((earlier.c.attempts == 1) & (earlier.c.status == DeliveryStatus.SENDING)),
        )
        .correlate(due)
        .exists()
    )
    each = (
        select(due.c.id)
        .where(due.c.endpoint_id == endpoints.c.id, due.c.next_attempt_at <= now, ~untried)
        .order_by(due.c.next_attempt_at, due.c.position)
        .limit(func.greatest(0, per_endpoint - on_their_way))
        .with_for_update(skip_locked=True, of=due)
        .correlate(endpoints)
        .lateral("each")
    )
    chosen = (
        select(each.c.id)
        .select_from(endpoints)
        .join(each, literal(True))
        .where(endpoints.c.enabled)
        .order_by(func.random())  # where there are more endpoints than lanes, none waits for ever
        .limit(limit)
        .cte("chosen")
    )
    claimed = (
        update(deliveries)
        .where(deliveries.c.id == chosen.c.id)
        .values(status=DeliveryStatus.SENDING, attempts=deliveries.c.attempts + 1, next_attempt_at=until)
        .returning(deliveries)
        .cte("claimed")
    )
    rows = await db.execute(
        select(claimed, endpoints.c.url)
        .join(endpoints, endpoints.c.id == claimed.c.endpoint_id)
        .order_by(claimed.c.position)
    )
    return [
        Claimed(row.id, row.endpoint_id, row.url, row.event_id, row.type, row.body, row.attempts) for row in rows
    ]


async def settle(
    db: AsyncSession, message: Claimed, *, delivered_at: datetime | None, again_at: datetime | None
) -> bool:
    """Delivered, to be tried again, or given up; False where the claim was not ours any more."""
    if delivered_at is not None:
        status = DeliveryStatus.DELIVERED
    else:
        status = DeliveryStatus.WAITING if again_at is not None else DeliveryStatus.FAILED
    ours = (
        deliveries.c.id == message.id,
        deliveries.c.status == DeliveryStatus.SENDING,
        deliveries.c.attempts == message.attempts,
    )
    values = {"status": status, "delivered_at": delivered_at, "next_attempt_at": again_at}
    done = update(deliveries).where(*ours).values(**values).returning(deliveries.c.id)
    return await db.scalar(done) is not None


async def log_attempt(db: AsyncSession, delivery_id: DeliveryId, attempt: Attempt, *, now: datetime) -> None:
    values = {
        "delivery_id": delivery_id,
        "at": now,
        "status_code": attempt.status_code,
        "milliseconds": attempt.milliseconds,
        "answer": attempt.answer,
        "error": attempt.error,
    }
    await db.execute(insert(attempts).values(**values).inline())


async def give_up_waiting(db: AsyncSession, endpoint_ids: Iterable[EndpointId]) -> None:
    """What waits for endpoints that are disabled; what is on its way to them ends by itself."""
    waiting = (
        deliveries.c.endpoint_id.in_(list(endpoint_ids)),
        deliveries.c.status == DeliveryStatus.WAITING,
    )
    await db.execute(
        update(deliveries).where(*waiting).values(status=DeliveryStatus.FAILED, next_attempt_at=null())
    )


async def queue_again(db: AsyncSession, delivery_id: DeliveryId, *, now: datetime) -> None:
    values = {
        "status": DeliveryStatus.WAITING,
        "attempts": 0,
        "next_attempt_at": now,
        "delivered_at": null(),
    }
    await db.execute(update(deliveries).where(deliveries.c.id == delivery_id).values(**values))


async def get(
    db: AsyncSession, delivery_id: DeliveryId, *, owner_id: UserId | None, lock: bool = False
) -> DeliveryView:
    """DeliveryNotFound where it is to no endpoint of this owner; `owner_id` None is anybody's."""
    chosen = select(*SHOWN).join(endpoints).where(deliveries.c.id == delivery_id)
    if owner_id is not None:
        chosen = chosen.where(endpoints.c.owner_id == owner_id)
    if lock:
        chosen = chosen.with_for_update(of=deliveries)
    row = (await db.execute(chosen)).mappings().one_or_none()
    if row is None:
        raise DeliveryNotFound
    return (await with_logs(db, [row]))[0]


async def page_of_deliveries(
    db: AsyncSession, endpoint_id: EndpointId, page: PageRequest, *, status: DeliveryStatus | None
) -> Page[DeliveryView]:
    """Newest first."""
    which: list[ColumnElement[bool]] = [deliveries.c.endpoint_id == endpoint_id]
    if status is not None:
        which.append(deliveries.c.status == status)
    total = await db.scalar(select(func.count()).select_from(deliveries).where(*which)) or 0
    chosen = select(*SHOWN).where(*which).order_by(deliveries.c.position.desc())
    rows = (await db.execute(chosen.limit(page.limit).offset(page.offset))).mappings().all()
    return Page(items=await with_logs(db, rows), page=page.page, limit=page.limit, total=total)


async def with_logs(db: AsyncSession, rows: Sequence[RowMapping]) -> list[DeliveryView]:
    ids = [row["id"] for row in rows]
    number = func.row_number().over(partition_by=attempts.c.delivery_id, order_by=attempts.c.id.desc())
    tried = select(attempts, number.label("number")).where(attempts.c.delivery_id.in_(ids)).subquery()
    found: dict[DeliveryId, list[AttemptView]] = {}
    newest = select(tried).where(tried.c.number <= LOG_LENGTH).order_by(tried.c.id.desc())
    for row in (await db.execute(newest)).mappings():
        found.setdefault(row["delivery_id"], []).append(attempt_view(row))
    return [DeliveryView.model_validate({**row, "log": found.get(row["id"], [])}) for row in rows]


async def forget_before(db: AsyncSession, instant: datetime, *, limit: int = 5_000) -> int:
    """Delete one bounded batch of what was settled and made before `instant`, and its tries."""
    old = (
        select(deliveries.c.id)
        .where(deliveries.c.created_at < instant, deliveries.c.next_attempt_at.is_(None))
        .order_by(deliveries.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(deliveries).where(deliveries.c.id == any_(func.array(old.scalar_subquery())))
    return len((await db.execute(gone.returning(deliveries.c.id))).all())


def attempt_view(row: RowMapping) -> AttemptView:
    return AttemptView.model_validate({name: row[name] for name in AttemptView.model_fields})
