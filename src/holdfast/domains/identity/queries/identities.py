"""Who our people are at other issuers."""

from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Role, UserId
from holdfast.domains.identity.models import external_identities, users
from holdfast.domains.identity.records import KnownIdentity


async def find(db: AsyncSession, issuer: str, subject: str) -> KnownIdentity | None:
    """Whose it is, with their roles and ban as they are now: two rows by their primary keys."""
    chosen = (
        select(users.c.id, users.c.roles, users.c.banned_at, users.c.ban_reason)
        .join(external_identities, external_identities.c.user_id == users.c.id)
        .where(external_identities.c.issuer == issuer, external_identities.c.subject == subject)
    )
    row = (await db.execute(chosen)).one_or_none()
    if row is None:
        return None
    return KnownIdentity(row.id, [Role(role) for role in row.roles], row.banned_at, row.ban_reason)


async def link(db: AsyncSession, user_id: UserId, issuer: str, subject: str, *, now: datetime) -> None:
    await db.execute(
        insert(external_identities).values(issuer=issuer, subject=subject, user_id=user_id, linked_at=now)
    )
