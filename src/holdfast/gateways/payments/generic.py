"""Webhooks of any other system that takes money for us, signed with `x-payment-signature`.

    x-payment-signature: hex(HMAC-SHA256(secret, body))
    x-payment-timestamp: Unix seconds; where it is there, the signature is over "<timestamp>.<body>", and old ones
                         are refused

    {"id": "evt-1", "type": "payment.succeeded", "intent_id": "…", "amount": "120.00", "currency": "EUR"}

`id` is the event's own, the same however often it is sent. `type` is payment.succeeded, payment.processing,
payment.failed, payment.cancelled or payment.refunded; any other is taken and means nothing. `ref` is that system's
name of the payment, or of the refund with payment.refunded; `refund_id` is ours: without it, a refund with `ref`
and `intent_id` is one that was made there unasked. `failure` says why a payment failed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from holdfast.contracts.payment import IntentId, RefundId, RefundStatus
from holdfast.domains.payment.exceptions import BadSignature, NotAnEvent
from holdfast.domains.payment.ports import Notice, Reading, RefundReading, Stage
from holdfast.gateways.payments.absent import AbsentProvider
from holdfast.gateways.payments.signatures import SECONDS, configured, require_lately, require_plain
from holdfast.kernel.contract import Key
from holdfast.kernel.money import Money

SETTING = "HOLDFAST_PAYMENT_WEBHOOK_SECRET"
STAGES = {
    "payment.succeeded": Stage.SUCCEEDED,
    "payment.processing": Stage.PROCESSING,
    "payment.failed": Stage.FAILED,
    "payment.cancelled": Stage.CANCELLED,
}
REFUNDED = "payment.refunded"


class GenericEvent(BaseModel):
    """The body; what else is in it is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Key
    type: Annotated[str, Field(max_length=100)]
    intent_id: UUID | None = None
    amount: str | None = None
    currency: str | None = None
    ref: Key | None = None
    refund_id: UUID | None = None
    failure: str | None = None

    @property
    def money(self) -> Money | None:
        if self.amount is None or self.currency is None:
            return None
        return Money.parse(self.amount, self.currency)


class GenericProvider(AbsentProvider):
    """Takes webhooks, and no orders."""

    def __init__(self, secret: SecretStr | None) -> None:
        super().__init__("generic", "it only takes webhooks")
        self.secret = secret

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        secret = configured(self.secret, SETTING)
        said_at = headers.get("x-payment-timestamp")
        signed = body if said_at is None else f"{said_at}.".encode(errors="replace") + body
        require_plain(secret, signed, headers.get("x-payment-signature"))
        if said_at is not None:
            if not SECONDS.fullmatch(said_at):
                raise BadSignature("it says no time")
            require_lately(datetime.fromtimestamp(int(said_at), UTC), now=now)
        try:
            event = GenericEvent.model_validate_json(body)
            return Notice(event_id=event.id, type=event.type, news=news(event))
        except ValidationError as error:
            raise NotAnEvent from error


def news(event: GenericEvent) -> Reading | RefundReading | None:
    money = event.money
    if event.type == REFUNDED and money is not None and (event.ref or event.refund_id):
        return RefundReading(
            ref=event.ref or str(event.refund_id),
            status=RefundStatus.SUCCEEDED,
            amount=money,
            refund_id=RefundId(event.refund_id) if event.refund_id else None,
            intent_id=IntentId(event.intent_id) if event.intent_id else None,
        )
    stage = STAGES.get(event.type)
    if stage is None or event.intent_id is None:
        return None
    ref = event.ref or str(event.intent_id)
    taken = stage is Stage.SUCCEEDED
    return Reading(
        ref=ref,
        stage=stage,
        amount=money if taken else None,
        capture_ref=ref if taken else None,
        failure=event.failure,
        intent_id=IntentId(event.intent_id),
    )
