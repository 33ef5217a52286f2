"""What is over is not kept for ever."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.sandbox import queries
from holdfast.kernel.database import transaction


class Forget:
    """Delete what ended before that; a batch of it."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, before: datetime) -> int:
        async with transaction(self.db):
            return await queries.forget_before(self.db, before)
