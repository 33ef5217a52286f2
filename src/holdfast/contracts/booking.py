"""What booking says: one booking, two machines, and everything told about it."""

from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, ClassVar, NewType
from uuid import UUID

from pydantic import (
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from holdfast.contracts.identity import ActorType, Email, LanguageTag, Phone, UserId
from holdfast.contracts.inventory import (
    Alternative,
    Day,
    Period,
    Reason,
    ReservationId,
    ResourceId,
    VenueId,
    VenueSummary,
)
from holdfast.contracts.pricing import AmountText, PriceView
from holdfast.kernel.contract import (
    CalendarDate,
    Contract,
    Count,
    CurrencyCode,
    Instant,
    Key,
    Metadata,
    Name,
    Text,
    plausible,
)
from holdfast.kernel.outbox import Event

BookingId = NewType("BookingId", UUID)
GuestId = NewType("GuestId", UUID)
PassengerId = NewType("PassengerId", UUID)
ItemId = NewType("ItemId", UUID)
TaskId = NewType("TaskId", UUID)

LANGUAGE_TAG: TypeAdapter[str] = TypeAdapter(LanguageTag)
DurationMinutes = Annotated[StrictInt, Field(ge=1, le=366 * 24 * 60)]
Version = Annotated[StrictInt, Field(ge=1, le=2**31 - 1)]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
PassportNumber = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z0-9]{5,20}$")]
ItemKind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
RateText = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}(\.[0-9]{1,10})?$")]
ClaimedActor = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,49}$")]
ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]


class Status(StrEnum):
    """What is reserved."""

    DRAFT = "DRAFT"
    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    CHECKED_IN = "CHECKED_IN"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    NO_SHOW = "NO_SHOW"


class Lifecycle(StrEnum):
    """How far the sale is."""

    LEAD_CREATED = "lead_created"
    QUOTATION_SENT = "quotation_sent"
    QUOTATION_APPROVED = "quotation_approved"
    BOOKING_CREATED = "booking_created"
    PAYMENT_PENDING = "payment_pending"
    PAYMENT_CONFIRMED = "payment_confirmed"
    SUPPLIER_CONFIRMED = "supplier_confirmed"
    DOCUMENTS_GENERATED = "documents_generated"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class GuestDraft(Contract):
    """Who the booking is for; `id` is the guest's account, if any."""

    id: GuestId | None = None
    name: Name
    email: Email
    phone: Phone | None = None


class GuestView(Contract):
    id: GuestId
    name: str
    email: str
    phone: str | None


class Stay(Contract):
    """Where and when: one resource or any fitting one of a venue, until `end_at` or for so many minutes.

    Where nights are sold, whole days of `duration_minutes` are nights: to the same wall-clock time, whatever the
    clocks do in between.
    """

    resource_id: ResourceId | None = None
    venue_id: VenueId | None = None
    start_at: Instant
    end_at: Instant | None = None
    duration_minutes: DurationMinutes | None = None
    party_size: Count = 1

    @field_validator("end_at")
    @classmethod
    def starts_before_it_ends(cls, end_at: Instant | None, info: ValidationInfo) -> Instant | None:
        if end_at is not None and "start_at" in info.data and end_at <= info.data["start_at"]:
            raise ValueError("end_at must come after start_at")
        return end_at

    @field_validator("duration_minutes")
    @classmethod
    def ends_in_time(cls, minutes: int | None, info: ValidationInfo) -> int | None:
        if minutes is not None and "start_at" in info.data:
            plausible(info.data["start_at"] + timedelta(minutes=minutes))
        return minutes

    @model_validator(mode="after")
    def unambiguous(self) -> "Stay":
        if (self.resource_id is None) == (self.venue_id is None):
            raise ValueError("say either resource_id or venue_id")
        if (self.end_at is None) == (self.duration_minutes is None):
            raise ValueError("say either end_at or duration_minutes")
        return self


class BookingDraft(Stay):
    """`POST /bookings`."""

    guest: GuestDraft
    notes: Text | None = None
    metadata: Metadata = {}
    payment_provider: ProviderName | None = None
    idempotency_key: Key | None = None


class LeadDraft(BookingDraft):
    """`POST /bookings/leads`: a wish at one resource that holds nothing yet."""

    @model_validator(mode="after")
    def at_one_resource(self) -> "LeadDraft":
        if self.resource_id is None:
            raise ValueError("a lead names its resource: say resource_id")
        return self


