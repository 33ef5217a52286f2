"""What suppliers are owed for what was sold of theirs."""

from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from holdfast.api.dependencies import Headers, HouseActor, Ledger, Now, stated
from holdfast.api.problems import documents
from holdfast.api.v1.payments import answered
from holdfast.contracts.identity import UserId
from holdfast.contracts.payment import (
    CommissionTerms,
    CommissionView,
    PayoutDraft,
    PayoutView,
    SupplierBalancesView,
)
from holdfast.domains.payment.exceptions import (
    AmountNotAboveZero,
    IdempotencyKeyRequired,
    PayoutAboveOwed,
    SupplierNotOwed,
)
from holdfast.kernel.idempotency import IdempotencyKeyReused, RequestInFlight
from holdfast.kernel.money import AmountTooLarge, TooManyDecimals

router = APIRouter(prefix="/api/v1/admin/suppliers", tags=["payments"])


@router.put("/{supplier_id}/commission", responses=documents())
async def set_commission(
    supplier_id: UUID, terms: CommissionTerms, ledger: Ledger, now: Now, actor: HouseActor
) -> CommissionView:
    """What the house keeps of this supplier's sales from now on, on record. Without it nothing is owed."""
    return await ledger.set_commission(UserId(supplier_id), terms, now=now, actor=actor)


@router.get("/balances", responses=documents())
async def get_supplier_balances(ledger: Ledger, actor: HouseActor) -> SupplierBalancesView:
    """What each supplier has earned by bookings that are completed, was paid, and is still owed."""
    return await ledger.supplier_balances()


@router.post(
    "/{supplier_id}/payouts",
    status_code=201,
    response_model=PayoutView,
    responses=documents(
        IdempotencyKeyRequired,
        IdempotencyKeyReused,
        RequestInFlight,
        AmountNotAboveZero,
        TooManyDecimals,
        AmountTooLarge,
        SupplierNotOwed,
        PayoutAboveOwed,
    ),
)
async def record_payout(
    supplier_id: UUID,
    draft: PayoutDraft,
    response: Response,
    ledger: Ledger,
    now: Now,
    actor: HouseActor,
    headers: Headers,
) -> PayoutView | JSONResponse:
    """Note a transfer that was made to a supplier, of no more than is owed; on record.

    Needs an `Idempotency-Key`.
    """
    answer = await ledger.record_payout(UserId(supplier_id), stated(draft, headers), now=now, actor=actor)
    return answered(answer, response) or answer.view
