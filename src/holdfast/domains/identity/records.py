"""Accounts and sessions as they are stored."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from holdfast.contracts.identity import ApiKeyId, Role, Scope, UserId, UserView


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRecord:
    """One row of `identity.users`."""

    id: UserId
    email: str
    full_name: str
    phone: str | None
    roles: list[Role]
    email_verified_at: datetime | None
    banned_at: datetime | None
    ban_reason: str | None
    created_at: datetime
    updated_at: datetime

    def view(self) -> UserView:
        return UserView(
            id=self.id,
            email=self.email,
            full_name=self.full_name,
            phone=self.phone,
            email_verified=self.email_verified_at is not None,
            roles=self.roles,
            banned_at=self.banned_at,
            created_at=self.created_at,
        )


@dataclass(frozen=True, slots=True)
class CredentialsRecord:
    """`version` is 0 and there is no hash where the account has no password."""

    password_hash: str | None
    version: int


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session, and what decides whether its holder may go on."""

    id: UUID
    user_id: UserId
    roles: list[Role]
    banned_at: datetime | None
    expires_at: datetime
    ended_at: datetime | None

    def is_live(self, *, now: datetime) -> bool:
        return self.ended_at is None and self.banned_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class CodeRecord:
    """What a try at a code is compared with."""

    user_id: UserId | None
    code_hash: bytes | None


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One row of `identity.signing_keys`."""

    kid: str
    public_jwk: dict[str, str]
    sealed_private: bytes | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """The account behind an issuer's subject."""

    user_id: UserId
    roles: list[Role]
    banned_at: datetime | None
    ban_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRecord:
    """A key, and what decides whether its holder may go on."""

    id: ApiKeyId
    user_id: UserId
    secret_hash: bytes
    scopes: frozenset[Scope]
    expires_at: datetime | None
    last_used_at: datetime | None
    roles: list[Role]
    banned_at: datetime | None
