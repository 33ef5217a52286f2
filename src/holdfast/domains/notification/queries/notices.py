"""The inbox in the app. In its receiver's own session the database shows no other row."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import UserId
from holdfast.contracts.notification import Category, NoticeId, NoticeView, Template
from holdfast.domains.notification.exceptions import NoticeNotFound
from holdfast.domains.notification.models import notices
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

SHOWN = [notices.c[name] for name in NoticeView.model_fields]


async def insert_notice(
    db: AsyncSession,
    user_id: UserId,
    *,
    template: Template,
    category: Category,
    language: str,
    title: str,
    body: str,
    booking_id: UUID | None,
    now: datetime,
) -> None:
    await db.execute(
        insert(notices)
        .inline()  # nothing is returned: who causes a notice may not read it
        .values(
            id=uuid7(),
            user_id=user_id,
            template=template,
            category=category,
            language=language,
            title=title,
            body=body,
            booking_id=booking_id,
            created_at=now,
        )
    )


async def page_of_notices(
    db: AsyncSession, user_id: UserId, page: PageRequest, *, unread: bool
) -> Page[NoticeView]:
    """Newest first."""
    chosen = select(*SHOWN).where(notices.c.user_id == user_id)
    if unread:
        chosen = chosen.where(notices.c.read_at.is_(None))
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    ordered = chosen.order_by(notices.c.created_at.desc(), notices.c.id.desc())
    rows = (await db.execute(ordered.limit(page.limit).offset(page.offset))).mappings()
    items = [NoticeView.model_validate(dict(row)) for row in rows]
    return Page(items=items, page=page.page, limit=page.limit, total=total)


async def mark_read(db: AsyncSession, user_id: UserId, notice_id: NoticeId, *, now: datetime) -> NoticeView:
    """When it was read first stays. NoticeNotFound."""
    read = (
        update(notices)
        .where(notices.c.id == notice_id, notices.c.user_id == user_id)
        .values(read_at=func.coalesce(notices.c.read_at, now))
        .returning(*SHOWN)
    )
    row = (await db.execute(read)).mappings().one_or_none()
    if row is None:
        raise NoticeNotFound
    return NoticeView.model_validate(dict(row))


async def mark_all_read(db: AsyncSession, user_id: UserId, *, now: datetime) -> int:
    unread = (notices.c.user_id == user_id, notices.c.read_at.is_(None))
    done = await db.execute(update(notices).where(*unread).values(read_at=now).returning(notices.c.id))
    return len(done.all())


async def forget_before(db: AsyncSession, instant: datetime, *, limit: int) -> int:
    """Delete one bounded batch of notices that are older, read or not."""
    old = select(notices.c.id).where(notices.c.created_at < instant).order_by(notices.c.created_at).limit(limit)
    locked = old.with_for_update(skip_locked=True)
    gone = await db.execute(
        delete(notices).where(notices.c.id == any_(func.array(locked.scalar_subquery()))).returning(notices.c.id)
    )
    return len(gone.all())
