"""One's own inbox in the app."""

from typing import Annotated

from fastapi import APIRouter, Query

from holdfast.api.dependencies import AccountActor, Now, Paging, Session, WiringDep
from holdfast.api.problems import documents
from holdfast.contracts.notification import NoticeId, NoticeView, ReadView
from holdfast.domains.notification.exceptions import NoticeNotFound
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/notifications", tags=["notification"])


@router.get("", responses=documents())
async def list_notifications(
    wired: WiringDep,
    db: Session,
    paging: Paging,
    actor: AccountActor,
    unread: Annotated[bool, Query(description="only what was not read yet")] = False,
) -> Page[NoticeView]:
    """What you were told, newest first; with `unread` the `total` is how much of it is new."""
    return await wired.notification(db).list_notices(paging, unread=unread, actor=actor)


@router.post("/read-all", responses=documents())
async def read_all_notifications(wired: WiringDep, db: Session, now: Now, actor: AccountActor) -> ReadView:
    """Mark everything as read; how many became so."""
    return await wired.notification(db).read_all_notices(now=now, actor=actor)


@router.post("/{notice_id}/read", responses=documents(NoticeNotFound))
async def read_notification(
    notice_id: NoticeId, wired: WiringDep, db: Session, now: Now, actor: AccountActor
) -> NoticeView:
    """Mark one as read; when it was read first stays."""
    return await wired.notification(db).read_notice(notice_id, now=now, actor=actor)
