"""What the providers' webhooks mean, once their signatures are right; and PayPal's certificates."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import Store
from pydantic import SecretStr

from holdfast.contracts.payment import RefundStatus
from holdfast.domains.payment.exceptions import BadSignature, NotAnEvent, ProviderUnavailable, WebhookNotConfigured
from holdfast.domains.payment.ports import Notice, Reading, RefundReading, Stage
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.paypal import PaypalProvider
from holdfast.gateways.payments.paypal_signatures import SIGNERS, Certificates, signed_message
from holdfast.gateways.payments.razorpay import RazorpayProvider
from holdfast.gateways.payments.signatures import hex_hmac, timestamped
from holdfast.gateways.payments.stripe import StripeProvider
from holdfast.gateways.payments.terms import PaypalTerms, RazorpayTerms, StripeTerms
from holdfast.kernel.line import NoAnswer
from tests.clock import MONDAY
from tests.peers.razorpay import WEBHOOK_SECRET, Razorpay

INTENT, REFUND = UUID(int=7), UUID(int=8)
NOWHERE = "http://127.0.0.1:9"
Json = dict[str, Any]


def brief(notice: Notice) -> tuple[object, ...]:
    """What matters of it, in order."""
    news = notice.news
    if isinstance(news, Reading):
        return (news.ref, news.stage, str(news.amount) if news.amount else None, news.capture_ref, news.intent_id)
    if isinstance(news, RefundReading):
        return (news.ref, news.status, str(news.amount), news.payment_ref, news.refund_id)
    return ()


# --- Stripe

STRIPE = StripeProvider(
    StripeTerms(SecretStr("sk_of_the_tests"), None, SecretStr("of the tests"), NOWHERE), Line("stripe", 1)
)


def intent(status: str, **fields: object) -> Json:
    noted = {"intent_id": str(INTENT)}
    return {"id": "pi_1", "status": status, "amount": 12_000, "currency": "eur", "metadata": noted, **fields}


def given_back(status: str) -> Json:
    noted = {"refund_id": str(REFUND)}
    return {
        "id": "re_1",
        "status": status,
        "amount": 500,
        "currency": "eur",
        "payment_intent": "pi_1",
        "metadata": noted,
    }


async def from_stripe(kind: str, said: object, **fields: object) -> Notice:
    body = json.dumps({"id": "evt_1", "type": kind, "data": {"object": said}, **fields}).encode()
    header = timestamped(b"of the tests", body, now=MONDAY)
    return await STRIPE.notice({"stripe-signature": header}, body, now=MONDAY)


DECLINED = {"code": "card_declined", "message": "Your card was declined."}
# what a hand-written event may be content with
BARE = {"id": "pi_1", "currency": "eur"}
PAID = ("pi_1", Stage.SUCCEEDED, "120.00", "pi_1", INTENT)


@pytest.mark.parametrize(
    ("kind", "said", "meaning"),
    [
        ("payment_intent.succeeded", intent("succeeded", amount_received=12_000), PAID),
        ("payment_intent.processing", intent("processing"), ("pi_1", Stage.PROCESSING, None, None, INTENT)),
        (
            "payment_intent.payment_failed",
            intent("requires_payment_method", last_payment_error=DECLINED),
            ("pi_1", Stage.FAILED, None, None, INTENT),
        ),
        ("payment_intent.canceled", intent("canceled"), ("pi_1", Stage.CANCELLED, None, None, INTENT)),
        ("payment_intent.requires_action", intent("requires_action"), ("pi_1", Stage.OPEN, None, None, INTENT)),
        (
            "payment_intent.succeeded",
            intent("succeeded", amount_received=11_999, metadata={"intent_id": "whatever"}),
            ("pi_1", Stage.SUCCEEDED, "119.99", "pi_1", None),
        ),
        ("refund.updated", given_back("succeeded"), ("re_1", RefundStatus.SUCCEEDED, "5.00", "pi_1", REFUND)),
        ("charge.refund.updated", given_back("failed"), ("re_1", RefundStatus.FAILED, "5.00", "pi_1", REFUND)),
        ("refund.created", given_back("pending"), ("re_1", RefundStatus.PENDING, "5.00", "pi_1", REFUND)),
        ("payout.paid", {"id": "po_1"}, ()),
        (
            "payment_intent.succeeded",
            {**BARE, "amount": 12_000},
            ("pi_1", Stage.SUCCEEDED, "120.00", "pi_1", None),
        ),
        (
            "payment_intent.succeeded",
            {**BARE, "amount_received": 1},
            ("pi_1", Stage.SUCCEEDED, "0.01", "pi_1", None),
        ),
        ("payment_intent.payment_failed", BARE, ("pi_1", Stage.FAILED, None, None, None)),
        ("refund.failed", {**BARE, "amount": 500}, ("pi_1", RefundStatus.FAILED, "5.00", None, None)),
    ],
)
async def test_what_stripe_says(kind: str, said: Json, meaning: tuple[object, ...]) -> None:
    notice = await from_stripe(kind, said)
    assert (notice.event_id, notice.type) == ("evt_1", kind)
    assert brief(notice) == meaning


async def test_what_stripe_would_not_say() -> None:
    strange: list[object] = [None, [], {}, {"id": "pi_1", "status": "succeeded"}]
    for said in (*strange, intent("succeeded", currency="XXX")):
        with pytest.raises(NotAnEvent):
            await from_stripe("payment_intent.succeeded", said)
    header = timestamped(b"of the tests", b"{}", now=MONDAY)
    with pytest.raises(NotAnEvent):
        await STRIPE.notice({"stripe-signature": header}, b"{}", now=MONDAY)
    with pytest.raises(BadSignature):
        await STRIPE.notice({"x-razorpay-signature": header}, b"{}", now=MONDAY)


# --- Razorpay

RAZORPAY = RazorpayProvider(
    RazorpayTerms("key", SecretStr("secret"), SecretStr(WEBHOOK_SECRET), NOWHERE), Line("razorpay", 1)
)
PAYMENT: Json = {
    "id": "pay_1",
    "amount": 12_000,
    "currency": "INR",
    "order_id": "order_1",
    "notes": [],
    "created_at": 1_700_000_000,
}
ORDER = {"id": "order_1", "notes": {"intent_id": str(INTENT)}}
BACK = {
    "id": "rfnd_1",
    "amount": 500,
    "currency": "INR",
    "payment_id": "pay_1",
    "notes": {"refund_id": str(REFUND)},
}


@pytest.mark.parametrize(
    ("kind", "entities", "meaning"),
    [
        (
            "payment.captured",
            {"payment": {**PAYMENT, "status": "captured"}},
            ("order_1", Stage.SUCCEEDED, "120.00", "pay_1", None),
        ),
        (  # the guest's browser notes what it likes with the payment
            "order.paid",
            {"payment": {**PAYMENT, "status": "captured", "notes": {"intent_id": str(REFUND)}}, "order": ORDER},
            ("order_1", Stage.SUCCEEDED, "120.00", "pay_1", INTENT),
        ),
        (
            "payment.authorized",
            {"payment": {**PAYMENT, "status": "authorized", "notes": {"intent_id": str(INTENT)}}},
            ("order_1", Stage.PROCESSING, None, None, None),
        ),
        (
            "payment.failed",
            {"payment": {**PAYMENT, "status": "failed"}},
            ("order_1", Stage.FAILED, None, None, None),
        ),
        ("payment.captured", {"payment": {**PAYMENT, "status": "captured", "order_id": None}}, ()),
        (
            "refund.processed",
            {"refund": {**BACK, "status": "processed"}, "payment": PAYMENT},
            ("rfnd_1", RefundStatus.SUCCEEDED, "5.00", "pay_1", REFUND),
        ),
        (
            "refund.failed",
            {"refund": {**BACK, "status": "failed"}},
            ("rfnd_1", RefundStatus.FAILED, "5.00", "pay_1", REFUND),
        ),
        ("settlement.processed", {"settlement": {"id": "setl_1"}}, ()),
    ],
)
async def test_what_razorpay_says(kind: str, entities: Json, meaning: tuple[object, ...]) -> None:
    headers, body = Razorpay().event(kind, **entities)
    notice = await RAZORPAY.notice(headers, body, now=MONDAY)
    assert brief(notice) == meaning
    assert await RAZORPAY.notice({**headers, "x-razorpay-event-id": "made up"}, body, now=MONDAY) == notice
    with pytest.raises(BadSignature):
        await RAZORPAY.notice(headers, body + b" ", now=MONDAY)


BARE_PAYMENT = {"id": "pay_1", "amount": 12_000, "currency": "INR", "order_id": "order_1", "notes": None}
BARE_REFUND = {"id": "rfnd_1", "amount": 500, "currency": "INR"}


@pytest.mark.parametrize(
    ("kind", "entities", "when", "at", "meaning"),
    [
        (
            "payment.captured",
            {"payment": BARE_PAYMENT},
            {"created_at": 1_700_000_000},
            1_700_000_000,
            Stage.SUCCEEDED,
        ),
        ("payment.captured", {"payment": BARE_PAYMENT}, {}, None, Stage.SUCCEEDED),
        ("order.paid", {"payment": {**BARE_PAYMENT, "created_at": 10**30}}, {}, None, Stage.SUCCEEDED),
        ("payment.failed", {"payment": BARE_PAYMENT}, {"created_at": "today"}, None, Stage.FAILED),
        ("refund.processed", {"refund": BARE_REFUND}, {}, None, RefundStatus.SUCCEEDED),
    ],
)
async def test_what_razorpay_may_leave_out(
    kind: str, entities: Json, when: Json, at: int | None, meaning: Stage | RefundStatus
) -> None:
    payload = {name: {"entity": entity} for name, entity in entities.items()}
    body = json.dumps({"event": kind, "payload": payload, **when}).encode()
    headers = {"x-razorpay-signature": hex_hmac(WEBHOOK_SECRET.encode(), body)}
    news = (await RAZORPAY.notice(headers, body, now=MONDAY)).news
    if isinstance(news, Reading):
        assert (news.stage, news.at) == (meaning, datetime.fromtimestamp(at, UTC) if at else MONDAY)
    else:
        assert news is not None
        assert news.status is meaning


async def test_what_razorpay_may_not_leave_out() -> None:
    for field_ in ("amount", "currency", "id"):
        bare = {name: value for name, value in BARE_PAYMENT.items() if name != field_}
        headers, body = Razorpay().event("payment.captured", payment=bare)
        with pytest.raises(NotAnEvent):
            await RAZORPAY.notice(headers, body, now=MONDAY)


# --- PayPal


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


KEY = rsa.generate_private_key(65_537, 2_048)
CA_KEY = rsa.generate_private_key(65_537, 2_048)
CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-1"
WEBHOOK_ID = "1JE4291016473214C"


def authority() -> x509.Certificate:
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        certified("Root of the tests", CA_KEY, "Root of the tests")
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(CA_KEY.public_key()), critical=False)
        .sign(CA_KEY, SHA256())
    )


def certified(name: str, key: rsa.RSAPrivateKey, issuer: str, *, days: int = 365) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(MONDAY - timedelta(days=10))
        .not_valid_after(MONDAY - timedelta(days=10) + timedelta(days=days))
    )


def certificate(host: str, *, signed_by: rsa.RSAPrivateKey = CA_KEY, days: int = 365) -> bytes:
    made = (
        certified(host, KEY, "Root of the tests", days=days)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(CA_KEY.public_key()), critical=False)
        .sign(signed_by, SHA256())
    )
    return made.public_bytes(Encoding.PEM)


ROOT = authority()


@dataclass
class Publisher:
    """Where certificates are fetched from."""

    answer: bytes | Exception
    asked: list[str] = field(default_factory=list)

    async def __call__(self, url: str) -> bytes:
        self.asked.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def through_paypal(publisher: Publisher, *, webhook_id: str | None = WEBHOOK_ID) -> PaypalProvider:
    certificates = Certificates(Line("certificates", 5), fetch=publisher, roots=lambda: Store([ROOT]))
    terms = PaypalTerms("client", SecretStr("secret"), webhook_id, NOWHERE)
    return PaypalProvider(terms, Line("paypal", 5), certificates)


GENUINE = certificate(SIGNERS[0])


def paypals(body: bytes, **fields: str) -> dict[str, str]:
    """The headers of a webhook."""
    message = signed_message("8a6d8780", "2030-01-07T08:00:00Z", WEBHOOK_ID, body)
    return {
        "paypal-transmission-id": "8a6d8780",
        "paypal-transmission-time": "2030-01-07T08:00:00Z",
        "paypal-transmission-sig": base64.b64encode(KEY.sign(message, PKCS1v15(), SHA256())).decode(),
        "paypal-cert-url": CERT_URL,
        "paypal-auth-algo": "SHA256withRSA",
        **{f"paypal-{name.replace('_', '-')}": value for name, value in fields.items()},
    }


def event(kind: str, resource: object) -> bytes:
    return json.dumps({"id": "WH-1", "event_type": kind, "resource": resource}).encode()


UNIT = {"custom_id": str(INTENT), "amount": {"currency_code": "JPY", "value": "500"}}
APPROVED = {"id": "5O1", "status": "APPROVED", "purchase_units": [UNIT]}


def capture(status: str) -> Json:
    related = {"related_ids": {"order_id": "5O1"}}
    return {"id": "CAP1", "status": status, **UNIT, "supplementary_data": related}


PAYPALS_BACK = {
    "id": "REF1",
    "status": "COMPLETED",
    "amount": {"currency_code": "JPY", "value": "200"},
    "custom_id": str(REFUND),
    "links": [{"rel": "up", "href": "https://api.paypal.com/v2/payments/captures/CAP1"}],
}


@pytest.mark.parametrize(
    ("kind", "resource", "meaning"),
    [
        ("CHECKOUT.ORDER.APPROVED", APPROVED, ("5O1", Stage.OPEN, None, None, INTENT)),
        ("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED"), ("5O1", Stage.SUCCEEDED, "500", "CAP1", INTENT)),
        ("PAYMENT.CAPTURE.PENDING", capture("PENDING"), ("5O1", Stage.PROCESSING, None, None, INTENT)),
        ("PAYMENT.CAPTURE.DENIED", capture("DECLINED"), ("5O1", Stage.FAILED, None, None, INTENT)),
        (
            "PAYMENT.CAPTURE.REFUNDED",
            PAYPALS_BACK,
            ("REF1", RefundStatus.SUCCEEDED, "200", "CAP1", REFUND),
        ),
        ("BILLING.PLAN.CREATED", {"id": "P-1"}, ()),
        ("PAYMENT.CAPTURE.COMPLETED", {"id": "CAP1", **UNIT}, ("CAP1", Stage.SUCCEEDED, "500", "CAP1", INTENT)),
        ("PAYMENT.CAPTURE.DENIED", {"id": "CAP1"}, ("CAP1", Stage.FAILED, None, None, None)),
        (
            "PAYMENT.CAPTURE.REFUNDED",
            {"id": "REF1", "amount": PAYPALS_BACK["amount"], "links": [{}]},
            ("REF1", RefundStatus.SUCCEEDED, "200", None, None),
        ),
    ],
)
async def test_what_paypal_says(kind: str, resource: Json, meaning: tuple[object, ...]) -> None:
    body = event(kind, resource)
    notice = await through_paypal(Publisher(GENUINE)).notice(paypals(body), body, now=MONDAY)
    assert (notice.event_id, notice.type) == ("WH-1", kind)
    assert brief(notice) == meaning


async def test_paypals_certificate_is_fetched_once() -> None:
    publisher = Publisher(GENUINE)
    provider, body = through_paypal(publisher), event("BILLING.PLAN.CREATED", {})
    for _ in range(3):
        await provider.notice(paypals(body), body, now=MONDAY)
    assert publisher.asked == [CERT_URL]


OTHER_KEY = rsa.generate_private_key(65_537, 2_048)


@pytest.mark.parametrize(
    ("headers", "published"),
    [
        ({"auth_algo": "SHA1withRSA"}, GENUINE),
        ({"transmission_sig": "AAAA"}, GENUINE),
        ({"transmission_id": "another"}, GENUINE),
        ({"transmission_time": "2030-01-07T08:00:01Z"}, GENUINE),
        ({"cert_url": ""}, GENUINE),
        ({}, certificate("paypal.example.org")),
        ({}, certificate(SIGNERS[0], signed_by=OTHER_KEY)),
        ({}, certificate(SIGNERS[0], days=5)),
        ({}, b"no certificate"),
        ({}, ROOT.public_bytes(Encoding.PEM)),
    ],
    ids=[
        "algorithm", "signature", "id", "time", "no certificate named", "of another name", "of another root",
        "run out", "unreadable", "the root itself",
    ],
)  # fmt: skip
async def test_what_is_not_paypals(headers: Mapping[str, str], published: bytes) -> None:
    body = event("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED"))
    with pytest.raises(BadSignature):
        await through_paypal(Publisher(published)).notice(paypals(body, **headers), body, now=MONDAY)


async def test_another_host_is_never_asked_for_a_certificate() -> None:
    publisher, body = Publisher(GENUINE), event("BILLING.PLAN.CREATED", {})
    headers = paypals(body, cert_url="https://api.paypal.com.evil.example/v1/notifications/certs/CERT-1")
    with pytest.raises(BadSignature):
        await through_paypal(publisher).notice(headers, body, now=MONDAY)
    assert publisher.asked == []


async def test_a_tampered_body_and_a_missing_certificate() -> None:
    body = event("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED"))
    provider = through_paypal(Publisher(GENUINE))
    with pytest.raises(BadSignature):
        await provider.notice(paypals(body), body.replace(b"500", b"501"), now=MONDAY)
    with pytest.raises(ProviderUnavailable) as caught:
        await through_paypal(Publisher(NoAnswer("down"))).notice(paypals(body), body, now=MONDAY)
    assert caught.value.retry_after
    with pytest.raises(WebhookNotConfigured, match="HOLDFAST_PAYPAL_WEBHOOK_ID"):
        await through_paypal(Publisher(GENUINE), webhook_id=None).notice(paypals(body), body, now=MONDAY)
    strange = event("PAYMENT.CAPTURE.COMPLETED", {"id": str(uuid4())})
    with pytest.raises(NotAnEvent):
        await provider.notice(paypals(strange), strange, now=MONDAY)
