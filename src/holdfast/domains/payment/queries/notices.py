"""The providers' events, and what could not be agreed with."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, any_, delete, func, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.payment import IntentId, ProviderEventStatus, ProviderEventView
from holdfast.domains.payment.exceptions import ProviderEventNotFound
from holdfast.domains.payment.models import provider_events
from holdfast.domains.payment.ports import DisputeReading, News, Notice, Reading, RefundReading
from holdfast.domains.payment.records import ProviderEventRecord
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

# the word that stands for each kind of news in the row
KINDS: Mapping[str, TypeAdapter[Any]] = {
    "payment": TypeAdapter(Reading),
    "refund": TypeAdapter(RefundReading),
    "dispute": TypeAdapter(DisputeReading),
}
WORDS: Mapping[type[News], str] = {Reading: "payment", RefundReading: "refund", DisputeReading: "dispute"}
LONGEST_TYPE = 200
SHOWN = tuple(provider_events.c[name] for name in ProviderEventView.model_fields)


def packed(news: News | None) -> dict[str, object] | None:
    """News as JSON, with its kind."""
    if news is None:
        return None
    word = WORDS[type(news)]
    return {word: KINDS[word].dump_python(replace(news, **storable(news)), mode="json")}


def storable(news: News) -> dict[str, Any]:
    """Its texts as the database takes them: without NUL, and without halves of characters."""
    texts = {field.name: getattr(news, field.name) for field in fields(news)}
    return {name: plain(said) for name, said in texts.items() if type(said) is str}


def plain(said: str) -> str:
    return said.encode(errors="replace").decode().replace("\0", "")


def unpacked(news: dict[str, Any] | None) -> News | None:
    """Whatever it raises, where another version packed it otherwise."""
    if news is None:
        return None
    (word, said), *_ = news.items()
    found: News = KINDS[word].validate_python(said)
    return found


def event(row: RowMapping) -> ProviderEventRecord:
    return ProviderEventRecord(
        id=row["id"],
        provider=row["provider"],
        event_id=row["event_id"],
        news=row["news"],
        status=ProviderEventStatus(row["status"]),
        attempts=row["attempts"],
    )


async def store_notice(
    db: AsyncSession, provider: str, notice: Notice, body: str, *, now: datetime
) -> UUID | None:
    """Its row's id; None where this event came before."""
    written = await db.execute(
        upsert(provider_events)
        .values(
            id=uuid7(),
            provider=provider,
            event_id=notice.event_id,
            type=plain(notice.type)[:LONGEST_TYPE],
            news=packed(notice.news),
            body=body,
            status=ProviderEventStatus.RECEIVED,
            next_attempt_at=now,
            received_at=now,
        )
        .on_conflict_do_nothing(constraint="provider_events_provider_event_id_key")
        .returning(provider_events.c.id)
    )
    row_id: UUID | None = written.scalar_one_or_none()
    return row_id


async def due_events(db: AsyncSession, *, now: datetime, limit: int) -> list[UUID]:
    rows = await db.scalars(
        select(provider_events.c.id)
        .where(provider_events.c.next_attempt_at <= now)
        .order_by(provider_events.c.next_attempt_at)
        .limit(limit)
    )
    return list(rows)


async def event_to_process(db: AsyncSession, row_id: UUID) -> ProviderEventRecord | None:
    """The event, locked; None where it is done, or another worker has it."""
    row = (
        (
            await db.execute(
                select(provider_events)
                .where(provider_events.c.id == row_id, provider_events.c.next_attempt_at.is_not(None))
                .with_for_update(skip_locked=True)
            )
        )
        .mappings()
        .one_or_none()
    )
    return None if row is None else event(row)


async def finish_event(
    db: AsyncSession, row_id: UUID, status: ProviderEventStatus, intent_id: IntentId | None, *, now: datetime
) -> None:
    await db.execute(
        update(provider_events)
        .where(provider_events.c.id == row_id)
        .values(status=status, intent_id=intent_id, processed_at=now, next_attempt_at=null(), error=null())
    )


async def postpone_event(db: AsyncSession, record: ProviderEventRecord, *, at: datetime, error: str) -> None:
    await db.execute(
        update(provider_events)
        .where(provider_events.c.id == record.id, provider_events.c.next_attempt_at.is_not(None))
        .values(next_attempt_at=at, attempts=provider_events.c.attempts + 1, error=error)
    )


async def queue_event(db: AsyncSession, row_id: UUID, *, now: datetime) -> ProviderEventStatus:
    """To be processed once more; the status it had. ProviderEventNotFound."""
    chosen = select(provider_events.c.status).where(provider_events.c.id == row_id).with_for_update()
    before = await db.scalar(chosen)
    if before is None:
        raise ProviderEventNotFound
    await db.execute(
        update(provider_events)
        .where(provider_events.c.id == row_id)
        .values(status=ProviderEventStatus.RECEIVED, next_attempt_at=now, processed_at=null())
    )
    return ProviderEventStatus(before)


async def forget_before(db: AsyncSession, instant: datetime, *, limit: int = 5_000) -> int:
    """Delete one bounded batch of what came before `instant` and was processed."""
    old = (
        select(provider_events.c.id)
        .where(provider_events.c.received_at < instant, provider_events.c.next_attempt_at.is_(None))
        .order_by(provider_events.c.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = delete(provider_events).where(provider_events.c.id == any_(func.array(old.scalar_subquery())))
    return len((await db.execute(gone.returning(provider_events.c.id))).all())


async def show_event(db: AsyncSession, row_id: UUID) -> ProviderEventView:
    row = (await db.execute(select(*SHOWN).where(provider_events.c.id == row_id))).mappings().one_or_none()
    if row is None:
        raise ProviderEventNotFound
    return ProviderEventView.model_validate(dict(row))


async def page_of_events(
    db: AsyncSession, page: PageRequest, *, status: ProviderEventStatus | None
) -> Page[ProviderEventView]:
    """Newest first."""
    chosen = select(*SHOWN)
    if status is not None:
        chosen = chosen.where(provider_events.c.status == status)
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    newest = chosen.order_by(provider_events.c.received_at.desc(), provider_events.c.id.desc())
    rows = await db.execute(newest.limit(page.limit).offset(page.offset))
    items = [ProviderEventView.model_validate(dict(row)) for row in rows.mappings()]
    return Page(items=items, page=page.page, limit=page.limit, total=total)
