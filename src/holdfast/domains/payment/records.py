"""Intents, captures and refunds as they are stored; amounts in minor units of `currency`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from holdfast.contracts.booking import BookingId, PaymentSummary
from holdfast.contracts.payment import (
    CaptureId,
    DisputeId,
    DisputeStatus,
    IntentId,
    IntentStatus,
    IntentView,
    ProviderEventStatus,
    RefundId,
    RefundOrigin,
    RefundStatus,
    RefundView,
)
from holdfast.domains.payment.rules.statuses import OPEN
from holdfast.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentRecord:
    id: IntentId
    booking_id: BookingId
    reference: str
    provider: str
    status: IntentStatus
    amount_minor: int
    currency: str
    ref: str | None = None
    hosted_url: str | None = None
    payload: dict[str, Any]
    failure: str | None = None
    next_look_at: datetime | None = None
    looks: int = 0
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def view(self, *, refunded_minor: int, public_url: str) -> IntentView:
        return IntentView(
            id=self.id,
            booking_id=self.booking_id,
            provider=self.provider,
            status=self.status,
            amount=str(self.amount),
            currency=self.currency,
            refunded_amount=str(Money(refunded_minor, self.currency)),
            checkout_url=self.checkout_url(public_url) if self.is_open else None,
            provider_payload=self.payload,
            failure=self.failure,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )

    def summary(self, *, public_url: str) -> PaymentSummary:
        return PaymentSummary(
            intent_id=self.id,
            provider=self.provider,
            status=self.status,
            amount=str(self.amount),
            checkout_url=self.checkout_url(public_url),
        )

    def checkout_url(self, public_url: str) -> str:
        """Our own page, which opens the provider's session when somebody comes and leads on to it."""
        return f"{public_url}/pay/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRecord:
    """`refunded_minor`: given back, or promised to be."""

    id: CaptureId
    intent_id: IntentId
    booking_id: BookingId
    provider: str
    ref: str
    amount_minor: int
    currency: str
    refunded_minor: int = 0
    at: datetime

    @property
    def left(self) -> Money:
        return Money(self.amount_minor - self.refunded_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRecord:
    id: RefundId
    capture_id: CaptureId
    intent_id: IntentId
    booking_id: BookingId
    provider: str
    amount_minor: int
    currency: str
    reason: str
    origin: RefundOrigin = RefundOrigin.HOUSE
    status: RefundStatus
    ref: str | None = None
    failure: str | None = None
    attempts: int = 0
    next_attempt_at: datetime | None = None
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    def view(self) -> RefundView:
        return RefundView(
            id=self.id,
            intent_id=self.intent_id,
            booking_id=self.booking_id,
            amount=str(self.amount),
            currency=self.currency,
            status=self.status,
            reason=self.reason,
            origin=self.origin,
            failure=self.failure,
            created_at=self.created_at,
            updated_at=self.updated_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeRecord:
    id: DisputeId
    capture_id: CaptureId
    intent_id: IntentId
    booking_id: BookingId
    provider: str
    ref: str
    amount_minor: int
    currency: str
    reason: str | None
    status: DisputeStatus
    created_at: datetime
    updated_at: datetime

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderEventRecord:
    """A verified webhook; `news` as they are packed, None where it concerns no payment of ours."""

    id: UUID
    provider: str
    event_id: str
    news: dict[str, Any] | None
    status: ProviderEventStatus
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """What a provider says and we cannot agree with."""

    kind: str
    provider: str
    ref: str
    intent_id: IntentId | None
    expected: str
    seen: str
