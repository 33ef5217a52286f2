"""What each provider's events say of disputes, and of refunds that only the payment's own event tells."""

import json
from typing import Any

import pytest

from holdfast.contracts.payment import DisputeStatus, RefundStatus
from holdfast.domains.payment.ports import DisputeReading, RefundReading
from holdfast.domains.payment.rules.disputes import EDGES, after, contradicts
from holdfast.gateways.payments import paypal_news, razorpay_news, stripe_news
from tests.clock import MONDAY

OPEN, WITHHELD, WON, LOST = DisputeStatus
Json = dict[str, Any]

STRIPES = {"id": "dp_1", "amount": 500, "currency": "eur", "payment_intent": "pi_1", "reason": "fraudulent"}
MOVED = {"balance_transactions": [{"id": "txn_1"}]}
RAZORPAYS = {"id": "disp_1", "payment_id": "pay_1", "amount": 500, "currency": "INR", "reason_code": "fraudulent"}
PAYPALS = {
    "dispute_id": "PP-1",
    "disputed_transactions": [{"seller_transaction_id": "cap_1"}],
    "dispute_amount": {"currency_code": "EUR", "value": "5.00"},
    "reason": "fraudulent",
}
REVERSAL = {
    "id": "rev_1",
    "amount": {"currency_code": "EUR", "value": "5.00"},
    "links": [{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/cap_1"}],
}


@pytest.mark.parametrize(
    ("kind", "said", "status"),
    [
        ("created", {"status": "warning_needs_response"}, OPEN),
        ("created", {"status": "needs_response"}, OPEN),
        ("created", {}, OPEN),
        ("created", {"status": "needs_response", **MOVED}, WITHHELD),
        ("funds_withdrawn", {"status": "needs_response"}, WITHHELD),
        ("funds_withdrawn", {}, WITHHELD),
        ("updated", {"status": "under_review", **MOVED}, WITHHELD),
        ("funds_reinstated", {"status": "under_review", **MOVED}, WON),
        ("funds_reinstated", {}, WON),
        ("closed", {"status": "won", **MOVED}, WON),
        ("closed", {"status": "warning_closed"}, WON),
        ("closed", {"status": "lost", **MOVED}, LOST),
    ],
)
def test_what_stripe_says_of_a_dispute(kind: str, said: Json, status: DisputeStatus) -> None:
    event = {"id": "evt_1", "type": f"charge.dispute.{kind}", "data": {"object": {**STRIPES, **said}}}
    assert brief(stripe_news.noticed(event).news) == ("dp_1", status, "5.00", "pi_1", "fraudulent", False)


@pytest.mark.parametrize(
    ("kind", "said", "status"),
    [
        ("created", {"status": "open", "amount_deducted": 0}, OPEN),
        ("created", {"status": "open", "amount_deducted": 500}, WITHHELD),
        ("under_review", {"amount_deducted": 500}, WITHHELD),
        ("won", {"status": "won", "amount_deducted": 0}, WON),
        ("closed", {}, WON),
        ("lost", {"amount_deducted": 500}, LOST),
    ],
)
def test_what_razorpay_says_of_a_dispute(kind: str, said: Json, status: DisputeStatus) -> None:
    payment = {"id": "pay_1", "order_id": "order_1", "status": "captured", "amount": 500, "currency": "INR"}
    payload = {"payment": {"entity": payment}, "dispute": {"entity": {**RAZORPAYS, **said}}}
    body = json.dumps({"event": f"payment.dispute.{kind}", "payload": payload}).encode()
    news = razorpay_news.noticed(body, now=MONDAY).news
    assert brief(news) == ("disp_1", status, "5.00", "pay_1", "fraudulent", False)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"status": "OPEN"}, OPEN),
        ({"status": "UNDER_REVIEW", "dispute_life_cycle_stage": "INQUIRY"}, OPEN),
        ({"status": "WAITING_FOR_SELLER_RESPONSE", "dispute_life_cycle_stage": "CHARGEBACK"}, WITHHELD),
        ({"status": "RESOLVED", "dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR"}}, LOST),
        ({"status": "RESOLVED", "dispute_outcome": {"outcome_code": "RESOLVED_SELLER_FAVOUR"}}, WON),
        ({"status": "RESOLVED", "dispute_outcome": {"outcome_code": "CANCELED_BY_BUYER"}}, WON),
    ],
)
def test_what_paypal_says_of_a_dispute(said: Json, status: DisputeStatus) -> None:
    event = {"id": "WH-1", "event_type": "CUSTOMER.DISPUTE.UPDATED", "resource": {**PAYPALS, **said}}
    assert brief(paypal_news.noticed(event).news) == ("PP-1", status, "5.00", "cap_1", "fraudulent", False)


def test_a_reversal_at_paypal_is_a_dispute_that_was_lost() -> None:
    event = {"id": "WH-1", "event_type": "PAYMENT.CAPTURE.REVERSED", "resource": REVERSAL}
    assert brief(paypal_news.noticed(event).news) == ("rev_1", LOST, "5.00", "cap_1", None, True)


def test_a_refunded_charge_tells_of_its_latest_refund_where_it_lists_them() -> None:
    refund = {"id": "re_1", "amount": 500, "currency": "eur", "status": "succeeded"}
    charge = {"id": "ch_1", "payment_intent": "pi_1", "amount_refunded": 500, "refunds": {"data": [refund]}}
    event = {"id": "evt_1", "type": "charge.refunded", "data": {"object": charge}}
    news = stripe_news.noticed(event).news
    assert isinstance(news, RefundReading)
    assert (news.ref, news.status, str(news.amount), news.payment_ref) == (
        "re_1",
        RefundStatus.SUCCEEDED,
        "5.00",
        "pi_1",
    )
    bare = {**event, "data": {"object": {**charge, "refunds": None}}}
    assert stripe_news.noticed(bare).news is None


def test_a_dispute_never_goes_back_but_to_the_house() -> None:
    for status in DisputeStatus:
        for said in DisputeStatus:
            assert after(status, said) is (said if said in EDGES[status] else status)
            assert contradicts(status, said) is ((status, said) == (WON, LOST))
    assert {OPEN: {WITHHELD, WON, LOST}, WITHHELD: {WON, LOST}, LOST: {WON}, WON: frozenset()} == EDGES


def brief(news: object) -> tuple[object, ...]:
    assert isinstance(news, DisputeReading)
    return (news.ref, news.status, str(news.amount), news.payment_ref, news.reason, news.again)
