"""What Stripe says: its webhooks, and the JSON of its payments and refunds. Needs no SDK, so that webhooks are
heard where nobody asks Stripe anything.

payment_intent   requires_payment_method          open, or failed once a try was declined
                 requires_confirmation, _action   open          requires_capture, processing   processing
                 succeeded                        succeeded     canceled                       cancelled
refund           pending, requires_action         pending       failed, canceled               failed
dispute          warning_…, needs_response, under_review   open, or withheld once it moved money
                 won, warning_closed              won           lost                           lost
"""

from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr

from holdfast.contracts.payment import DisputeStatus, RefundStatus
from holdfast.domains.payment.exceptions import NotAnEvent
from holdfast.domains.payment.ports import DisputeReading, News, Notice, Reading, RefundReading, Stage
from holdfast.gateways.payments.amounts import STRIPE
from holdfast.gateways.payments.bodies import MISREAD, Json, completed, event_of, mapping, our_intent, our_refund
from holdfast.gateways.payments.signatures import configured, require_timestamped

STAGES = {
    "requires_payment_method": Stage.OPEN,
    "requires_confirmation": Stage.OPEN,
    "requires_action": Stage.OPEN,
    "requires_capture": Stage.PROCESSING,
    "processing": Stage.PROCESSING,
    "succeeded": Stage.SUCCEEDED,
    "canceled": Stage.CANCELLED,
}
REFUNDS = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}
INTENTS = "payment_intent."
# the others of `refund.` and `charge.refund.` carry a refund too
REFUND_EVENTS = ("refund.", "charge.refund.")
DISPUTES = "charge.dispute."
ENDED = {
    "won": DisputeStatus.WON,
    "warning_closed": DisputeStatus.WON,
    "prevented": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}
# what an event's name says of one that says no status
HAPPENED = {
    "payment_intent.succeeded": "succeeded",
    "payment_intent.processing": "processing",
    "payment_intent.payment_failed": "requires_payment_method",
    "payment_intent.canceled": "canceled",
    "refund.created": "pending",
    "refund.failed": "failed",
    "charge.dispute.created": "needs_response",
    "charge.dispute.funds_withdrawn": "under_review",
    "charge.dispute.funds_reinstated": "won",
}


async def heard(secret: SecretStr | None, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
    """Checked as the SDK does, with our clock instead of the machine's."""
    key = configured(secret, "HOLDFAST_STRIPE_WEBHOOK_SECRET")
    require_timestamped(key, body, headers.get("stripe-signature"), now=now)
    return noticed(event_of(body))


def noticed(event: Json) -> Notice:
    """NotAnEvent where it is not as Stripe documents it."""
    try:
        event_id, kind, said = event["id"], event["type"], event["data"]["object"]
        news: News | None = None
        if kind == "charge.refunded":  # newer versions bring no list, and tell of each refund besides
            kept = mapping(said.get("refunds")).get("data") or []
            news = refund_reading({"payment_intent": said.get("payment_intent"), **kept[0]}) if kept else None
        elif kind.startswith(DISPUTES):
            news = dispute_reading(kind, completed(said, status=HAPPENED.get(kind)))
        if kind.startswith((INTENTS, *REFUND_EVENTS)):
            said = completed(said, status=HAPPENED.get(kind))
        if kind.startswith(INTENTS) and said["status"] in STAGES:
            news = reading(said, declined=kind == "payment_intent.payment_failed")
        elif kind.startswith(REFUND_EVENTS):
            news = refund_reading(said)
        return Notice(event_id=str(event_id), type=str(kind), news=news)
    except MISREAD as error:
        raise NotAnEvent from error


def reading(said: Json, *, declined: bool = False) -> Reading:
    error = mapping(said.get("last_payment_error"))
    stage = STAGES[said["status"]]
    if stage is Stage.OPEN and (declined or (error and said["status"] == "requires_payment_method")):
        stage = Stage.FAILED
    taken = stage is Stage.SUCCEEDED
    return Reading(
        ref=said["id"],
        stage=stage,
        amount=STRIPE.money(said.get("amount_received") or said["amount"], said["currency"]) if taken else None,
        capture_ref=said["id"] if taken else None,
        failure=str(error.get("message") or error.get("code") or "declined") if stage is Stage.FAILED else None,
        intent_id=our_intent(mapping(said.get("metadata")).get("intent_id")),
    )


def dispute_reading(kind: str, said: Json) -> DisputeReading:
    """Inquiries take no money; a chargeback does at once, which the event itself or its transactions say."""
    status = ENDED.get(said["status"])
    if status is None or kind.endswith("funds_reinstated"):
        moved = kind.endswith("funds_withdrawn") or bool(said.get("balance_transactions"))
        status = DisputeStatus.WITHHELD if moved else DisputeStatus.OPEN
    if kind.endswith("funds_reinstated"):
        status = DisputeStatus.WON
    return DisputeReading(
        ref=said["id"],
        status=status,
        amount=STRIPE.money(said["amount"], said["currency"]),
        payment_ref=said.get("payment_intent"),
        reason=said.get("reason"),
    )


def of_charge(said: Json, *, at: datetime) -> Reading:
    ref = str(said["payment_intent"])
    return Reading(
        ref=ref,
        stage=Stage.SUCCEEDED,
        amount=STRIPE.money(said.get("amount_captured") or said["amount"], said["currency"]),
        capture_ref=ref,
        intent_id=our_intent(mapping(said.get("metadata")).get("intent_id")),
        at=at,
    )


def refund_reading(said: Json) -> RefundReading:
    return RefundReading(
        ref=said["id"],
        status=REFUNDS[said["status"]],
        amount=STRIPE.money(said["amount"], said["currency"]),
        payment_ref=said.get("payment_intent"),
        refund_id=our_refund(mapping(said.get("metadata")).get("refund_id")),
        failure=said.get("failure_reason"),
    )