class LifecycleChange(Contract):
    """One edge of the lifecycle. `actor_type` and `actor_id` are what the request says of itself, and kept as
    that; who called is kept beside it. `override` lets staff past a guard (never past the edges), with a note."""

    to_status: Lifecycle
    actor_type: ClaimedActor | None = None
    actor_id: Key | None = None
    note: Text | None = None
    metadata: Metadata = {}
    override: StrictBool = False
    expected_version: Version | None = None
    idempotency_key: Key | None = None

    @model_validator(mode="after")
    def override_says_why(self) -> "LifecycleChange":
        if self.override and not self.note:
            raise ValueError("an override needs a note")
        return self


class BookingChange(Contract):
    """`PUT /bookings/{id}`: absent fields stay as they are; new times or party claim anew and price anew.

    With a new `start_at` alone the length stays the same; where nights are sold, their number and the wall-clock
    time of the end.
    """

    expected_version: Version | None = None
    start_at: Instant | None = None
    end_at: Instant | None = None
    party_size: Count | None = None
    guest: GuestDraft | None = None
    notes: Text | None = None
    metadata: Metadata | None = None
    idempotency_key: Key | None = None

    @model_validator(mode="after")
    def changes_something(self) -> "BookingChange":
        if not self.model_fields_set - {"expected_version", "idempotency_key"}:
            raise ValueError("name at least one field to change")
        return self


class Cancellation(Contract):
    """`POST /bookings/{id}/cancel`."""

    reason: Annotated[Text, Field(min_length=1)]
    expected_version: Version | None = None
    idempotency_key: Key | None = None


class StatusChange(Contract):
    """`POST /bookings/{id}/status`: `override` lets staff past a guard (never past the edges), with a reason."""

    status: Status
    expected_version: Version | None = None
    reason: Text | None = None
    override: StrictBool = False
    idempotency_key: Key | None = None

    @model_validator(mode="after")
    def override_says_why(self) -> "StatusChange":
        if self.override and not self.reason:
            raise ValueError("an override needs a reason")
        return self


class Voiding(Contract):
    """`POST /admin/bookings/{id}/void`."""

    reason: Annotated[Text, Field(min_length=1)]
    expected_version: Version | None = None
    idempotency_key: Key | None = None


class RefundCause(StrEnum):
    """Why money is to go back: which rule of the house asks for it."""

    POLICY = "policy"
    NO_SHOW = "no_show"
    EXPIRED = "expired"
    FAILED = "failed"
    VOIDED = "voided"
    CHEAPER = "cheaper"
    EXCESS = "excess"
    TOO_LATE = "too_late"
    OTHER_CURRENCY = "other_currency"


class RefundDue(Contract):
    """What a cancellation gives back by its policy: decimal strings; `percent` of what was captured."""

    amount: str
    currency: str
    percent: str


class PaymentSummary(Contract):
    """The payment intent as its booking shows it."""

    intent_id: UUID
    provider: str
    status: str
    amount: str
    checkout_url: str | None


class BookingView(Contract):
    """`balance`, in the price's currency: due now less captured; negative where more was captured than is due.
    `outstanding`: of the total, what was not captured yet (the rest after a deposit); nothing once it is given up
    or refunded. Captured money that the booking has asked back, or that went back before it was confirmed, counts
    as not captured in both.
    """

    id: BookingId
    reference: str
    status: Status
    lifecycle_status: Lifecycle
    version: int
    resource_id: ResourceId
    reservation_id: ReservationId | None
    venue: VenueSummary
    guest: GuestView
    start_at: Instant
    end_at: Instant
    duration_minutes: int
    party_size: int
    price: PriceView
    balance: str
    outstanding: str = "0"  # kept answers from before it have none
    payment: PaymentSummary | None
    refund_due: RefundDue | None
    notes: str | None
    metadata: Metadata
    expires_at: Instant | None
    created_at: Instant
    updated_at: Instant
    confirmed_at: Instant | None
    checked_in_at: Instant | None
    completed_at: Instant | None
    cancelled_at: Instant | None

    @property
    def said_language(self) -> str | None:
        """The language that whoever booked asked for in `metadata.language`; what is no tag is passed over."""
        try:
            return LANGUAGE_TAG.validate_python(self.metadata.get("language"), strict=True)
        except ValidationError:
            return None


class MadeBookingView(BookingView):
    """The answer to a guest without an account: `manage_token` is a bearer token that is good for reading and
    cancelling this booking, and is shown this once."""

    manage_token: str


class HistoryEntryView(Contract):
    """One step of either machine; the steps of one command share its version."""

    version: int
    from_status: Status | None
    to_status: Status
    from_lifecycle_status: Lifecycle | None
    to_lifecycle_status: Lifecycle
    actor_type: ActorType
    actor_id: UUID | None
    reason: str | None
    note: str | None
    override: bool
    idempotency_key: str | None
    metadata: Metadata
    at: Instant
    claimed_actor_type: str | None = None
    claimed_actor_id: str | None = None


