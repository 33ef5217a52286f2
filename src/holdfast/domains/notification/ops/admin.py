"""What staff does with messages: look, and have one sent again."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.notification import AddressView, AttemptsView, MessageId, MessageStatus, MessageView
from holdfast.domains.notification.exceptions import MessageNotFailed, MessagesAreForStaff, SecretsWiped
from holdfast.domains.notification.ports import MailDomains
from holdfast.domains.notification.queries import messages
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest


class ListMessages:
    """Newest first. MessagesAreForStaff for everybody else."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, page: PageRequest, *, status: MessageStatus | None = None, actor: Actor
    ) -> Page[MessageView]:
        require_house(actor)
        return await messages.page_of_messages(self.db, page, status=status)


class CheckAddress:
    """Ask the domain of an address whether it takes mail. MessagesAreForStaff."""

    def __init__(self, domains: MailDomains) -> None:
        self.domains = domains

    async def execute(self, email: str, *, actor: Actor) -> AddressView:
        require_house(actor)
        return await self.domains.check(email)


class ListAttempts:
    """Every try of a message, in their order. MessagesAreForStaff, MessageNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, message_id: MessageId, *, actor: Actor) -> AttemptsView:
        require_house(actor)
        return AttemptsView(items=await messages.attempts_of(self.db, message_id))


class RetryMessage:
    """Queue a message that was given up anew, with all its tries.

    MessagesAreForStaff, MessageNotFound, MessageNotFailed, and SecretsWiped where it cannot be written any more.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, message_id: MessageId, *, now: datetime, actor: Actor) -> MessageView:
        require_house(actor)
        async with transaction(self.db):
            message, has_secrets = await messages.get_for_update(self.db, message_id)
            if message.status is not MessageStatus.FAILED:
                raise MessageNotFailed(f"it is {message.status}")
            if has_secrets:
                raise SecretsWiped
            queued = await messages.queue_again(self.db, message_id, now=now)
            attest(
                self.db,
                Act(
                    action="message.retried",
                    actor_type=actor.type,
                    actor_id=actor.id,
                    subject_type="message",
                    subject_id=message_id,
                    before={"status": message.status, "last_error": message.last_error},
                    after={"status": queued.status},
                ),
                now=now,
            )
        return queued


def require_house(actor: Actor) -> None:
    if not actor.is_house:
        raise MessagesAreForStaff
