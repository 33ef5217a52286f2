"""What is kept of messages, for how long, and whether it is in order."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.notification.queries import messages, notices, reminders
from holdfast.domains.notification.queries.audits import INVARIANTS
from holdfast.kernel.database import transaction
from holdfast.kernel.invariants import Finding, check

BATCH = 5_000
# a try that is due is made within seconds; where there is no way out at all, a day shows it
STUCK_AFTER = timedelta(days=1)


class ForgetMessages:
    """Delete one bounded batch of messages and notices older than `before`; how many. What waits is kept."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, before: datetime) -> int:
        async with transaction(self.db):
            gone = await messages.forget_before(self.db, before, limit=BATCH)
            gone += await notices.forget_before(self.db, before, limit=BATCH)
            return gone + await reminders.forget_before(self.db, before)


class AuditMessages:
    """Messages that nobody sends, and secrets that nobody wiped."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, now: datetime) -> list[Finding]:
        return await check(self.db, INVARIANTS, due_before=now - STUCK_AFTER)
