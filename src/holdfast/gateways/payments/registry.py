"""The providers of this installation, by name. Each one's package is only needed where it is asked something: what
its webhooks say is read without."""

from collections.abc import Iterable, Mapping
from functools import partial
from importlib.util import find_spec

from holdfast.domains.payment.ports import Provider
from holdfast.gateways.payments import razorpay_news, stripe_news
from holdfast.gateways.payments.absent import AbsentProvider, WebhooksOnly
from holdfast.gateways.payments.generic import GenericProvider
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.paypal import PaypalProvider
from holdfast.gateways.payments.paypal_news import heard
from holdfast.gateways.payments.paypal_signatures import Certificates
from holdfast.gateways.payments.terms import PaypalTerms, RazorpayTerms, StripeTerms, WebhookTerms

# those that are asked through a package of the same name, as is its extra
PACKAGED = ("stripe", "razorpay")


class PackageMissing(RuntimeError):
    """A payment provider has its keys here, and not its package."""


def require_packages(names: Iterable[str]) -> None:
    """PackageMissing where one of these providers cannot be asked for want of its package."""
    lacking = [name for name in names if name in PACKAGED and find_spec(name) is None]
    if lacking:
        extras = f"pip install 'holdfast[{','.join(lacking)}]'"
        raise PackageMissing(f"keys of {' and '.join(lacking)} are set without the package: {extras}")


def providers(
    *,
    sandbox: Provider | None,
    stripe: StripeTerms | None,
    razorpay: RazorpayTerms | None,
    paypal: PaypalTerms | None,
    webhooks: WebhookTerms,
    patience: float,
) -> Mapping[str, Provider]:
    """Every provider there is; None is not set up, and says so when asked; what webhooks it can check it takes."""
    every = (
        sandbox or AbsentProvider("sandbox", "set HOLDFAST_PAYMENT_SANDBOX=true"),
        through_stripe(stripe, webhooks, patience),
        through_razorpay(razorpay, webhooks, patience),
        through_paypal(paypal, webhooks, patience),
        GenericProvider(webhooks.generic),
    )
    return {provider.name: provider for provider in every}


def through_stripe(terms: StripeTerms | None, webhooks: WebhookTerms, patience: float) -> Provider:
    if terms is None:
        missing = "set HOLDFAST_STRIPE_SECRET_KEY"
        return WebhooksOnly("stripe", missing, partial(stripe_news.heard, webhooks.stripe))
    from holdfast.gateways.payments.stripe import StripeProvider  # noqa: PLC0415

    return StripeProvider(terms, Line("stripe", patience))


def through_razorpay(terms: RazorpayTerms | None, webhooks: WebhookTerms, patience: float) -> Provider:
    if terms is None:
        missing = "set HOLDFAST_RAZORPAY_KEY_ID and HOLDFAST_RAZORPAY_KEY_SECRET"
        return WebhooksOnly("razorpay", missing, partial(razorpay_news.heard, webhooks.razorpay))
    from holdfast.gateways.payments.razorpay import RazorpayProvider  # noqa: PLC0415

    return RazorpayProvider(terms, Line("razorpay", patience))


def through_paypal(terms: PaypalTerms | None, webhooks: WebhookTerms, patience: float) -> Provider:
    # its certificates are elsewhere than its API: one may be down without the other
    certificates = Certificates(Line("paypal certificates", patience))
    if terms is None:
        missing = "set HOLDFAST_PAYPAL_CLIENT_ID and HOLDFAST_PAYPAL_CLIENT_SECRET"
        return WebhooksOnly("paypal", missing, partial(heard, webhooks.paypal, certificates))
    return PaypalProvider(terms, Line("paypal", patience), certificates)
