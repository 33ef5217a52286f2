"""PayPal: Orders v2 over HTTP. Money moves only when we capture what the guest has approved.

    order     CREATED, SAVED, PAYER_ACTION_REQUIRED   open        VOIDED, or gone    cancelled
              APPROVED                                open: `read` and `confirm` capture it
              COMPLETED                               as its capture
    capture   COMPLETED, PARTIALLY_REFUNDED, REFUNDED succeeded   PENDING            processing
              DECLINED, FAILED                        failed
    refund    COMPLETED  succeeded      PENDING  pending          CANCELLED, FAILED  failed

Every POST has a `PayPal-Request-Id`: the same again is the same order, capture or refund.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import httpx
from pydantic import JsonValue

from holdfast.contracts.payment import RefundStatus
from holdfast.domains.payment.exceptions import (
    NotAnEvent,
    ProviderNotConfigured,
    ProviderRefused,
    WebhookNotConfigured,
)
from holdfast.domains.payment.ports import Notice, Order, Reading, RefundOrder, RefundReading, Session, Stage
from holdfast.gateways.payments.amounts import PAYPAL
from holdfast.gateways.payments.bodies import (
    MISREAD,
    Json,
    completed,
    event_of,
    mapping,
    our_intent,
    our_refund,
    understanding,
)
from holdfast.gateways.payments.line import Line, NoAnswer
from holdfast.gateways.payments.paypal_signatures import Certificates, require_signed
from holdfast.gateways.payments.terms import PaypalTerms
from holdfast.kernel.clock import ticks

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
UNDER_WAY = "PREVIOUS_REQUEST_IN_PROGRESS"
LONGEST_DESCRIPTION = 127
LONGEST_NOTE = 255
# a token is not used in its last minute
SPARE_SECONDS = 60
UNAUTHORIZED, NOT_THERE, TOO_MANY, FIRST_ERROR, FIRST_SERVER_ERROR = 401, 404, 429, 400, 500


class NotThere(ProviderRefused):
    """PayPal has no such thing any more."""


class PaypalProvider:
    """Guests approve on PayPal's own page, which sends them to the order's return URL."""

    name = "paypal"

    def __init__(self, terms: PaypalTerms, line: Line, certificates: Certificates) -> None:
        self.terms = terms
        self.line = line
        self.certificates = certificates
        self.token = ""
        self.token_until = 0.0
        self.signing_in = asyncio.Lock()

    @understanding
    async def open(self, order: Order) -> Session:
        unit = {
            "custom_id": str(order.intent_id),
            "description": f"{order.reference} {order.description}"[:LONGEST_DESCRIPTION],
            "amount": {"currency_code": order.amount.currency, "value": PAYPAL.text(order.amount)},
        }
        ways = {
            "return_url": order.return_url,
            "cancel_url": order.return_url,
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
        }
        wish = {
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": {"paypal": {"experience_context": ways}},
        }
        opened = await self.ask("POST", "/v2/checkout/orders", wish, key=f"intent-{order.intent_id}")
        links = {link["rel"]: link["href"] for link in opened["links"]}
        return Session(
            ref=opened["id"],
            checkout_url=links.get("payer-action") or links.get("approve"),
            payload={"client_id": self.terms.client_id, "order_id": opened["id"]},
        )

    @understanding
    async def confirm(self, ref: str, *, method: str | None, data: Mapping[str, JsonValue]) -> Reading:
        """As `read`: the guest's own page takes the method."""
        if method is not None:
            raise ProviderRefused("PayPal's page takes the payment method", pointer="/payment_method")
        return await self.read(ref)

    @understanding
    async def read(self, ref: str) -> Reading:
        """What the guest has approved is captured, whoever looks: on PayPal's page they have said "Pay now"."""
        order = await self.order(ref)
        if order["status"] != "APPROVED":
            return reading(order)
        try:
            captured = await self.ask("POST", f"/v2/checkout/orders/{ref}/capture", {}, key=f"capture-{ref}")
        except ProviderRefused as refusal:
            after = reading(await self.order(ref))
            if after.stage is not Stage.OPEN:  # captured by another call meanwhile
                return after
            return Reading(ref=ref, stage=Stage.FAILED, failure=refusal.detail, intent_id=after.intent_id)
        return reading(captured)

    @understanding
    async def cancel(self, ref: str) -> Reading:
        """An order cannot be cancelled, and need not be: nothing is taken that we do not capture."""
        found = reading(await self.order(ref))
        if found.stage is Stage.OPEN:
            return Reading(ref=ref, stage=Stage.CANCELLED, intent_id=found.intent_id)
        return found

    @understanding
    async def refund(self, order: RefundOrder) -> RefundReading:
        wish = {
            "amount": {"currency_code": order.amount.currency, "value": PAYPAL.text(order.amount)},
            "custom_id": str(order.refund_id),
            "note_to_payer": order.reason[:LONGEST_NOTE],
        }
        path = f"/v2/payments/captures/{order.capture_ref}/refund"
        return refund_reading(await self.ask("POST", path, wish, key=f"refund-{order.refund_id}"))

    @understanding
    async def read_refund(self, ref: str, order: RefundOrder) -> RefundReading:
        return refund_reading(await self.ask("GET", f"/v2/payments/refunds/{ref}"))

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        return await heard(self.terms.webhook_id, self.certificates, headers, body, now=now)

    @understanding
    async def payments(self, *, since: datetime, until: datetime) -> Sequence[Reading] | None:
        """None: its transaction search wants a permission of its own and is hours behind."""
        return None

    async def order(self, ref: str) -> Json:
        """None of it once nobody approved it for hours."""
        try:
            return await self.ask("GET", f"/v2/checkout/orders/{ref}")
        except NotThere:
            return {"id": ref, "status": "VOIDED", "purchase_units": [{}]}

    async def ask(self, method: str, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        """Each is a read, or carries a key. NotThere, ProviderRefused, ProviderUnavailable."""
        return await self.line.ask(lambda: self.asked(method, path, body, key), again=True)

    async def asked(self, method: str, path: str, body: Json | None, key: str | None) -> Json:
        """A token may be taken back before its time: it is then fetched anew, once."""
        answer = await self.sent(method, path, body, key)
        if answer.status_code == UNAUTHORIZED:
            self.token_until = 0.0
            answer = await self.sent(method, path, body, key)
        return read(answer)

    async def sent(self, method: str, path: str, body: Json | None, key: str | None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await self.signed_in()}", "Prefer": "return=representation"}
        if key is not None:
            headers["PayPal-Request-Id"] = key
        return await self.exchanged(method, path, headers=headers, json=body)

    async def signed_in(self) -> str:
        """One token for all questions, until a minute before its end."""
        async with self.signing_in:
            if ticks() >= self.token_until:
                auth = (self.terms.client_id, self.terms.client_secret.get_secret_value())
                form = {"grant_type": "client_credentials"}
                answer = await self.exchanged("POST", "/v1/oauth2/token", auth=auth, data=form)
                if FIRST_ERROR <= answer.status_code < TOO_MANY:
                    raise ProviderNotConfigured("PayPal does not take HOLDFAST_PAYPAL_CLIENT_ID and its secret")
                token = read(answer)
                self.token = str(token["access_token"])
                self.token_until = ticks() + token["expires_in"] - SPARE_SECONDS
        return self.token

    async def exchanged(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return await self.http.request(method, path, **options)
        except (httpx.HTTPError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error

    @cached_property
    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(base_url=self.terms.api_base, timeout=self.line.patience)


def read(answer: httpx.Response) -> Json:
    """The object in it. NoAnswer for what is none, and for 429 and 5xx."""
    status, wait = answer.status_code, answer.headers.get("retry-after", "")
    if status == TOO_MANY or status >= FIRST_SERVER_ERROR:
        raise NoAnswer(f"it answered {status}", retry_after=float(wait) if wait.isdecimal() else None)
    try:
        said = answer.json()
    except ValueError as error:
        raise NoAnswer("it answered no JSON") from error
    if not isinstance(said, dict):
        raise NoAnswer("it answered no object")
    if status >= FIRST_ERROR:
        if any(mapping(each).get("issue") == UNDER_WAY for each in said.get("details") or []):
            raise NoAnswer("the same request is still on its way")
        words = [str(said.get("message") or said.get("name") or status)]
        words += [str(mapping(each).get("issue", "")) for each in said.get("details") or []]
        raise (NotThere if status == NOT_THERE else ProviderRefused)(" ".join(filter(None, words)))
    return said


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
