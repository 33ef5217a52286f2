"""Who acts, and what accounts say."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, ClassVar, NewType
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, EmailStr, Field, StrictBool, StringConstraints

from holdfast.kernel.access import Caller
from holdfast.kernel.contract import Contract, CurrencyCode, Instant, Metadata, Name, Text, ZoneName, storable
from holdfast.kernel.outbox import Event

UserId = NewType("UserId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)


def bare_address(value: object) -> object:
    if isinstance(value, str) and "<" in value:
        raise ValueError("an e-mail address alone, without a name")
    return value


Email = Annotated[EmailStr, AfterValidator(storable), Field(max_length=254), BeforeValidator(bare_address)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9][0-9 ()./-]{3,30}$")]
# the length only: the rule and the list of common passwords are the domain's to judge, with a message of their own
Password = Annotated[str, StringConstraints(min_length=1, max_length=256), AfterValidator(storable)]
OneTimeCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
Token = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[A-Za-z0-9_.~-]+$")]

LanguageTag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]


class Role(StrEnum):
    """What an account may do; an account may have several."""

    ADMIN = "admin"
    STAFF = "staff"
    SUPPLIER = "supplier"
    CUSTOMER = "customer"


class ActorType(StrEnum):
    """On whose behalf a change is made; for an account, the most powerful of its roles."""

    ADMIN = "admin"
    STAFF = "staff"
    SUPPLIER = "supplier"
    CUSTOMER = "customer"
    GUEST = "guest"
    ANONYMOUS = "anonymous"
    SYSTEM = "system"
    WEBHOOK = "webhook"


class Scope(StrEnum):
    """What an API key may do, within its owner's roles."""

    READ = "read"
    BOOK = "book"
    MANAGE = "manage"


class Actor(Contract):
    """Who makes a change. A guest has no account but the token of one booking; the system has no id.

    `scopes` is None for a signed-in person, and the key's scopes for a call with an API key.
    """

    type: ActorType
    id: UserId | None = None
    booking_id: UUID | None = None
    scopes: frozenset[Scope] | None = None

    @property
    def caller(self) -> str:
        """The scope of this actor's idempotency keys."""
        return f"{self.type}:{self.id or self.booking_id or '-'}"

    @property
    def access(self) -> Caller:
        """Who the database's own policies take this actor for."""
        return Caller(kind=self.type, id=self.id, booking_id=self.booking_id, name=self.caller)

    @property
    def is_staff(self) -> bool:
        return self.type in (ActorType.STAFF, ActorType.ADMIN)

    def supplies(self, supplier_id: UserId | None) -> bool:
        """Whether what this supplier offers is this actor's to change: its own supplier's, and the house's."""
        return self.is_house or (
            self.type is ActorType.SUPPLIER and self.id is not None and self.id == supplier_id
        )

    @property
    def is_house(self) -> bool:
        """Staff, or the system itself."""
        return self.is_staff or self.type in (ActorType.SYSTEM, ActorType.WEBHOOK)


SYSTEM = Actor(type=ActorType.SYSTEM)
ANONYMOUS = Actor(type=ActorType.ANONYMOUS)


class Registration(Contract):
    """`POST /auth/register`."""

    email: Email
    password: Password
    full_name: Name
    phone: Phone | None = None


class UserView(Contract):
    id: UserId
    email: str
    full_name: str
    phone: str | None
    email_verified: bool
    roles: list[Role]
    banned_at: Instant | None
    created_at: Instant


class OtpCheck(Contract):
    """`POST /auth/verify-otp`."""

    email: Email
    otp: OneTimeCode


class EmailVerification(Contract):
    """`POST /auth/verify-email`: the token of the mailed link."""

    token: Token


class EmailVerifiedView(Contract):
    email_verified: bool


class EmailOnly(Contract):
    """`POST /auth/resend-otp`, `/auth/forgot-password`."""

    email: Email


