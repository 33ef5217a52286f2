from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.pricing import RateDraft, RateView
from holdfast.domains.pricing import queries
from holdfast.domains.pricing.exceptions import VIOLATIONS, NotYourResource, ResourceNotFound
from holdfast.domains.pricing.ports import Directory
from holdfast.domains.pricing.rules.drafts import checked_rate
from holdfast.kernel.database import transaction


class CreateRate:
    """Set what a resource costs from now on, for the dates the rate is valid on."""

    def __init__(self, db: AsyncSession, directory: Directory) -> None:
        self.db = db
        self.directory = directory

    async def execute(self, draft: RateDraft, *, now: datetime, actor: Actor) -> RateView:
        """Raises what `checked_rate` refuses, ResourceNotFound and NotYourResource."""
        checked = checked_rate(draft)
        facts = (await self.directory.describe_many([draft.resource_id])).get(draft.resource_id)
        if facts is None:
            raise ResourceNotFound(pointer="/resource_id")
        if not actor.supplies(facts.supplier_id):
            raise NotYourResource(pointer="/resource_id")
        async with transaction(self.db, VIOLATIONS):
            return await queries.insert_rate(self.db, checked, supplier_id=facts.supplier_id, now=now)
