"""Users, what proves them, and what they prefer."""

from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Preferences, Role, UserId, UserView
from holdfast.domains.identity.exceptions import UserNotFound
from holdfast.domains.identity.models import credentials, preferences, users
from holdfast.domains.identity.records import CredentialsRecord, UserRecord
from holdfast.kernel.paging import Page, PageRequest

IS_ADMIN = users.c.roles.contains([Role.ADMIN]) & users.c.banned_at.is_(None)


def recorded(row: RowMapping) -> UserRecord:
    values = dict(row)
    values["roles"] = [Role(role) for role in values["roles"]]
    return UserRecord(**values)


def by_email(email: str) -> ColumnElement[bool]:
    return func.lower(users.c.email) == func.lower(email)


async def insert_user(db: AsyncSession, user: UserRecord) -> bool:
    """False where the address has an account."""
    values = {name: getattr(user, name) for name in users.c.keys()}  # noqa: SIM118 - a column collection
    statement = upsert(users).values(values).on_conflict_do_nothing().returning(users.c.id)
    return await db.scalar(statement) is not None


async def get(db: AsyncSession, user_id: UserId) -> UserRecord:
    """UserNotFound."""
    found = await find_by_id(db, user_id)
    if found is None:
        raise UserNotFound
    return found


async def find_by_id(db: AsyncSession, user_id: UserId) -> UserRecord | None:
    row = (await db.execute(select(users).where(users.c.id == user_id))).mappings().one_or_none()
    return None if row is None else recorded(row)


async def get_for_update(db: AsyncSession, user_id: UserId) -> UserRecord:
    """The locked user; UserNotFound. Who changes what an account is, or begins a session for it, holds this."""
    row = (await db.execute(select(users).where(users.c.id == user_id).with_for_update())).mappings().one_or_none()
    if row is None:
        raise UserNotFound
    return recorded(row)


async def get_beside_admins_for_update(db: AsyncSession, user_id: UserId) -> tuple[UserRecord, int]:
    """The locked user, and how many other admins there are, all locked too: none of them can go meanwhile."""
    chosen = select(users).where(or_(users.c.id == user_id, IS_ADMIN)).order_by(users.c.id).with_for_update()
    found = [recorded(row) for row in (await db.execute(chosen)).mappings()]
    wanted = next((user for user in found if user.id == user_id), None)
    if wanted is None:
        raise UserNotFound
    return wanted, len(found) - 1


async def find_by_email(db: AsyncSession, email: str) -> UserRecord | None:
    row = (await db.execute(select(users).where(by_email(email)))).mappings().one_or_none()
    return None if row is None else recorded(row)


async def change(db: AsyncSession, user_id: UserId, **values: object) -> UserRecord:
    """The user with these columns changed; UserNotFound."""
    statement = update(users).where(users.c.id == user_id).values(**values).returning(users)
    row = (await db.execute(statement)).mappings().one_or_none()
    if row is None:
        raise UserNotFound
    return recorded(row)


async def mark_verified(db: AsyncSession, user_id: UserId, *, now: datetime) -> bool:
    """False where the address was proven before."""
    statement = (
        update(users)
        .where(users.c.id == user_id, users.c.email_verified_at.is_(None))
        .values(email_verified_at=now, updated_at=now)
        .returning(users.c.id)
    )
    return await db.scalar(statement) is not None


async def page_of_users(
    db: AsyncSession, page: PageRequest, *, email: str | None, role: Role | None
) -> Page[UserView]:
    """Newest first; `email` is any part of the address."""
    chosen = select(users)
    if email:
        chosen = chosen.where(func.lower(users.c.email).contains(email.lower(), autoescape=True))
    if role is not None:
        chosen = chosen.where(users.c.roles.contains([role]))
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    rows = await db.execute(chosen.order_by(users.c.id.desc()).limit(page.limit).offset(page.offset))
    items = [recorded(row).view() for row in rows.mappings()]
    return Page(items=items, page=page.page, limit=page.limit, total=total)


async def credentials_of(db: AsyncSession, user_id: UserId) -> CredentialsRecord:
    chosen = select(credentials.c.password_hash, credentials.c.version).where(credentials.c.user_id == user_id)
    row = (await db.execute(chosen)).one_or_none()
    return CredentialsRecord(None, 0) if row is None else CredentialsRecord(row.password_hash, row.version)


async def insert_credentials(db: AsyncSession, user_id: UserId, password_hash: str, *, now: datetime) -> None:
    await db.execute(insert(credentials).values(user_id=user_id, password_hash=password_hash, changed_at=now))


async def replace_password(db: AsyncSession, user_id: UserId, password_hash: str, *, now: datetime) -> None:
    """A new password, first or not."""
    new = upsert(credentials).values(user_id=user_id, password_hash=password_hash, changed_at=now)
    changed = {"password_hash": password_hash, "version": credentials.c.version + 1, "changed_at": now}
    await db.execute(new.on_conflict_do_update(index_elements=["user_id"], set_=changed))


async def rehash(db: AsyncSession, user_id: UserId, password_hash: str) -> None:
    """The same password, hashed anew."""
    statement = update(credentials).where(credentials.c.user_id == user_id)
    await db.execute(statement.values(password_hash=password_hash))


async def preferences_of(db: AsyncSession, user_id: UserId) -> Preferences:
    """The defaults where none were said."""
    document = await db.scalar(select(preferences.c.document).where(preferences.c.user_id == user_id))
    return Preferences.model_validate(document or {})


async def find_preferences(db: AsyncSession, user_id: UserId) -> Preferences | None:
    """None where there is no such account."""
    said = select(users.c.id, preferences.c.document).join(
        preferences, preferences.c.user_id == users.c.id, isouter=True
    )
    row = (await db.execute(said.where(users.c.id == user_id))).one_or_none()
    return None if row is None else Preferences.from_store(row.document or {})


async def put_preferences(db: AsyncSession, user_id: UserId, document: Preferences, *, now: datetime) -> None:
    values = {"document": document.model_dump(mode="json"), "updated_at": now}
    new = upsert(preferences).values(user_id=user_id, **values)
    await db.execute(new.on_conflict_do_update(index_elements=["user_id"], set_=values))
