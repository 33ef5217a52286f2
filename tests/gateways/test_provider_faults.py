"""A provider that fails on the way: asked again with the same key, done once, given up in bounded time."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
from pydantic import SecretStr

from holdfast.contracts.payment import IntentId, RefundId
from holdfast.domains.payment.exceptions import (
    BadSignature,
    ProviderNotConfigured,
    ProviderRefused,
    ProviderUnavailable,
    WebhookNotConfigured,
)
from holdfast.domains.payment.ports import Order, Provider, RefundOrder, Stage
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.paypal import PaypalProvider
from holdfast.gateways.payments.paypal_signatures import Certificates
from holdfast.gateways.payments.razorpay import RazorpayProvider
from holdfast.gateways.payments.registry import providers
from holdfast.gateways.payments.stripe import StripeProvider
from holdfast.gateways.payments.terms import PaypalTerms, RazorpayTerms, StripeTerms, WebhookTerms
from holdfast.kernel.line import FAILURES, TRIES
from holdfast.kernel.money import Money
from tests.clock import MONDAY
from tests.peers import paypal, razorpay, stripe
from tests.peers.peer import Fault, Peer, serving
from tests.redis_server import free_port

PATIENCE = 30.0


def order(currency: str = "EUR") -> Order:
    return Order(
        intent_id=IntentId(uuid4()),
        amount=Money(12_000, currency),
        reference="HF-7K2M9Q",
        description="Table 1",
        guest_name="Ann Example",
        guest_email="ann@example.org",
        return_url="https://shop.example.org/done",
    )


def through_stripe(url: str, *, patience: float = PATIENCE, key: str = stripe.SECRET_KEY) -> StripeProvider:
    return StripeProvider(StripeTerms(SecretStr(key), None, None, url), Line("stripe", patience))


def through_razorpay(url: str, *, patience: float = PATIENCE, key: str = razorpay.KEY_SECRET) -> RazorpayProvider:
    terms = RazorpayTerms(razorpay.KEY_ID, SecretStr(key), None, url)
    return RazorpayProvider(terms, Line("razorpay", patience))


def through_paypal(url: str, *, patience: float = PATIENCE, key: str = paypal.CLIENT_SECRET) -> PaypalProvider:
    line = Line("paypal", patience)
    terms = PaypalTerms(paypal.CLIENT_ID, SecretStr(key), None, url)
    return PaypalProvider(terms, line, Certificates(line))


Through = Callable[..., StripeProvider | RazorpayProvider | PaypalProvider]
THROUGH: dict[str, Through] = {"stripe": through_stripe, "razorpay": through_razorpay, "paypal": through_paypal}


@pytest.fixture(scope="module")
def at_stripe() -> Iterator[stripe.Stripe]:
    with stripe.localstripe() as peer:
        yield peer


@pytest.fixture(scope="module")
def at_razorpay() -> Iterator[razorpay.Razorpay]:
    peer = razorpay.Razorpay()
    with serving(peer):
        yield peer


@pytest.fixture(scope="module")
def at_paypal() -> Iterator[paypal.Paypal]:
    peer = paypal.Paypal()
    with serving(peer):
        yield peer


@pytest.fixture(params=list(THROUGH))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def peer(request: pytest.FixtureRequest, name: str) -> Peer:
    found = request.getfixturevalue(f"at_{name}")
    assert isinstance(found, Peer)
    found.quiet()
    return found


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.TOO_MANY, Fault.JUNK, Fault.LOST])
async def test_a_read_is_asked_again(peer: Peer, name: str, fault: Fault) -> None:
    provider = THROUGH[name](peer.url)
    ref = (await provider.open(order("INR" if name == "razorpay" else "EUR"))).ref
    peer.quiet()
    peer.fail(fault)
    assert (await provider.read(ref)).stage is Stage.OPEN
    assert len(peer.heard) == 2


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.LOST])
async def test_an_order_whose_answer_is_lost_is_the_same_order(
    at_stripe: stripe.Stripe, at_paypal: paypal.Paypal, fault: Fault
) -> None:
    for peer, provider in ((at_stripe, through_stripe(at_stripe.url)), (at_paypal, through_paypal(at_paypal.url))):
        wish = order()
        await provider.open(order())  # signed in
        peer.quiet()
        peer.fail(fault, method="POST")
        opened = await provider.open(wish)
        asked = peer.posts()
        assert [each.key for each in asked] == [f"intent-{wish.intent_id}"] * 2
        assert asked[0].body == asked[1].body
        assert await provider.open(wish) == opened


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.LOST])
async def test_an_order_that_has_no_key_is_asked_for_once_and_found_again(
    at_razorpay: razorpay.Razorpay, fault: Fault
) -> None:
    at_razorpay.quiet()
    provider, wish = through_razorpay(at_razorpay.url), order("INR")
    at_razorpay.fail(fault, method="POST")
    with pytest.raises(ProviderUnavailable):
        await provider.open(wish)
    assert len(at_razorpay.posts()) == 1
    opened = await provider.open(wish)
    assert await provider.open(wish) == opened
    mine = [each for each in at_razorpay.orders.values() if each["receipt"] == wish.intent_id.hex]
    assert len(mine) == 1


async def paid_for(peer: Peer, provider: Provider) -> RefundOrder:
    """A payment, and the wish to give all of it back."""
    currency = "INR" if provider.name == "razorpay" else "EUR"
    session = await provider.open(order(currency))
    method = peer.card(stripe.GOOD) if isinstance(peer, stripe.Stripe) else None
    data = peer.pay(session.ref) if isinstance(peer, razorpay.Razorpay) else {}
    if isinstance(peer, paypal.Paypal):
        peer.approve(session.ref)
    paid = await provider.confirm(session.ref, method=method, data=data)
    return RefundOrder(
        refund_id=RefundId(uuid4()),
        ref=session.ref,
        capture_ref=paid.capture_ref or "",
        amount=Money(12_000, currency),
        reason="it rained",
    )


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.LOST])
async def test_a_refund_whose_answer_is_lost_is_made_once(peer: Peer, name: str, fault: Fault) -> None:
    provider = THROUGH[name](peer.url)
    wish = await paid_for(peer, provider)
    peer.quiet()
    peer.fail(fault, method="POST")
    made = await provider.refund(wish)
    asked = peer.posts()
    assert len(asked) == 2
    assert asked[0].key == asked[1].key
    assert str(wish.refund_id) in str(asked[0].key)
    assert asked[0].body == asked[1].body
    assert await provider.refund(wish) == made
    assert made.amount == wish.amount


async def test_an_answer_that_nobody_can_read_is_none(peer: Peer, name: str) -> None:
    peer.fail(Fault.STRANGE)
    with pytest.raises(ProviderUnavailable, match="cannot be read"):
        await THROUGH[name](peer.url).read("pi_1")


async def test_a_provider_that_hangs_is_given_up(peer: Peer, name: str) -> None:
    provider = THROUGH[name](peer.url, patience=0.6)
    peer.fail(*[Fault.HANG] * TRIES)
    with pytest.raises(ProviderUnavailable) as caught:
        await provider.read("pi_1")
    assert caught.value.retry_after
    peer.quiet()


async def test_a_provider_that_asks_for_a_minute_gets_it(peer: Peer, name: str) -> None:
    peer.fail(Fault.TOO_MANY_FOR_LONG)
    with pytest.raises(ProviderUnavailable) as caught:
        await THROUGH[name](peer.url).read("pi_1")
    assert caught.value.retry_after == 60
    assert [each.method for each in peer.heard].count("GET") == 1


async def test_a_provider_that_is_down_is_soon_not_asked_any_more(name: str) -> None:
    provider = THROUGH[name](f"http://127.0.0.1:{free_port()}")
    for _ in range(FAILURES):
        with pytest.raises(ProviderUnavailable):
            await provider.read("pi_1")
    assert provider.line.open_until is not None
    with pytest.raises(ProviderUnavailable, match="lately"):
        await provider.read("pi_1")


async def test_wrong_keys_are_ours_to_mend(peer: Peer, name: str) -> None:
    provider = THROUGH[name](peer.url, key="wrong")
    with pytest.raises(ProviderNotConfigured, match=f"HOLDFAST_{name.upper()}"):
        await provider.open(order("INR" if name == "razorpay" else "EUR"))


async def test_stripes_second_step(at_stripe: stripe.Stripe) -> None:
    at_stripe.quiet()
    provider = through_stripe(at_stripe.url)
    for success, stage in ((True, Stage.SUCCEEDED), (False, Stage.FAILED)):
        session = await provider.open(order())
        method = at_stripe.card(stripe.SECOND_STEP)
        assert (await provider.confirm(session.ref, method=method, data={})).stage is Stage.OPEN
        at_stripe.authenticate(session.ref, session.payload["client_secret"], success=success)
        assert (await provider.read(session.ref)).stage is stage


async def test_what_razorpays_checkout_hands_over_must_be_its_own(at_razorpay: razorpay.Razorpay) -> None:
    at_razorpay.quiet()
    provider = through_razorpay(at_razorpay.url)
    session, other = await provider.open(order("INR")), await provider.open(order("INR"))
    handed_over = at_razorpay.pay(session.ref)
    of_another = at_razorpay.pay(other.ref)
    wrong = (
        {**handed_over, "razorpay_signature": "0" * 64},
        {**handed_over, "razorpay_payment_id": of_another["razorpay_payment_id"]},
        {**handed_over, "razorpay_signature": "\u00e4"},
        {"razorpay_order_id": session.ref},
        of_another,
    )
    at_razorpay.quiet()
    for data in wrong:
        with pytest.raises(BadSignature):
            await provider.confirm(session.ref, method=None, data=data)
    assert at_razorpay.heard == []


async def test_a_paypal_token_is_used_until_it_is_taken_back(at_paypal: paypal.Paypal) -> None:
    at_paypal.quiet()
    provider = through_paypal(at_paypal.url)
    for _ in range(3):
        await provider.open(order())
    assert len(at_paypal.posts("/token")) == 1
    at_paypal.forget_tokens()
    await provider.open(order())
    assert len(at_paypal.posts("/token")) == 2


async def test_paypal_takes_nothing_that_was_not_approved(at_paypal: paypal.Paypal) -> None:
    at_paypal.quiet()
    provider = through_paypal(at_paypal.url)
    session = await provider.open(order())
    assert session.checkout_url == f"https://www.paypal.example/checkoutnow?token={session.ref}"
    assert (await provider.confirm(session.ref, method=None, data={})).stage is Stage.OPEN
    assert at_paypal.posts("/capture") == []


async def test_what_a_guest_approved_at_paypal_is_captured_by_whoever_looks_unless_it_was_cancelled(
    at_paypal: paypal.Paypal,
) -> None:
    at_paypal.quiet()
    provider = through_paypal(at_paypal.url)
    cancelled, left = await provider.open(order()), await provider.open(order())
    at_paypal.approve(cancelled.ref)
    at_paypal.approve(left.ref)
    assert (await provider.cancel(cancelled.ref)).stage is Stage.CANCELLED
    assert at_paypal.posts("/capture") == []
    assert (await provider.read(left.ref)).stage is Stage.SUCCEEDED
    assert (await provider.read(left.ref)).stage is Stage.SUCCEEDED
    assert [each.key for each in at_paypal.posts("/capture")] == [f"capture-{left.ref}"]


async def test_an_amount_that_a_provider_cannot_take_is_refused_before_it_is_asked(
    at_paypal: paypal.Paypal, at_stripe: stripe.Stripe
) -> None:
    at_paypal.quiet()
    at_stripe.quiet()
    for provider, currency in ((through_paypal(at_paypal.url), "INR"), (through_stripe(at_stripe.url), "UGX")):
        with pytest.raises(ProviderRefused):
            await provider.open(order(currency))
    assert (at_paypal.heard, at_stripe.heard) == ([], [])


async def test_what_is_not_set_up_says_what_is_missing() -> None:
    every = providers(
        sandbox=None, stripe=None, razorpay=None, paypal=None, webhooks=WebhookTerms(), patience=PATIENCE
    )
    assert list(every) == ["sandbox", "stripe", "razorpay", "paypal", "generic"]
    for name in ("sandbox", "stripe", "razorpay", "paypal"):
        with pytest.raises(ProviderNotConfigured, match="set HOLDFAST_"):
            await every[name].open(order())
        with pytest.raises(WebhookNotConfigured):
            await every[name].notice({}, b"{}", now=MONDAY)
    with pytest.raises(ProviderNotConfigured, match="only takes webhooks"):
        await every["generic"].open(order())
