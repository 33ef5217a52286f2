"""People who come with another issuer's word: by Google, or with an access token of an issuer we trust.

    (issuer, subject) known               that account
    else address not verified there       AddressUnproven
    else address has an account
         not proven here                  AccountNotLinked: somebody may have put a password of theirs beside it
         with rights the issuer cannot give   AccountNotLinked
         else                             linked to it
    else                                  a new customer, whose address is proven

Where the issuer has a say in roles, the account's roles are those it says, each time it is seen.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import (
    SYSTEM,
    Actor,
    AuthorizationView,
    CodeExchange,
    Role,
    TokensView,
    UserId,
    UserRegistered,
    UserRolesChanged,
)
from holdfast.domains.identity.exceptions import (
    VIOLATIONS,
    AccountBanned,
    AccountNotLinked,
    AddressUnproven,
    CodeRefused,
    IdTokenInvalid,
    SignInNotConfigured,
)
from holdfast.domains.identity.ops import sessions
from holdfast.domains.identity.ops.sign_in import counted, failure
from holdfast.domains.identity.ports import SignInProvider, Testimony, TokenIssuers
from holdfast.domains.identity.queries import identities, people
from holdfast.domains.identity.records import UserRecord
from holdfast.domains.identity.rules.roles import actor_type
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import record


class StartSignIn:
    """Where to send the browser: SignInNotConfigured, ProviderUnavailable."""

    def __init__(self, provider: SignInProvider | None) -> None:
        self.provider = provider

    async def execute(self, redirect_uri: str, *, now: datetime) -> AuthorizationView:
        if self.provider is None:
            raise SignInNotConfigured
        return await self.provider.start(redirect_uri, now=now)


class SignInWithProvider:
    """Tokens for the code that the provider's redirect brought: SignInNotConfigured, ProviderUnavailable,
    CodeRefused, IdTokenInvalid, AddressUnproven, AccountNotLinked, AccountBanned."""

    def __init__(self, db: AsyncSession, vault: Vault, provider: SignInProvider | None) -> None:
        self.db = db
        self.vault = vault
        self.provider = provider

    async def execute(self, offered: CodeExchange, *, now: datetime) -> TokensView:
        async with counted("provider"):
            return await self.judged(offered, now=now)

    async def judged(self, offered: CodeExchange, *, now: datetime) -> TokensView:
        said = await self.heard(offered, now=now)
        async with transaction(self.db, VIOLATIONS):
            answer = await self.admitted(said, now=now)
        if isinstance(answer, Refusal):
            raise answer
        return answer

    async def heard(self, offered: CodeExchange, *, now: datetime) -> Testimony:
        if self.provider is None:
            raise SignInNotConfigured
        try:
            return await self.provider.exchange(offered, now=now)
        except (CodeRefused, IdTokenInvalid) as refusal:
            async with transaction(self.db):
                attest(self.db, failure(None, refusal.problem_type()), now=now)
            raise

    async def admitted(self, said: Testimony, *, now: datetime) -> TokensView | Refusal:
        """A refusal is returned: the failure is to be on the record."""
        user = await admitted(self.db, said, now=now)
        if isinstance(user, Refusal):
            return user
        return await sessions.begin(self.db, self.vault, user.id, user.roles, now=now)


class AuthenticateForeign:
    """Whose token of a trusted issuer this is: TokenInvalid, TokenExpired, ProviderUnavailable, AddressUnproven,
    AccountNotLinked, AccountBanned. One indexed select, unless somebody is new or their roles have changed."""

    def __init__(self, db: AsyncSession, issuers: TokenIssuers) -> None:
        self.db = db
        self.issuers = issuers

    async def execute(self, issuer: str, token: str, *, now: datetime) -> Actor:
        said = await self.issuers.read(issuer, token, now=now)
        known = await identities.find(self.db, said.issuer, said.subject)
        if known is not None and known.banned_at is not None:
            raise AccountBanned(reason=known.ban_reason)
        if known is not None and said.roles in (None, known.roles):
            return Actor(type=actor_type(known.roles), id=known.user_id)
        async with transaction(self.db, VIOLATIONS):
            user = await admitted(self.db, said, now=now)
        if isinstance(user, Refusal):
            raise user
        return Actor(type=actor_type(user.roles), id=user.id)


async def admitted(db: AsyncSession, said: Testimony, *, now: datetime) -> UserRecord | Refusal:
    """The locked account that this is about; made or linked where it is seen for the first time."""
    user = await known_or_linked(db, said, now=now)
    if isinstance(user, UserRecord) and user.banned_at is not None:
        attest(db, failure(user.id, "banned"), now=now)
        return AccountBanned(reason=user.ban_reason)
    if isinstance(user, UserRecord) and said.roles is not None and said.roles != user.roles:
        return await given_roles(db, user, said.roles, said.issuer, now=now)
    return user


async def known_or_linked(db: AsyncSession, said: Testimony, *, now: datetime) -> UserRecord | Refusal:
    known = await identities.find(db, said.issuer, said.subject)
    if known is not None:
        return await people.get_for_update(db, known.user_id)
    if said.email is None or not said.email_verified:
        attest(db, failure(None, AddressUnproven.problem_type()), now=now)
        return AddressUnproven()
    new = newcomer(said, said.email, now=now)
    if await people.insert_user(db, new):
        await linked(db, new, said, now=now, made=True)
        record(db, UserRegistered(user_id=new.id, occurred_at=now))
        return new
    return await linked_to_existing(db, said, said.email, now=now)


async def linked_to_existing(
    db: AsyncSession, said: Testimony, email: str, *, now: datetime
) -> UserRecord | Refusal:
    """The address, or the id, has an account: perhaps one that this very person made a moment ago."""
    existing = await people.find_by_email(db, email)
    if existing is None:
        # the issuer's subject is the id of somebody else here
        attest(db, failure(None, AccountNotLinked.problem_type()), now=now)
        return AccountNotLinked()
    existing = await people.get_for_update(db, existing.id)
    known = await identities.find(db, said.issuer, said.subject)
    if known is not None:
        return await people.get_for_update(db, known.user_id)
    if existing.email_verified_at is None:
        attest(db, failure(existing.id, AccountNotLinked.problem_type()), now=now)
        return AccountNotLinked("its address is not proven here: set a new password with a mailed link first")
    if said.roles is not None and not set(existing.roles) <= {*said.roles, Role.CUSTOMER}:
        attest(db, failure(existing.id, AccountNotLinked.problem_type()), now=now)
        return AccountNotLinked("it has rights that this issuer cannot give: sign in with its password")
    if existing.banned_at is None:
        await linked(db, existing, said, now=now, made=False)
    return existing


async def linked(db: AsyncSession, user: UserRecord, said: Testimony, *, now: datetime, made: bool) -> None:
    await identities.link(db, user.id, said.issuer, said.subject, now=now)
    act = Act(
        action="user.created" if made else "user.identity_linked",
        actor_type=SYSTEM.type,
        actor_id=None,
        subject_type="user",
        subject_id=user.id,
        after={"issuer": said.issuer, "roles": [*user.roles]},
    )
    attest(db, act, now=now)


async def given_roles(
    db: AsyncSession, user: UserRecord, roles: list[Role], issuer: str, *, now: datetime
) -> UserRecord:
    changed = await people.change(db, user.id, roles=roles, updated_at=now)
    act = Act(
        action="user.roles_changed",
        actor_type=SYSTEM.type,
        actor_id=None,
        subject_type="user",
        subject_id=user.id,
        reason=f"said by {issuer}",
        before={"roles": [*user.roles]},
        after={"roles": [*roles]},
    )
    attest(db, act, now=now)
    record(db, UserRolesChanged(user_id=user.id, roles=roles, occurred_at=now))
    return changed


def newcomer(said: Testimony, email: str, *, now: datetime) -> UserRecord:
    return UserRecord(
        id=id_of(said),
        email=email,
        full_name=said.full_name or email[:200],
        phone=None,
        roles=said.roles or [Role.CUSTOMER],
        email_verified_at=now,
        banned_at=None,
        ban_reason=None,
        created_at=now,
        updated_at=now,
    )


def id_of(said: Testimony) -> UserId:
    """The subject of an issuer whose accounts are ours too, where it is a UUID; else one of our own."""
    if said.roles is not None:
        try:
            return UserId(UUID(said.subject))
        except ValueError:
            pass
    return UserId(uuid7())
