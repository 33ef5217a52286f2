"""What identity needs from others. Their facades fit by shape; so will their HTTP twins."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from holdfast.contracts.identity import AuthorizationView, CodeExchange, Role
from holdfast.contracts.notification import MessageDraft


class Messages(Protocol):
    """Takes a message with the running transaction: it is sent when that commits, and only then."""

    async def queue(self, draft: MessageDraft, *, now: datetime) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony:
    """What another issuer says of somebody: its signature, its audience and its times have been checked.

    `roles` is None where the issuer has no say in them.
    """

    issuer: str
    subject: str
    email: str | None
    email_verified: bool
    full_name: str | None
    roles: list[Role] | None = None


class SignInProvider(Protocol):
    """An OpenID provider that people sign in at, in their browser."""

    async def start(self, redirect_uri: str, *, now: datetime) -> AuthorizationView:
        """ProviderUnavailable."""

    async def exchange(self, offered: CodeExchange, *, now: datetime) -> Testimony:
        """CodeRefused, IdTokenInvalid; ProviderUnavailable where it cannot be asked."""


class TokenIssuers(Protocol):
    """Issuers whose access tokens are taken beside our own."""

    def knows(self, issuer: str) -> bool: ...

    async def read(self, issuer: str, token: str, *, now: datetime) -> Testimony:
        """TokenInvalid, TokenExpired; ProviderUnavailable where its keys cannot be had."""


@dataclass(frozen=True)
class Outside:
    """Everybody whose word is taken, besides ours."""

    google: SignInProvider | None = None
    issuers: TokenIssuers | None = None
