"""Messages to people, as staff sees them."""

from fastapi import APIRouter

from holdfast.api.dependencies import HouseActor, Now, Paging, Session, WiringDep
from holdfast.api.problems import documents
from holdfast.contracts.notification import AttemptsView, MessageId, MessageStatus, MessageView
from holdfast.domains.notification.exceptions import (
    MessageNotFailed,
    MessageNotFound,
    MessagesAreForStaff,
    SecretsWiped,
)
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/admin/messages", tags=["notification"])

RETRY_REFUSALS = documents(MessagesAreForStaff, MessageNotFound, MessageNotFailed, SecretsWiped)


@router.get("", responses=documents(MessagesAreForStaff))
async def list_messages(
    wired: WiringDep, db: Session, paging: Paging, actor: HouseActor, status: MessageStatus | None = None
) -> Page[MessageView]:
    """Newest first: to whom, which template and what became of it; never what it says."""
    return await wired.notification(db).list_messages(paging, status=status, actor=actor)


@router.get("/{message_id}/attempts", responses=documents(MessagesAreForStaff, MessageNotFound))
async def list_attempts(message_id: MessageId, wired: WiringDep, db: Session, actor: HouseActor) -> AttemptsView:
    """Every try to send it, in their order: what the other side said, and how long it took."""
    return await wired.notification(db).list_attempts(message_id, actor=actor)


@router.post("/{message_id}/retry", responses=RETRY_REFUSALS)
async def retry_message(
    message_id: MessageId, wired: WiringDep, db: Session, now: Now, actor: HouseActor
) -> MessageView:
    """Queue a message that was given up anew. One that held a code or a link is wiped and cannot be."""
    return await wired.notification(db).retry(message_id, now=now, actor=actor)
