"""What notification says: messages to people, by mail, by text message and in the app.

What each template is filled with; `[ ]` are secrets. Everything is text, already formatted for people in the
message's language, and every name must be given, if only as None where a `?` says that it may be missing. Which
category a template is of, and which ways it goes, stands with an example of each in the domain's `kinds.py`.

    verify_address      valid_minutes [otp] [link]  "10"; the link proves the address too
    address_known       login_url? reset_url?       somebody tried to register an address that has an account
    reset_password      valid_minutes [link]
    password_changed    changed_at                  "2030-01-08, 12:00 UTC"
    account_banned      reason?
    booking_confirmed   guest_name reference venue_name starts ends party_size total?
    booking_cancelled   guest_name reference venue_name starts refund?
    booking_expired     guest_name reference venue_name starts
    documents_ready     guest_name reference venue_name starts documents    the names of what is attached
    booking_reminder    guest_name reference venue_name starts ends party_size outstanding?
    balance_due         guest_name reference venue_name starts outstanding
    booking_failed      guest_name reference venue_name starts reason?
    refund_requested    guest_name reference venue_name starts amount why    `why` is a whole sentence
    late_payment_confirmed  guest_name reference venue_name starts ends party_size total?
    late_payment_refunded   guest_name reference venue_name starts amount
"""

from enum import StrEnum
from typing import Annotated, NewType
from uuid import UUID

from pydantic import AfterValidator, Field, StrictInt, StringConstraints

from holdfast.contracts.document import AttachmentRef
from holdfast.contracts.identity import Email, LanguageTag, Phone, UserId
from holdfast.kernel.contract import Contract, Instant, Metadata, Name, storable, storable_json

MessageId = NewType("MessageId", UUID)
NoticeId = NewType("NoticeId", UUID)


class Channel(StrEnum):
    """The ways to a person."""

    EMAIL = "email"
    SMS = "sms"
    IN_APP = "in_app"


class Category(StrEnum):
    """Why a message is written, which decides what its receiver may decline; `legal` is about their account."""

    LEGAL = "legal"
    TRANSACTIONAL = "transactional"
    REMINDER = "reminder"
    MARKETING = "marketing"


class Template(StrEnum):
    """Every message there is; subject, text and HTML templates of the same name exist for each."""

    VERIFY_ADDRESS = "verify_address"
    ADDRESS_KNOWN = "address_known"
    RESET_PASSWORD = "reset_password"
    PASSWORD_CHANGED = "password_changed"
    ACCOUNT_BANNED = "account_banned"
    BOOKING_CONFIRMED = "booking_confirmed"
    BOOKING_CANCELLED = "booking_cancelled"
    BOOKING_EXPIRED = "booking_expired"
    DOCUMENTS_READY = "documents_ready"
    BOOKING_REMINDER = "booking_reminder"
    BALANCE_DUE = "balance_due"
    BOOKING_FAILED = "booking_failed"
    REFUND_REQUESTED = "refund_requested"
    LATE_PAYMENT_CONFIRMED = "late_payment_confirmed"
    LATE_PAYMENT_REFUNDED = "late_payment_refunded"
    BOOKING_COMPLETED = "booking_completed"
    ITEM_REQUESTED = "item_requested"
    ITEM_CANCELLED = "item_cancelled"


class MessageStatus(StrEnum):
    """Where a message stands; `failed` is given up, for good unless staff asks again."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class AttemptOutcome(StrEnum):
    """What a try came to: `deferred` is tried again, `failed` is not."""

    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"


def storable_secrets(secrets: dict[str, str]) -> dict[str, str]:
    storable_json({**secrets})
    return secrets


class MessageDraft(Contract):
    """To whom, which template, with what. `secrets` fill the template too and are wiped once it is sent.

    `to` is an address alone; `to_name` is shown beside it. Where its template goes by text message or in the app
    too, `phone` and `user_id` say where to; what the receiver declined is not sent. `language` is the house's
    where nobody chose one. `attachments` go with the mail, and are fetched as it is sent.
    """

    to: Email
    to_name: Name | None = None
    phone: Phone | None = None
    template: Template
    values: Metadata = {}
    secrets: Annotated[dict[str, str], AfterValidator(storable_secrets)] = {}
    user_id: UserId | None = None
    booking_id: UUID | None = None
    language: LanguageTag | None = None
    attachments: Annotated[list[AttachmentRef], Field(max_length=10)] = []


class MessageView(Contract):
    """A message as staff sees it: never what it says, which may have held secrets; `to` an address or a number."""

    id: MessageId
    channel: Channel
    category: Category
    to: str
    template: Template
    language: str
    status: MessageStatus
    attempts: int
    user_id: UserId | None
    booking_id: UUID | None
    created_at: Instant
    next_attempt_at: Instant | None
    sent_at: Instant | None
    last_error: str | None


class AttemptView(Contract):
    """One try to hand a message over, and what the other side said to it. Without an end its sender died."""

    number: int
    outcome: AttemptOutcome | None
    answer: str | None
    started_at: Instant
    duration_ms: int | None


class AttemptsView(Contract):
    items: list[AttemptView]


class NoticeView(Contract):
    """A message in the app, as its receiver sees it."""

    id: NoticeId
    template: Template
    category: Category
    language: str
    title: str
    body: str
    booking_id: UUID | None
    created_at: Instant
    read_at: Instant | None


class ReadView(Contract):
    """How many became read."""

    read: int


Subject = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(storable)]
PlainPart = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(storable)]
HtmlPart = Annotated[str, StringConstraints(min_length=1, max_length=50_000), AfterValidator(storable)]
TemplateVersion = Annotated[StrictInt, Field(ge=1, le=1_000_000)]


class TemplateDraft(Contract):
    """`PUT /admin/templates/{template}/{language}/{channel}`: the words of a new version, with the names of what
    fills them in braces. Mail has all three parts, a text message only `text`, a notice no `html`."""

    subject: Subject | None = None
    text: PlainPart
    html: HtmlPart | None = None


class TemplatePreview(Contract):
    """Parts that are absent are those in use, values that are absent those of the sample."""

    subject: Subject | None = None
    text: PlainPart | None = None
    html: HtmlPart | None = None
    values: dict[Name, Name | None] = {}


class TemplateActivation(Contract):
    """Which version to use from now on; 1 is the shipped one."""

    version: TemplateVersion


class TemplateInfo(Contract):
    """A version of a template. `fills` names what it may say; version 1 is shipped, and was saved by nobody."""

    template: Template
    language: str
    channel: Channel
    category: Category
    version: int
    active: bool
    fills: list[str]
    created_at: Instant | None
    created_by: UserId | None


class TemplateView(TemplateInfo):
    subject: str | None
    text: str
    html: str | None


class TemplatesView(Contract):
    items: list[TemplateInfo]


class PreviewView(Contract):
    """What would be sent."""

    language: str
    subject: str | None
    text: str
    html: str | None


class AddressQuery(Contract):
    """`POST /admin/email-check`."""

    email: Email


class AddressView(Contract):
    """Whether mail to an address could arrive, as far as its domain's records say; not whether there is such a
    mailbox. `deliverable` is null where nobody answered in time; `mail_servers` in the order of their tries."""

    email: str
    deliverable: bool | None
    reason: str | None
    mail_servers: list[str]
