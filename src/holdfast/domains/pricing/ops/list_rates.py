from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import ResourceId
from holdfast.contracts.pricing import RateView
from holdfast.domains.pricing import queries
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest


class ListRates:
    """Rates, newest first, of one resource or of all; inactive ones included."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, resource_id: ResourceId | None = None) -> Page[RateView]:
        async with transaction(self.db):
            return await queries.page_of_rates(self.db, page, resource_id=resource_id)
