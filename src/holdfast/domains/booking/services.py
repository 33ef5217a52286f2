"""Booking's facade: one method per operation, no logic."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingAvailabilityView,
    BookingChange,
    BookingDraft,
    BookingFilter,
    BookingId,
    BookingView,
    Cancellation,
    CancellationPolicy,
    GuestId,
    HistoryView,
    ItemConfirmation,
    ItemDecline,
    ItemDraft,
    ItemFilter,
    ItemId,
    ItemRemoval,
    ItemReplacement,
    ItemsView,
    ItemView,
    LeadDraft,
    LifecycleChange,
    LifecycleView,
    PassengerDraft,
    PassengerId,
    PassengersView,
    PassengerView,
    PaymentSummary,
    StatusChange,
    Stay,
    SuppliedItemView,
    TaskId,
    TaskView,
    Voiding,
)
from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.inventory import ReservationId, VenueId
from holdfast.domains.booking.ops.arrange_items import AddItem, RemoveItem, ReplaceItem
from holdfast.domains.booking.ops.audit import AuditBookings
from holdfast.domains.booking.ops.availability import CheckAvailability
from holdfast.domains.booking.ops.cancel import CancelBooking
from holdfast.domains.booking.ops.change_lifecycle import ChangeLifecycle, GetLifecycle
from holdfast.domains.booking.ops.change_status import ChangeStatus
from holdfast.domains.booking.ops.claim_draft import PENDING_TTL, ClaimDraft
from holdfast.domains.booking.ops.confirm_free import CONFIRM_FREE, ConfirmFree
from holdfast.domains.booking.ops.create import Asked, CreateBookings, Outcome
from holdfast.domains.booking.ops.create_apart import CreateApart
from holdfast.domains.booking.ops.create_lead import CreateLead
from holdfast.domains.booking.ops.decide_item import DecideItem
from holdfast.domains.booking.ops.list_items import ListItems, ListSupplied
from holdfast.domains.booking.ops.passengers import AddPassenger, ListPassengers, RemovePassenger
from holdfast.domains.booking.ops.payments import RecordFailure, RecordReturn, ShowPayment
from holdfast.domains.booking.ops.policies import GetPolicy, SetPolicy
from holdfast.domains.booking.ops.read import (
    GetBooking,
    GetBookings,
    GetByReference,
    GetHistory,
    GetSupplierOf,
    ListByGuest,
    ListByVenue,
)
from holdfast.domains.booking.ops.record_capture import RecordCapture
from holdfast.domains.booking.ops.release import ReleaseGivenUp
from holdfast.domains.booking.ops.sweep import ExpirePending, MarkNoShows
from holdfast.domains.booking.ops.tasks import FinishTask, ListTasks
from holdfast.domains.booking.ops.update import UpdateBooking
from holdfast.domains.booking.ops.void import VoidBooking
from holdfast.domains.booking.ports import Inventory, Payments, Pricing
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer
from holdfast.kernel.invariants import Finding
from holdfast.kernel.money import Money
from holdfast.kernel.paging import Page, PageRequest

__all__ = ["CONFIRM_FREE", "Asked", "BookingService", "Outcome"]


class BookingService:
    """`payments` is None where another service takes the money: bookings then show no way to pay. `apart` is where
    any of the three has a database of its own, and cannot join a transaction here."""

    def __init__(
        self,
        db: AsyncSession,
        inventory: Inventory,
        pricing: Pricing,
        payments: Payments | None = None,
        *,
        apart: bool = False,
    ) -> None:
        self.db = db
        self.inventory = inventory
        self.pricing = pricing
        self.payments = payments
        self.apart = apart

    @property
    def drafts(self) -> ClaimDraft:
        return ClaimDraft(self.db, self.inventory, self.pricing, self.payments)

    async def create_many(self, asked: Sequence[Asked], *, pending_ttl: timedelta, now: datetime) -> list[Outcome]:
        kind = CreateApart if self.apart else CreateBookings
        op = kind(self.db, self.inventory, self.pricing, self.payments)
        return await op.execute(asked, pending_ttl=pending_ttl, now=now)

    async def create(
        self, draft: BookingDraft, *, pending_ttl: timedelta, now: datetime, actor: Actor
    ) -> Answer[BookingView]:
        """`create_many` for one draft; its refusal is raised."""
        outcome = (await self.create_many([Asked(draft, actor)], pending_ttl=pending_ttl, now=now))[0]
        if isinstance(outcome, Refusal):
            raise outcome
        return outcome

    async def get(self, booking_id: BookingId, *, actor: Actor) -> BookingView:
        return await GetBooking(self.db).execute(booking_id, actor=actor)

    async def supplier_of(self, booking_id: BookingId) -> UserId | None:
        return await GetSupplierOf(self.db).execute(booking_id)

    async def get_many(self, booking_ids: Collection[BookingId], *, actor: Actor) -> dict[BookingId, BookingView]:
        return await GetBookings(self.db).execute(booking_ids, actor=actor)

    async def get_by_reference(self, reference: str, *, actor: Actor) -> BookingView:
        return await GetByReference(self.db).execute(reference, actor=actor)

    async def history(self, booking_id: BookingId, *, actor: Actor) -> HistoryView:
        return await GetHistory(self.db).execute(booking_id, actor=actor)

    async def list_by_guest(self, guest_id: GuestId, page: PageRequest, *, actor: Actor) -> Page[BookingView]:
        return await ListByGuest(self.db).execute(guest_id, page, actor=actor)

    async def list_by_venue(
        self, venue_id: VenueId, wanted: BookingFilter, page: PageRequest, *, actor: Actor
    ) -> Page[BookingView]:
        return await ListByVenue(self.db, self.inventory).execute(venue_id, wanted, page, actor=actor)

    async def check_availability(self, stay: Stay, *, now: datetime) -> BookingAvailabilityView:
        return await CheckAvailability(self.inventory).execute(stay, now=now)

    async def update(
        self, booking_id: BookingId, change: BookingChange, *, now: datetime, actor: Actor
    ) -> Answer[BookingView]:
        op = UpdateBooking(self.db, self.inventory, self.pricing, self.payments)
        return await op.execute(booking_id, change, now=now, actor=actor)

    async def change_status(
        self,
        booking_id: BookingId,
        change: StatusChange,
        *,
        pending_ttl: timedelta = PENDING_TTL,
        now: datetime,
        actor: Actor,
    ) -> Answer[BookingView]:
        op = ChangeStatus(self.db, self.inventory, self.drafts)
        return await op.execute(booking_id, change, pending_ttl=pending_ttl, now=now, actor=actor)

    async def create_lead(self, draft: LeadDraft, *, now: datetime, actor: Actor) -> Answer[BookingView]:
        return await CreateLead(self.db, self.inventory, self.pricing).execute(draft, now=now, actor=actor)

    async def change_lifecycle(
        self,
        booking_id: BookingId,
        change: LifecycleChange,
        *,
        pending_ttl: timedelta = PENDING_TTL,
        now: datetime,
        actor: Actor,
    ) -> Answer[LifecycleView]:
        op = ChangeLifecycle(self.db, self.inventory, self.drafts)
        return await op.execute(booking_id, change, pending_ttl=pending_ttl, now=now, actor=actor)

    async def lifecycle(self, booking_id: BookingId, *, actor: Actor) -> LifecycleView:
        return await GetLifecycle(self.db).execute(booking_id, actor=actor)

    async def cancel(
        self, booking_id: BookingId, cancellation: Cancellation, *, now: datetime, actor: Actor
    ) -> Answer[BookingView]:
        op = CancelBooking(ChangeStatus(self.db, self.inventory, self.drafts))
        return await op.execute(booking_id, cancellation, now=now, actor=actor)

    async def void(
        self, booking_id: BookingId, voiding: Voiding, *, now: datetime, actor: Actor
    ) -> Answer[BookingView]:
        return await VoidBooking(self.db, self.inventory).execute(booking_id, voiding, now=now, actor=actor)

    async def show_payment(
        self, booking_id: BookingId, payment: PaymentSummary, *, now: datetime, actor: Actor
    ) -> None:
        await ShowPayment(self.db, self.inventory).execute(booking_id, payment, now=now, actor=actor)

    async def record_capture(
        self,
        booking_id: BookingId,
        amount: Money,
        *,
        capture_id: UUID,
        payment: PaymentSummary | None = None,
        now: datetime,
        actor: Actor,
    ) -> BookingView:
        op = RecordCapture(self.db, self.inventory)
        return await op.execute(booking_id, amount, capture_id=capture_id, payment=payment, now=now, actor=actor)

    async def record_failure(
        self, booking_id: BookingId, intent_id: UUID, *, reason: str | None, now: datetime, actor: Actor
    ) -> None:
        op = RecordFailure(self.db, self.inventory)
        await op.execute(booking_id, intent_id, reason=reason, now=now, actor=actor)

    async def record_return(
        self,
        booking_id: BookingId,
        amount: Money,
        *,
        refund_id: UUID,
        capture_id: UUID,
        payment: PaymentSummary | None = None,
        now: datetime,
        actor: Actor,
    ) -> None:
        op = RecordReturn(self.db, self.inventory)
        await op.execute(
            booking_id,
            amount,
            refund_id=refund_id,
            capture_id=capture_id,
            payment=payment,
            now=now,
            actor=actor,
        )

    async def add_item(
        self, booking_id: BookingId, draft: ItemDraft, *, now: datetime, actor: Actor
    ) -> Answer[ItemView]:
        op = AddItem(self.db, self.inventory, self.payments)
        return await op.execute(booking_id, draft, now=now, actor=actor)

    async def remove_item(
        self, booking_id: BookingId, item_id: ItemId, removal: ItemRemoval, *, now: datetime, actor: Actor
    ) -> Answer[ItemView]:
        op = RemoveItem(self.db, self.inventory, self.payments)
        return await op.execute(booking_id, item_id, removal, now=now, actor=actor)

    async def replace_item(
        self, booking_id: BookingId, item_id: ItemId, draft: ItemReplacement, *, now: datetime, actor: Actor
    ) -> Answer[ItemView]:
        op = ReplaceItem(self.db, self.inventory, self.payments)
        return await op.execute(booking_id, item_id, draft, now=now, actor=actor)

    async def list_items(self, booking_id: BookingId, *, actor: Actor) -> ItemsView:
        return await ListItems(self.db).execute(booking_id, actor=actor)

    async def list_supplied(
        self, wanted: ItemFilter, page: PageRequest, *, actor: Actor
    ) -> Page[SuppliedItemView]:
        return await ListSupplied(self.db).execute(wanted, page, actor=actor)

    async def confirm_item(
        self, booking_id: BookingId, item_id: ItemId, said: ItemConfirmation, *, now: datetime, actor: Actor
    ) -> ItemView:
        return await DecideItem(self.db, self.inventory).confirm(booking_id, item_id, said, now=now, actor=actor)

    async def decline_item(
        self, booking_id: BookingId, item_id: ItemId, said: ItemDecline, *, now: datetime, actor: Actor
    ) -> ItemView:
        return await DecideItem(self.db, self.inventory).decline(booking_id, item_id, said, now=now, actor=actor)

    async def list_tasks(self, page: PageRequest, *, actor: Actor) -> Page[TaskView]:
        return await ListTasks(self.db).execute(page, actor=actor)

    async def finish_task(self, task_id: TaskId, *, now: datetime, actor: Actor) -> TaskView:
        return await FinishTask(self.db).execute(task_id, now=now, actor=actor)

    async def expire_pending(self, *, now: datetime, limit: int = 200) -> int:
        return await ExpirePending(self.db, self.inventory).execute(now=now, limit=limit)

    async def confirm_free(self, booking_id: BookingId, *, now: datetime) -> None:
        await ConfirmFree(self.db, self.inventory).execute(booking_id, now=now)

    async def release_given_up(
        self, booking_ids: Sequence[BookingId], reservation_ids: Sequence[ReservationId] = (), *, now: datetime
    ) -> None:
        await ReleaseGivenUp(self.db, self.inventory).execute(booking_ids, reservation_ids, now=now)

    async def mark_no_shows(self, *, started_by: datetime, now: datetime, limit: int = 200) -> int:
        return await MarkNoShows(self.db, self.inventory).execute(started_by=started_by, now=now, limit=limit)

    async def add_passenger(
        self,
        booking_id: BookingId,
        draft: PassengerDraft,
        *,
        expected_version: int | None = None,
        now: datetime,
        actor: Actor,
    ) -> PassengerView:
        op = AddPassenger(self.db)
        return await op.execute(booking_id, draft, expected_version=expected_version, now=now, actor=actor)

    async def list_passengers(self, booking_id: BookingId, *, actor: Actor) -> PassengersView:
        return await ListPassengers(self.db).execute(booking_id, actor=actor)

    async def remove_passenger(
        self,
        booking_id: BookingId,
        passenger_id: PassengerId,
        *,
        expected_version: int | None = None,
        now: datetime,
        actor: Actor,
    ) -> None:
        op = RemovePassenger(self.db)
        await op.execute(booking_id, passenger_id, expected_version=expected_version, now=now, actor=actor)

    async def set_policy(
        self, venue_id: VenueId, policy: CancellationPolicy, *, now: datetime, actor: Actor
    ) -> CancellationPolicy:
        return await SetPolicy(self.db, self.inventory).execute(venue_id, policy, now=now, actor=actor)

    async def get_policy(self, venue_id: VenueId) -> CancellationPolicy:
        return await GetPolicy(self.db, self.inventory).execute(venue_id)

    async def audit(self, *, now: datetime) -> list[Finding]:
        return await AuditBookings(self.db, self.inventory).execute(now=now)
