"""Signing in with a password.

What the password was is only told while the address has tries left: the failure that is over the limit, and a
success that comes after it, are both answered 429. So guesses sent at the same moment are worth ten, not more.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Credentials, TokensView, UserId
from holdfast.domains.identity.exceptions import (
    AccountBanned,
    AddressNotVerified,
    CredentialsWrong,
    TooManyTries,
)
from holdfast.domains.identity.ops import sessions
from holdfast.domains.identity.ops.sign_up import seconds_until, wait_for
from holdfast.domains.identity.queries import people, proofs
from holdfast.domains.identity.records import CredentialsRecord, UserRecord
from holdfast.domains.identity.rules.limits import SIGN_INS
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.telemetry import SIGN_INS as ATTEMPTS

NOBODY = UserId(UUID(int=0))


class Login:
    """Tokens for an address and its password: CredentialsWrong, TooManyTries; and only to who knows the password,
    AccountBanned, AddressNotVerified."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, offered: Credentials, *, now: datetime) -> TokensView:
        async with counted("password"):
            return await self.judged(offered, now=now)

    async def judged(self, offered: Credentials, *, now: datetime) -> TokensView:
        address = self.vault.digests.address(offered.email)
        if until := await proofs.exhausted_until(self.db, address, SIGN_INS, now=now):
            raise TooManyTries(retry_after=seconds_until(until, now=now))
        user = await people.find_by_email(self.db, offered.email)
        # nobody's are asked for too: one statement less would tell that there is no such account
        kept = await people.credentials_of(self.db, NOBODY if user is None else user.id)
        right, rehashed = await self.vault.passwords.verify(offered.password, kept.password_hash)
        if user is None or not right:
            raise await self.failed(address, user, now=now)
        async with transaction(self.db):
            answer = await self.admitted(address, user, kept, rehashed, now=now)
        if isinstance(answer, Refusal):
            raise answer
        return answer

    async def failed(self, address: bytes, user: UserRecord | None, *, now: datetime) -> Refusal:
        async with transaction(self.db):
            count = await proofs.count_try(self.db, address, SIGN_INS, now=now)
            reason = "unknown address" if user is None else "wrong password"
            attest(self.db, failure(None if user is None else user.id, reason), now=now)
        if count > SIGN_INS.most:
            return TooManyTries(retry_after=await wait_for(self.db, address, SIGN_INS, now=now))
        return CredentialsWrong()

    async def admitted(
        self, address: bytes, user: UserRecord, kept: CredentialsRecord, rehashed: str | None, *, now: datetime
    ) -> TokensView | Refusal:
        """The user is locked and judged as they are now: a ban or a new password may have come meanwhile."""
        user = await people.get_for_update(self.db, user.id)
        if await proofs.exhausted_until(self.db, address, SIGN_INS, now=now):
            return TooManyTries(retry_after=1)
        if (await people.credentials_of(self.db, user.id)).version != kept.version:
            return CredentialsWrong()
        if user.banned_at is not None:
            attest(self.db, failure(user.id, "banned"), now=now)
            return AccountBanned(reason=user.ban_reason)
        if user.email_verified_at is None:
            attest(self.db, failure(user.id, "address not verified"), now=now)
            return AddressNotVerified()
        await proofs.forget_tries(self.db, address, SIGN_INS)
        if rehashed is not None:
            await people.rehash(self.db, user.id, rehashed)
        return await sessions.begin(self.db, self.vault, user.id, user.roles, now=now)


@asynccontextmanager
async def counted(way: str) -> AsyncIterator[None]:
    """Counts what becomes of an attempt, once it is decided and committed."""
    try:
        yield
    except Refusal as refusal:
        ATTEMPTS.labels(way, refusal.problem_type()).inc()
        raise
    ATTEMPTS.labels(way, "ok").inc()


def failure(user_id: UUID | None, reason: str) -> Act:
    """The address itself is not kept: people type passwords into that field."""
    return Act(
        action="user.sign_in_failed",
        actor_type="anonymous",
        actor_id=None,
        subject_type="user",
        subject_id=user_id,
        reason=reason,
    )