class HistoryView(Contract):
    items: list[HistoryEntryView]


class LifecycleView(Contract):
    """Where the sale stands, the edges from there, and every step of either machine, oldest first."""

    booking_id: BookingId
    reference: str
    lifecycle_status: Lifecycle
    status: Status
    version: int
    allowed: list[Lifecycle]
    events: list[HistoryEntryView]


class BookingFilter(Contract):
    """`GET /bookings/venue/{id}`: bookings that touch the time from `since` to `until`, of one status.

    An instant is itself; a date is a local day of the venue, and `until` includes that day.
    """

    since: Instant | Day | None = None
    until: Instant | Day | None = None
    status: Status | None = None


class BookingAvailabilityView(Contract):
    """`remaining`: units left of the resource asked for, or of the venue's best; alternatives when not free."""

    available: bool
    reason: Reason | None
    remaining: int
    held_until: Instant | None = None
    alternatives: list[Alternative]


class PassengerDraft(Contract):
    """A traveller of a booking; country codes are ISO 3166-1 alpha-2, dates are local."""

    full_name: Name
    date_of_birth: CalendarDate | None = None
    nationality: CountryCode | None = None
    passport_number: PassportNumber | None = None
    passport_expires_on: CalendarDate | None = None
    passport_country: CountryCode | None = None
    email: Email | None = None
    phone: Phone | None = None


class PassengerView(Contract):
    id: PassengerId
    booking_id: BookingId
    full_name: str
    date_of_birth: date | None
    nationality: str | None
    passport_number: str | None
    passport_expires_on: date | None
    passport_country: str | None
    email: str | None
    phone: str | None
    created_at: Instant


class PassengersView(Contract):
    items: list[PassengerView]


class ItemStatus(StrEnum):
    """What an item's supplier says to it; one that was taken off the booking is kept for the record."""

    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    DECLINED = "declined"
    REMOVED = "removed"


class ItemDraft(Period):
    """`POST /bookings/{id}/items`: `price` is for all of the item, in its own currency; `rate` is what one of that
    costs in the booking's, and needed where the two differ. A resource of ours brings its supplier with it."""

    kind: ItemKind
    label: Name
    product_id: UUID | None = None
    resource_id: ResourceId | None = None
    supplier_id: UserId | None = None
    quantity: Count = 1
    price: AmountText
    currency: CurrencyCode
    rate: RateText | None = None
    expected_version: Version | None = None
    idempotency_key: Key | None = None

    @field_validator("rate")
    @classmethod
    def above_zero(cls, rate: str | None) -> str | None:
        if rate is not None and Decimal(rate) == 0:
            raise ValueError("a rate is above zero")
        return rate


class ItemReplacement(ItemDraft):
    """`POST /bookings/{id}/items/{item_id}/replace`: what comes in the item's place, and why."""

    reason: Annotated[Text, Field(min_length=1)]


class ItemRemoval(Contract):
    """`POST /bookings/{id}/items/{item_id}/remove`."""

    reason: Annotated[Text, Field(min_length=1)]
    expected_version: Version | None = None
    idempotency_key: Key | None = None


class ItemConfirmation(Contract):
    """`POST /bookings/{id}/items/{item_id}/confirm`: under which reference the supplier has it."""

    confirmation_reference: Annotated[Name, Field(max_length=100)] | None = None


class ItemDecline(Contract):
    """`POST /bookings/{id}/items/{item_id}/decline`."""

    reason: Annotated[Text, Field(min_length=1)]


class ItemView(Contract):
    """An item as its supplier needs it. `converted_price` is in the booking's currency, at `rate`; `replaces_id`
    is the removed item in whose place it came."""

    id: ItemId
    booking_id: BookingId
    reference: str
    guest_name: str
    kind: str
    label: str
    product_id: UUID | None
    resource_id: ResourceId | None
    supplier_id: UserId | None
    start_at: Instant
    end_at: Instant
    quantity: int
    price: str
    currency: str
    rate: str
    converted_price: str
    booking_currency: str
    reservation_id: ReservationId | None
    status: ItemStatus
    confirmation_reference: str | None
    reason: str | None
    confirmed_at: Instant | None
    created_at: Instant
    updated_at: Instant
    replaces_id: ItemId | None = None


class SuppliedItemView(ItemView):
    """An item in its supplier's own list, with how far the sale is."""

    lifecycle_status: Lifecycle


class ItemFilter(Contract):
    """`GET /items`: those of one supplier, of one status, that touch the time from `since` to `until`; without
    `ended`, those of bookings that are on, and not removed."""

    supplier_id: UserId | None = None
    status: ItemStatus | None = None
    since: Instant | None = None
    until: Instant | None = None
    ended: StrictBool = False


class ItemsView(Contract):
    items: list[ItemView]


