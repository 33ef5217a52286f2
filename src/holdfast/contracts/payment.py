"""What payment says: intents, refunds, and the news of both.

Amounts are decimal strings beside their ISO 4217 currency. An intent is one attempt to take what a booking owes
through one provider; a refund gives back part or all of what an intent took.

    intent    requires_action -> processing -> succeeded -> partially_refunded -> refunded
              requires_action, processing   -> failed | cancelled
              failed, cancelled             -> succeeded: providers do tell of money after they told of its failure
    refund    pending -> succeeded | failed
    dispute   open -> withheld -> won | lost; lost -> won
"""

from enum import StrEnum
from typing import Annotated, ClassVar, NewType
from uuid import UUID

from pydantic import Field, StringConstraints

from holdfast.contracts.booking import BookingId, ProviderName
from holdfast.contracts.identity import UserId
from holdfast.contracts.pricing import AmountText, Percent
from holdfast.kernel.contract import Contract, CurrencyCode, Instant, Key, Metadata, Text
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import Event

IntentId = NewType("IntentId", UUID)
CaptureId = NewType("CaptureId", UUID)
RefundId = NewType("RefundId", UUID)
DifferenceId = NewType("DifferenceId", UUID)
PayoutId = NewType("PayoutId", UUID)
DisputeId = NewType("DisputeId", UUID)

PaymentMethod = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,255}$")]


class IntentStatus(StrEnum):
    """Where an attempt to take money stands."""

    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


class RefundStatus(StrEnum):
    """`pending` until the provider has said what became of it."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class RefundOrigin(StrEnum):
    """Who decided it: somebody here, or who has the account at the provider, in the provider's own dashboard."""

    HOUSE = "house"
    PROVIDER = "provider"


class DisputeStatus(StrEnum):
    """A guest's bank wants the money back. `open`: asked about, and nothing is taken yet. `withheld`: taken until
    it is decided. `won`: the house keeps it, or has it again. `lost`: gone."""

    OPEN = "open"
    WITHHELD = "withheld"
    WON = "won"
    LOST = "lost"


class ProviderEventStatus(StrEnum):
    """`received`: stored and still to be processed. `unmatched`: of no payment of ours. `mismatched`: with another
    amount or currency than the payment's, or money that is not this payment's. `ignored`: of a kind that concerns
    no payment."""

    RECEIVED = "received"
    PROCESSED = "processed"
    IGNORED = "ignored"
    UNMATCHED = "unmatched"
    MISMATCHED = "mismatched"


class IntentDraft(Contract):
    """`POST /payments/intents`: without an amount, what is due; never more than that."""

    booking_id: BookingId
    provider: ProviderName | None = None
    amount: AmountText | None = None
    idempotency_key: Key | None = None


class Confirmation(Contract):
    """`POST /payments/intents/{id}/confirm`: `payment_method` is the provider's own name of one, `provider_data`
    what its checkout handed to the client (Razorpay's order, payment and signature)."""

    payment_method: PaymentMethod | None = None
    provider_data: Metadata = {}


class IntentView(Contract):
    """`provider_payload`: what the provider's client library needs to go on, besides `provider` itself."""

    id: IntentId
    booking_id: BookingId
    provider: str
    status: IntentStatus
    amount: str
    currency: str
    refunded_amount: str
    checkout_url: str | None
    provider_payload: Metadata
    failure: str | None
    created_at: Instant
    updated_at: Instant


class IntentOrder(Contract):
    """What booking orders together with a booking that has money due; `minor` units of `currency`."""

    booking_id: BookingId
    reference: str
    provider: ProviderName | None = None
    minor: Annotated[int, Field(gt=0)]
    currency: str

    @property
    def amount(self) -> Money:
        return Money(self.minor, self.currency)


class RefundDraft(Contract):
    """`POST /payments/refunds`: without an amount, all that is left of the intent."""

    intent_id: IntentId
    amount: AmountText | None = None
    reason: Annotated[Text, Field(min_length=1)]
    idempotency_key: Key | None = None


class RefundView(Contract):
    id: RefundId
    intent_id: IntentId
    booking_id: BookingId
    amount: str
    currency: str
    status: RefundStatus
    reason: str
    origin: RefundOrigin = RefundOrigin.HOUSE
    failure: str | None
    created_at: Instant
    updated_at: Instant


class NoticeReceivedView(Contract):
    """The answer to a webhook, given once it is stored."""

    received: bool = True
    seen_before: bool


class ProviderEventView(Contract):
    """A verified webhook as staff sees it; `error` is that of the last try to process it."""

    id: UUID
    provider: str
    event_id: str
    type: str
    status: ProviderEventStatus
    intent_id: IntentId | None
    attempts: int
    error: str | None
    received_at: Instant
    processed_at: Instant | None


class EntryView(Contract):
    """Debits are above zero, credits below."""

    account: str
    amount: str
    currency: str


