from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.pricing import FeeRuleDraft, FeeRuleView
from holdfast.domains.pricing import queries
from holdfast.domains.pricing.exceptions import VIOLATIONS
from holdfast.domains.pricing.rules.drafts import checked_fee_rule
from holdfast.kernel.database import transaction


class CreateFeeRule:
    """Charge a service fee on every price the rule matches."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, draft: FeeRuleDraft, *, now: datetime) -> FeeRuleView:
        """Raises what `checked_fee_rule` refuses."""
        amounts = checked_fee_rule(draft)
        async with transaction(self.db, VIOLATIONS):
            return await queries.insert_fee_rule(self.db, draft, amounts, now=now)
