"""Identity's facades: one method per operation, no logic.

`IdentityService` proves who somebody is: it looks accounts up by address, so its session must be the system's.
`AccountService` is about accounts as such: a person's own part, and lists for the house, do with the caller's
session; what ends sessions and changes rights takes the system's, with the actor to attest.
`ApiKeyService` is a person's own keys, and takes the caller's session.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import (
    Accepted,
    Actor,
    ApiKeyDraft,
    ApiKeyId,
    ApiKeyMade,
    ApiKeyView,
    AuthorizationView,
    Ban,
    CodeExchange,
    Credentials,
    EmailOnly,
    EmailVerification,
    EmailVerifiedView,
    KeyRotatedView,
    KeySetView,
    OtpCheck,
    PasswordReset,
    Preferences,
    ProfileChange,
    RefreshRequest,
    Registration,
    Role,
    RolesChange,
    TokensView,
    UserId,
    UserView,
)
from holdfast.domains.identity.ops.administration import BanUser, CreateUser, SetRoles, UnbanUser
from holdfast.domains.identity.ops.api_keys import CreateApiKey, DeleteApiKey, ListApiKeys
from holdfast.domains.identity.ops.authenticate import AuthenticateAny, signed_here
from holdfast.domains.identity.ops.foreign import SignInWithProvider, StartSignIn
from holdfast.domains.identity.ops.keys import GetKeySet, RotateKeys
from holdfast.domains.identity.ops.passwords import ForgotPassword, ResetPassword
from holdfast.domains.identity.ops.profile import (
    ChangeProfile,
    FindPreferences,
    GetPreferences,
    GetUser,
    SetPreferences,
)
from holdfast.domains.identity.ops.sessions import Authenticate, Logout, Refresh
from holdfast.domains.identity.ops.sign_in import Login
from holdfast.domains.identity.ops.sign_up import Register, ResendOtp, VerifyEmail, VerifyOtp
from holdfast.domains.identity.ops.users import FindAccount, FindUser, ListUsers, PruneProofs
from holdfast.domains.identity.ports import Messages, Outside
from holdfast.domains.identity.proofs.passwords import Passwords
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.errors import Refusal
from holdfast.kernel.paging import Page, PageRequest

__all__ = ["AccountService", "ApiKeyService", "IdentityService", "Outside", "Passwords", "Vault", "signed_here"]

NOBODY_ELSE = Outside()


class IdentityService:
    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault, outside: Outside = NOBODY_ELSE) -> None:
        self.db = db
        self.messages = messages
        self.vault = vault
        self.outside = outside

    async def authenticate(self, token: str, *, now: datetime) -> Actor:
        return await AuthenticateAny(self.db, self.vault, self.outside.issuers).execute(token, now=now)

    async def holders(self, tokens: Sequence[str], *, now: datetime) -> list[Actor | Refusal]:
        """`authenticate` for many tokens that are `signed_here`, from one look at the database."""
        return await Authenticate(self.db, self.vault).execute(tokens, now=now)

    async def register(self, registration: Registration, *, now: datetime) -> UserView:
        return await Register(self.db, self.messages, self.vault).execute(registration, now=now)

    async def verify_otp(self, check: OtpCheck, *, now: datetime) -> EmailVerifiedView:
        return await VerifyOtp(self.db, self.vault).execute(check, now=now)

    async def resend_otp(self, asked: EmailOnly, *, now: datetime) -> Accepted:
        return await ResendOtp(self.db, self.messages, self.vault).execute(asked, now=now)

    async def verify_email(self, proof: EmailVerification, *, now: datetime) -> EmailVerifiedView:
        return await VerifyEmail(self.db, self.vault).execute(proof, now=now)

    async def login(self, offered: Credentials, *, now: datetime) -> TokensView:
        return await Login(self.db, self.vault).execute(offered, now=now)

    async def start_google(self, redirect_uri: str, *, now: datetime) -> AuthorizationView:
        return await StartSignIn(self.outside.google).execute(redirect_uri, now=now)

    async def sign_in_with_google(self, offered: CodeExchange, *, now: datetime) -> TokensView:
        return await SignInWithProvider(self.db, self.vault, self.outside.google).execute(offered, now=now)

    async def refresh(self, asked: RefreshRequest, *, now: datetime) -> TokensView:
        return await Refresh(self.db, self.vault).execute(asked, now=now)

    async def logout(self, asked: RefreshRequest, *, now: datetime) -> None:
        await Logout(self.db, self.vault).execute(asked, now=now)

    async def forgot_password(self, asked: EmailOnly, *, now: datetime) -> Accepted:
        return await ForgotPassword(self.db, self.messages, self.vault).execute(asked, now=now)

    async def reset_password(self, reset: PasswordReset, *, now: datetime) -> Accepted:
        return await ResetPassword(self.db, self.messages, self.vault).execute(reset, now=now)

    async def key_set(self, *, now: datetime) -> KeySetView:
        return await GetKeySet(self.db, self.vault).execute(now=now)

    async def rotate_keys(self, *, at_once: bool = False, now: datetime, actor: Actor) -> KeyRotatedView:
        return await RotateKeys(self.db, self.vault).execute(at_once=at_once, now=now, actor=actor)

    async def prune(self, *, now: datetime) -> int:
        return await PruneProofs(self.db).execute(now=now)


class People:
    """What other domains may ask about people: in a session of the system, or of the person themselves."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def preferences(self, user_id: UserId) -> Preferences | None:
        return await FindPreferences(self.db).execute(user_id)

    async def language(self, user_id: UserId) -> str | None:
        """What they chose; None where they said nothing, or there is no such account."""
        said = await self.preferences(user_id)
        return said.language if said is not None and "language" in said.model_fields_set else None

    async def account(self, user_id: UserId) -> UserView | None:
        return await FindAccount(self.db).execute(user_id)


