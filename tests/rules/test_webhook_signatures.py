"""Webhook signatures: the cases that the providers' own SDKs publish, and every way to be wrong."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import SecretStr

from holdfast.contracts.payment import RefundStatus
from holdfast.domains.payment.exceptions import BadSignature, NotAnEvent, WebhookNotConfigured
from holdfast.domains.payment.ports import Notice, Reading, RefundReading, Stage
from holdfast.gateways.payments.generic import GenericProvider
from holdfast.gateways.payments.paypal_signatures import is_signed_with, require_paypals, signed_message
from holdfast.gateways.payments.signatures import (
    hex_hmac,
    is_signed,
    require_plain,
    require_timestamped,
    timestamped,
)
from holdfast.kernel.money import Money
from tests.rules.webhooks import PAYPAL_KEY, PAYPAL_VECTORS, RAZORPAY_BODY, STRIPE_BODY

SIGNED_AT = datetime.fromtimestamp(1_700_000_000, UTC)
STRIPE_SECRET = "whsec_test_secret"
GOOD = "3bfab77baf5f7b6991a46c9b53b6547d7afc56148b10468fcad9f35c1992ffbd"

CHANGED = STRIPE_BODY.replace(b"rdr_123", b"rdr_124")

# header, body, secret, now after signing, right
STRIPE_CASES = {
    "valid": (f"t=1700000000,v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, True),
    "a second, bad v1": (f"t=1700000000,v1={GOOD},v1=bad_signature", STRIPE_BODY, STRIPE_SECRET, 0, True),
    "a bad v1 first": (f"t=1700000000,v1={'0' * 64},v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, True),
    "at the edge of the tolerance": (f"t=1700000000,v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 300, True),
    "too old": (f"t=1700000000,v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 301, False),
    "from the future": (f"t=1700000000,v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, -301, False),
    "only v0": (f"t=1700000000,v0={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "no header at all": ("i'm not even a real signature header", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "empty": ("", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "no time": (f"v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "no number for a time": (f"t=abc,v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "an endless time": (f"t={'9' * 400},v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "two times": (f"t=1700000000,t=1700000000,v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "bad signature": ("t=1700000000,v1=bad_signature", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "not ASCII": ("t=1700000000,v1=\u00e4\ud800", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "wrong secret": (f"t=1700000000,v1={GOOD}", STRIPE_BODY, "whsec_other", 0, False),
    "one space more": (f"t=1700000000,v1={GOOD}", STRIPE_BODY + b" ", STRIPE_SECRET, 0, False),
    "one byte changed": (
        f"t=1700000000,v1={GOOD}",
        CHANGED,
        STRIPE_SECRET,
        0,
        False,
    ),
    "another time": (f"t=1700000001,v1={GOOD}", STRIPE_BODY, STRIPE_SECRET, 0, False),
    "no body": (f"t=1700000000,v1={GOOD}", b"", STRIPE_SECRET, 0, False),
}


@pytest.mark.parametrize("case", STRIPE_CASES)
def test_a_timestamped_signature(case: str) -> None:
    header, body, secret, later, right = STRIPE_CASES[case]
    now = SIGNED_AT + timedelta(seconds=later)
    if right:
        require_timestamped(secret.encode(), body, header, now=now)
    else:
        with pytest.raises(BadSignature):
            require_timestamped(secret.encode(), body, header, now=now)


def test_stripes_own_library_judges_the_same() -> None:
    stripe = pytest.importorskip("stripe")
    for case, (header, body, secret, later, right) in STRIPE_CASES.items():
        if later or case in (
            "two times",
            "not ASCII",
        ):  # it judges by the machine's clock, and takes the first time
            continue
        try:
            said = stripe.WebhookSignature.verify_header(body, header, secret)
        except stripe.SignatureVerificationError:
            said = False
        assert said is right, case


def test_what_we_sign_ourselves_is_taken() -> None:
    header = timestamped(b"secret", b"{}", now=SIGNED_AT)
    require_timestamped(b"secret", b"{}", header, now=SIGNED_AT)
    with pytest.raises(BadSignature):
        require_timestamped(b"secret", b"{} ", header, now=SIGNED_AT)


RAZORPAY_SIGNATURE = "d60e67fd884556c045e9be7dad57903e33efc7172c17c6e3ef77db42d2b366e9"
HAND_OVER = "b2335e3b0801106b84a7faff035df56ecffde06918c9ddd1f0fafbb37a51cc89"


@pytest.mark.parametrize(
    ("body", "signature", "secret", "right"),
    [
        (RAZORPAY_BODY, RAZORPAY_SIGNATURE, "key_secret", True),
        (RAZORPAY_BODY[:-1], RAZORPAY_SIGNATURE, "key_secret", False),
        (RAZORPAY_BODY.replace(b"1000000,", b"1000001,"), RAZORPAY_SIGNATURE, "key_secret", False),
        (RAZORPAY_BODY, RAZORPAY_SIGNATURE, "other_secret", False),
        (RAZORPAY_BODY, "test_signature", "key_secret", False),
        (RAZORPAY_BODY, HAND_OVER, "key_secret", False),
        (RAZORPAY_BODY, f"t=1700000000,v1={GOOD}", "key_secret", False),
        (RAZORPAY_BODY, "", "key_secret", False),
        (RAZORPAY_BODY, None, "key_secret", False),
        (b"", "test_signature", "key_secret", False),
        (b"fake_order_id|fake_payment_id", HAND_OVER, "key_secret", True),
        (b"fake_order_id|fake_payment_id", "test_signature", "key_secret", False),
        (b"fake_order_id|other_payment_id", HAND_OVER, "key_secret", False),
    ],
)
def test_a_plain_signature(body: bytes, signature: str | None, secret: str, right: bool) -> None:
    if right:
        require_plain(secret.encode(), body, signature)
    else:
        with pytest.raises(BadSignature):
            require_plain(secret.encode(), body, signature)


@pytest.mark.parametrize("vector", PAYPAL_VECTORS, ids=["2015", "2016"])
def test_paypals_signature(vector: Mapping[str, str]) -> None:
    key = load_pem_public_key(PAYPAL_KEY)
    said = (vector["id"], vector["time"])
    webhook_id, body, signature = vector["webhook_id"], vector["body"].encode(), vector["signature"]
    assert is_signed_with(key, signed_message(*said, webhook_id, body), signature)
    wrong = {
        "one byte": signed_message(*said, webhook_id, body.replace(b"completed", b"completeD")),
        "written anew": signed_message(*said, webhook_id, json.dumps(json.loads(body)).encode()),
        "another webhook": signed_message(*said, "3TR748995U920805Q", body),
        "another time": signed_message(said[0], "2016-10-05T14:57:41Z", webhook_id, body),
        "another id": signed_message("x", said[1], webhook_id, body),
        "no body": signed_message(*said, webhook_id, b""),
    }
    assert [name for name, message in wrong.items() if is_signed_with(key, message, signature)] == []
    message = signed_message(*said, webhook_id, body)
    for other in ("", "!", "AAAA", signature[:-4], PAYPAL_VECTORS[0]["signature"][::-1], RAZORPAY_SIGNATURE):
        assert not is_signed_with(key, message, other)


@pytest.mark.parametrize(
    ("url", "paypals"),
    [
        ("https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77", True),
        ("https://api.sandbox.paypal.com/v1/notifications/certs/CERT-1", True),
        ("http://api.paypal.com/v1/notifications/certs/CERT-1", False),
        ("https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1", False),
        ("https://evilpaypal.com/v1/notifications/certs/CERT-1", False),
        ("https://api.paypal.com@evil.example/v1/notifications/certs/CERT-1", False),
        ("https://api.paypal.com:8443/v1/notifications/certs/CERT-1", False),
        ("https://evil.example/?api.paypal.com/v1/notifications/certs/", False),
        ("https://api.paypal.com/v1/other", False),
        ("https://api.paypal.com/v1/notifications/certs/../../x", False),
        ("https://127.0.0.1/v1/notifications/certs/CERT-1", False),
        ("https://[::1", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_a_certificate_is_only_looked_for_at_paypals(url: str, paypals: bool) -> None:
    if paypals:
        require_paypals(url)
    else:
        with pytest.raises(BadSignature):
            require_paypals(url)


INTENT, REFUND = UUID(int=7), UUID(int=8)
GENERIC = GenericProvider(SecretStr("of the tests"))


async def heard(body: bytes, *, secret: bytes = b"of the tests", said_at: str | None = None) -> Notice:
    message = body if said_at is None else said_at.encode() + b"." + body
    headers = {"x-payment-signature": hex_hmac(secret, message)}
    if said_at is not None:
        headers["x-payment-timestamp"] = said_at
    return await GENERIC.notice(headers, body, now=SIGNED_AT)


def generic(**fields: object) -> bytes:
    event = {
        "id": "evt-1",
        "type": "payment.succeeded",
        "intent_id": str(INTENT),
        "amount": "12.00",
        "currency": "EUR",
    }
    return json.dumps({**event, **fields}).encode()


async def test_what_a_generic_webhook_means() -> None:
    paid = await heard(generic(ref="p-1", more="of what we do not know"))
    assert paid == Notice(
        event_id="evt-1",
        type="payment.succeeded",
        news=Reading(
            ref="p-1",
            stage=Stage.SUCCEEDED,
            amount=Money(1_200, "EUR"),
            capture_ref="p-1",
            intent_id=INTENT,  # type: ignore[arg-type]
        ),
    )
    failed = (await heard(generic(type="payment.failed", failure="no funds"))).news
    assert isinstance(failed, Reading)
    assert (failed.stage, failed.failure, failed.amount) == (Stage.FAILED, "no funds", None)
    back = (await heard(generic(type="payment.refunded", refund_id=str(REFUND)))).news
    assert isinstance(back, RefundReading)
    assert (back.status, back.amount, back.refund_id) == (RefundStatus.SUCCEEDED, Money(1_200, "EUR"), REFUND)
    assert (await heard(generic(type="payout.created"))).news is None


async def test_a_generic_webhook_may_say_when() -> None:
    assert (await heard(generic(), said_at="1700000000")).event_id == "evt-1"
    for said_at in ("1699999000", "soon", "1e9", "9" * 30):
        with pytest.raises(BadSignature):
            await heard(generic(), said_at=said_at)
    # the time cannot be taken off: it is part of what was signed
    signed = hex_hmac(b"of the tests", b"1699999000." + generic())
    with pytest.raises(BadSignature):
        await GENERIC.notice({"x-payment-signature": signed}, generic(), now=SIGNED_AT)


async def test_a_generic_webhook_that_is_wrong() -> None:
    with pytest.raises(BadSignature):
        await heard(generic(), secret=b"another")
    with pytest.raises(BadSignature):
        await GENERIC.notice({}, generic(), now=SIGNED_AT)
    with pytest.raises(WebhookNotConfigured):
        await GenericProvider(None).notice({}, generic(), now=SIGNED_AT)
    for body in (b"", b"[]", b"{", b"\xff", generic(id=7), generic(intent_id="x")):
        with pytest.raises(NotAnEvent):
            await heard(body)


def test_every_secret_is_compared_in_full() -> None:
    assert not is_signed(b"secret", b"message", sha256(b"message").hexdigest())
