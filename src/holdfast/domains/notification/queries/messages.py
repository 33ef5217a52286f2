"""Messages by mail and text message: queued, claimed, settled; and their tries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import RowMapping, any_, delete, func, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.document import AttachmentRef
from holdfast.contracts.identity import UserId
from holdfast.contracts.notification import (
    AttemptOutcome,
    AttemptView,
    Category,
    Channel,
    MessageId,
    MessageStatus,
    MessageView,
    Template,
)
from holdfast.domains.notification.exceptions import MessageNotFound
from holdfast.domains.notification.models import attempts, messages, secrets
from holdfast.domains.notification.rules import MAX_ATTEMPTS
from holdfast.kernel.paging import Page, PageRequest
from holdfast.kernel.tracing import traceparent

SHOWN = (
    messages.c.id,
    messages.c.channel,
    messages.c.category,
    messages.c.recipient.label("to"),
    messages.c.template,
    messages.c.language,
    messages.c.status,
    messages.c.attempts,
    messages.c.user_id,
    messages.c.booking_id,
    messages.c.created_at,
    messages.c.next_attempt_at,
    messages.c.sent_at,
    messages.c.last_error,
)


@dataclass(frozen=True)
class NewMessage:
    """A message as it is queued; `sealed` is what is secret in it."""

    id: MessageId
    channel: Channel
    category: Category
    recipient: str
    recipient_name: str | None
    template: Template
    language: str
    details: dict[str, JsonValue]
    sealed: bytes | None
    attachments: list[AttachmentRef]
    user_id: UserId | None
    booking_id: UUID | None


@dataclass(frozen=True)
class Claimed:
    """A message that this sender alone may send until its claim ends; `attempts` counts this try."""

    id: MessageId
    attempt_id: int
    channel: Channel
    recipient: str
    recipient_name: str | None
    template: Template
    language: str
    details: dict[str, JsonValue]
    open_secrets: dict[str, str]
    sealed: bytes | None
    attachments: list[AttachmentRef]
    attempts: int
    created_at: datetime
    started_at: datetime
    traceparent: str | None = None


async def insert_message(db: AsyncSession, message: NewMessage, *, now: datetime) -> None:
    await db.execute(
        insert(messages).values(
            id=message.id,
            user_id=message.user_id,
            booking_id=message.booking_id,
            channel=message.channel,
            category=message.category,
            recipient=message.recipient,
            recipient_name=message.recipient_name,
            template=message.template,
            language=message.language,
            details=message.details,
            attachments=[each.model_dump(mode="json") for each in message.attachments],
            has_secrets=message.sealed is not None,
            status=MessageStatus.QUEUED,
            next_attempt_at=now,
            created_at=now,
            traceparent=traceparent(),
        )
    )
    if message.sealed is not None:
        await db.execute(insert(secrets).values(message_id=message.id, sealed=message.sealed))


async def claim_due(
    db: AsyncSession, channel: Channel, *, limit: int, now: datetime, until: datetime
) -> list[Claimed]:
    """Take messages whose time has come, or whose sender died; what other senders are taking is passed over."""
    due = (
        select(messages.c.id)
        .where(
            messages.c.channel == channel,
            messages.c.next_attempt_at <= now,
            messages.c.attempts < MAX_ATTEMPTS,
        )
        .order_by(messages.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claimed = (
        update(messages)
        .where(messages.c.id == due.c.id)
        .values(status=MessageStatus.SENDING, attempts=messages.c.attempts + 1, next_attempt_at=until)
        .returning(messages)
        .cte("claimed")
    )
    rows = await db.execute(
        select(claimed, secrets.c.data.label("open_secrets"), secrets.c.sealed).join(
            secrets, secrets.c.message_id == claimed.c.id, isouter=True
        )
    )
    found = rows.mappings().all()
    tries = await begin_attempts(db, [(row["id"], row["attempts"]) for row in found], now=now)
    return [claimed_message(row, tries[row["id"]], now) for row in found]


async def begin_attempts(
    db: AsyncSession, tried: Sequence[tuple[MessageId, int]], *, now: datetime
) -> dict[MessageId, int]:
    """A row in the log for each message, before it is tried: a sender that dies leaves it without an end."""
    if not tried:
        return {}
    rows = await db.execute(
        insert(attempts)
        .values([{"message_id": each, "number": number, "started_at": now} for each, number in tried])
        .returning(attempts.c.message_id, attempts.c.id)
    )
    return {MessageId(message_id): attempt_id for message_id, attempt_id in rows}


async def end_attempt(
    db: AsyncSession, message: Claimed, *, outcome: AttemptOutcome, answer: str | None, lasted: timedelta
) -> None:
    milliseconds = max(0, lasted // timedelta(milliseconds=1))
    await db.execute(
        update(attempts)
        .where(attempts.c.id == message.attempt_id)
        .values(outcome=outcome, answer=answer, duration_ms=milliseconds)
    )


async def attempts_of(db: AsyncSession, message_id: MessageId) -> list[AttemptView]:
    """In their order. MessageNotFound."""
    if await db.scalar(select(messages.c.id).where(messages.c.id == message_id)) is None:
        raise MessageNotFound
    rows = await db.execute(select(attempts).where(attempts.c.message_id == message_id).order_by(attempts.c.id))
    return [AttemptView.from_store(dict(row)) for row in rows.mappings()]


async def mark_sent(db: AsyncSession, message: Claimed, *, now: datetime) -> bool:
    """Whether the claim was still ours."""
    values = {"status": MessageStatus.SENT, "sent_at": now, "next_attempt_at": null(), "last_error": null()}
    return await settle(db, message, values)


async def mark_deferred(db: AsyncSession, message: Claimed, *, error: str, again_at: datetime) -> bool:
    return await settle(
        db, message, {"status": MessageStatus.QUEUED, "next_attempt_at": again_at, "last_error": error}
    )


async def mark_failed(db: AsyncSession, message: Claimed, *, error: str) -> bool:
    return await settle(
        db, message, {"status": MessageStatus.FAILED, "next_attempt_at": null(), "last_error": error}
    )


async def settle(db: AsyncSession, message: Claimed, values: dict[str, object]) -> bool:
    """`attempts` is the claim's own number: a sender that slept past its claim changes nothing."""
    ours = (
        messages.c.id == message.id,
        messages.c.status == MessageStatus.SENDING,
        messages.c.attempts == message.attempts,
    )
    return await db.scalar(update(messages).where(*ours).values(values).returning(messages.c.id)) is not None


