"""What Razorpay says: its webhooks, and the JSON of its payments and refunds. Needs no SDK.

    payment   created                        open          authorized          processing
              captured, refunded             succeeded     failed              failed
    refund    pending                        pending       processed           succeeded
    dispute   open, under_review             open, or withheld once an amount is deducted
              won, closed                    won           lost                lost

An order has any number of payments; the furthest of them counts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256

from pydantic import SecretStr

from holdfast.contracts.payment import DisputeStatus, RefundStatus
from holdfast.domains.payment.exceptions import NotAnEvent
from holdfast.domains.payment.ports import DisputeReading, News, Notice, Reading, RefundReading, Stage
from holdfast.gateways.payments.amounts import RAZORPAY
from holdfast.gateways.payments.bodies import (
    MISREAD,
    Json,
    completed,
    event_of,
    instant,
    mapping,
    our_intent,
    our_refund,
)
from holdfast.gateways.payments.signatures import configured, require_plain

STAGES = {
    "created": Stage.OPEN,
    "authorized": Stage.PROCESSING,
    "captured": Stage.SUCCEEDED,
    "refunded": Stage.SUCCEEDED,
    "failed": Stage.FAILED,
}
FURTHEST = (Stage.OPEN, Stage.FAILED, Stage.PROCESSING, Stage.SUCCEEDED)
REFUNDS = {
    "pending": RefundStatus.PENDING,
    "processed": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
}
DISPUTES = "payment.dispute."
ENDED = {"won": DisputeStatus.WON, "closed": DisputeStatus.WON, "lost": DisputeStatus.LOST}
# what an event's name says of a payment or refund that says no status
HAPPENED = {
    "payment.authorized": "authorized",
    "payment.captured": "captured",
    "payment.failed": "failed",
    "order.paid": "captured",
    "refund.created": "pending",
    "refund.processed": "processed",
    "refund.failed": "failed",
}


async def heard(secret: SecretStr | None, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
    key = configured(secret, "HOLDFAST_RAZORPAY_WEBHOOK_SECRET")
    require_plain(key, body, headers.get("x-razorpay-signature"))
    return noticed(body, now=now)


def noticed(body: bytes, *, now: datetime) -> Notice:
    """The event's own id is in a header that nobody signed: the same body is the same event. NotAnEvent."""
    event = event_of(body)
    try:
        kind, payload = str(event["event"]), event["payload"]
        news: News | None = None
        if kind.startswith(DISPUTES):
            news = dispute_reading(completed(payload["dispute"]["entity"], status=kind.removeprefix(DISPUTES)))
        elif kind.startswith("refund.") and "refund" in payload:
            news = refund_reading(completed(payload["refund"]["entity"], status=HAPPENED.get(kind)))
        elif kind.startswith(("payment.", "order.")) and "payment" in payload:
            payment = completed(payload["payment"]["entity"], status=HAPPENED.get(kind))
            at = instant(payment.get("created_at")) or instant(event.get("created_at")) or now
            if payment.get("order_id") and payment["status"] in STAGES:
                # what we noted is with the order; not every event brings it along
                order = mapping(mapping(payload.get("order")).get("entity"))
                said = {**payment, "created_at": at.timestamp()}
                news = reading(payment["order_id"], said, noted=mapping(order.get("notes")))
        return Notice(event_id=f"sha256-{sha256(body).hexdigest()}", type=kind, news=news)
    except MISREAD as error:
        raise NotAnEvent from error


def furthest(ref: str, payments: Sequence[Json]) -> Reading:
    readings = [reading(ref, each) for each in payments]
    return max(readings, key=lambda each: FURTHEST.index(each.stage), default=Reading(ref=ref, stage=Stage.OPEN))


def reading(ref: str, payment: Json, *, noted: Json | None = None) -> Reading:
    """`noted` with its order, by us; what is noted with the payment itself comes from the guest's browser."""
    stage = STAGES[payment["status"]]
    taken = stage is Stage.SUCCEEDED
    return Reading(
        ref=ref,
        stage=stage,
        amount=RAZORPAY.money(payment["amount"], payment["currency"]) if taken else None,
        capture_ref=payment["id"] if taken else None,
        failure=str(payment.get("error_description") or "declined") if stage is Stage.FAILED else None,
        intent_id=our_intent((noted or {}).get("intent_id")),
        at=instant(payment["created_at"]),
    )


def dispute_reading(dispute: Json) -> DisputeReading:
    deducted = DisputeStatus.WITHHELD if dispute.get("amount_deducted") else DisputeStatus.OPEN
    return DisputeReading(
        ref=dispute["id"],
        status=ENDED.get(dispute["status"], deducted),
        amount=RAZORPAY.money(dispute["amount"], dispute["currency"]),
        payment_ref=dispute["payment_id"],
        reason=dispute.get("reason_code"),
    )


def refund_reading(refund: Json) -> RefundReading:
    return RefundReading(
        ref=refund["id"],
        status=REFUNDS[refund["status"]],
        amount=RAZORPAY.money(refund["amount"], refund["currency"]),
        payment_ref=refund.get("payment_id"),
        refund_id=our_refund(mapping(refund.get("notes")).get("refund_id")),
    )
