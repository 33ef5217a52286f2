"""Razorpay: orders, payments and refunds through the official SDK, which blocks and so runs in threads.

Razorpay makes no two orders one, so an order is looked for by its receipt, our intent's id, before it is made. An
order cannot be cancelled: it is left alone, and money that comes anyway is news like any other.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

import razorpay
import requests
from pydantic import JsonValue

from holdfast.domains.payment.exceptions import BadSignature, ProviderNotConfigured, ProviderRefused
from holdfast.domains.payment.ports import Notice, Order, Reading, RefundOrder, RefundReading, Session, Stage
from holdfast.gateways.payments.amounts import RAZORPAY
from holdfast.gateways.payments.bodies import mapping, understanding
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.razorpay_news import furthest, heard, reading, refund_reading
from holdfast.gateways.payments.signatures import is_signed
from holdfast.gateways.payments.terms import RazorpayTerms
from holdfast.kernel.line import NoAnswer

HANDED_OVER = ("razorpay_order_id", "razorpay_payment_id", "razorpay_signature")
PAGE = 100
THREADS = 8
CONFLICT, TOO_MANY, FIRST_SERVER_ERROR = 409, 429, 500
UNAUTHORIZED = (401, 403)


class RazorpayProvider:
    """Guests pay in Razorpay's own checkout, by what the session's payload holds; it hands over a signature."""

    name = "razorpay"

    def __init__(self, terms: RazorpayTerms, line: Line) -> None:
        self.terms = terms
        self.line = line
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="razorpay")

    @understanding
    async def open(self, order: Order) -> Session:
        units, receipt = RAZORPAY.units(order.amount), order.intent_id.hex
        found = await self.ask(lambda client: client.order.all({"receipt": receipt}))
        opened = next((each for each in found["items"] if each["receipt"] == receipt), None)
        if opened is None:
            wish = {
                "amount": units,
                "currency": order.amount.currency,
                "receipt": receipt,
                "payment_capture": 1,
                "notes": {"intent_id": str(order.intent_id), "reference": order.reference},
            }
            opened = await self.ask(lambda client: client.order.create(wish), again=False)
        payload: dict[str, JsonValue] = {
            "key_id": self.terms.key_id,
            "order_id": opened["id"],
            "amount": units,
            "currency": order.amount.currency,
            "description": order.description,
            "prefill": {"name": order.guest_name, "email": order.guest_email},
        }
        return Session(ref=opened["id"], payload=payload)

    @understanding
    async def confirm(self, ref: str, *, method: str | None, data: Mapping[str, JsonValue]) -> Reading:
        """Takes the checkout's order id, payment id and signature; what is only authorized is captured."""
        if method is not None:
            raise ProviderRefused("Razorpay's checkout takes the payment method", pointer="/payment_method")
        if not any(name in data for name in HANDED_OVER):
            return await self.read(ref)
        order_id, payment_id, signature = (str(data.get(name, "")) for name in HANDED_OVER)
        message = f"{order_id}|{payment_id}".encode(errors="replace")
        if order_id != ref or not is_signed(self.secret, message, signature):
            raise BadSignature("the checkout's hand-over is not Razorpay's", pointer="/provider_data")
        payment = await self.ask(lambda client: client.payment.fetch(payment_id))
        if payment["order_id"] == ref and payment["status"] == "authorized":
            taken = {"currency": payment["currency"]}
            try:
                await self.ask(lambda client: client.payment.capture(payment_id, payment["amount"], dict(taken)))
            except ProviderRefused:  # captured meanwhile, or never: the order knows
                return await self.read(ref)
        return await self.read(ref)

    @understanding
    async def read(self, ref: str) -> Reading:
        found = await self.ask(lambda client: client.order.payments(ref))
        return furthest(ref, found["items"])

    @understanding
    async def cancel(self, ref: str) -> Reading:
        found = await self.read(ref)
        if found.stage in (Stage.SUCCEEDED, Stage.PROCESSING):
            return found
        return Reading(ref=ref, stage=Stage.CANCELLED, intent_id=found.intent_id)

    @understanding
    async def refund(self, order: RefundOrder) -> RefundReading:
        known = await self.ask(lambda client: client.payment.fetch_multiple_refund(order.capture_ref))
        for each in known["items"]:
            if mapping(each.get("notes")).get("refund_id") == str(order.refund_id):
                return refund_reading(each)
        # the SDK writes into what it is given, and a second try must not find it there
        wish = {"amount": RAZORPAY.units(order.amount), "notes": {"refund_id": str(order.refund_id)}}
        key = {"X-Refund-Idempotency": str(order.refund_id)}
        made = await self.ask(
            lambda client: client.payment.refund(order.capture_ref, dict(wish), headers=dict(key))
        )
        return refund_reading(made)

    @understanding
    async def read_refund(self, ref: str, order: RefundOrder) -> RefundReading:
        return refund_reading(await self.ask(lambda client: client.refund.fetch(ref)))

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        return await heard(self.terms.webhook_secret, headers, body, now=now)

    @understanding
    async def payments(self, *, since: datetime, until: datetime) -> Sequence[Reading] | None:
        items = await self.listed(lambda client: client.payment, since=since, until=until)
        readings = [reading(each["order_id"], each) for each in items if each.get("order_id")]
        return [each for each in readings if each.stage is Stage.SUCCEEDED]

    @understanding
    async def refunds(self, *, since: datetime, until: datetime) -> Sequence[RefundReading] | None:
        items = await self.listed(lambda client: client.refund, since=since, until=until)
        return [refund_reading(each) for each in items]

    async def listed(
        self, resource: Callable[[Any], Any], *, since: datetime, until: datetime
    ) -> Sequence[Mapping[str, Any]]:
        """Page by page."""
        span = {"from": int(since.timestamp()), "to": int(until.timestamp()), "count": PAGE}
        found: list[Mapping[str, Any]] = []
        while True:
            page = partial(page_of, resource, {**span, "skip": len(found)})
            items = (await self.ask(page))["items"]
            found += items
            if len(items) < PAGE:
                return found

    @property
    def secret(self) -> bytes:
        return self.terms.key_secret.get_secret_value().encode()

    async def ask(self, question: Callable[[Any], Any], *, again: bool = True) -> Any:
        """With a client of its own, for the SDK's session is not made to be shared; in one of our own threads, so
        that a Razorpay that hangs takes none from those that passwords are hashed in."""
        loop = asyncio.get_running_loop()
        return await self.line.ask(lambda: loop.run_in_executor(self.threads, self.asked, question), again=again)

    def asked(self, question: Callable[[Any], Any]) -> Any:
        with BoundedSession(self.line.patience) as session:
            auth = (self.terms.key_id, self.terms.key_secret.get_secret_value())
            client = razorpay.Client(session=session, auth=auth, base_url=self.terms.api_base)
            try:
                return question(client)
            except razorpay.errors.BadRequestError as error:
                raise ProviderRefused(str(error)) from error
            except (razorpay.errors.ServerError, razorpay.errors.GatewayError) as error:
                raise NoAnswer(str(error)) from error


class BoundedSession(requests.Session):
    """What the SDK lacks: time limits, and a word for every way not to answer; it prints such errors itself."""

    def __init__(self, patience: float) -> None:
        super().__init__()
        self.patience = patience

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = self.patience
        kwargs["allow_redirects"] = False
        try:
            answer = super().request(*args, **kwargs)
            said = answer.json()
        except requests.RequestException as error:
            raise NoAnswer(type(error).__name__) from error
        status = answer.status_code
        if status in UNAUTHORIZED:
            raise ProviderNotConfigured("Razorpay does not take HOLDFAST_RAZORPAY_KEY_ID and its secret")
        if status in (CONFLICT, TOO_MANY) or status >= FIRST_SERVER_ERROR or not isinstance(said, dict):
            wait = answer.headers.get("retry-after", "")
            raise NoAnswer(f"it answered {status}", retry_after=float(wait) if wait.isdecimal() else None)
        return answer


def page_of(resource: Callable[[Any], Any], span: Mapping[str, int], client: Any) -> Any:
    return resource(client).all(span)
