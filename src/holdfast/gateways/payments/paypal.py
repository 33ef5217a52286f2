"""PayPal: Orders v2 over HTTP. Money moves only when we capture what the guest has approved.

Every POST has a `PayPal-Request-Id`: the same again is the same order, capture or refund.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import httpx
from pydantic import JsonValue

from holdfast.domains.payment.exceptions import ProviderNotConfigured, ProviderRefused
from holdfast.domains.payment.ports import Notice, Order, Reading, RefundOrder, RefundReading, Session, Stage
from holdfast.gateways.payments.amounts import PAYPAL
from holdfast.gateways.payments.bodies import Json, mapping, understanding
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.paypal_news import heard, reading, refund_reading
from holdfast.gateways.payments.paypal_signatures import Certificates
from holdfast.gateways.payments.terms import PaypalTerms
from holdfast.kernel.clock import ticks
from holdfast.kernel.line import NoAnswer

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

    async def refunds(self, *, since: datetime, until: datetime) -> Sequence[RefundReading] | None:
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

    async def close(self) -> None:
        await self.http.aclose()


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