class Accepted(Contract):
    """Said whether or not there is such an account."""

    status: str = "accepted"


class Credentials(Contract):
    """`POST /auth/login`."""

    email: Email
    password: Password


class RefreshRequest(Contract):
    """`POST /auth/refresh`, `/auth/logout`."""

    refresh_token: Token


class PasswordReset(Contract):
    """`POST /auth/reset-password`: the token of the mailed link."""

    token: Token
    password: Password


class CodeExchange(Contract):
    """`POST /auth/google`: what the provider's redirect brought, and the PKCE verifier and nonce of its start."""

    code: Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(storable)]
    redirect_uri: Annotated[str, StringConstraints(min_length=1, max_length=2048), AfterValidator(storable)]
    code_verifier: Annotated[str, StringConstraints(min_length=43, max_length=128)] | None = None
    nonce: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None


class AuthorizationView(Contract):
    """Where to send the browser, and what to keep there until it comes back: `state` is to be the same then,
    `nonce` and `code_verifier` go with the code to `POST /auth/google`."""

    authorization_url: str
    state: str
    nonce: str
    code_verifier: str


class TokensView(Contract):
    """`expires_in`: seconds of life of the access token."""

    access_token: str
    refresh_token: str
    token_type: str = "bearer"
    expires_in: int


class ProfileChange(Contract):
    """`PATCH /users/me`: absent fields stay."""

    full_name: Name | None = None
    phone: Phone | None = None


class Ways(Contract):
    """By which ways messages of one kind may come."""

    email: StrictBool = True
    sms: StrictBool = False
    in_app: StrictBool = True


class MessageChoices(Contract):
    """Which messages by which way. Mail about one's account and one's bookings comes whatever is said here."""

    transactional: Ways = Ways()
    reminders: Ways = Ways()
    marketing: Ways = Ways(email=False, in_app=False)


class Preferences(Contract):
    """`PUT /users/me/preferences`: language as BCP 47, zone as IANA; `settings` are the client's own.

    `marketing_mail` allows what `messages.marketing.email` allows; either will do.
    """

    language: LanguageTag = "en"
    timezone: ZoneName | None = None
    currency: CurrencyCode | None = None
    marketing_mail: StrictBool = False
    messages: MessageChoices = MessageChoices()
    settings: Metadata = {}


class Ban(Contract):
    """`POST /admin/users/{id}/ban`."""

    reason: Annotated[Text, Field(min_length=1)]


class RolesChange(Contract):
    """`PUT /admin/users/{id}/roles`."""

    roles: Annotated[list[Role], Field(min_length=1, max_length=4)]


class KeySetView(Contract):
    """`GET /.well-known/jwks.json` (RFC 7517): what access tokens may be signed with."""

    keys: list[dict[str, str]]


class KeyRotatedView(Contract):
    """The key that signs from now on, and the one it replaces."""

    kid: str
    retired: str | None


class ApiKeyDraft(Contract):
    """`POST /api-keys`."""

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3)]
    expires_at: Instant | None = None


class ApiKeyView(Contract):
    id: ApiKeyId
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None


class ApiKeyMade(ApiKeyView):
    """The answer to its creation: the only time that the key itself is shown."""

    key: str


class UserEvent(Event):
    """What every event of an account tells; no address, no code, no token."""

    about: ClassVar[str] = "user_id"

    user_id: UserId
    occurred_at: datetime


class UserOtpGenerated(UserEvent):
    type: ClassVar[str] = "user.otp_generated"


class UserRegistered(UserEvent):
    """The address is proven: the account is usable."""

    type: ClassVar[str] = "user.registered"


class UserBanned(UserEvent):
    type: ClassVar[str] = "user.banned"


class UserUnbanned(UserEvent):
    type: ClassVar[str] = "user.unbanned"


class UserRolesChanged(UserEvent):
    type: ClassVar[str] = "user.roles_changed"
    roles: list[Role]
