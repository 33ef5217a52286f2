"""Payments: ask for what is due, pay, give back."""

from typing import TypeVar
from uuid import UUID

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from holdfast.api import problems
from holdfast.api.dependencies import CallingActor, Headers, HouseActor, Now, Nudge, Payment, stated
from holdfast.contracts.payment import (
    Confirmation,
    IntentDraft,
    IntentId,
    IntentView,
    RefundDraft,
    RefundId,
    RefundView,
)
from holdfast.domains.booking.exceptions import BookingNotFound
from holdfast.domains.payment import exceptions as refusals
from holdfast.kernel.contract import Contract
from holdfast.kernel.idempotency import Answer, IdempotencyKeyReused, RequestInFlight
from holdfast.kernel.money import AmountTooLarge, TooManyDecimals

router = APIRouter(prefix="/api/v1/payments", tags=["payments"])

NOTHING_SAID = Confirmation()
Given = TypeVar("Given", bound=Contract)
KEYED = (refusals.IdempotencyKeyRequired, IdempotencyKeyReused, RequestInFlight)
AMOUNTS = (refusals.AmountNotAboveZero, TooManyDecimals, AmountTooLarge)
PROVIDERS = (
    refusals.ProviderUnknown,
    refusals.ProviderNotConfigured,
    refusals.ProviderUnavailable,
    refusals.ProviderRefused,
)
ASKING = (
    *KEYED,
    *AMOUNTS,
    *PROVIDERS,
    BookingNotFound,
    refusals.NothingDue,
    refusals.AmountAboveDue,
    refusals.PaymentUnderway,
)


def answered(answer: Answer[Given], response: Response) -> JSONResponse | None:
    """A kept answer as it was given then, with the header that says so; None for a first one."""
    if not answer.replayed:
        return None
    response.headers["Idempotency-Replayed"] = "true"
    return JSONResponse(answer.stored, 201, headers=dict(response.headers))


@router.post("/intents", status_code=201, response_model=IntentView, responses=problems.documents(*ASKING))
async def create_payment_intent(
    draft: IntentDraft,
    response: Response,
    payments: Payment,
    nudge: Nudge,
    now: Now,
    actor: CallingActor,
    headers: Headers,
) -> IntentView | JSONResponse:
    """Ask for what a booking owes: what is due now, else the rest; part of it with `amount`.

    The open intent for that amount with that provider, or a new one. Needs an `Idempotency-Key`.
    """
    answer = await payments.create_intent(stated(draft, headers), now=now, actor=actor)
    response.headers["Location"] = f"/api/v1/payments/intents/{answer.view.id}"
    await nudge(answer.view.id)
    return answered(answer, response) or answer.view


@router.post(
    "/intents/{intent_id}/confirm",
    responses=problems.documents(refusals.IntentNotFound, refusals.IntentClosed, *PROVIDERS),
)
async def confirm_payment_intent(
    intent_id: UUID,
    payments: Payment,
    nudge: Nudge,
    now: Now,
    actor: CallingActor,
    confirmation: Confirmation = NOTHING_SAID,
) -> IntentView:
    """Pay with a method of the provider, or with what its checkout handed over; the answer says what came of it.

    A card that is refused is answered as `failed`, with the provider's words.
    """
    intent = await payments.confirm_intent(IntentId(intent_id), confirmation, now=now, actor=actor)
    await nudge(intent.id)
    return intent


@router.get("/intents/{intent_id}", responses=problems.documents(refusals.IntentNotFound))
async def get_payment_intent(intent_id: UUID, payments: Payment, actor: CallingActor) -> IntentView:
    """One intent, for whoever may see its booking."""
    return await payments.get_intent(IntentId(intent_id), actor=actor)


@router.post(
    "/refunds",
    status_code=201,
    response_model=RefundView,
    responses=problems.documents(
        *KEYED, *AMOUNTS, refusals.IntentNotFound, refusals.NothingCaptured, refusals.AmountAboveCaptured
    ),
)
async def create_refund(
    draft: RefundDraft,
    response: Response,
    payments: Payment,
    nudge: Nudge,
    now: Now,
    actor: HouseActor,
    headers: Headers,
) -> RefundView | JSONResponse:
    """Give back part or all that is left of a payment: `pending` while the provider does not answer.

    Needs an `Idempotency-Key`. What a cancellation gives back by its policy needs no call.
    """
    answer = await payments.create_refund(stated(draft, headers), now=now, actor=actor)
    response.headers["Location"] = f"/api/v1/payments/refunds/{answer.view.id}"
    await nudge(answer.view.intent_id)
    return answered(answer, response) or answer.view


@router.get("/refunds/{refund_id}", responses=problems.documents(refusals.RefundNotFound))
async def get_refund(refund_id: UUID, payments: Payment, actor: HouseActor) -> RefundView:
    """One refund."""
    return await payments.get_refund(RefundId(refund_id))
