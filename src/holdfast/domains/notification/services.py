"""Notification's facade: one method per operation, no logic."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.identity import Actor
from holdfast.contracts.notification import (
    AddressView,
    AttemptsView,
    Channel,
    MessageDraft,
    MessageId,
    MessageStatus,
    MessageView,
    NoticeId,
    NoticeView,
    PreviewView,
    ReadView,
    Template,
    TemplateActivation,
    TemplateDraft,
    TemplatePreview,
    TemplatesView,
    TemplateView,
)
from holdfast.domains.notification.letters import Letterhead
from holdfast.domains.notification.office import Office
from holdfast.domains.notification.ops.admin import CheckAddress, ListAttempts, ListMessages, RetryMessage
from holdfast.domains.notification.ops.inbox import ListNotices, ReadAllNotices, ReadNotice
from holdfast.domains.notification.ops.keep import AuditMessages, ForgetMessages
from holdfast.domains.notification.ops.queue import QueueMessage
from holdfast.domains.notification.ops.remind import PlanReminders, SendReminders
from holdfast.domains.notification.ops.send import SendMessages
from holdfast.domains.notification.ops.templates import (
    ActivateTemplate,
    GetTemplate,
    ListTemplates,
    ListVersions,
    PreviewTemplate,
    SaveTemplate,
)
from holdfast.domains.notification.ports import Bookings, Documents, MailDomains, Mailer, People, Venues
from holdfast.domains.notification.queries.templates import Place
from holdfast.domains.notification.telling import Sources
from holdfast.kernel.clock import Clock
from holdfast.kernel.invariants import Finding
from holdfast.kernel.paging import Page, PageRequest


class NotificationService:
    def __init__(self, db: AsyncSession, people: People, office: Office) -> None:
        self.db = db
        self.people = people
        self.office = office

    async def queue(self, draft: MessageDraft, *, now: datetime) -> MessageId | None:
        return await QueueMessage(self.db, self.people, self.office).execute(draft, now=now)

    async def send_due(
        self,
        mailer: Mailer,
        letterhead: Letterhead,
        *,
        channel: Channel = Channel.EMAIL,
        documents: Documents | None = None,
        clock: Clock,
    ) -> int:
        """Only in a session of the system: nobody else may read what is secret in a message."""
        op = SendMessages(self.db, mailer, letterhead, self.office, documents)
        return await op.execute(channel, clock=clock)

    async def list_messages(
        self, page: PageRequest, *, status: MessageStatus | None = None, actor: Actor
    ) -> Page[MessageView]:
        return await ListMessages(self.db).execute(page, status=status, actor=actor)

    async def list_attempts(self, message_id: MessageId, *, actor: Actor) -> AttemptsView:
        return await ListAttempts(self.db).execute(message_id, actor=actor)

    async def retry(self, message_id: MessageId, *, now: datetime, actor: Actor) -> MessageView:
        return await RetryMessage(self.db).execute(message_id, now=now, actor=actor)

    async def check_address(self, email: str, domains: MailDomains, *, actor: Actor) -> AddressView:
        return await CheckAddress(domains).execute(email, actor=actor)

    async def list_notices(self, page: PageRequest, *, unread: bool = False, actor: Actor) -> Page[NoticeView]:
        return await ListNotices(self.db).execute(page, unread=unread, actor=actor)

    async def read_notice(self, notice_id: NoticeId, *, now: datetime, actor: Actor) -> NoticeView:
        return await ReadNotice(self.db).execute(notice_id, now=now, actor=actor)

    async def read_all_notices(self, *, now: datetime, actor: Actor) -> ReadView:
        return await ReadAllNotices(self.db).execute(now=now, actor=actor)

    async def plan_reminders(self, booking_id: BookingId, *, start_at: datetime, now: datetime) -> None:
        await PlanReminders(self.db, self.office).execute(booking_id, start_at=start_at, now=now)

    async def send_reminders(self, bookings: Bookings, venues: Venues, *, now: datetime) -> int:
        sources = Sources(bookings, venues, self.people, self.office)
        return await SendReminders(self.db, sources).execute(now=now)

    async def forget(self, *, before: datetime) -> int:
        return await ForgetMessages(self.db).execute(before=before)

    async def audit(self, *, now: datetime) -> list[Finding]:
        return await AuditMessages(self.db).execute(now=now)


class TemplateService:
    """Wants the caller's session: the database lets only the house save."""

    def __init__(self, db: AsyncSession, letterhead: Letterhead) -> None:
        self.db = db
        self.letterhead = letterhead

    async def list_templates(self, *, actor: Actor) -> TemplatesView:
        return await ListTemplates(self.db).execute(actor=actor)

    async def get(self, template: Template, language: str, channel: Channel, *, actor: Actor) -> TemplateView:
        return await GetTemplate(self.db).execute(Place(template, language.lower(), channel), actor=actor)

    async def list_versions(
        self, template: Template, language: str, channel: Channel, *, actor: Actor
    ) -> TemplatesView:
        return await ListVersions(self.db).execute(Place(template, language.lower(), channel), actor=actor)

    async def save(
        self,
        template: Template,
        language: str,
        channel: Channel,
        draft: TemplateDraft,
        *,
        now: datetime,
        actor: Actor,
    ) -> TemplateView:
        place = Place(template, language.lower(), channel)
        return await SaveTemplate(self.db).execute(place, draft, now=now, actor=actor)

    async def activate(
        self,
        template: Template,
        language: str,
        channel: Channel,
        activation: TemplateActivation,
        *,
        now: datetime,
        actor: Actor,
    ) -> TemplateView:
        place, version = Place(template, language.lower(), channel), activation.version
        return await ActivateTemplate(self.db).execute(place, version=version, now=now, actor=actor)

    async def preview(
        self, template: Template, language: str, channel: Channel, preview: TemplatePreview, *, actor: Actor
    ) -> PreviewView:
        place = Place(template, language.lower(), channel)
        return await PreviewTemplate(self.db, self.letterhead).execute(place, preview, actor=actor)