class PostingView(Contract):
    """One line of the journal. `subject` is what was posted: a capture, a refund, an event of the booking. A
    payout to a supplier is of no booking."""

    id: UUID
    kind: str
    subject: UUID
    booking_id: BookingId | None
    note: str | None
    at: Instant
    entries: list[EntryView]


class BalancesView(Contract):
    """What every account holds, in each of its currencies."""

    items: list[EntryView]


class WriteOff(Contract):
    """`POST /admin/ledger/write-offs`: what a guest owes and will not be asked for."""

    booking_id: BookingId
    amount: AmountText
    reason: Annotated[Text, Field(min_length=1)]


class CommissionTerms(Contract):
    """`PUT /admin/suppliers/{id}/commission`: what the house keeps of the money it takes for this supplier."""

    percent: Percent


class CommissionView(Contract):
    supplier_id: UserId
    percent: Percent
    updated_at: Instant


class SupplierBalanceView(Contract):
    """What was earned for a supplier and not taken back, what of it was paid out, and what is left; below zero
    where guests got money back after it was paid out."""

    supplier_id: UserId
    currency: str
    earned: str
    paid_out: str
    payable: str


class SupplierBalancesView(Contract):
    items: list[SupplierBalanceView]


class PayoutDraft(Contract):
    """`POST /admin/suppliers/{id}/payouts`: a transfer that was made; `reference` as the bank knows it."""

    amount: AmountText
    currency: CurrencyCode
    reference: Annotated[Text, Field(min_length=1)]
    idempotency_key: Key | None = None


class PayoutView(Contract):
    id: PayoutId
    supplier_id: UserId
    amount: str
    currency: str
    reference: str
    at: Instant


class DifferenceKind(StrEnum):
    """What a person must look at."""

    AMOUNT_DIFFERS = "amount_differs"
    COUNTED_ELSEWHERE = "counted_elsewhere"
    PAID_TWICE = "paid_twice"
    REFUND_DIFFERS = "refund_differs"
    REFUND_FAILED_LATE = "refund_failed_late"
    REFUND_SHORT = "refund_short"
    REFUND_FAILED = "refund_failed"
    REFUND_BY_HAND = "refund_by_hand"
    DISPUTED = "disputed"
    UNKNOWN_HERE = "unknown_here"
    MISSING_THERE = "missing_there"
    UNSETTLED = "unsettled"
    WITHOUT_BOOKING = "without_booking"
    WITHOUT_PAYMENT = "without_payment"


class DifferenceView(Contract):
    """`expected` is what stands here, `seen` what the provider or the booking says. One that staff has closed,
    with a `note`, is not reported any more unless what is expected or seen changes; `closed_by` is null where it
    was overtaken by a newer one about the same thing."""

    id: DifferenceId
    kind: DifferenceKind
    provider: str
    ref: str
    intent_id: IntentId | None
    expected: str
    seen: str
    at: Instant
    closed_at: Instant | None = None
    closed_by: UUID | None = None
    note: str | None = None


class DifferenceClosing(Contract):
    """`POST /admin/payments/discrepancies/{id}/close`: what was found out, or done about it."""

    note: Annotated[Text, Field(min_length=1)]


class TotalsView(Contract):
    """One provider's money in one currency over the time asked about; `clearing` is what the ledger says it holds
    of ours now. `listed` and `listed_refunds` are what it says itself that it took and gave back, where it has
    lists."""

    provider: str
    currency: str
    captured: str
    refunded: str
    listed: str | None
    listed_refunds: str | None = None
    clearing: str


class ReconciliationView(Contract):
    """`unreachable`: providers that did not answer, about whom this says nothing."""

    since: Instant
    until: Instant
    totals: list[TotalsView]
    differences: list[DifferenceView]
    unreachable: list[str]


class PaymentEvent(Event):
    """What every event of an intent tells; `currency` is that of the amounts."""

    about: ClassVar[str] = "intent_id"

    intent_id: IntentId
    booking_id: BookingId
    provider: str
    amount: str
    currency: str


class PaymentRequested(PaymentEvent):
    """Somebody asked to pay, by the intent that came with the booking or another one in its place."""

    type: ClassVar[str] = "payment.requested"
    checkout_url: str


class PaymentCompleted(PaymentEvent):
    """Money was taken; `capture_id` names it once and for all."""

    type: ClassVar[str] = "payment.completed"
    capture_id: CaptureId


class PaymentFailed(PaymentEvent):
    """The provider took no money, for the reason it gave."""

    type: ClassVar[str] = "payment.failed"
    reason: str | None


class PaymentRefunded(PaymentEvent):
    """`amount` has gone back to the guest; `refunded_total` of the intent's `captured_total` in all."""

    type: ClassVar[str] = "payment.refunded"
    refund_id: RefundId
    capture_id: CaptureId
    refunded_total: str
    captured_total: str


class PaymentRefundFailed(PaymentEvent):
    """The provider did not give `amount` back: somebody must."""

    type: ClassVar[str] = "payment.refund_failed"
    refund_id: RefundId
    reason: str | None
