"""What PayPal says: its webhooks, and the JSON of its orders, captures and refunds.

order     CREATED, SAVED, PAYER_ACTION_REQUIRED   open        VOIDED, or gone    cancelled
          APPROVED                                open: `read` and `confirm` capture it
          COMPLETED                               as its capture
capture   COMPLETED, PARTIALLY_REFUNDED, REFUNDED succeeded   PENDING            processing
          DECLINED, FAILED                        failed
refund    COMPLETED  succeeded      PENDING  pending          CANCELLED, FAILED  failed
    dispute   as an inquiry open, as a chargeback withheld; RESOLVED in the buyer's favour lost, else won
    reversal  lost: a part of the payment's dispute, and no refund
"""

from collections.abc import Mapping
from datetime import datetime

from holdfast.contracts.payment import DisputeStatus, RefundStatus
from holdfast.domains.payment.exceptions import NotAnEvent, WebhookNotConfigured
from holdfast.domains.payment.ports import DisputeReading, News, Notice, Reading, RefundReading, Stage
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
REFUND_NEWS = ("PAYMENT.REFUND.", "PAYMENT.CAPTURE.REFUNDED")
REVERSED, DISPUTES = "PAYMENT.CAPTURE.REVERSED", "CUSTOMER.DISPUTE."
BUYERS = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED"})
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
        news: News | None = None
        if kind == REVERSED:
            news = reversal_reading(said)
        elif kind.startswith(DISPUTES):
            news = dispute_reading(said)
        elif kind == "CHECKOUT.ORDER.APPROVED":
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


def dispute_reading(said: Json) -> DisputeReading:
    amount, transactions = said["dispute_amount"], said["disputed_transactions"]
    if said["status"] == "RESOLVED":
        outcome = mapping(said.get("dispute_outcome")).get("outcome_code")
        status = DisputeStatus.LOST if outcome in BUYERS else DisputeStatus.WON
    else:
        inquiry = said.get("dispute_life_cycle_stage", "INQUIRY") == "INQUIRY"
        status = DisputeStatus.OPEN if inquiry else DisputeStatus.WITHHELD
    return DisputeReading(
        ref=said["dispute_id"],
        status=status,
        amount=PAYPAL.read(amount["value"], amount["currency_code"]),
        payment_ref=transactions[0]["seller_transaction_id"],
        reason=said.get("reason"),
    )


def reversal_reading(said: Json) -> DisputeReading:
    return DisputeReading(
        ref=said["id"],
        status=DisputeStatus.LOST,
        amount=PAYPAL.read(said["amount"]["value"], said["amount"]["currency_code"]),
        payment_ref=linked(said),
        again=True,
    )


def linked(said: Json) -> str | None:
    """The capture that a refund or reversal belongs to is only linked, as `up`."""
    up = next((link["href"] for link in said.get("links") or [] if link.get("rel") == "up"), "")
    return up.rstrip("/").rpartition("/")[2] or None


def refund_reading(refund: Json) -> RefundReading:
    amount = refund["amount"]
    return RefundReading(
        ref=refund["id"],
        status=REFUNDS[refund["status"]],
        amount=PAYPAL.read(amount["value"], amount["currency_code"]),
        payment_ref=linked(refund),
        refund_id=our_refund(refund.get("custom_id")),
        failure=mapping(refund.get("status_details")).get("reason"),
    )
