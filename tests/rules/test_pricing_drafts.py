"""Rates, fee rules and estimates that make no sense."""

from typing import Any

import pytest

from holdfast.contracts.pricing import (
    EstimateQuery,
    FeeRuleDraft,
    RateDraft,
)
from holdfast.domains.pricing.exceptions import (
    AdjustmentUnclear,
    DatesReversed,
    DepositPercentMismatch,
    EstimateLengthUnclear,
    FeeBoundsCrossed,
    FeeCurrencyMissing,
    FeeRuleEmpty,
)
from holdfast.domains.pricing.rules.drafts import checked_fee_rule, checked_rate
from holdfast.domains.pricing.rules.stays import possible_stays
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import TooManyDecimals
from tests.rules.rates import BERLIN, FAIR, MONDAY, RESOURCE, SUMMER, TIERS, WEEKEND


def rate_draft(**fields: Any) -> RateDraft:
    usual = {"resource_id": RESOURCE, "amount": "1.00", "currency": "EUR", "per": "night", "terms": "full"}
    return RateDraft.model_validate(usual | fields)


@pytest.mark.parametrize(
    ("fields", "refusal", "pointer"),
    [
        ({"amount": "1.005"}, TooManyDecimals, "/amount"),
        ({"amount": "1.5", "currency": "JPY"}, TooManyDecimals, "/amount"),
        ({"terms": "deposit"}, DepositPercentMismatch, "/deposit_percent"),
        ({"deposit_percent": 10}, DepositPercentMismatch, "/deposit_percent"),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-31"}, DatesReversed, "/valid_to"),
        ({"adjustments": [WEEKEND | {"amount": "1"}]}, AdjustmentUnclear, "/adjustments/0"),
        ({"adjustments": [WEEKEND, WEEKEND | {"percent": None}]}, AdjustmentUnclear, "/adjustments/1"),
        ({"adjustments": [SUMMER | {"price": "1"}]}, AdjustmentUnclear, "/adjustments/0"),
        ({"adjustments": [SUMMER | {"amount": "1.001"}]}, TooManyDecimals, "/adjustments/0/amount"),
        ({"adjustments": [FAIR | {"price": "1.001"}]}, TooManyDecimals, "/adjustments/0/price"),
        ({"adjustments": [SUMMER | {"to_on": "2026-06-04"}]}, DatesReversed, "/adjustments/0/to_on"),
        ({"adjustments": [TIERS[0] | {"min_minutes": 5}]}, AdjustmentUnclear, "/adjustments/0"),
        ({"adjustments": [TIERS[0] | {"min_nights": None}]}, AdjustmentUnclear, "/adjustments/0"),
    ],
)
def test_a_rate_that_makes_no_sense(fields: dict[str, Any], refusal: type[Refusal], pointer: str) -> None:
    with pytest.raises(refusal) as refused:
        checked_rate(rate_draft(**fields))
    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("fields", "refusal", "pointer"),
    [
        ({}, FeeRuleEmpty, "/percent"),
        ({"minimum": "1.00", "currency": "EUR"}, FeeRuleEmpty, "/percent"),
        ({"fixed": "1.00"}, FeeCurrencyMissing, "/currency"),
        ({"percent": 5, "maximum": "1.00"}, FeeCurrencyMissing, "/currency"),
        ({"fixed": "1.00", "currency": "JPY"}, TooManyDecimals, "/fixed"),
        ({"percent": 5, "minimum": "2", "maximum": "1", "currency": "EUR"}, FeeBoundsCrossed, "/minimum"),
    ],
)
def test_a_fee_rule_that_makes_no_sense(fields: dict[str, Any], refusal: type[Refusal], pointer: str) -> None:
    with pytest.raises(refusal) as refused:
        checked_fee_rule(FeeRuleDraft.model_validate({"label": "Service"} | fields))
    assert refused.value.pointer == pointer


@pytest.mark.parametrize("lengths_", [{}, {"nights": 1, "duration_minutes": 60}])
def test_an_estimate_says_one_length(lengths_: dict[str, int]) -> None:
    query = EstimateQuery(resource_id=RESOURCE, from_on=MONDAY, to_on=MONDAY, **lengths_)
    with pytest.raises(EstimateLengthUnclear):
        possible_stays(query, BERLIN)
