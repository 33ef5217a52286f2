"""Stripe: PaymentIntents and refunds through the official SDK, asynchronously."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import stripe
from pydantic import JsonValue

from holdfast.domains.payment.exceptions import ProviderNotConfigured, ProviderRefused
from holdfast.domains.payment.ports import Notice, Order, Reading, RefundOrder, RefundReading, Session, Stage
from holdfast.gateways.payments.amounts import STRIPE
from holdfast.gateways.payments.bodies import mapping, understanding
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.stripe_news import heard, of_charge, reading, refund_reading
from holdfast.gateways.payments.terms import StripeTerms
from holdfast.kernel.line import NoAnswer

T = TypeVar("T")

FIRST_ERROR, FIRST_SERVER_ERROR = 400, 500
# 409: another request with this key is still on its way
LATER = (409, 429)


class StripeProvider:
    """Guests pay with Stripe's own elements, by the `client_secret` in the session; there is no hosted page."""

    name = "stripe"

    def __init__(self, terms: StripeTerms, line: Line) -> None:
        self.terms = terms
        self.line = line
        self.http = stripe.HTTPXClient(timeout=line.patience)
        self.client = stripe.StripeClient(
            terms.secret_key.get_secret_value(),
            base_addresses={"api": terms.api_base},
            http_client=self.http,
            max_network_retries=0,  # the line tries again, within its patience
        )

    async def close(self) -> None:
        await self.http.close_async()  # type: ignore[no-untyped-call]

    @understanding
    async def open(self, order: Order) -> Session:
        key = f"intent-{order.intent_id}"
        opened = await self.ask(
            lambda: self.client.v1.payment_intents.create_async(
                {
                    "amount": STRIPE.units(order.amount),
                    "currency": order.amount.currency.lower(),
                    "allowed_payment_method_types": ["card"],
                    "description": order.description[:500],
                    "metadata": {"intent_id": str(order.intent_id), "reference": order.reference},
                },
                {"idempotency_key": key},
            )
        )
        payload: dict[str, JsonValue] = {
            "client_secret": opened.client_secret,
            "publishable_key": self.terms.publishable_key,
        }
        return Session(ref=opened.id, payload=payload)

    @understanding
    async def confirm(self, ref: str, *, method: str | None, data: Mapping[str, JsonValue]) -> Reading:
        """`method` is a PaymentMethod of Stripe's (`pm_…`); without one the guest's browser has confirmed."""
        before = await self.read(ref)
        if method is None or before.stage in (Stage.SUCCEEDED, Stage.CANCELLED, Stage.PROCESSING):
            return before
        intents = self.client.v1.payment_intents
        await self.ask(lambda: intents.update_async(ref, {"payment_method": method}))
        try:
            # a decline is an end, so the same method again is the same try
            key = f"confirm-{ref}-{method}"
            confirmed = await self.ask(lambda: intents.confirm_async(ref, {}, {"idempotency_key": key}))
            return reading(confirmed.to_dict())
        except Declined:
            return await self.read(ref)

    @understanding
    async def read(self, ref: str) -> Reading:
        found = await self.ask(lambda: self.client.v1.payment_intents.retrieve_async(ref))
        return reading(found.to_dict())

    @understanding
    async def cancel(self, ref: str) -> Reading:
        intents, key = self.client.v1.payment_intents, f"cancel-{ref}"
        try:
            cancelled = await self.ask(lambda: intents.cancel_async(ref, {}, {"idempotency_key": key}))
        except ProviderRefused:
            return await self.read(ref)  # it has ended already
        return reading(cancelled.to_dict())

    @understanding
    async def refund(self, order: RefundOrder) -> RefundReading:
        """Looked for before it is made: Stripe forgets idempotency keys after a day."""
        refunds = self.client.v1.refunds
        known = await self.ask(lambda: refunds.list_async({"payment_intent": order.capture_ref, "limit": 100}))
        for each in known.data:
            if mapping(each.to_dict().get("metadata")).get("refund_id") == str(order.refund_id):
                return refund_reading(each.to_dict())
        made = await self.ask(
            lambda: refunds.create_async(
                {
                    "payment_intent": order.capture_ref,
                    "amount": STRIPE.units(order.amount),
                    "metadata": {"refund_id": str(order.refund_id)},
                },
                {"idempotency_key": f"refund-{order.refund_id}"},
            )
        )
        return refund_reading(made.to_dict())

    @understanding
    async def read_refund(self, ref: str, order: RefundOrder) -> RefundReading:
        found = await self.ask(lambda: self.client.v1.refunds.retrieve_async(ref))
        return refund_reading(found.to_dict())

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        return await heard(self.terms.webhook_secret, headers, body, now=now)

    @understanding
    async def payments(self, *, since: datetime, until: datetime) -> Sequence[Reading] | None:
        """By charge, for its time is when money was taken; one that was refused is none."""
        after = int((since - timedelta(seconds=1)).timestamp())

        async def listed() -> list[Reading]:
            first = await self.client.v1.charges.list_async({"created": {"gt": after}, "limit": 100})
            taken = []
            async for charge in first.auto_paging_iter():
                said = charge.to_dict()
                at = datetime.fromtimestamp(said["created"], UTC)
                if said["status"] == "succeeded" and said["captured"] and said["payment_intent"] and at < until:
                    taken.append(of_charge(said, at=at))
            return taken

        return await self.ask(listed)

    @understanding
    async def refunds(self, *, since: datetime, until: datetime) -> Sequence[RefundReading] | None:
        after = int((since - timedelta(seconds=1)).timestamp())

        async def listed() -> list[RefundReading]:
            first = await self.client.v1.refunds.list_async({"created": {"gt": after}, "limit": 100})
            every = [each.to_dict() async for each in first.auto_paging_iter()]
            return [
                refund_reading(each) for each in every if since.timestamp() <= each["created"] < until.timestamp()
            ]

        return await self.ask(listed)

    async def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Everything we ask is a read, or carries a key."""
        return await self.line.ask(lambda: translated(question), again=True)


class Declined(ProviderRefused):
    """The payment was declined."""


async def translated(question: Callable[[], Awaitable[T]]) -> T:
    """The SDK's errors as ours."""
    try:
        return await question()
    except stripe.CardError as error:
        raise Declined(error.user_message) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderNotConfigured("Stripe does not take HOLDFAST_STRIPE_SECRET_KEY") from error
    except stripe.APIConnectionError as error:
        raise NoAnswer("not connected") from error
    except stripe.StripeError as error:
        # with a status of success: what it answered could not be read
        status = error.http_status or FIRST_SERVER_ERROR
        if status < FIRST_ERROR or status in LATER or status >= FIRST_SERVER_ERROR:
            raise NoAnswer(f"it answered {status}", retry_after=seconds(error.headers)) from error
        raise ProviderRefused(error.user_message or str(error)) from error


def seconds(headers: Mapping[str, str] | None) -> float | None:
    said = {name.lower(): value for name, value in (headers or {}).items()}.get("retry-after", "")
    return float(said) if said.isdecimal() else None
