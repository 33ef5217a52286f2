"""What things cost."""

from fastapi import APIRouter, status

from holdfast.api.dependencies import HouseActor, Now, Paging, Pricing, SupplyingActor
from holdfast.api.problems import documents
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
from holdfast.domains.pricing.exceptions import (
    AdjustmentUnclear,
    DatesReversed,
    DepositPercentMismatch,
    EstimateLengthUnclear,
    EstimateMixesCurrencies,
    FeeBoundsCrossed,
    FeeCurrencyMissing,
    FeeRuleEmpty,
    FeeRuleNotFound,
    NoRateForDate,
    NotYourResource,
    RateNotFound,
    ResourceNotFound,
    StayTooLong,
)
from holdfast.kernel.money import AmountTooLarge, TooManyDecimals
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/pricing", tags=["pricing"])

RATE_REFUSALS = documents(
    ResourceNotFound, NotYourResource, TooManyDecimals, DepositPercentMismatch, AdjustmentUnclear, DatesReversed
)
FEE_RULE_REFUSALS = documents(FeeRuleEmpty, FeeCurrencyMissing, FeeBoundsCrossed, TooManyDecimals)
PRICE_REFUSALS = documents(ResourceNotFound, NoRateForDate, StayTooLong, AmountTooLarge)
ESTIMATE_REFUSALS = documents(
    ResourceNotFound, NoRateForDate, EstimateLengthUnclear, EstimateMixesCurrencies, AmountTooLarge
)


@router.post("/rates", status_code=status.HTTP_201_CREATED, responses=RATE_REFUSALS)
async def create_rate(draft: RateDraft, pricing: Pricing, now: Now, actor: SupplyingActor) -> RateView:
    """Set what a resource costs. The newest active rate that is valid on the local start date applies."""
    return await pricing.create_rate(draft, now=now, actor=actor)


@router.get("/rates", responses=documents())
async def list_rates(pricing: Pricing, paging: Paging, resource_id: ResourceId | None = None) -> Page[RateView]:
    """Newest first, inactive ones included."""
    return await pricing.list_rates(paging, resource_id=resource_id)


@router.delete(
    "/rates/{rate_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documents(RateNotFound, NotYourResource)
)
async def deactivate_rate(rate_id: RateId, pricing: Pricing, now: Now, actor: SupplyingActor) -> None:
    """Sell nothing more at this rate; prices already given stand."""
    await pricing.deactivate_rate(rate_id, now=now, actor=actor)


@router.post("/fee-rules", status_code=status.HTTP_201_CREATED, responses=FEE_RULE_REFUSALS)
async def create_fee_rule(draft: FeeRuleDraft, pricing: Pricing, now: Now, actor: HouseActor) -> FeeRuleView:
    """Charge a service fee wherever the rule applies."""
    return await pricing.create_fee_rule(draft, now=now)


@router.get("/fee-rules", responses=documents())
async def list_fee_rules(pricing: Pricing, paging: Paging, actor: HouseActor) -> Page[FeeRuleView]:
    """Newest first, inactive ones included."""
    return await pricing.list_fee_rules(paging)


@router.delete(
    "/fee-rules/{rule_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documents(FeeRuleNotFound)
)
async def deactivate_fee_rule(rule_id: FeeRuleId, pricing: Pricing, now: Now, actor: HouseActor) -> None:
    """Charge this fee no more; prices already given stand."""
    await pricing.deactivate_fee_rule(rule_id, now=now)


@router.post("/calculate", responses=PRICE_REFUSALS)
async def calculate(query: PriceQuery, pricing: Pricing) -> PriceView:
    """What a stay costs, line by line."""
    return await pricing.calculate(query)


@router.post("/estimate", responses=ESTIMATE_REFUSALS)
async def estimate(query: EstimateQuery, pricing: Pricing) -> EstimateView:
    """From how much to how much a stay costs, over the dates it may start on."""
    return await pricing.estimate(query)
