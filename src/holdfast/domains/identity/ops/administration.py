"""What the house does to accounts; every act is attested with what was before and after."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import (
    Actor,
    Ban,
    Registration,
    Role,
    RolesChange,
    UserBanned,
    UserId,
    UserRegistered,
    UserRolesChanged,
    UserUnbanned,
    UserView,
)
from holdfast.domains.identity.exceptions import (
    VIOLATIONS,
    AddressTaken,
    AlreadyBanned,
    LastAdmin,
    NotBanned,
    NotYourself,
)
from holdfast.domains.identity.ops.mail import Post
from holdfast.domains.identity.ops.sign_up import new_user, refuse_weak
from holdfast.domains.identity.ports import Messages
from holdfast.domains.identity.queries import people, sessions
from holdfast.domains.identity.records import UserRecord
from holdfast.domains.identity.rules.roles import loses_admin, ordered
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.outbox import record


class CreateUser:
    """An account with these roles, its address taken as proven: AddressTaken, PasswordWeak."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(
        self, registration: Registration, roles: Sequence[Role], *, now: datetime, actor: Actor
    ) -> UserView:
        refuse_weak(registration.password)
        password_hash = await self.vault.passwords.hash(registration.password)
        user = replace(new_user(registration, now=now), roles=ordered(roles), email_verified_at=now)
        async with transaction(self.db, VIOLATIONS):
            if not await people.insert_user(self.db, user):
                raise AddressTaken(pointer="/email")
            await people.insert_credentials(self.db, user.id, password_hash, now=now)
            attest(self.db, act("user.created", user, actor, after={"roles": [*user.roles]}), now=now)
            record(self.db, UserRegistered(user_id=user.id, occurred_at=now))
        return user.view()


class SetRoles:
    """Give an account these roles and no others: UserNotFound, LastAdmin."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId, change: RolesChange, *, now: datetime, actor: Actor) -> UserView:
        roles = ordered(change.roles)
        async with transaction(self.db, VIOLATIONS):
            user, other_admins = await people.get_beside_admins_for_update(self.db, user_id)
            if loses_admin(user.roles, roles) and user.banned_at is None and not other_admins:
                raise LastAdmin
            if roles == user.roles:
                return user.view()
            changed = await people.change(self.db, user_id, roles=roles, updated_at=now)
            said = act(
                "user.roles_changed", user, actor, before={"roles": [*user.roles]}, after={"roles": [*roles]}
            )
            attest(self.db, said, now=now)
            record(self.db, UserRolesChanged(user_id=user_id, roles=roles, occurred_at=now))
        return changed.view()


class BanUser:
    """Shut an account out and end its sessions: UserNotFound, NotYourself, LastAdmin, AlreadyBanned."""

    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault) -> None:
        self.db = db
        self.post = Post(db, messages, vault)

    async def execute(self, user_id: UserId, ban: Ban, *, now: datetime, actor: Actor) -> UserView:
        if user_id == actor.id:
            raise NotYourself
        async with transaction(self.db, VIOLATIONS):
            user, other_admins = await people.get_beside_admins_for_update(self.db, user_id)
            if user.banned_at is not None:
                raise AlreadyBanned(banned_at=user.banned_at.isoformat())
            if Role.ADMIN in user.roles and not other_admins:
                raise LastAdmin
            banned = await people.change(self.db, user_id, banned_at=now, ban_reason=ban.reason, updated_at=now)
            ended = await sessions.end_sessions_of(self.db, user_id, "ban", now=now)
            await self.post.account_banned(user, ban.reason, now=now)
            after: dict[str, JsonValue] = {"banned_at": now.isoformat(), "sessions_ended": ended}
            said = act("user.banned", user, actor, reason=ban.reason, before={"banned_at": None}, after=after)
            attest(self.db, said, now=now)
            record(self.db, UserBanned(user_id=user_id, occurred_at=now))
        return banned.view()


class UnbanUser:
    """Let an account in again; its old sessions stay ended. UserNotFound, NotBanned."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, user_id: UserId, *, now: datetime, actor: Actor) -> UserView:
        async with transaction(self.db, VIOLATIONS):
            user = await people.get_for_update(self.db, user_id)
            if user.banned_at is None:
                raise NotBanned
            changed = await people.change(self.db, user_id, banned_at=None, ban_reason=None, updated_at=now)
            before: dict[str, JsonValue] = {"banned_at": user.banned_at.isoformat(), "reason": user.ban_reason}
            attest(self.db, act("user.unbanned", user, actor, before=before, after={"banned_at": None}), now=now)
            record(self.db, UserUnbanned(user_id=user_id, occurred_at=now))
        return changed.view()


def act(
    action: str,
    user: UserRecord,
    actor: Actor,
    *,
    reason: str | None = None,
    before: dict[str, JsonValue] | None = None,
    after: dict[str, JsonValue] | None = None,
) -> Act:
    return Act(
        action=action,
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="user",
        subject_id=user.id,
        reason=reason,
        before=before,
        after=after,
    )
