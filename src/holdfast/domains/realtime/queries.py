"""The statements on realtime's table."""

from datetime import date

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.realtime.models import revenue
from holdfast.kernel.money import Money


async def add_revenue(db: AsyncSession, day: date, taken: Money) -> Money:
    """What has been taken on this day in this currency, with this."""
    added = insert(revenue).values(day=day, currency=taken.currency, minor=taken.minor)
    counted = added.on_conflict_do_update(
        index_elements=[revenue.c.day, revenue.c.currency],
        set_={"minor": revenue.c.minor + added.excluded.minor},
    ).returning(revenue.c.minor)
    total: int = (await db.execute(counted)).scalar_one()
    return Money(total, taken.currency)
