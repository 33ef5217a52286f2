from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Preferences
from holdfast.contracts.notification import Category, Channel, MessageDraft, MessageId
from holdfast.domains.notification import letters
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.office import Office
from holdfast.domains.notification.ports import People
from holdfast.domains.notification.queries import messages, notices, templates
from holdfast.domains.notification.queries.messages import NewMessage
from holdfast.domains.notification.rules import goes, international
from holdfast.domains.notification.sealing import sealed
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7


@dataclass(frozen=True)
class Receiver:
    """`preferences` are the defaults for who has no account, and for mail that nobody may decline."""

    has_account: bool
    preferences: Preferences


class QueueMessage:
    """Write a message in the caller's transaction, for every way it goes; it is sent once that has committed.

    It is written out once here and thrown away: a value that its template lacks refuses the act that forgot it
    (MessageIncomplete), not a sender at night. What its receiver declined is not written. The id of the mail, or
    None where none goes.
    """

    def __init__(self, db: AsyncSession, people: People, office: Office) -> None:
        self.db = db
        self.people = people
        self.office = office

    async def execute(self, draft: MessageDraft, *, now: datetime) -> MessageId | None:
        kind = KINDS[draft.template]
        receiver = await self.receiver(draft, kind.category)
        mail = None
        async with transaction(self.db):
            for channel in kind.channels:
                if not goes(kind.category, channel, receiver.preferences) or not self.reaches(
                    draft, channel, receiver
                ):
                    continue
                if channel is Channel.IN_APP:
                    await self.put_notice(draft, kind.category, now=now)
                else:
                    queued = await self.put_message(draft, kind.category, channel, now=now)
                    mail = queued if channel is Channel.EMAIL else mail
        return mail

    async def receiver(self, draft: MessageDraft, category: Category) -> Receiver:
        """Nobody is asked about mail that comes whatever they say: often the account is being made just now."""
        if draft.user_id is None or category is Category.LEGAL:
            return Receiver(has_account=draft.user_id is not None, preferences=Preferences())
        found = await self.people.preferences(draft.user_id)
        return Receiver(has_account=found is not None, preferences=found or Preferences())

    def language(self, draft: MessageDraft) -> str:
        return draft.language or self.office.language

    def reaches(self, draft: MessageDraft, channel: Channel, receiver: Receiver) -> bool:
        if channel is Channel.SMS:
            return self.office.texts and international(draft.phone) is not None
        if channel is Channel.IN_APP:
            return receiver.has_account and not draft.secrets
        return True

    async def put_message(
        self, draft: MessageDraft, category: Category, channel: Channel, *, now: datetime
    ) -> MessageId:
        await self.written(draft, channel)
        message_id = MessageId(uuid7())
        number = international(draft.phone)
        message = NewMessage(
            id=message_id,
            channel=channel,
            category=category,
            recipient=number if channel is Channel.SMS and number else draft.to,
            recipient_name=draft.to_name,
            template=draft.template,
            language=self.language(draft),
            details=draft.values,
            sealed=(
                sealed(draft.secrets, self.office.sealing_key, message_id=message_id) if draft.secrets else None
            ),
            attachments=draft.attachments if channel is Channel.EMAIL else [],
            user_id=draft.user_id,
            booking_id=draft.booking_id,
        )
        await messages.insert_message(self.db, message, now=now)
        return message_id

    async def put_notice(self, draft: MessageDraft, category: Category, *, now: datetime) -> None:
        words = await self.written(draft, Channel.IN_APP)
        if draft.user_id is not None:
            await notices.insert_notice(
                self.db,
                draft.user_id,
                template=draft.template,
                category=category,
                language=words.language,
                title=words.subject,
                body=words.text.strip(),
                booking_id=draft.booking_id,
                now=now,
            )

    async def written(self, draft: MessageDraft, channel: Channel) -> letters.Words:
        stored = await templates.scripts_in_use(self.db, channel, [draft.template])
        return letters.write(
            draft.template,
            values={**draft.values, **draft.secrets},
            language=self.language(draft),
            channel=channel,
            stored=stored[draft.template],
        )
