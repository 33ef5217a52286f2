"""What PayPal says: its webhooks, and the JSON of its orders, captures and refunds.

order     CREATED, SAVED, PAYER_ACTION_REQUIRED   open        VOIDED, or gone    cancelled
          APPROVED                                open: `read` and `confirm` capture it
          COMPLETED                               as its capture
capture   COMPLETED, PARTIALLY_REFUNDED, REFUNDED succeeded   PENDING            processing
          DECLINED, FAILED                        failed
refund    COMPLETED  succeeded      PENDING  pending          CANCELLED, FAILED  failed
"""

from collections.abc import Mapping
from datetime import datetime

from holdfast.contracts.payment import RefundStatus
from holdfast.domains.payment.exceptions import NotAnEvent, WebhookNotConfigured
from holdfast.domains.payment.ports import Notice, Reading, RefundReading, Stage
from holdfast.gateways.payments.amounts import PAYPAL
from holdfast.gateways.payments.bodies import MISREAD, Json, completed, event_of, mapping, our_intent, our_refund
from holdfast.gateways.payments.paypal_signatures import Certificates, require_signed

ORDERS = {
    "CREATED": Stage.OPEN,
    "SAVED": Stage.OPEN,
    "PAYER_ACTION_REQUIRED": Stage.OPEN,
    "APPROVED": Stage.OPEN,
    "VOIDED": Stage.CANCELLED,
}
CAPTURES = {
    "COMPLETED": Stage.SUCCEEDED,
    "PARTIALLY_REFUNDED": Stage.SUCCEEDED,
    "REFUNDED": Stage.SUCCEEDED,
    "PENDING": Stage.PROCESSING,
    "DECLINED": Stage.FAILED,
    "FAILED": Stage.FAILED,
}
REFUNDS = {
    "COMPLETED": RefundStatus.SUCCEEDED,
    "PENDING": RefundStatus.PENDING,
    "CANCELLED": RefundStatus.FAILED,
    "FAILED": RefundStatus.FAILED,
}
CAPTURE_NEWS = "PAYMENT.CAPTURE."
# their resource is the refund, not the capture
REFUND_NEWS = ("PAYMENT.REFUND.", "PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED")
# what an event's name says of one that says no status
HAPPENED = {
    "PAYMENT.CAPTURE.COMPLETED": "COMPLETED",
    "PAYMENT.CAPTURE.PENDING": "PENDING",
    "PAYMENT.CAPTURE.DENIED": "DECLINED",
    "PAYMENT.CAPTURE.REFUNDED": "COMPLETED",
    "PAYMENT.REFUND.PENDING": "PENDING",
    "PAYMENT.REFUND.FAILED": "FAILED",
}


async def heard(
    webhook_id: str | None, certificates: Certificates, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> Notice:
    if not webhook_id:
        raise WebhookNotConfigured("set HOLDFAST_PAYPAL_WEBHOOK_ID")
    await require_signed(headers, body, webhook_id, certificates, now=now)
    return noticed(event_of(body))


def noticed(event: Json) -> Notice:
    """NotAnEvent where it is not as PayPal documents it."""
    try:
        kind, said = str(event["event_type"]), event["resource"]
        news: Reading | RefundReading | None = None
        if kind == "CHECKOUT.ORDER.APPROVED":
            news = reading(said)
        elif kind.startswith(REFUND_NEWS):
            news = refund_reading(completed(said, status=HAPPENED.get(kind)))
        elif kind.startswith(CAPTURE_NEWS):
            said = completed(said, status=HAPPENED.get(kind))
            related = mapping(mapping(said.get("supplementary_data")).get("related_ids"))
            if said["status"] in CAPTURES:  # without its order it may still carry our id
                news = capture_reading(related.get("order_id") or said["id"], said)
        return Notice(event_id=str(event["id"]), type=kind, news=news)
    except MISREAD as error:
        raise NotAnEvent from error


def reading(order: Json) -> Reading:
    """Of an order; once it is completed, of its capture."""
    unit = order["purchase_units"][0]
    captures = mapping(unit.get("payments")).get("captures") or []
    if captures:
        return capture_reading(order["id"], {**unit, **captures[-1]})
    stage = ORDERS[order["status"]]
    return Reading(ref=order["id"], stage=stage, intent_id=our_intent(unit.get("custom_id")))


def capture_reading(ref: str, capture: Json) -> Reading:
    stage = CAPTURES[capture["status"]]
    taken = stage is Stage.SUCCEEDED
    why = mapping(capture.get("status_details")).get("reason")
    return Reading(
        ref=ref,
        stage=stage,
        amount=PAYPAL.read(capture["amount"]["value"], capture["amount"]["currency_code"]) if taken else None,
        capture_ref=capture["id"] if taken else None,
        failure=str(why or "declined") if stage is Stage.FAILED else None,
        intent_id=our_intent(capture.get("custom_id")),
    )


def refund_reading(refund: Json) -> RefundReading:
    """The capture it belongs to is only linked, as `up`."""
    amount = refund["amount"]
    up = next((link["href"] for link in refund.get("links") or [] if link.get("rel") == "up"), "")
    return RefundReading(
        ref=refund["id"],
        status=REFUNDS[refund["status"]],
        amount=PAYPAL.read(amount["value"], amount["currency_code"]),
        payment_ref=up.rstrip("/").rpartition("/")[2] or None,
        refund_id=our_refund(refund.get("custom_id")),
        failure=mapping(refund.get("status_details")).get("reason"),
    )
