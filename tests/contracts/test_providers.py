"""What every payment provider does alike: the sandbox, localstripe, and Razorpay and PayPal as documented."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import JsonValue, SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.payment import IntentId, RefundId, RefundStatus
from holdfast.domains.payment.exceptions import ProviderRefused
from holdfast.domains.payment.ports import Order, Provider, Reading, RefundOrder, Session, Stage
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.paypal import PaypalProvider
from holdfast.gateways.payments.paypal_signatures import Certificates
from holdfast.gateways.payments.razorpay import RazorpayProvider
from holdfast.gateways.payments.sandbox import SandboxProvider
from holdfast.gateways.payments.stripe import StripeProvider
from holdfast.gateways.payments.terms import PaypalTerms, RazorpayTerms, StripeTerms
from holdfast.kernel.access import APPLICATION_ROLE
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.database import create_engine, session_factory
from holdfast.kernel.money import Money
from tests.peers import paypal, razorpay, stripe
from tests.peers.peer import serving

PATIENCE = 30.0

Ways = tuple[str | None, Mapping[str, JsonValue]]


@dataclass
class Case:
    """A provider, and the guest in front of it: each act gives the method and data that `confirm` is told."""

    provider: Provider
    pays: Callable[[Session], Ways]
    is_declined: Callable[[Session], Ways]
    currency: str = "EUR"
    lists: bool = True

    def order(self) -> Order:
        return Order(
            intent_id=IntentId(uuid4()),
            amount=Money(12_000, self.currency),
            reference="HF-7K2M9Q",
            description="Table 1",
            guest_name="Ann Example",
            guest_email="ann@example.org",
            return_url="https://shop.example.org/done",
        )

    async def paid(self, order: Order) -> tuple[Session, Reading]:
        session = await self.provider.open(order)
        method, data = self.pays(session)
        return session, await self.provider.confirm(session.ref, method=method, data=data)


@pytest.fixture(scope="module")
def peers() -> Iterator[dict[str, object]]:
    """Started by the first that asks for one."""
    with ExitStack() as stack:
        yield {"stack": stack}


def at(peers: dict[str, object], name: str) -> object:
    stack = peers["stack"]
    assert isinstance(stack, ExitStack)
    if name not in peers:
        if name == "stripe":
            peers[name] = stack.enter_context(stripe.localstripe())
        else:
            peer = razorpay.Razorpay() if name == "razorpay" else paypal.Paypal()
            stack.enter_context(serving(peer))
            peers[name] = peer
    return peers[name]


def at_sandbox(engine: AsyncEngine) -> Case:
    sessions = session_factory(engine, caller=SYSTEM.access)
    secret = SecretStr("of the tests")
    provider = SandboxProvider(sessions, SystemClock(), public_url="http://127.0.0.1:8000", secret=secret)
    return Case(provider, lambda _: ("sandbox_ok", {}), lambda _: ("sandbox_declined", {}))


def at_stripe(peer: stripe.Stripe) -> Case:
    terms = StripeTerms(SecretStr(stripe.SECRET_KEY), None, SecretStr(stripe.WEBHOOK_SECRET), peer.url)
    return Case(
        StripeProvider(terms, Line("stripe", PATIENCE)),
        lambda _: (peer.card(stripe.GOOD), {}),
        lambda _: (peer.card(stripe.DECLINED), {}),
    )


def at_razorpay(peer: razorpay.Razorpay) -> Case:
    secret, webhook = SecretStr(razorpay.KEY_SECRET), SecretStr(razorpay.WEBHOOK_SECRET)
    terms = RazorpayTerms(razorpay.KEY_ID, secret, webhook, peer.url)

    def declined(session: Session) -> Ways:
        peer.pay(session.ref, status="failed")
        return None, {}

    return Case(
        RazorpayProvider(terms, Line("razorpay", PATIENCE)),
        lambda session: (None, peer.pay(session.ref, status="authorized")),
        declined,
        currency="INR",
    )


def at_paypal(peer: paypal.Paypal) -> Case:
    terms = PaypalTerms(paypal.CLIENT_ID, SecretStr(paypal.CLIENT_SECRET), None, peer.url)
    line = Line("paypal", PATIENCE)

    def approved(session: Session, *, declined: bool = False) -> Ways:
        peer.approve(session.ref, declined=declined)
        return None, {}

    return Case(
        PaypalProvider(terms, line, Certificates(line)),
        approved,
        lambda session: approved(session, declined=True),
        lists=False,
    )


@pytest.fixture(params=["sandbox", "stripe", "razorpay", "paypal"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def sandbox_url(request: pytest.FixtureRequest, name: str) -> str:
    """Only the sandbox wants a database."""
    return str(request.getfixturevalue("database_url")) if name == "sandbox" else ""


@pytest.fixture
async def case(name: str, sandbox_url: str, peers: dict[str, object]) -> AsyncIterator[Case]:
    if name == "sandbox":
        engine = create_engine(sandbox_url, role=APPLICATION_ROLE)
        yield at_sandbox(engine)
        await engine.dispose()
        return
    peer = at(peers, name)
    if isinstance(peer, stripe.Stripe):
        yield at_stripe(peer)
    elif isinstance(peer, razorpay.Razorpay):
        yield at_razorpay(peer)
    else:
        assert isinstance(peer, paypal.Paypal)
        yield at_paypal(peer)


async def test_the_same_order_again_is_the_same_session(case: Case) -> None:
    order = case.order()
    first, again, other = (
        await case.provider.open(order),
        await case.provider.open(order),
        await case.provider.open(case.order()),
    )
    assert first == again
    assert other.ref != first.ref
    before = await case.provider.read(first.ref)
    assert (before.stage, before.amount, before.capture_ref) == (Stage.OPEN, None, None)
    assert (await case.provider.confirm(first.ref, method=None, data={})).stage is Stage.OPEN


async def test_what_is_paid_stays_paid(case: Case) -> None:
    order = case.order()
    session, paid = await case.paid(order)
    assert (paid.ref, paid.stage, paid.amount) == (session.ref, Stage.SUCCEEDED, order.amount)
    assert paid.capture_ref is not None
    for again in (
        await case.provider.read(session.ref),
        await case.provider.confirm(session.ref, method=None, data={}),
        await case.provider.cancel(session.ref),
    ):
        assert (again.stage, again.amount, again.capture_ref) == (Stage.SUCCEEDED, order.amount, paid.capture_ref)


async def test_what_is_declined_takes_nothing_and_says_why(case: Case) -> None:
    session = await case.provider.open(case.order())
    method, data = case.is_declined(session)
    declined = await case.provider.confirm(session.ref, method=method, data=data)
    assert (declined.ref, declined.stage, declined.amount) == (session.ref, Stage.FAILED, None)
    assert declined.failure


async def test_what_is_cancelled_is_cancelled(case: Case) -> None:
    session = await case.provider.open(case.order())
    cancelled = await case.provider.cancel(session.ref)
    assert (cancelled.ref, cancelled.stage, cancelled.amount) == (session.ref, Stage.CANCELLED, None)
    assert (await case.provider.cancel(session.ref)).stage is Stage.CANCELLED


async def test_refunds_are_partial_and_each_is_made_once(case: Case) -> None:
    session, paid = await case.paid(case.order())
    assert paid.capture_ref is not None

    def wish(minor: int) -> RefundOrder:
        return RefundOrder(
            refund_id=RefundId(uuid4()),
            ref=session.ref,
            capture_ref=paid.capture_ref or "",
            amount=Money(minor, case.currency),
            reason="it rained",
        )

    first, second = wish(5_000), wish(4_000)
    made = await case.provider.refund(first)
    assert (made.status, made.amount, made.refund_id) == (RefundStatus.SUCCEEDED, first.amount, first.refund_id)
    again, other = await case.provider.refund(first), await case.provider.refund(second)
    assert again == made
    assert other.ref != made.ref
    assert await case.provider.read_refund(made.ref, first) == made
    if case.provider.name != "stripe":  # localstripe gives back what nobody paid
        with pytest.raises(ProviderRefused):
            await case.provider.refund(wish(3_001))
    assert (await case.provider.refund(wish(3_000))).amount == Money(3_000, case.currency)


async def test_the_provider_lists_what_was_paid(case: Case) -> None:
    order = case.order()
    session, _ = await case.paid(order)
    await case.provider.open(case.order())
    now = datetime.fromtimestamp(razorpay.NOW, UTC) if case.provider.name == "razorpay" else SystemClock().now()
    listed = await case.provider.payments(since=now - timedelta(minutes=5), until=now + timedelta(minutes=5))
    if not case.lists:
        assert listed is None
        return
    assert listed is not None
    found = [each for each in listed if each.ref == session.ref]
    assert [(each.stage, each.amount) for each in found] == [(Stage.SUCCEEDED, order.amount)]
    long_ago = now - timedelta(days=2)
    assert session.ref not in {
        each.ref for each in await case.provider.payments(since=long_ago, until=long_ago + timedelta(days=1)) or []
    }


async def test_the_provider_lists_what_was_given_back(case: Case) -> None:
    session, paid = await case.paid(case.order())
    amount = Money(5_000, case.currency)
    wish = RefundOrder(
        refund_id=RefundId(uuid4()),
        ref=session.ref,
        capture_ref=paid.capture_ref or "",
        amount=amount,
        reason="sorry",
    )
    made = await case.provider.refund(wish)
    now = datetime.fromtimestamp(razorpay.NOW, UTC) if case.provider.name == "razorpay" else SystemClock().now()
    listed = await case.provider.refunds(since=now - timedelta(minutes=5), until=now + timedelta(minutes=5))
    if not case.lists:
        assert listed is None
        return
    assert listed is not None
    assert [each for each in listed if each.refund_id == wish.refund_id] == [made]
    long_ago = now - timedelta(days=2)
    before = await case.provider.refunds(since=long_ago, until=long_ago + timedelta(days=1))
    assert made.ref not in {each.ref for each in before or []}


async def test_what_the_provider_does_not_know_is_refused(case: Case) -> None:
    if case.provider.name == "paypal":  # an order that nobody approved is forgotten after some hours
        assert (await case.provider.read("nowhere")).stage is Stage.CANCELLED
        return
    with pytest.raises(ProviderRefused):
        await case.provider.read("pi_nowhere")
