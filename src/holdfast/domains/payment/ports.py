"""What payment needs from others: the booking it takes money for, and a provider that takes it.

Every provider fits `Provider` by shape. It is asked outside any transaction, may be asked the same thing again at
any time, and answers with what it now knows (`Reading`): the caller decides what that changes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from pydantic import JsonValue

from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.payment import DisputeStatus, IntentId, RefundId, RefundStatus
from holdfast.kernel.money import Money


class Bookings(Protocol):
    """What is owed, and by whom."""

    async def get(self, booking_id: BookingId, *, actor: Actor) -> BookingView: ...

    async def supplier_of(self, booking_id: BookingId) -> UserId | None:
        """Whose resource it is of; None where it is the house's own."""
        ...

    async def get_many(
        self, booking_ids: Collection[BookingId], *, actor: Actor
    ) -> dict[BookingId, BookingView]: ...


class Stage(StrEnum):
    """How far a provider is with a payment. `open`: nobody has tried to pay, or may try again."""

    OPEN = "open"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a provider is to collect. `return_url` is where its hosted page sends the guest afterwards."""

    intent_id: IntentId
    amount: Money
    reference: str
    description: str
    guest_name: str
    guest_email: str
    return_url: str


@dataclass(frozen=True, kw_only=True)
class Session:
    """What the provider opened for an order: `ref` is its own name for it."""

    ref: str
    checkout_url: str | None = None
    payload: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a provider knows of a payment. `amount` is what it took (None before), `capture_ref` the name that a
    refund of it needs, `intent_id` ours where the provider carries it."""

    ref: str
    stage: Stage
    amount: Money | None = None
    capture_ref: str | None = None
    failure: str | None = None
    intent_id: IntentId | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class RefundOrder:
    """Give `amount` of a capture back; `refund_id` is the idempotency key."""

    refund_id: RefundId
    ref: str
    capture_ref: str
    amount: Money
    reason: str


@dataclass(frozen=True, kw_only=True)
class RefundReading:
    """What a provider knows of a refund. `payment_ref` names what it gives back, as the session or as the capture;
    `refund_id` is ours, where the provider carries it; `intent_id` too, of who may speak for every provider."""

    ref: str
    status: RefundStatus
    amount: Money
    payment_ref: str | None = None
    refund_id: RefundId | None = None
    intent_id: IntentId | None = None
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class DisputeReading:
    """What a provider knows of a dispute. `payment_ref` as in a refund's reading; `again`: what happened is a part
    of the dispute of that payment, where there is one, whatever it is called here."""

    ref: str
    status: DisputeStatus
    amount: Money
    payment_ref: str | None
    reason: str | None = None
    again: bool = False


News = Reading | RefundReading | DisputeReading


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A webhook whose signature is right. `news` is None for a kind of event that concerns no payment of ours."""

    event_id: str
    type: str
    news: News | None = None


class Provider(Protocol):
    """A payment provider. Refusals of every method but `notice`: ProviderUnavailable with `retry_after` when it
    does not answer (the circuit is open, a timeout, a 5xx), ProviderRefused with its own words when it says no."""

    @property
    def name(self) -> str: ...

    async def open(self, order: Order) -> Session:
        """Begin to collect; the same `intent_id` again finds the same session."""
        ...

    async def confirm(self, ref: str, *, method: str | None, data: Mapping[str, JsonValue]) -> Reading:
        """Pay with a method, or take what the checkout handed over; where neither is given, as `read`."""
        ...

    async def read(self, ref: str) -> Reading: ...

    async def cancel(self, ref: str) -> Reading:
        """Take no money any more; where it was already taken, the reading says so."""
        ...

    async def refund(self, order: RefundOrder) -> RefundReading:
        """The same `refund_id` again finds the same refund."""
        ...

    async def read_refund(self, ref: str, order: RefundOrder) -> RefundReading: ...

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        """Verify a webhook over its raw body; header names in lower case. BadSignature; WebhookNotConfigured;
        ProviderUnavailable where the provider's certificate cannot be had."""
        ...

    async def payments(self, *, since: datetime, until: datetime) -> Sequence[Reading] | None:
        """What the provider lists for that time, for reconciliation; None where it has no such list."""
        ...

    async def refunds(self, *, since: datetime, until: datetime) -> Sequence[RefundReading] | None:
        """As `payments`: what was given back, by whoever asked for it, by when it was asked for."""
        ...