class AccountService:
    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault) -> None:
        self.db = db
        self.messages = messages
        self.vault = vault

    async def get(self, user_id: UserId) -> UserView:
        return await GetUser(self.db).execute(user_id)

    async def find(self, email: str) -> UserView:
        return await FindUser(self.db).execute(email)

    async def list_users(
        self, page: PageRequest, *, email: str | None = None, role: Role | None = None
    ) -> Page[UserView]:
        return await ListUsers(self.db).execute(page, email=email, role=role)

    async def change_profile(self, user_id: UserId, change: ProfileChange, *, now: datetime) -> UserView:
        return await ChangeProfile(self.db).execute(user_id, change, now=now)

    async def preferences(self, user_id: UserId) -> Preferences:
        return await GetPreferences(self.db).execute(user_id)

    async def set_preferences(self, user_id: UserId, preferences: Preferences, *, now: datetime) -> Preferences:
        return await SetPreferences(self.db).execute(user_id, preferences, now=now)

    async def create(
        self, registration: Registration, roles: Sequence[Role], *, now: datetime, actor: Actor
    ) -> UserView:
        return await CreateUser(self.db, self.vault).execute(registration, roles, now=now, actor=actor)

    async def set_roles(self, user_id: UserId, change: RolesChange, *, now: datetime, actor: Actor) -> UserView:
        return await SetRoles(self.db).execute(user_id, change, now=now, actor=actor)

    async def ban(self, user_id: UserId, ban: Ban, *, now: datetime, actor: Actor) -> UserView:
        return await BanUser(self.db, self.messages, self.vault).execute(user_id, ban, now=now, actor=actor)

    async def unban(self, user_id: UserId, *, now: datetime, actor: Actor) -> UserView:
        return await UnbanUser(self.db).execute(user_id, now=now, actor=actor)


class ApiKeyService:
    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def create(self, draft: ApiKeyDraft, *, now: datetime, actor: Actor) -> ApiKeyMade:
        return await CreateApiKey(self.db, self.vault).execute(draft, now=now, actor=actor)

    async def list_keys(self, page: PageRequest, *, actor: Actor) -> Page[ApiKeyView]:
        return await ListApiKeys(self.db).execute(page, actor=actor)

    async def delete(self, key_id: ApiKeyId, *, now: datetime, actor: Actor) -> None:
        await DeleteApiKey(self.db).execute(key_id, now=now, actor=actor)
