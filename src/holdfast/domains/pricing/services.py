"""The facade of pricing."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import ResourceId
from holdfast.contracts.pricing import (
    EstimateQuery,
    EstimateView,
    FeeRuleDraft,
    FeeRuleId,
    FeeRuleView,
    PriceQuery,
    PriceView,
    RateDraft,
    RateId,
    RateView,
)
from holdfast.domains.pricing.ops.calculate_many import CalculateMany
from holdfast.domains.pricing.ops.create_fee_rule import CreateFeeRule
from holdfast.domains.pricing.ops.create_rate import CreateRate
from holdfast.domains.pricing.ops.deactivate_fee_rule import DeactivateFeeRule
from holdfast.domains.pricing.ops.deactivate_rate import DeactivateRate
from holdfast.domains.pricing.ops.estimate import Estimate
from holdfast.domains.pricing.ops.list_fee_rules import ListFeeRules
from holdfast.domains.pricing.ops.list_rates import ListRates
from holdfast.domains.pricing.ports import Directory
from holdfast.kernel.errors import Refusal
from holdfast.kernel.paging import Page, PageRequest


class PricingService:
    """Rates, fee rules, and what they make a stay cost."""

    def __init__(self, db: AsyncSession, directory: Directory) -> None:
        self.db = db
        self.directory = directory

    async def create_rate(self, draft: RateDraft, *, now: datetime, actor: Actor) -> RateView:
        return await CreateRate(self.db, self.directory).execute(draft, now=now, actor=actor)

    async def list_rates(self, page: PageRequest, *, resource_id: ResourceId | None = None) -> Page[RateView]:
        return await ListRates(self.db).execute(page, resource_id=resource_id)

    async def deactivate_rate(self, rate_id: RateId, *, now: datetime, actor: Actor) -> None:
        await DeactivateRate(self.db).execute(rate_id, now=now, actor=actor)

    async def create_fee_rule(self, draft: FeeRuleDraft, *, now: datetime) -> FeeRuleView:
        return await CreateFeeRule(self.db).execute(draft, now=now)

    async def list_fee_rules(self, page: PageRequest) -> Page[FeeRuleView]:
        return await ListFeeRules(self.db).execute(page)

    async def deactivate_fee_rule(self, rule_id: FeeRuleId, *, now: datetime) -> None:
        await DeactivateFeeRule(self.db).execute(rule_id, now=now)

    async def calculate_many(self, asked: Sequence[PriceQuery]) -> list[PriceView | Refusal]:
        return await CalculateMany(self.db, self.directory).execute(asked)

    async def calculate(self, asked: PriceQuery) -> PriceView:
        """`calculate_many` for one query; its refusal is raised."""
        outcome = (await self.calculate_many([asked]))[0]
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def estimate(self, query: EstimateQuery) -> EstimateView:
        return await Estimate(self.db, self.directory).execute(query)
