from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.pricing import FeeRuleId
from holdfast.domains.pricing import queries
from holdfast.domains.pricing.exceptions import FeeRuleNotFound
from holdfast.domains.pricing.models import fee_rules
from holdfast.kernel.database import transaction


class DeactivateFeeRule:
    """Charge this fee no more; prices already given stand. Doing it twice is fine."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, rule_id: FeeRuleId, *, now: datetime) -> None:
        """Raises FeeRuleNotFound."""
        async with transaction(self.db):
            if not await queries.deactivate(self.db, fee_rules, rule_id, now=now):
                raise FeeRuleNotFound
