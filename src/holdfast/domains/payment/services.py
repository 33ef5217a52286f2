"""Payment's facades: one method per operation, no logic.

OrderService     what bookings order, in the session of whoever books, or of the relay
PaymentService   what callers ask for; wants a session of the system, for nobody else may change payments
PaymentWork      what jobs do, in sessions of the system
LedgerService    what stands in the ledger
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingRefundRequested, BookingView, PaymentSummary
from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.payment import (
    BalancesView,
    CommissionTerms,
    CommissionView,
    Confirmation,
    DifferenceClosing,
    DifferenceId,
    DifferenceView,
    IntentDraft,
    IntentId,
    IntentOrder,
    IntentView,
    PayoutDraft,
    PayoutView,
    PostingView,
    ProviderEventStatus,
    ProviderEventView,
    ReconciliationView,
    RefundDraft,
    RefundId,
    RefundView,
    SupplierBalancesView,
    WriteOff,
)
from holdfast.domains.payment.ops.audit import AuditPayments
from holdfast.domains.payment.ops.carry_out import CarryOutRefunds
from holdfast.domains.payment.ops.confirm_intent import ConfirmIntent, ReturnFromCheckout, VisitCheckout
from holdfast.domains.payment.ops.create_intent import CreateIntent
from holdfast.domains.payment.ops.discrepancies import CloseDiscrepancy, ListDiscrepancies
from holdfast.domains.payment.ops.ledger import GetBalances, ListPostings, RestateSale, WriteOffDebt
from holdfast.domains.payment.ops.look_after import CancelOpenIntents, LookAfterIntents
from holdfast.domains.payment.ops.notices import (
    ForgetEvents,
    ListEvents,
    ProcessEvents,
    Received,
    ReceiveNotice,
    ReplayEvent,
)
from holdfast.domains.payment.ops.open_many import OpenMany
from holdfast.domains.payment.ops.read import GetIntent, GetRefund
from holdfast.domains.payment.ops.reconcile import Reconcile
from holdfast.domains.payment.ops.refunds import CreateRefund, RefundAsBookingAsks
from holdfast.domains.payment.ops.suppliers import GetSupplierBalances, RecordPayout, SetCommission
from holdfast.domains.payment.ops.verify import Verdict, VerifyPayment
from holdfast.domains.payment.ports import Bookings, Reading
from holdfast.domains.payment.providers import Providers
from holdfast.kernel.clock import Clock
from holdfast.kernel.idempotency import Answer
from holdfast.kernel.invariants import Finding
from holdfast.kernel.paging import Page, PageRequest

__all__ = ["LedgerService", "OrderService", "PaymentService", "PaymentWork", "Providers", "Received"]


class OrderService:
    def __init__(self, db: AsyncSession, providers: Providers) -> None:
        self.db = db
        self.providers = providers

    async def open_many(self, orders: Sequence[IntentOrder], *, now: datetime) -> list[PaymentSummary]:
        return await OpenMany(self.db, self.providers).execute(orders, now=now)

    async def cancel_open(self, booking_id: BookingId, *, now: datetime) -> None:
        await CancelOpenIntents(self.db).execute(booking_id, now=now)

    async def promise_refunds(self, asked: BookingRefundRequested, *, now: datetime) -> None:
        await RefundAsBookingAsks(self.db).execute(asked, now=now)


class PaymentService:
    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def create_intent(self, draft: IntentDraft, *, now: datetime, actor: Actor) -> Answer[IntentView]:
        op = CreateIntent(self.db, self.bookings, self.providers)
        return await op.execute(draft, now=now, actor=actor)

    async def confirm_intent(
        self, intent_id: IntentId, confirmation: Confirmation, *, now: datetime, actor: Actor
    ) -> IntentView:
        op = ConfirmIntent(self.db, self.bookings, self.providers)
        return await op.execute(intent_id, confirmation, now=now, actor=actor)

    async def get_intent(self, intent_id: IntentId, *, actor: Actor) -> IntentView:
        return await GetIntent(self.db, self.bookings, self.providers).execute(intent_id, actor=actor)

    async def visit_checkout(self, intent_id: IntentId, *, now: datetime) -> str | None:
        return await VisitCheckout(self.db, self.bookings, self.providers).execute(intent_id, now=now)

    async def return_from_checkout(self, intent_id: IntentId, *, now: datetime) -> IntentView:
        return await ReturnFromCheckout(self.db, self.bookings, self.providers).execute(intent_id, now=now)

    async def verify_payment(
        self, intent_id: IntentId, reading: Reading, *, now: datetime, actor: Actor
    ) -> Verdict:
        return await VerifyPayment(self.db).execute(intent_id, reading, now=now, actor=actor)

    async def receive_notice(
        self, provider: str, headers: dict[str, str], body: bytes, *, now: datetime
    ) -> Received:
        return await ReceiveNotice(self.db, self.providers).execute(provider, headers, body, now=now)

    async def create_refund(self, draft: RefundDraft, *, now: datetime, actor: Actor) -> Answer[RefundView]:
        return await CreateRefund(self.db, self.providers).execute(draft, now=now, actor=actor)

    async def get_refund(self, refund_id: RefundId) -> RefundView:
        return await GetRefund(self.db).execute(refund_id)

    async def list_events(
        self, page: PageRequest, *, status: ProviderEventStatus | None = None
    ) -> Page[ProviderEventView]:
        return await ListEvents(self.db).execute(page, status=status)

    async def replay_event(self, row_id: UUID, *, now: datetime, actor: Actor) -> ProviderEventView:
        return await ReplayEvent(self.db).execute(row_id, now=now, actor=actor)

    async def list_discrepancies(self, page: PageRequest, *, closed: bool | None = None) -> Page[DifferenceView]:
        return await ListDiscrepancies(self.db).execute(page, closed=closed)

    async def close_discrepancy(
        self, difference_id: DifferenceId, closing: DifferenceClosing, *, now: datetime, actor: Actor
    ) -> DifferenceView:
        return await CloseDiscrepancy(self.db).execute(difference_id, closing, now=now, actor=actor)


class PaymentWork:
    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def process_events(self, *, now: datetime) -> int:
        return await ProcessEvents(self.db).execute(now=now)

    async def forget_events(self, *, before: datetime) -> int:
        return await ForgetEvents(self.db).execute(before=before)

    async def carry_out_refunds(self, *, clock: Clock) -> int:
        return await CarryOutRefunds(self.db, self.providers).execute(clock=clock)

    async def look_after_intents(self, *, clock: Clock) -> int:
        return await LookAfterIntents(self.db, self.bookings, self.providers).execute(clock=clock)

    async def reconcile(self, *, since: datetime, until: datetime, now: datetime) -> ReconciliationView:
        op = Reconcile(self.db, self.bookings, self.providers)
        return await op.execute(since=since, until=until, now=now)

    async def audit(self, *, now: datetime) -> list[Finding]:
        return await AuditPayments(self.db, self.bookings).execute(now=now)


class LedgerService:
    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def restate_sale(
        self, booking: BookingView, *, supplier_id: UserId | None, event_id: UUID, now: datetime
    ) -> None:
        await RestateSale(self.db).execute(booking, supplier_id=supplier_id, event_id=event_id, now=now)

    async def write_off(self, asked: WriteOff, *, now: datetime, actor: Actor) -> PostingView:
        return await WriteOffDebt(self.db).execute(asked, now=now, actor=actor)

    async def list_postings(self, page: PageRequest, *, booking_id: BookingId | None = None) -> Page[PostingView]:
        return await ListPostings(self.db).execute(page, booking_id=booking_id)

    async def balances(self) -> BalancesView:
        return await GetBalances(self.db).execute()

    async def set_commission(
        self, supplier_id: UserId, terms: CommissionTerms, *, now: datetime, actor: Actor
    ) -> CommissionView:
        return await SetCommission(self.db).execute(supplier_id, terms, now=now, actor=actor)

    async def supplier_balances(self) -> SupplierBalancesView:
        return await GetSupplierBalances(self.db).execute()

    async def record_payout(
        self, supplier_id: UserId, draft: PayoutDraft, *, now: datetime, actor: Actor
    ) -> Answer[PayoutView]:
        return await RecordPayout(self.db).execute(supplier_id, draft, now=now, actor=actor)
