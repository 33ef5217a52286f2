"""Tokens for mailed links: signed, timed, for one purpose; that each is used once is the database's to say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from holdfast.contracts.identity import UserId
from holdfast.domains.identity.exceptions import LinkExpired, LinkInvalid
from holdfast.domains.identity.rules.limits import RESET_LINK_TTL, VERIFY_LINK_TTL
from holdfast.kernel.ids import uuid7


class Purpose(StrEnum):
    """A link for one purpose is none for another: it salts the signature."""

    VERIFY = "verify"
    RESET = "reset"


LIFETIMES = {Purpose.VERIFY: VERIFY_LINK_TTL, Purpose.RESET: RESET_LINK_TTL}


@dataclass(frozen=True, slots=True)
class Link:
    """`version` is the password's that a reset replaces."""

    id: UUID
    user_id: UserId
    version: int


class InstantSigner(TimestampSigner):
    """Signs at, and judges from, the instant it is given instead of the clock's."""

    def __init__(self, *args: Any, instant: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instant = instant

    def get_timestamp(self) -> int:
        return self.instant


@dataclass(frozen=True)
class Links:
    key: bytes

    def issue(self, purpose: Purpose, user_id: UserId, *, version: int = 0, now: datetime) -> str:
        return str(self.serializer(purpose, now).dumps([uuid7().hex, user_id.hex, version]))

    def read(self, purpose: Purpose, token: str, *, now: datetime) -> Link:
        """LinkInvalid, LinkExpired."""
        try:
            lifetime = int(LIFETIMES[purpose].total_seconds())
            link_id, user_id, version = self.serializer(purpose, now).loads(token, max_age=lifetime)
            return Link(UUID(hex=link_id), UserId(UUID(hex=user_id)), int(version))
        except SignatureExpired as error:
            raise LinkExpired(pointer="/token") from error
        except (BadSignature, ValueError, TypeError, AttributeError) as error:
            raise LinkInvalid(pointer="/token") from error

    def serializer(self, purpose: Purpose, now: datetime) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self.key,
            salt=f"link.{purpose}",
            signer=InstantSigner,
            signer_kwargs={"instant": int(now.timestamp()), "digest_method": sha256},
        )


def lifetime_of(purpose: Purpose) -> timedelta:
    return LIFETIMES[purpose]
