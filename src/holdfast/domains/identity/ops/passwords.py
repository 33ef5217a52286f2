"""Forgotten passwords."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Accepted, ActorType, EmailOnly, PasswordReset
from holdfast.domains.identity.exceptions import VIOLATIONS, LinkInvalid, LinkSpent, UserNotFound
from holdfast.domains.identity.ops.mail import Post
from holdfast.domains.identity.ops.sign_up import ANSWER_SECONDS, refuse_weak, verified
from holdfast.domains.identity.ports import Messages
from holdfast.domains.identity.proofs.links import Link, Purpose, lifetime_of
from holdfast.domains.identity.queries import people, proofs, sessions
from holdfast.domains.identity.records import UserRecord
from holdfast.domains.identity.rules.limits import RESETS, SIGN_INS
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.clock import at_least
from holdfast.kernel.database import transaction


class ForgotPassword:
    """Mail a link to set a new password, at most five an hour; always the same answer, in the same time."""

    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault) -> None:
        self.db = db
        self.vault = vault
        self.post = Post(db, messages, vault)

    async def execute(self, asked: EmailOnly, *, now: datetime) -> Accepted:
        address = self.vault.digests.address(asked.email)
        async with at_least(ANSWER_SECONDS), transaction(self.db):
            count = await proofs.count_try(self.db, address, RESETS, now=now)
            user = await people.find_by_email(self.db, asked.email)
            if user is not None and user.banned_at is None and count <= RESETS.most:
                kept = await people.credentials_of(self.db, user.id)
                await self.post.reset_password(user, version=kept.version, now=now)
        return Accepted()


class ResetPassword:
    """Set a new password with the mailed link, and end every session: LinkInvalid, LinkExpired, LinkSpent,
    PasswordWeak. The link came by mail, so it proves the address too."""

    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault) -> None:
        self.db = db
        self.vault = vault
        self.post = Post(db, messages, vault)

    async def execute(self, reset: PasswordReset, *, now: datetime) -> Accepted:
        link = self.vault.links.read(Purpose.RESET, reset.token, now=now)
        refuse_weak(reset.password)
        password_hash = await self.vault.passwords.hash(reset.password)
        async with transaction(self.db, VIOLATIONS):
            user = await self.owner(link)
            await proofs.spend_link(self.db, link.id, expires_at=now + lifetime_of(Purpose.RESET))
            await people.replace_password(self.db, user.id, password_hash, now=now)
            ended = await sessions.end_sessions_of(self.db, user.id, "password reset", now=now)
            await proofs.forget_tries(self.db, self.vault.digests.address(user.email), SIGN_INS)
            await verified(self.db, user.id, now=now)
            await self.post.password_changed(user, now=now)
            attest(self.db, password_reset(user, ended), now=now)
        return Accepted(status="changed")

    async def owner(self, link: Link) -> UserRecord:
        """The locked user; every earlier link is spent by a new password, used or not."""
        try:
            user = await people.get_for_update(self.db, link.user_id)
        except UserNotFound as error:
            raise LinkInvalid(pointer="/token") from error
        if (await people.credentials_of(self.db, user.id)).version != link.version:
            raise LinkSpent(pointer="/token")
        return user


def password_reset(user: UserRecord, ended: int) -> Act:
    return Act(
        action="user.password_reset",
        actor_type=ActorType.CUSTOMER,
        actor_id=user.id,
        subject_type="user",
        subject_id=user.id,
        after={"sessions_ended": ended},
    )
