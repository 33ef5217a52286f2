from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.pricing import RateId
from holdfast.domains.pricing import queries
from holdfast.domains.pricing.exceptions import NotYourResource, RateNotFound
from holdfast.domains.pricing.models import rates
from holdfast.kernel.database import transaction


class DeactivateRate:
    """Sell nothing more at this rate; prices already given stand. Doing it twice is fine."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, rate_id: RateId, *, now: datetime, actor: Actor) -> None:
        """Raises RateNotFound, NotYourResource."""
        async with transaction(self.db):
            supplier_id = await queries.supplier_of(self.db, rate_id)
            if supplier_id is not None and not actor.supplies(supplier_id):
                raise NotYourResource
            if not await queries.deactivate(self.db, rates, rate_id, now=now):
                raise RateNotFound
