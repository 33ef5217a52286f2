"""What a rate or a fee rule must say before it is kept. Every refusal points at the field."""

from dataclasses import dataclass
from datetime import date

from holdfast.contracts.pricing import (
    Adjustment,
    FeeRuleDraft,
    LengthOfStayAdjustment,
    RateDraft,
    SeasonAdjustment,
    Terms,
)
from holdfast.domains.pricing.exceptions import (
    AdjustmentUnclear,
    DatesReversed,
    DepositPercentMismatch,
    FeeBoundsCrossed,
    FeeCurrencyMissing,
    FeeRuleEmpty,
)
from holdfast.kernel.money import Money


@dataclass(frozen=True)
class FeeAmounts:
    """A fee rule's amounts in minor units of its currency."""

    fixed: int | None
    minimum: int | None
    maximum: int | None


def checked_rate(draft: RateDraft) -> RateDraft:
    """The draft, its amounts written with all the decimals of the currency, once it makes sense.

    Raises TooManyDecimals, DepositPercentMismatch, DatesReversed and AdjustmentUnclear.
    """
    amount = Money.parse(draft.amount, draft.currency, pointer="/amount")
    if (draft.terms is Terms.DEPOSIT) != (draft.deposit_percent is not None):
        raise DepositPercentMismatch(pointer="/deposit_percent")
    in_order(draft.valid_from, draft.valid_to, pointer="/valid_to")
    adjustments = [
        checked_adjustment(adjustment, draft.currency, pointer=f"/adjustments/{index}")
        for index, adjustment in enumerate(draft.adjustments)
    ]
    return draft.model_copy(update={"amount": str(amount), "adjustments": adjustments})


def checked_adjustment(adjustment: Adjustment, currency: str, *, pointer: str) -> Adjustment:
    if isinstance(adjustment, LengthOfStayAdjustment):
        if (adjustment.min_nights is None) == (adjustment.min_minutes is None):
            raise AdjustmentUnclear("say either min_nights or min_minutes", pointer=pointer)
        return adjustment
    changes = {"amount": adjustment.amount}
    if isinstance(adjustment, SeasonAdjustment):
        in_order(adjustment.from_on, adjustment.to_on, pointer=f"{pointer}/to_on")
        changes["price"] = adjustment.price
    ways = ["percent", *changes]
    if sum(getattr(adjustment, way) is not None for way in ways) != 1:
        raise AdjustmentUnclear(f"say exactly one of {', '.join(ways)}", pointer=pointer)
    written = {
        field: str(Money.parse(text, currency, pointer=f"{pointer}/{field}"))
        for field, text in changes.items()
        if text is not None
    }
    return adjustment.model_copy(update=written)


def checked_fee_rule(draft: FeeRuleDraft) -> FeeAmounts:
    """The rule's amounts. Raises FeeRuleEmpty, FeeCurrencyMissing, FeeBoundsCrossed and TooManyDecimals."""
    if not draft.percent and draft.fixed is None:
        raise FeeRuleEmpty(pointer="/percent")
    texts = {"fixed": draft.fixed, "minimum": draft.minimum, "maximum": draft.maximum}
    amounts: dict[str, int | None] = dict.fromkeys(texts)
    for field, text in texts.items():
        if text is None:
            continue
        if draft.currency is None:
            raise FeeCurrencyMissing(pointer="/currency")
        amounts[field] = Money.parse(text, draft.currency, pointer=f"/{field}").minor
    kept = FeeAmounts(**amounts)
    if kept.minimum is not None and kept.maximum is not None and kept.minimum > kept.maximum:
        raise FeeBoundsCrossed(pointer="/minimum")
    return kept


def in_order(first: date | None, last: date | None, *, pointer: str) -> None:
    if first is not None and last is not None and last < first:
        raise DatesReversed(pointer=pointer)
