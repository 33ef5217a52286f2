"""Rates and fee rules through the facade."""

from collections.abc import Awaitable
from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.pricing import FeeRuleDraft, FeeRuleId, RateDraft, RateId
from holdfast.domains.pricing.exceptions import (
    VIOLATIONS,
    DepositPercentMismatch,
    FeeCurrencyMissing,
    FeeRuleNotFound,
    RateNotFound,
    ResourceNotFound,
)
from holdfast.domains.pricing.models import fee_rules, rates
from holdfast.domains.pricing.services import PricingService
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import TooManyDecimals
from holdfast.kernel.paging import PageRequest
from tests.domains.rates import NOW, ROOM, TABLE, UNKNOWN, KnownResources, rate


@pytest.fixture
def pricing(db: AsyncSession) -> PricingService:
    return PricingService(db, KnownResources())


async def rows(db: AsyncSession) -> int:
    counts = [select(func.count()).select_from(table).scalar_subquery() for table in (rates, fee_rules)]
    return await db.scalar(select(counts[0] + counts[1])) or 0


async def test_a_rate_comes_back_as_it_was_given(pricing: PricingService) -> None:
    draft = rate(
        name="Sea view",
        terms="deposit",
        deposit_percent="12.5000",
        adjustments=[
            {"kind": "season", "from_on": "2026-07-01", "to_on": "2026-08-31", "price": "150"},
            {"kind": "weekday", "days": ["fri", "sat"], "percent": 10.5},
            {"kind": "length_of_stay", "min_nights": 7, "discount_percent": 10},
        ],
        taxes=[{"label": "VAT", "percent": 7, "included": True}],
        valid_from="2026-01-01",
    )
    created = await pricing.create_rate(draft, now=NOW, actor=SYSTEM)
    listed = await pricing.list_rates(PageRequest())
    assert listed.items == [created]
    said = draft.model_dump(mode="json")
    said["adjustments"][0]["price"] = "150.00"
    assert created.model_dump(mode="json", exclude={"id", "created_at"}) == {**said, "active": True}
    assert (created.created_at, str(created.deposit_percent)) == (NOW, "12.5")


async def test_rates_are_paged_newest_first_and_filtered(pricing: PricingService) -> None:
    made = [await pricing.create_rate(rate(), now=NOW + timedelta(minutes=n), actor=SYSTEM) for n in range(3)]
    yen = await pricing.create_rate(
        rate(resource_id=TABLE, amount="900", currency="JPY", per="person"), now=NOW, actor=SYSTEM
    )
    page = await pricing.list_rates(PageRequest(page=2, limit=2), resource_id=ROOM)
    assert ([each.id for each in page.items], page.total) == ([made[0].id], 3)
    assert [each.amount for each in (await pricing.list_rates(PageRequest(), resource_id=TABLE)).items] == ["900"]
    assert (await pricing.list_rates(PageRequest())).total == 4
    assert yen.currency == "JPY"


async def test_deactivating_twice_is_fine_and_unknown_ones_are_not_found(
    pricing: PricingService, db: AsyncSession
) -> None:
    kept = await pricing.create_rate(rate(), now=NOW, actor=SYSTEM)
    rule = await pricing.create_fee_rule(FeeRuleDraft.model_validate({"label": "S", "percent": 5}), now=NOW)
    for later in (NOW, NOW + timedelta(days=1)):
        await pricing.deactivate_rate(kept.id, now=later, actor=SYSTEM)
        await pricing.deactivate_fee_rule(rule.id, now=later)
    assert list(await db.scalars(select(rates.c.deactivated_at))) == [NOW]
    assert [each.active for each in (await pricing.list_rates(PageRequest())).items] == [False]
    assert [each.active for each in (await pricing.list_fee_rules(PageRequest())).items] == [False]
    with pytest.raises(RateNotFound):
        await pricing.deactivate_rate(RateId(uuid7()), now=NOW, actor=SYSTEM)
    with pytest.raises(FeeRuleNotFound):
        await pricing.deactivate_fee_rule(FeeRuleId(uuid7()), now=NOW)


@pytest.mark.parametrize(
    ("draft", "refusal", "pointer"),
    [
        (rate(amount="1.005"), TooManyDecimals, "/amount"),
        (rate(amount="10.5", currency="JPY"), TooManyDecimals, "/amount"),
        (rate(terms="deposit"), DepositPercentMismatch, "/deposit_percent"),
        (rate(resource_id=UNKNOWN), ResourceNotFound, "/resource_id"),
        (FeeRuleDraft(label="Service", fixed="1.00"), FeeCurrencyMissing, "/currency"),
    ],
)
async def test_bad_drafts_are_refused_at_the_field_and_nothing_is_written(
    pricing: PricingService,
    db: AsyncSession,
    draft: RateDraft | FeeRuleDraft,
    refusal: type[Refusal],
    pointer: str,
) -> None:
    if isinstance(draft, RateDraft):
        creating: Awaitable[object] = pricing.create_rate(draft, now=NOW, actor=SYSTEM)
    else:
        creating = pricing.create_fee_rule(draft, now=NOW)
    with pytest.raises(refusal) as refused:
        await creating
    assert refused.value.pointer == pointer
    assert await rows(db) == 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"currency": "XXX"}, "currency"),
        ({"currency": "eur"}, "currency"),
        ({"amount": "-1.00"}, "amount"),
        ({"amount": 1.5}, "amount"),
        ({"amount": "1000000000000"}, "amount"),
        ({"per": "week"}, "per"),
        ({"deposit_percent": 101}, "deposit_percent"),
        ({"taxes": [{"label": "VAT", "percent": "NaN"}]}, "taxes"),
        ({"adjustments": [{"kind": "moon"}]}, "adjustments"),
        ({"name": "a\x00b"}, "name"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_the_contract_refuses_at_the_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        rate(**fields)
    assert {error["loc"][0] for error in refused.value.errors()} == {field}


@pytest.mark.parametrize(
    ("broken", "constraint"),
    [
        ({"deposit_percent": 5}, "rates_deposit_check"),
        ({"valid_from": date(2026, 2, 1), "valid_to": date(2026, 1, 1)}, "rates_validity_check"),
    ],
)
async def test_the_database_refuses_too(db: AsyncSession, broken: dict[str, Any], constraint: str) -> None:
    values = {
        "id": uuid7(), "resource_id": ROOM, "amount": 1, "currency": "EUR", "per": "night", "terms": "full",
        "adjustments": [], "taxes": [], "active": True, "created_at": NOW,
    }  # fmt: skip
    with pytest.raises(VIOLATIONS[constraint]):
        async with transaction(db, VIOLATIONS):
            await db.execute(insert(rates).values(values | broken))
    assert await rows(db) == 0