async def give_up_lost(db: AsyncSession, channel: Channel, *, now: datetime) -> list[MessageId]:
    """Messages whose sender died in the last try that they had."""
    lost = (
        select(messages.c.id)
        .where(
            messages.c.channel == channel,
            messages.c.next_attempt_at <= now,
            messages.c.attempts >= MAX_ATTEMPTS,
        )
        .with_for_update(skip_locked=True)
        .cte("lost")
    )
    rows = await db.scalars(
        update(messages)
        .where(messages.c.id == lost.c.id)
        .values(status=MessageStatus.FAILED, next_attempt_at=null(), last_error="the sender died while sending")
        .returning(messages.c.id)
    )
    return list(rows)


async def wipe_secrets(db: AsyncSession, message_ids: Sequence[MessageId]) -> None:
    await db.execute(delete(secrets).where(secrets.c.message_id.in_(message_ids)))


async def count_waiting(db: AsyncSession) -> int:
    waiting = select(func.count()).select_from(messages).where(messages.c.next_attempt_at.is_not(None))
    return await db.scalar(waiting) or 0


async def get_for_update(db: AsyncSession, message_id: MessageId) -> tuple[MessageView, bool]:
    """The message, locked, and whether it had secrets. MessageNotFound."""
    chosen = select(*SHOWN, messages.c.has_secrets).where(messages.c.id == message_id).with_for_update()
    row = (await db.execute(chosen)).mappings().one_or_none()
    if row is None:
        raise MessageNotFound
    return message_view(row), row["has_secrets"]


async def queue_again(db: AsyncSession, message_id: MessageId, *, now: datetime) -> MessageView:
    done = (
        update(messages)
        .where(messages.c.id == message_id)
        .values(status=MessageStatus.QUEUED, attempts=0, next_attempt_at=now)
        .returning(*SHOWN)
    )
    return message_view((await db.execute(done)).mappings().one())


async def page_of_messages(
    db: AsyncSession, page: PageRequest, *, status: MessageStatus | None
) -> Page[MessageView]:
    """Newest first."""
    chosen = select(*SHOWN)
    if status is not None:
        chosen = chosen.where(messages.c.status == status)
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    ordered = chosen.order_by(messages.c.created_at.desc(), messages.c.id.desc())
    rows = (await db.execute(ordered.limit(page.limit).offset(page.offset))).mappings()
    return Page(items=[message_view(row) for row in rows], page=page.page, limit=page.limit, total=total)


async def forget_before(db: AsyncSession, instant: datetime, *, limit: int) -> int:
    """Delete one bounded batch of messages that were sent or given up and are older; their tries go with them."""
    old = (
        select(messages.c.id)
        .where(messages.c.created_at < instant, messages.c.next_attempt_at.is_(None))
        .order_by(messages.c.created_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    gone = await db.execute(
        delete(messages).where(messages.c.id == any_(func.array(old.scalar_subquery()))).returning(messages.c.id)
    )
    return len(gone.all())


def claimed_message(row: RowMapping, attempt_id: int, now: datetime) -> Claimed:
    return Claimed(
        id=row["id"],
        attempt_id=attempt_id,
        channel=Channel(row["channel"]),
        recipient=row["recipient"],
        recipient_name=row["recipient_name"],
        template=Template(row["template"]),
        language=row["language"],
        details=row["details"],
        open_secrets=row["open_secrets"] or {},
        sealed=row["sealed"],
        attachments=[AttachmentRef.from_store(each) for each in row["attachments"]],
        attempts=row["attempts"],
        created_at=row["created_at"],
        started_at=now,
        traceparent=row["traceparent"],
    )


def message_view(row: RowMapping) -> MessageView:
    return MessageView.model_validate({name: row[name] for name in MessageView.model_fields})
