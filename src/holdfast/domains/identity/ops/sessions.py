"""Sessions: a family of refresh tokens, each good for one use.

A refresh token that comes a second time has a second holder, and nobody can tell which of them stole it. So the
whole session ends, also when both came at the same moment (RFC 9700, section 4.14.2): there is no grace period in
which a thief could hide. A client that asks twice at once signs in again.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor, RefreshRequest, Role, TokensView, UserId
from holdfast.domains.identity.exceptions import (
    RefreshTokenInvalid,
    RefreshTokenReused,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
)
from holdfast.domains.identity.ops.keys import signing_key, verifying_key
from holdfast.domains.identity.proofs.digests import new_refresh_token
from holdfast.domains.identity.proofs.tokens import Claims, key_id
from holdfast.domains.identity.queries import sessions
from holdfast.domains.identity.records import SessionRecord
from holdfast.domains.identity.rules.limits import ACCESS_TTL, REFRESH_TTL, SESSION_TTL
from holdfast.domains.identity.rules.roles import actor_type
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.telemetry import client_address


class Authenticate:
    """Whose access tokens these are, if account and session are still good: a ban, a logout and new roles count
    from the next request on. TokenInvalid, TokenExpired, SessionEnded."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, tokens: Sequence[str], *, now: datetime) -> list[Actor | Refusal]:
        """In the order of the tokens, from one look at the database."""
        read = [await self.claims(token, now=now) for token in tokens]
        wanted = {claims.session_id for claims in read if isinstance(claims, Claims)}
        found = await sessions.get_many(self.db, wanted) if wanted else {}
        return [
            claims if isinstance(claims, Refusal) else holder(claims, found.get(claims.session_id), now=now)
            for claims in read
        ]

    async def claims(self, token: str, *, now: datetime) -> Claims | Refusal:
        """What the token says, once its signature is verified: by this process, within this minute at least."""
        known = self.vault.known_claims(token, now=now)
        if known is not None:
            return known
        try:
            kid = key_id(token)
            key = await verifying_key(self.db, self.vault, kid, now=now)
            claims = self.vault.tokens.read(token, key, now=now)
        except (TokenInvalid, TokenExpired) as refusal:
            return refusal
        self.vault.learn_claims(token, kid, claims)
        return claims


def holder(claims: Claims, session: SessionRecord | None, *, now: datetime) -> Actor | Refusal:
    if session is None or session.user_id != claims.user_id or not session.is_live(now=now):
        return SessionEnded()
    return Actor(type=actor_type(session.roles), id=session.user_id)


class Refresh:
    """New tokens for a refresh token, once: RefreshTokenInvalid, RefreshTokenReused."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, asked: RefreshRequest, *, now: datetime) -> TokensView:
        token_hash = self.vault.digests.refresh_token(asked.refresh_token)
        async with transaction(self.db):
            tokens = await self.renewed(token_hash, now=now)
        if isinstance(tokens, Refusal):
            raise tokens
        return tokens

    async def renewed(self, token_hash: bytes, *, now: datetime) -> TokensView | Refusal:
        """A refusal is returned: what it has ended is to be committed."""
        session_id = await sessions.use_refresh_token(self.db, token_hash, now=now)
        if session_id is None:
            return await self.suspected(token_hash, now=now)
        session = await sessions.get(self.db, session_id)
        if session is None or not session.is_live(now=now):
            return RefreshTokenInvalid()
        return await issue(
            self.db,
            self.vault,
            Claims(session.user_id, session.id),
            session.roles,
            ends=session.expires_at,
            now=now,
        )

    async def suspected(self, token_hash: bytes, *, now: datetime) -> Refusal:
        found = await sessions.find_refresh_token(self.db, token_hash)
        if found is None or found[1] is None:
            return RefreshTokenInvalid()
        session_id, used_at = found
        user_id = await sessions.end_session(self.db, session_id, "reuse", now=now)
        if user_id is None:
            return RefreshTokenInvalid()
        act = Act(
            action="user.refresh_token_reused",
            actor_type="anonymous",
            actor_id=None,
            subject_type="user",
            subject_id=user_id,
            after={"session_id": str(session_id), "first_used_at": used_at.isoformat() if used_at else None},
        )
        attest(self.db, act, now=now)
        return RefreshTokenReused()


class Logout:
    """End the session of this refresh token; an unknown one ends nothing, and is no secret to ask about."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, asked: RefreshRequest, *, now: datetime) -> None:
        async with transaction(self.db):
            found = await sessions.find_refresh_token(
                self.db, self.vault.digests.refresh_token(asked.refresh_token)
            )
            if found is not None:
                await sessions.end_session(self.db, found[0], "logout", now=now)


async def begin(
    db: AsyncSession, vault: Vault, user_id: UserId, roles: Sequence[Role], *, now: datetime
) -> TokensView:
    """A new session for a user whose row the running transaction has locked."""
    session_id, ends = uuid7(), now + SESSION_TTL
    await sessions.insert_session(db, session_id, user_id, address=client_address.get(), now=now, expires_at=ends)
    return await issue(db, vault, Claims(user_id, session_id), roles, ends=ends, now=now)


async def issue(
    db: AsyncSession, vault: Vault, claims: Claims, roles: Sequence[Role], *, ends: datetime, now: datetime
) -> TokensView:
    """An access token, and the one refresh token that follows."""
    key = await signing_key(db, vault, now=now)
    refresh_token = new_refresh_token()
    await sessions.insert_refresh_token(
        db,
        vault.digests.refresh_token(refresh_token),
        claims.session_id,
        now=now,
        expires_at=min(now + REFRESH_TTL, ends),
    )
    return TokensView(
        access_token=vault.tokens.sign(claims, roles, key, now=now),
        refresh_token=refresh_token,
        expires_in=int(ACCESS_TTL.total_seconds()),
    )
