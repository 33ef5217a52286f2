"""Who takes the money: what the settings say of each provider, as its adapter wants it."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol, runtime_checkable

from holdfast.domains.payment.ports import Provider
from holdfast.domains.payment.services import Providers
from holdfast.gateways.payments.absent import AbsentProvider
from holdfast.gateways.payments.generic import GenericProvider
from holdfast.gateways.payments.registry import providers
from holdfast.gateways.payments.sandbox import SandboxProvider
from holdfast.gateways.payments.terms import PaypalTerms, RazorpayTerms, StripeTerms, WebhookTerms
from holdfast.settings import PaypalSettings, RazorpaySettings, Settings, StripeSettings


@runtime_checkable
class Closing(Protocol):
    """A provider that keeps connections open."""

    async def close(self) -> None: ...


def closings(known: Iterable[Provider]) -> Iterator[Callable[[], Awaitable[None]]]:
    return (each.close for each in known if isinstance(each, Closing))


def providers_of(settings: Settings, sandbox: SandboxProvider) -> Mapping[str, Provider]:
    """Those who take money here, by name; ones that are known but not set up say so when they are asked."""
    return providers(
        sandbox=sandbox if settings.payment_sandbox else None,
        stripe=stripe_terms(settings.stripe),
        razorpay=razorpay_terms(settings.razorpay),
        paypal=paypal_terms(settings.paypal),
        webhooks=webhook_terms(settings),
        patience=settings.payment.timeout_seconds,
    )


def till_of(settings: Settings, known: Mapping[str, Provider]) -> Providers:
    """These providers, and the one that takes the money where nobody says."""
    closed = [name for name, each in known.items() if isinstance(each, AbsentProvider | GenericProvider)]
    return Providers(
        known,
        default=settings.payment_provider,
        public_url=settings.accounts.public_url,
        closed=frozenset(closed),
    )


def stripe_terms(said: StripeSettings) -> StripeTerms | None:
    if said.secret_key is None:
        return None
    return StripeTerms(said.secret_key, said.publishable_key, said.webhook_secret, said.api_base.rstrip("/"))


def razorpay_terms(said: RazorpaySettings) -> RazorpayTerms | None:
    if said.key_id is None or said.key_secret is None:
        return None
    return RazorpayTerms(said.key_id, said.key_secret, said.webhook_secret, said.api_base.rstrip("/"))


def paypal_terms(said: PaypalSettings) -> PaypalTerms | None:
    if said.client_id is None or said.client_secret is None:
        return None
    return PaypalTerms(said.client_id, said.client_secret, said.webhook_id, said.api_base.rstrip("/"))


def webhook_terms(said: Settings) -> WebhookTerms:
    return WebhookTerms(
        stripe=said.stripe.webhook_secret,
        razorpay=said.razorpay.webhook_secret,
        paypal=said.paypal.webhook_id,
        generic=said.payment.webhook_secret,
    )
