"""The sandbox as a `Provider`, and the courier that brings its webhooks over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import httpx
from pydantic import JsonValue, SecretStr
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.contracts.payment import IntentId, RefundId, RefundStatus
from holdfast.contracts.sandbox import (
    CheckoutOrder,
    CheckoutStage,
    CheckoutView,
    RefundWish,
    SandboxRefund,
    TestCard,
)
from holdfast.domains.payment.exceptions import NotAnEvent, ProviderRefused
from holdfast.domains.payment.ports import (
    Notice,
    Order,
    Reading,
    RefundOrder,
    RefundReading,
    Session,
    Stage,
)
from holdfast.domains.sandbox.exceptions import NotTaken
from holdfast.domains.sandbox.ports import Webhook
from holdfast.domains.sandbox.services import SandboxService
from holdfast.gateways.payments.bodies import MISREAD
from holdfast.gateways.payments.signatures import require_timestamped, timestamped
from holdfast.kernel.clock import Clock
from holdfast.kernel.errors import Refusal, Unavailable
from holdfast.kernel.money import Money

NAME = "sandbox"
SIGNATURE = "x-sandbox-signature"
PATIENCE_SECONDS = 10

STAGES = {
    CheckoutStage.OPEN: Stage.OPEN,
    CheckoutStage.CODE: Stage.OPEN,
    CheckoutStage.PROCESSING: Stage.PROCESSING,
    CheckoutStage.SUCCEEDED: Stage.SUCCEEDED,
    CheckoutStage.FAILED: Stage.FAILED,
    CheckoutStage.CANCELLED: Stage.CANCELLED,
}


class SandboxProvider:
    """`confirm` takes the test cards' names as methods, and `{"code": …}` for the second step's code."""

    name = NAME

    def __init__(
        self, sessions: async_sessionmaker[AsyncSession], clock: Clock, *, public_url: str, secret: SecretStr
    ) -> None:
        """`sessions` are the system's."""
        self.sessions = sessions
        self.clock = clock
        self.public_url = public_url
        self.secret = secret

    async def open(self, order: Order) -> Session:
        async with self.asked() as sandbox:
            checkout = await sandbox.open(
                CheckoutOrder(
                    intent_id=order.intent_id,
                    minor=order.amount.minor,
                    currency=order.amount.currency,
                    reference=order.reference,
                    description=order.description,
                    return_url=order.return_url,
                ),
                now=self.clock.now(),
            )
        return Session(
            ref=checkout.ref,
            checkout_url=f"{self.public_url}/sandbox/checkout/{checkout.ref}",
            payload={"order_id": checkout.ref, "methods": [str(card) for card in TestCard]},
        )

    async def confirm(self, ref: str, *, method: str | None, data: Mapping[str, JsonValue]) -> Reading:
        code, now = data.get("code"), self.clock.now()
        async with self.asked() as sandbox:
            if method is not None:
                checkout = await sandbox.pay(ref, method, now=now)
            else:
                checkout = await sandbox.read(ref, now=now)
            if isinstance(code, str):
                checkout = await sandbox.enter_code(ref, code, now=now)
        return reading(checkout)

    async def read(self, ref: str) -> Reading:
        async with self.asked() as sandbox:
            return reading(await sandbox.read(ref, now=self.clock.now()))

    async def cancel(self, ref: str) -> Reading:
        async with self.asked() as sandbox:
            return reading(await sandbox.cancel(ref, now=self.clock.now()))

    async def refund(self, order: RefundOrder) -> RefundReading:
        wish = RefundWish(
            refund_id=order.refund_id,
            ref=order.capture_ref,
            minor=order.amount.minor,
            currency=order.amount.currency,
            reason=order.reason,
        )
        async with self.asked() as sandbox:
            return refund_reading(await sandbox.refund(wish, now=self.clock.now()))

    async def read_refund(self, ref: str, order: RefundOrder) -> RefundReading:
        async with self.asked() as sandbox:
            return refund_reading(await sandbox.read_refund(ref))

    async def notice(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Notice:
        require_timestamped(self.secret.get_secret_value().encode(), body, headers.get(SIGNATURE), now=now)
        try:
            return told(json.loads(body))
        except MISREAD as error:
            raise NotAnEvent from error

    async def payments(self, *, since: datetime, until: datetime) -> Sequence[Reading] | None:
        async with self.asked() as sandbox:
            return [reading(each) for each in await sandbox.taken(since=since, until=until)]

    async def refunds(self, *, since: datetime, until: datetime) -> Sequence[RefundReading] | None:
        async with self.asked() as sandbox:
            return [refund_reading(each) for each in await sandbox.given_back(since=since, until=until)]

    @asynccontextmanager
    async def asked(self) -> AsyncIterator[SandboxService]:
        """What the sandbox refuses is a provider's refusal; what the database cannot do now stays that."""
        try:
            async with self.sessions() as db:
                yield SandboxService(db)
        except Unavailable:
            raise
        except Refusal as refusal:
            raise ProviderRefused(str(refusal), pointer=refusal.pointer) from refusal


def reading(checkout: CheckoutView) -> Reading:
    taken = checkout.stage is CheckoutStage.SUCCEEDED
    return Reading(
        ref=checkout.ref,
        stage=STAGES[checkout.stage],
        amount=checkout.amount if taken else None,
        capture_ref=checkout.ref if taken else None,
        failure=checkout.failure,
        intent_id=IntentId(checkout.intent_id),
        at=checkout.updated_at,
    )


def refund_reading(refund: SandboxRefund) -> RefundReading:
    return RefundReading(
        ref=refund.ref,
        status=RefundStatus.SUCCEEDED,
        amount=refund.amount,
        payment_ref=refund.checkout_ref,
        refund_id=RefundId(refund.refund_id),
    )


def told(event: Mapping[str, str | Mapping[str, str]]) -> Notice:
    """What a webhook of the sandbox means; the shape is ours, written by domains/sandbox."""
    data, kind = event["data"], str(event["type"])
    if isinstance(data, str):
        raise TypeError
    subject, _, state = kind.partition(".")
    amount = Money.parse(data["amount"], data["currency"])
    news: Reading | RefundReading
    if subject == "refund":
        news = RefundReading(
            ref=data["ref"],
            status=RefundStatus(state),
            amount=amount,
            payment_ref=data["payment_ref"],
            refund_id=RefundId(UUID(data["refund_id"])),
        )
    else:
        stage = Stage(state)
        taken = stage is Stage.SUCCEEDED
        news = Reading(
            ref=data["ref"],
            stage=stage,
            amount=amount if taken else None,
            capture_ref=data["ref"] if taken else None,
            failure=data["failure"],
            intent_id=IntentId(UUID(data["intent_id"])),
        )
    return Notice(event_id=str(event["id"]), type=kind, news=news)


class WebhookCourier:
    """A `domains.sandbox.ports.Courier`: signs anew for every try, as the time in the signature must be now."""

    def __init__(self, clock: Clock, *, url: str, secret: SecretStr) -> None:
        self.clock = clock
        self.url = url
        self.secret = secret

    async def deliver(self, webhook: Webhook) -> None:
        body = webhook.body.encode()
        signature = timestamped(self.secret.get_secret_value().encode(), body, now=self.clock.now())
        headers = {SIGNATURE: signature, "Content-Type": "application/json"}
        try:
            # trust_env: a proxy of the surroundings leads away from this machine
            async with asyncio.timeout(PATIENCE_SECONDS), httpx.AsyncClient(trust_env=False) as http:
                answer = await http.post(self.url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            raise NotTaken(f"{type(error).__name__}: {error}") from error
        if not answer.is_success:
            raise NotTaken(f"{answer.status_code}: {answer.text[:200]}")
