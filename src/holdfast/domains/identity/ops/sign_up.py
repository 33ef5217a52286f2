"""Registration, and the proof of the address: a code or a link.

Nothing here tells whether an address has an account: answers, tries and limits are the same, the mail tells its
owner. A second registration of an address changes nothing about the first, so nobody can put a password of their
own under somebody's proof.
"""

from datetime import datetime
from hmac import compare_digest

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import (
    Accepted,
    EmailOnly,
    EmailVerification,
    EmailVerifiedView,
    OtpCheck,
    Registration,
    Role,
    UserId,
    UserOtpGenerated,
    UserRegistered,
    UserView,
)
from holdfast.domains.identity.exceptions import VIOLATIONS, OtpWrong, PasswordWeak, TooManyCodes, TooManyTries
from holdfast.domains.identity.ops.mail import Post
from holdfast.domains.identity.ports import Messages
from holdfast.domains.identity.proofs.links import Purpose, lifetime_of
from holdfast.domains.identity.queries import people, proofs
from holdfast.domains.identity.records import UserRecord
from holdfast.domains.identity.rules.limits import CODE_TTL, CODES, NOTICES, Limit
from holdfast.domains.identity.rules.passwords import ADVICE, weaknesses
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.clock import at_least
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import record

# longer than queueing a mail takes, so that the time tells nothing either
ANSWER_SECONDS = 0.1


class Register:
    """Make an unverified customer and mail code and link; a known address gets the same answer. PasswordWeak."""

    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault) -> None:
        self.db = db
        self.vault = vault
        self.post = Post(db, messages, vault)

    async def execute(self, registration: Registration, *, now: datetime) -> UserView:
        refuse_weak(registration.password)
        user = new_user(registration, now=now)
        async with at_least(ANSWER_SECONDS):
            # hashed for a known address too, or its time would tell
            password_hash = await self.vault.passwords.hash(registration.password)
            await self.enter(user, password_hash, now=now)
        return user.view()

    async def enter(self, user: UserRecord, password_hash: str, *, now: datetime) -> None:
        async with transaction(self.db, VIOLATIONS):
            if await people.insert_user(self.db, user):
                await people.insert_credentials(self.db, user.id, password_hash, now=now)
                await self.post.verify_address(user, registered=True, now=now)
                record(self.db, UserOtpGenerated(user_id=user.id, occurred_at=now))
            else:
                await self.tell_the_owner(user.email, now=now)

    async def tell_the_owner(self, email: str, *, now: datetime) -> None:
        owner = await people.find_by_email(self.db, email)
        address = self.vault.digests.address(email)
        sent = await proofs.count_try(self.db, address, NOTICES, now=now)
        # tries left and the time until there are more are what they would be for a new address
        await proofs.register_code(
            self.db, address, user_id=None, code_hash=None, now=now, expires_at=now + CODE_TTL
        )
        if owner is not None and sent <= NOTICES.most:
            await self.post.address_known(owner, now=now)


class ResendOtp:
    """Mail a new code and link where the address is still to be proven; the old code is void. TooManyCodes."""

    def __init__(self, db: AsyncSession, messages: Messages, vault: Vault) -> None:
        self.db = db
        self.vault = vault
        self.post = Post(db, messages, vault)

    async def execute(self, asked: EmailOnly, *, now: datetime) -> Accepted:
        address = self.vault.digests.address(asked.email)
        async with at_least(ANSWER_SECONDS):
            async with transaction(self.db, VIOLATIONS):
                count = await proofs.count_try(self.db, address, CODES, now=now)
                if count <= CODES.most:
                    await self.renew(asked.email, address, now=now)
            if count > CODES.most:
                raise TooManyCodes(retry_after=await wait_for(self.db, address, CODES, now=now))
        return Accepted()

    async def renew(self, email: str, address: bytes, *, now: datetime) -> None:
        user = await people.find_by_email(self.db, email)
        if user is None or user.email_verified_at is not None:
            await proofs.put_code(self.db, address, user_id=None, code_hash=None, expires_at=now + CODE_TTL)
            return
        await self.post.verify_address(user, now=now)
        record(self.db, UserOtpGenerated(user_id=user.id, occurred_at=now))


class VerifyOtp:
    """Prove an address with its code: OtpWrong up to five times, TooManyTries after that."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, check: OtpCheck, *, now: datetime) -> EmailVerifiedView:
        address = self.vault.digests.address(check.email)
        offered = self.vault.digests.code(check.email, check.otp)
        refusal: Refusal | None = None
        # a refused try is committed like any other: it counts
        async with transaction(self.db, VIOLATIONS):
            found = await proofs.try_code(self.db, address, now=now, expires_at=now + CODE_TTL)
            if found is None:
                until = await proofs.code_expires_at(self.db, address)
                refusal = TooManyTries(retry_after=seconds_until(until, now=now))
            elif found.code_hash is None or not compare_digest(found.code_hash, offered) or found.user_id is None:
                refusal = OtpWrong(pointer="/otp")
            else:
                await proofs.spend_code(self.db, address)
                await verified(self.db, found.user_id, now=now)
        if refusal is not None:
            raise refusal
        return EmailVerifiedView(email_verified=True)


class VerifyEmail:
    """Prove an address with the mailed link: LinkInvalid, LinkExpired, LinkSpent."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, proof: EmailVerification, *, now: datetime) -> EmailVerifiedView:
        link = self.vault.links.read(Purpose.VERIFY, proof.token, now=now)
        async with transaction(self.db, VIOLATIONS):
            await proofs.spend_link(self.db, link.id, expires_at=now + lifetime_of(Purpose.VERIFY))
            await verified(self.db, link.user_id, now=now)
        return EmailVerifiedView(email_verified=True)


async def verified(db: AsyncSession, user_id: UserId, *, now: datetime) -> None:
    """The address is proven; told the first time only."""
    if await people.mark_verified(db, user_id, now=now):
        record(db, UserRegistered(user_id=user_id, occurred_at=now))


def new_user(registration: Registration, *, now: datetime) -> UserRecord:
    return UserRecord(
        id=UserId(uuid7()),
        email=registration.email,
        full_name=registration.full_name,
        phone=registration.phone,
        roles=[Role.CUSTOMER],
        email_verified_at=None,
        banned_at=None,
        ban_reason=None,
        created_at=now,
        updated_at=now,
    )


def refuse_weak(password: str) -> None:
    """PasswordWeak, with everything that it lacks."""
    if found := weaknesses(password):
        wanted = ", ".join(ADVICE[weakness] for weakness in found)
        raise PasswordWeak(f"it must have or be: {wanted}", pointer="/password", reasons=list(found))


async def wait_for(db: AsyncSession, address: bytes, limit: Limit, *, now: datetime) -> int:
    return seconds_until(await proofs.exhausted_until(db, address, limit, now=now), now=now)


def seconds_until(instant: datetime | None, *, now: datetime) -> int:
    """At least one."""
    return 1 if instant is None else max(1, int((instant - now).total_seconds()))