class TaskView(Contract):
    """Something that staff has to see to; `details` depend on the kind."""

    id: TaskId
    booking_id: BookingId
    item_id: ItemId | None
    kind: str
    summary: str
    details: Metadata
    created_at: Instant
    done_at: Instant | None
    done_by: UUID | None


class RefundTier(Contract):
    """Cancelled at least so many hours before the start: so many percent of what was captured come back."""

    hours_before_start: Annotated[StrictInt, Field(ge=0, le=24 * 366)]
    percent: Annotated[StrictInt, Field(ge=0, le=100)]


class CancellationPolicy(Contract):
    """A venue's refund tiers, and what a no-show gets back. Bookings keep the policy they were made under."""

    tiers: Annotated[list[RefundTier], Field(max_length=20)] = [RefundTier(hours_before_start=0, percent=100)]
    no_show_percent: Annotated[StrictInt, Field(ge=0, le=100)] = 0

    @model_validator(mode="after")
    def one_tier_per_hour(self) -> "CancellationPolicy":
        hours = [tier.hours_before_start for tier in self.tiers]
        if len(set(hours)) != len(hours):
            raise ValueError("two tiers begin at the same hour")
        return self


class BookingEvent(Event):
    """What every event of a booking tells."""

    about: ClassVar[str] = "booking_id"

    booking_id: BookingId
    reference: str
    version: int
    status: Status
    lifecycle_status: Lifecycle
    resource_id: ResourceId
    venue_id: VenueId
    guest_id: GuestId
    start_at: Instant
    end_at: Instant
    party_size: int
    currency: str
    total: str
    actor_type: ActorType
    actor_id: UUID | None


class BookingDrafted(BookingEvent):
    """A lead: nothing is held."""

    type: ClassVar[str] = "booking.drafted"


class BookingCreated(BookingEvent):
    type: ClassVar[str] = "booking.created"


class BookingUpdated(BookingEvent):
    """`changed` names the fields; `previous_total` is what it cost before, `balance` what is due now and was not
    captured (negative: what was captured and is not due)."""

    type: ClassVar[str] = "booking.updated"
    changed: list[str]
    previous_start_at: Instant
    previous_end_at: Instant
    previous_total: str
    previous_currency: str
    balance: str


class BookingStatusChanged(BookingEvent):
    """One command's way through both machines, from end to end."""

    type: ClassVar[str] = "booking.status_changed"
    from_status: Status
    from_lifecycle_status: Lifecycle
    reason: str | None
    steps: list[tuple[Status, Lifecycle]]


class BookingConfirmed(BookingEvent):
    """`late`: its time was given up already when the money came, and was claimed again."""

    type: ClassVar[str] = "booking.confirmed"
    late: bool = False


class BookingCheckedIn(BookingEvent):
    type: ClassVar[str] = "booking.checked_in"


class BookingCompleted(BookingEvent):
    type: ClassVar[str] = "booking.completed"


class BookingCancelled(BookingEvent):
    type: ClassVar[str] = "booking.cancelled"
    reason: str | None
    refund_due: RefundDue | None


class BookingExpired(BookingEvent):
    type: ClassVar[str] = "booking.expired"


class BookingFailed(BookingEvent):
    type: ClassVar[str] = "booking.failed"
    reason: str | None


class BookingRefundRequested(BookingEvent):
    """So much of what was captured is to go back, in `refund_currency`: by policy, by a move to a cheaper time, by
    a voided booking, or because the money came when there was nothing left to sell. `capture_id` where it is the
    money of one capture alone, else the booking's captures as payment finds them, the latest first."""

    type: ClassVar[str] = "booking.refund_requested"
    refund_amount: str
    refund_currency: str
    capture_id: UUID | None
    reason: str
    cause: RefundCause = RefundCause.POLICY


class BookingItemEvent(BookingEvent):
    """What every event of an item tells, besides its booking."""

    item_id: ItemId
    item_kind: str
    item_label: str
    item_supplier_id: UserId | None
    confirmation_reference: str | None


class BookingItemAdded(BookingItemEvent):
    type: ClassVar[str] = "booking.item_added"


class BookingItemConfirmed(BookingItemEvent):
    type: ClassVar[str] = "booking.item_confirmed"


class BookingItemDeclined(BookingItemEvent):
    type: ClassVar[str] = "booking.item_declined"
    reason: str


class BookingItemRemoved(BookingItemEvent):
    """Taken off the booking, with its price and what it held; `item_status` is what its supplier had said."""

    type: ClassVar[str] = "booking.item_removed"
    item_status: ItemStatus
    reason: str


class BookingNoShow(BookingEvent):
    type: ClassVar[str] = "booking.no_show"
    refund_due: RefundDue | None
