"""`POST /api/payments/create-intent`: what `POST /api/v1/payments/intents` does, as the travel system says it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header
from pydantic import JsonValue
from pydantic.alias_generators import to_camel

from holdfast.api import problems
from holdfast.api.dependencies import CallingActor, Conditions, Now, Nudge, Payment, stated
from holdfast.api.tos.envelope import CamelContract, Envelope, enveloped
from holdfast.api.v1.payments import ASKING
from holdfast.contracts.booking import BookingId, ProviderName
from holdfast.contracts.payment import IntentDraft, IntentStatus
from holdfast.kernel.contract import Contract, Key

router = APIRouter(prefix="/api/payments", tags=["travel operating system"])


class CreateIntent(CamelContract):
    booking_id: BookingId
    provider: ProviderName | None = None
    idempotency_key: Key | None = None


class PaymentSaid(Contract):
    """In snake_case, as the source has it."""

    id: UUID
    booking_id: BookingId
    provider: str
    status: IntentStatus


class IntentCreated(CamelContract):
    """`provider_payload`: the provider, our page to send the customer to, and what the provider's client library
    needs, in camelCase too; what is inside of that is the provider's own."""

    payment: PaymentSaid
    provider_payload: dict[str, JsonValue]


@router.post("/create-intent", responses=problems.documents(*ASKING))
async def create_intent(
    wanted: CreateIntent,
    payments: Payment,
    nudge: Nudge,
    now: Now,
    actor: CallingActor,
    idempotency_key: Annotated[Key | None, Header()] = None,
) -> Envelope[IntentCreated]:
    """Ask for what a booking owes now; the key is required, here or in the header `Idempotency-Key`."""
    draft = IntentDraft(**wanted.model_dump(by_alias=False))
    headers = Conditions(expected_version=None, idempotency_key=idempotency_key)
    intent = (await payments.create_intent(stated(draft, headers), now=now, actor=actor)).view
    await nudge(intent.id)
    payload: dict[str, JsonValue] = {"provider": intent.provider, "checkoutUrl": intent.checkout_url}
    payload |= {to_camel(name): value for name, value in intent.provider_payload.items()}
    said = PaymentSaid(id=intent.id, booking_id=intent.booking_id, provider=intent.provider, status=intent.status)
    return enveloped(IntentCreated.model_construct(payment=said, provider_payload=payload))
