"""What the sandbox says: a payment provider of our own that takes no money, with the parts of a real one.

checkout   open -> code -> succeeded | failed          the card with a second step
           open -> succeeded | failed                  the cards that say yes or no at once
           open -> processing -> succeeded             the card that settles by itself
           open, code, processing -> cancelled
"""

from enum import StrEnum
from typing import Annotated, NewType
from uuid import UUID

from pydantic import Field

from holdfast.kernel.contract import Contract, Instant
from holdfast.kernel.money import Money

CheckoutRef = NewType("CheckoutRef", str)


class TestCard(StrEnum):
    """How a payment goes; the value is also the method's name for `confirm`."""

    __test__ = False  # pytest takes the name for a test's

    OK = "sandbox_ok"
    DECLINED = "sandbox_declined"
    SECOND_STEP = "sandbox_second_step"
    PENDING = "sandbox_pending"


class CheckoutStage(StrEnum):
    """`code`: a card was chosen whose bank wants a code first."""

    OPEN = "open"
    CODE = "code"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class CheckoutOrder(Contract):
    """What to collect, and where the page sends the guest afterwards."""

    intent_id: UUID
    minor: Annotated[int, Field(gt=0)]
    currency: str
    reference: str
    description: str
    return_url: str


class CheckoutView(Contract):
    ref: str
    intent_id: UUID
    stage: CheckoutStage
    minor: int
    currency: str
    reference: str
    description: str
    return_url: str
    failure: str | None
    wrong_codes: int
    updated_at: Instant

    @property
    def amount(self) -> Money:
        return Money(self.minor, self.currency)


class RefundWish(Contract):
    """Give part of a checkout back; the same `refund_id` again is the same refund."""

    refund_id: UUID
    ref: str
    minor: Annotated[int, Field(gt=0)]
    currency: str
    reason: str


class SandboxRefund(Contract):
    ref: str
    refund_id: UUID
    checkout_ref: str
    minor: int
    currency: str

    @property
    def amount(self) -> Money:
        return Money(self.minor, self.currency)
