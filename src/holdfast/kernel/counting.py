"""How many rows there are, where there may be more than anybody reads."""

from typing import Any

from sqlalchemy import Column, ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

# a count reads what it counts; beyond this the exact number matters to nobody
COUNTED = 1_000_000


async def counted(db: AsyncSession, key: Column[Any], condition: ColumnElement[bool]) -> int:
    """The rows of the key's table for which it is true, a million at most."""
    some = select(key).where(condition).limit(COUNTED).subquery()
    return await db.scalar(select(func.count()).select_from(some)) or 0
