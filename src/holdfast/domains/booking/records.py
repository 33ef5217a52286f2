"""A booking as it is stored, and how it is shown."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from holdfast.contracts.booking import (
    BookingId,
    BookingView,
    CancellationPolicy,
    GuestId,
    GuestView,
    ItemId,
    ItemStatus,
    ItemView,
    Lifecycle,
    PaymentSummary,
    RefundDue,
    Status,
)
from holdfast.contracts.identity import UserId
from holdfast.contracts.inventory import ReservationId, ResourceId, VenueId, VenueSummary
from holdfast.contracts.pricing import PriceView
from holdfast.domains.booking.rules.guards import Facts
from holdfast.domains.booking.rules.machines import GIVEN_UP, Machines
from holdfast.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRecord:
    """One row of `booking.bookings`; amounts in minor units of `currency`."""

    id: BookingId
    reference: str
    status: Status
    lifecycle_status: Lifecycle
    version: int
    resource_id: ResourceId
    reservation_id: ReservationId | None
    venue_id: VenueId
    venue_type: str
    venue_name: str
    supplier_id: UserId | None
    guest_id: GuestId
    guest_name: str
    guest_email: str
    guest_phone: str | None
    start_at: datetime
    end_at: datetime
    party_size: int
    currency: str
    price: dict[str, Any]
    due_now_minor: int
    captured_minor: int = 0
    returned_minor: int = 0
    asked_back_minor: int = 0
    confirmed_for_minor: int | None = None
    payment: dict[str, Any] | None = None
    policy: dict[str, Any]
    refund_due: dict[str, Any] | None = None
    payment_provider: str | None
    notes: str | None
    metadata: dict[str, Any]
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime
    confirmed_at: datetime | None = None
    checked_in_at: datetime | None = None
    completed_at: datetime | None = None
    cancelled_at: datetime | None = None

    @property
    def machines(self) -> Machines:
        return Machines(self.status, self.lifecycle_status)

    @property
    def captured(self) -> Money:
        return Money(self.captured_minor, self.currency)

    @property
    def kept(self) -> Money:
        """What was captured and is this booking's: without what it has asked back, or what went back before it was
        confirmed. Refunds that staff granted later are gifts, they do not come due again."""
        return self.captured - Money(self.asked_back_minor, self.currency)

    @property
    def returnable(self) -> Money:
        """What was captured and neither went back nor was asked back."""
        return self.captured - Money(max(self.asked_back_minor, self.returned_minor), self.currency)

    @property
    def total(self) -> Money:
        return Money.parse(self.price["total"], self.currency)

    @property
    def balance(self) -> Money:
        """What is still due now; negative where more was captured than is due."""
        return Money(self.due_now_minor, self.currency) - self.kept

    @property
    def outstanding(self) -> Money:
        """What is still to be paid of the total, once; nothing when the sale is off."""
        if self.status in GIVEN_UP or self.lifecycle_status is Lifecycle.REFUNDED:
            return Money.zero(self.currency)
        return self.total - self.kept

    @property
    def facts(self) -> Facts:
        return Facts(self.start_at, Money(self.due_now_minor, self.currency), self.kept)

    @property
    def payment_summary(self) -> PaymentSummary | None:
        return PaymentSummary.from_store(self.payment) if self.payment else None

    @property
    def refund_policy(self) -> CancellationPolicy:
        return CancellationPolicy.from_store(self.policy)

    def view(self) -> BookingView:
        return BookingView(
            id=self.id,
            reference=self.reference,
            status=self.status,
            lifecycle_status=self.lifecycle_status,
            version=self.version,
            resource_id=self.resource_id,
            reservation_id=self.reservation_id,
            venue=VenueSummary(id=self.venue_id, type=self.venue_type, name=self.venue_name),
            guest=GuestView(
                id=self.guest_id, name=self.guest_name, email=self.guest_email, phone=self.guest_phone
            ),
            start_at=self.start_at,
            end_at=self.end_at,
            duration_minutes=int((self.end_at - self.start_at).total_seconds() // 60),
            party_size=self.party_size,
            price=PriceView.from_store(self.price),
            balance=str(self.balance),
            outstanding=str(self.outstanding),
            payment=self.payment_summary,
            refund_due=RefundDue.from_store(self.refund_due) if self.refund_due else None,
            notes=self.notes,
            metadata=self.metadata,
            expires_at=self.expires_at,
            created_at=self.created_at,
            updated_at=self.updated_at,
            confirmed_at=self.confirmed_at,
            checked_in_at=self.checked_in_at,
            completed_at=self.completed_at,
            cancelled_at=self.cancelled_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRecord:
    """One row of `booking.history`: a step of either machine, and everything that came with the command."""

    booking_id: BookingId
    version: int
    from_status: Status | None
    to_status: Status
    from_lifecycle_status: Lifecycle | None
    to_lifecycle_status: Lifecycle
    actor_type: str
    actor_id: UUID | None
    reason: str | None
    note: str | None
    override: bool
    idempotency_key: str | None
    metadata: dict[str, Any]
    at: datetime
    claimed_actor_type: str | None = None
    claimed_actor_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRecord:
    """One row of `booking.captures`: money that arrived, under the id its payment gave it. What came in another
    currency than the price's is not `counted`."""

    id: UUID
    booking_id: BookingId
    amount_minor: int
    currency: str
    at: datetime
    counted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnRecord:
    """One row of `booking.returns`: money that went back of a capture, under the id of its refund."""

    id: UUID
    booking_id: BookingId
    capture_id: UUID
    amount_minor: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """One row of `booking.items`: `price_minor` of its own `currency`, `converted_minor` of the booking's. The
    inventory knows what it holds under its `number`."""

    id: ItemId
    booking_id: BookingId
    number: int
    reference: str
    guest_name: str
    kind: str
    label: str
    product_id: UUID | None
    resource_id: ResourceId | None
    supplier_id: UserId | None
    start_at: datetime
    end_at: datetime
    quantity: int
    price_minor: int
    currency: str
    rate: Decimal
    converted_minor: int
    booking_currency: str
    reservation_id: ReservationId | None = None
    status: ItemStatus = ItemStatus.REQUESTED
    confirmation_reference: str | None = None
    reason: str | None = None
    confirmed_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    replaces_id: ItemId | None = None

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)

    @property
    def converted(self) -> Money:
        return Money(self.converted_minor, self.booking_currency)

    @property
    def is_sold(self) -> bool:
        """In the booking's price, and holding what it is of ours: a declined item too, until staff removes or
        replaces it. A lead that becomes a booking leaves those out."""
        return self.status is not ItemStatus.REMOVED

    def told(self) -> dict[str, Any]:
        """What an event tells of it."""
        return {
            "item_id": self.id,
            "item_kind": self.kind,
            "item_label": self.label,
            "item_supplier_id": self.supplier_id,
            "confirmation_reference": self.confirmation_reference,
        }

    def view(self) -> ItemView:
        return ItemView(
            id=self.id,
            booking_id=self.booking_id,
            reference=self.reference,
            guest_name=self.guest_name,
            kind=self.kind,
            label=self.label,
            product_id=self.product_id,
            resource_id=self.resource_id,
            supplier_id=self.supplier_id,
            start_at=self.start_at,
            end_at=self.end_at,
            quantity=self.quantity,
            price=str(self.price),
            currency=self.currency,
            rate=f"{self.rate:f}",
            converted_price=str(self.converted),
            booking_currency=self.booking_currency,
            reservation_id=self.reservation_id,
            status=self.status,
            confirmation_reference=self.confirmation_reference,
            reason=self.reason,
            confirmed_at=self.confirmed_at,
            created_at=self.created_at,
            updated_at=self.updated_at,
            replaces_id=self.replaces_id,
        )
