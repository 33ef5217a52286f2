"""Payments as staff sees them: the providers' events, reconciliation, the ledger."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from holdfast.api.dependencies import HouseActor, Ledger, Now, Nudge, Paging, Payment, PaymentJobs
from holdfast.api.problems import InvalidRequest, documents
from holdfast.contracts.booking import BookingId
from holdfast.contracts.payment import (
    BalancesView,
    DifferenceClosing,
    DifferenceId,
    DifferenceView,
    PostingView,
    ProviderEventStatus,
    ProviderEventView,
    ReconciliationView,
    WriteOff,
)
from holdfast.domains.payment.exceptions import (
    AmountNotAboveZero,
    BookingNotPaidHere,
    DiscrepancyClosed,
    DiscrepancyNotFound,
    ProviderEventNotFound,
)
from holdfast.kernel.contract import Instant
from holdfast.kernel.money import AmountTooLarge, TooManyDecimals
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/admin", tags=["payments"])

LONGEST = timedelta(days=92)
WEEK = timedelta(days=7)


@router.get("/payments/events", responses=documents())
async def list_provider_events(
    payments: Payment, page: Paging, actor: HouseActor, status: ProviderEventStatus | None = None
) -> Page[ProviderEventView]:
    """Webhooks that came, newest first, and what became of them."""
    return await payments.list_events(page, status=status)


@router.post("/payments/events/{event_id}/replay", responses=documents(ProviderEventNotFound))
async def replay_provider_event(
    event_id: UUID, payments: Payment, nudge: Nudge, now: Now, actor: HouseActor
) -> ProviderEventView:
    """Process a stored event once more; what it changed already stays as it is."""
    event = await payments.replay_event(event_id, now=now, actor=actor)
    if event.intent_id is not None:
        await nudge(event.intent_id)
    return event


@router.get("/payments/reconciliation", responses=documents())
async def reconcile_payments(
    work: PaymentJobs,
    now: Now,
    actor: HouseActor,
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Annotated[Instant | None, Query(alias="to")] = None,
) -> ReconciliationView:
    """What was taken, given back and listed by the providers, and everything that does not agree.

    The last seven days, or 92 at most. A payment that a provider has taken and nobody told us of is settled.
    """
    end = until or now
    start = since or end - WEEK
    if not timedelta() < end - start <= LONGEST:
        raise InvalidRequest(f"`from` comes before `to`, at most {LONGEST.days} days", pointer="/from")
    return await work.reconcile(since=start, until=end, now=now)


@router.get("/payments/discrepancies", responses=documents())
async def list_discrepancies(
    payments: Payment, page: Paging, actor: HouseActor, closed: bool | None = None
) -> Page[DifferenceView]:
    """What was ever found not to agree, newest first: all of it, what is open, or what is closed."""
    return await payments.list_discrepancies(page, closed=closed)


@router.post(
    "/payments/discrepancies/{difference_id}/close", responses=documents(DiscrepancyNotFound, DiscrepancyClosed)
)
async def close_discrepancy(
    difference_id: DifferenceId, closing: DifferenceClosing, payments: Payment, now: Now, actor: HouseActor
) -> DifferenceView:
    """Say what was found out or done about it; on record. It is reported again only once it changes."""
    return await payments.close_discrepancy(difference_id, closing, now=now, actor=actor)


@router.get("/ledger", responses=documents())
async def list_postings(
    ledger: Ledger, page: Paging, actor: HouseActor, booking_id: BookingId | None = None
) -> Page[PostingView]:
    """The journal, newest first; of one booking in the order in which it was posted."""
    return await ledger.list_postings(page, booking_id=booking_id)


@router.get("/ledger/balances", responses=documents())
async def get_balances(ledger: Ledger, actor: HouseActor) -> BalancesView:
    """What every account holds; the sum in each currency is zero."""
    return await ledger.balances()


@router.post(
    "/ledger/write-offs",
    status_code=201,
    responses=documents(BookingNotPaidHere, AmountNotAboveZero, TooManyDecimals, AmountTooLarge),
)
async def write_off(asked: WriteOff, ledger: Ledger, now: Now, actor: HouseActor) -> PostingView:
    """Give up what a guest owes; on record, with its reason."""
    return await ledger.write_off(asked, now=now, actor=actor)
