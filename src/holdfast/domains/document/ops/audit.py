from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.document import queries
from holdfast.kernel.invariants import Finding, check


class AuditDocuments:
    """Numbers that are missing or given twice, and invoices taken back twice."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self) -> list[Finding]:
        return await check(self.db, queries.INVARIANTS)
