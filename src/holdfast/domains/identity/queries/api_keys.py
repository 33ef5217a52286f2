"""API keys."""

from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import ApiKeyId, ApiKeyView, Role, Scope, UserId
from holdfast.domains.identity.models import api_keys, users
from holdfast.domains.identity.records import ApiKeyRecord
from holdfast.kernel.paging import Page, PageRequest

SHOWN = (
    api_keys.c.id,
    api_keys.c.name,
    api_keys.c.prefix,
    api_keys.c.scopes,
    api_keys.c.created_at,
    api_keys.c.expires_at,
    api_keys.c.last_used_at,
)


async def find(db: AsyncSession, prefix: str) -> ApiKeyRecord | None:
    """With its owner's roles and ban as they are now."""
    chosen = (
        select(
            api_keys.c.id,
            api_keys.c.user_id,
            api_keys.c.secret_hash,
            api_keys.c.scopes,
            api_keys.c.expires_at,
            api_keys.c.last_used_at,
            users.c.roles,
            users.c.banned_at,
        )
        .join(users, users.c.id == api_keys.c.user_id)
        .where(api_keys.c.prefix == prefix)
    )
    row = (await db.execute(chosen)).one_or_none()
    if row is None:
        return None
    return ApiKeyRecord(
        id=row.id,
        user_id=row.user_id,
        secret_hash=row.secret_hash,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        roles=[Role(role) for role in row.roles],
        banned_at=row.banned_at,
    )


async def note_use(db: AsyncSession, key_id: ApiKeyId, *, now: datetime, unless_since: datetime) -> None:
    """Unless it was noted after that instant."""
    stale = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= unless_since)
    await db.execute(update(api_keys).where(api_keys.c.id == key_id, stale).values(last_used_at=now))


async def insert_key(db: AsyncSession, user_id: UserId, key: ApiKeyView, *, secret_hash: bytes) -> None:
    values = {column.name: getattr(key, column.name) for column in SHOWN}
    await db.execute(insert(api_keys).values(**values, user_id=user_id, secret_hash=secret_hash))


async def count_of(db: AsyncSession, user_id: UserId) -> int:
    return await db.scalar(select(func.count()).select_from(api_keys).where(of_user(user_id))) or 0


async def page_of_keys(db: AsyncSession, user_id: UserId, page: PageRequest) -> Page[ApiKeyView]:
    """This user's, the newest first."""
    chosen = select(*SHOWN).where(of_user(user_id)).order_by(api_keys.c.id.desc())
    rows = await db.execute(chosen.limit(page.limit).offset(page.offset))
    total = await count_of(db, user_id)
    return Page(items=[viewed(row) for row in rows.mappings()], page=page.page, limit=page.limit, total=total)


async def delete_key(db: AsyncSession, user_id: UserId, key_id: ApiKeyId) -> ApiKeyView | None:
    """What it was; None where this user has no such key."""
    gone = delete(api_keys).where(api_keys.c.id == key_id, of_user(user_id)).returning(*SHOWN)
    row = (await db.execute(gone)).mappings().one_or_none()
    return None if row is None else viewed(row)


async def prune(db: AsyncSession, *, expired_by: datetime) -> int:
    """How many keys had expired by that instant."""
    gone = await db.scalars(delete(api_keys).where(api_keys.c.expires_at <= expired_by).returning(api_keys.c.id))
    return len(gone.all())


def of_user(user_id: UserId) -> ColumnElement[bool]:
    return api_keys.c.user_id == user_id


def viewed(row: RowMapping) -> ApiKeyView:
    return ApiKeyView.model_validate(dict(row))
