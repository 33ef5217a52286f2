"""What payment providers tell us: signed over the raw body, stored, then processed."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request

from holdfast.api import problems
from holdfast.api.dependencies import Now, Nudge, Payment
from holdfast.api.tos.envelope import Envelope, enveloped
from holdfast.contracts.booking import ProviderName
from holdfast.contracts.payment import NoticeReceivedView
from holdfast.domains.payment import exceptions as refusals

router = APIRouter(prefix="/api/payments", tags=["payments"])

# whose header it is, where the address does not say
SIGNATURES: Mapping[str, str] = {
    "stripe-signature": "stripe",
    "x-razorpay-signature": "razorpay",
    "paypal-transmission-sig": "paypal",
    "x-payment-signature": "generic",
}
REFUSALS = (
    refusals.BadSignature,
    refusals.NotAnEvent,
    refusals.ProviderUnknown,
    refusals.WebhookNotConfigured,
    refusals.ProviderNotConfigured,
    refusals.ProviderUnavailable,
)
RAW = {"requestBody": {"required": True, "content": {"application/json": {"schema": {}, "example": {}}}}}


@router.post("/webhook", responses=problems.documents(*REFUSALS), openapi_extra=RAW)
async def receive_webhook(
    request: Request,
    payments: Payment,
    nudge: Nudge,
    now: Now,
    provider: Annotated[ProviderName | None, Query(examples=["stripe"])] = None,
) -> Envelope[NoticeReceivedView]:
    """The raw event of a payment provider, as it signed it. Once it is stored it is received; a provider that is
    not named in the address is told by its signature's header."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    named = provider or next((name for header, name in SIGNATURES.items() if header in headers), None)
    if named is None:
        raise refusals.BadSignature("there is no signature of any provider")
    received = await payments.receive_notice(named, headers, await request.body(), now=now)
    if received.intent_id is not None:
        await nudge(received.intent_id)
    return enveloped(NoticeReceivedView(seen_before=received.seen_before))
