"""Sessions and their refresh tokens."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, bindparam, delete, insert, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Role, UserId
from holdfast.domains.identity.models import refresh_tokens, sessions, users
from holdfast.domains.identity.records import SessionRecord

OF_USER = (
    select(
        sessions.c.id,
        sessions.c.user_id,
        users.c.roles,
        users.c.banned_at,
        sessions.c.expires_at,
        sessions.c.ended_at,
    )
    .select_from(sessions)
    .join(users, users.c.id == sessions.c.user_id)
)
BY_ID = OF_USER.where(sessions.c.id == any_(bindparam("ids", type_=ARRAY(UUID_TYPE))))


async def get(db: AsyncSession, session_id: UUID) -> SessionRecord | None:
    return (await get_many(db, [session_id])).get(session_id)


async def get_many(db: AsyncSession, session_ids: Collection[UUID]) -> dict[UUID, SessionRecord]:
    """With their users' roles and bans as they are now: two rows each, by their primary keys."""
    rows = await db.execute(BY_ID, {"ids": list(session_ids)})
    return {
        row.id: SessionRecord(
            row.id, row.user_id, [Role(role) for role in row.roles], row.banned_at, row.expires_at, row.ended_at
        )
        for row in rows
    }


async def insert_session(
    db: AsyncSession,
    session_id: UUID,
    user_id: UserId,
    *,
    address: str | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    await db.execute(
        insert(sessions).values(
            id=session_id, user_id=user_id, address=address, created_at=now, expires_at=expires_at
        )
    )


async def end_session(db: AsyncSession, session_id: UUID, reason: str, *, now: datetime) -> UserId | None:
    """Whose it was; None where it had ended before."""
    live = update(sessions).where(sessions.c.id == session_id, sessions.c.ended_at.is_(None))
    ended: UserId | None = await db.scalar(
        live.values(ended_at=now, end_reason=reason).returning(sessions.c.user_id)
    )
    return ended


async def end_sessions_of(db: AsyncSession, user_id: UserId, reason: str, *, now: datetime) -> int:
    """How many there were."""
    live = update(sessions).where(sessions.c.user_id == user_id, sessions.c.ended_at.is_(None))
    ended = await db.scalars(live.values(ended_at=now, end_reason=reason).returning(sessions.c.id))
    return len(ended.all())


async def insert_refresh_token(
    db: AsyncSession, token_hash: bytes, session_id: UUID, *, now: datetime, expires_at: datetime
) -> None:
    await db.execute(
        insert(refresh_tokens).values(
            token_hash=token_hash, session_id=session_id, created_at=now, expires_at=expires_at
        )
    )


async def use_refresh_token(db: AsyncSession, token_hash: bytes, *, now: datetime) -> UUID | None:
    """Its session, to the one who uses it first: the row's lock lets one in, the others find it used."""
    unused = update(refresh_tokens).where(
        refresh_tokens.c.token_hash == token_hash,
        refresh_tokens.c.used_at.is_(None),
        refresh_tokens.c.expires_at > now,
    )
    session_id: UUID | None = await db.scalar(unused.values(used_at=now).returning(refresh_tokens.c.session_id))
    return session_id


async def find_refresh_token(db: AsyncSession, token_hash: bytes) -> tuple[UUID, datetime | None] | None:
    """Its session, and when it was used."""
    chosen = select(refresh_tokens.c.session_id, refresh_tokens.c.used_at)
    row = (await db.execute(chosen.where(refresh_tokens.c.token_hash == token_hash))).one_or_none()
    return None if row is None else (row.session_id, row.used_at)


async def prune(db: AsyncSession, *, ended_by: datetime, now: datetime) -> int:
    """Sessions past their end, and those that somebody ended by that instant, with every token of theirs."""
    over = (sessions.c.expires_at <= now) | (sessions.c.ended_at <= ended_by)
    gone = await db.scalars(delete(sessions).where(over).returning(sessions.c.id))
    return len(gone.all())
