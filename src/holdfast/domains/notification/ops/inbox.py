"""The inbox in the app: look, and mark as read. Everybody has their own only."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.notification import NoticeId, NoticeView, ReadView
from holdfast.domains.notification.exceptions import NoticeNotFound
from holdfast.domains.notification.queries import notices
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest


class ListNotices:
    """Newest first; with `unread` only those that were not read."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, unread: bool, actor: Actor) -> Page[NoticeView]:
        return await notices.page_of_notices(self.db, own(actor), page, unread=unread)


class ReadNotice:
    """Mark one as read; again changes nothing. NoticeNotFound, also for somebody else's."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, notice_id: NoticeId, *, now: datetime, actor: Actor) -> NoticeView:
        async with transaction(self.db):
            return await notices.mark_read(self.db, own(actor), notice_id, now=now)


class ReadAllNotices:
    """How many became read."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, now: datetime, actor: Actor) -> ReadView:
        async with transaction(self.db):
            return ReadView(read=await notices.mark_all_read(self.db, own(actor), now=now))


def own(actor: Actor) -> UserId:
    """Whose inbox it is; who has no account has none."""
    if actor.id is None:
        raise NoticeNotFound
    return actor.id
