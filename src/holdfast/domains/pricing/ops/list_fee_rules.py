from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.pricing import FeeRuleView
from holdfast.domains.pricing import queries
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest


class ListFeeRules:
    """Fee rules, newest first; inactive ones included."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest) -> Page[FeeRuleView]:
        async with transaction(self.db):
            return await queries.page_of_fee_rules(self.db, page)
