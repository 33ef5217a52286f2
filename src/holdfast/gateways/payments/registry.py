"""The providers of this installation, by name. Each one's package is only needed where it is set up."""

from collections.abc import Callable, Mapping
from functools import partial

from holdfast.domains.payment.ports import Provider
from holdfast.gateways.payments.absent import AbsentProvider, WebhooksOnly
from holdfast.gateways.payments.generic import GenericProvider
from holdfast.gateways.payments.line import Line
from holdfast.gateways.payments.paypal import PaypalProvider, heard
from holdfast.gateways.payments.paypal_signatures import Certificates
from holdfast.gateways.payments.terms import PaypalTerms, RazorpayTerms, StripeTerms, WebhookTerms


def providers(
    *,
    sandbox: Provider | None,
    stripe: StripeTerms | None,
    razorpay: RazorpayTerms | None,
    paypal: PaypalTerms | None,
    webhooks: WebhookTerms,
    patience: float,
) -> Mapping[str, Provider]:
    """Every provider there is; None is not set up, and says so when asked; what webhooks it can check it takes.
    One without its package does neither."""
    every = (
        sandbox or AbsentProvider("sandbox", "set HOLDFAST_PAYMENT_SANDBOX=true"),
        installed("stripe", lambda: through_stripe(stripe, webhooks, patience)),
        installed("razorpay", lambda: through_razorpay(razorpay, webhooks, patience)),
        through_paypal(paypal, webhooks, patience),
        GenericProvider(webhooks.generic),
    )
    return {provider.name: provider for provider in every}


def installed(name: str, make: Callable[[], Provider]) -> Provider:
    try:
        return make()
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return AbsentProvider(name, f"install holdfast[{name}]")


def through_stripe(terms: StripeTerms | None, webhooks: WebhookTerms, patience: float) -> Provider:
    missing = "set HOLDFAST_STRIPE_SECRET_KEY"
    if terms is None and webhooks.stripe is None:
        return AbsentProvider("stripe", missing, "HOLDFAST_STRIPE_WEBHOOK_SECRET")
    from holdfast.gateways.payments.stripe import StripeProvider, heard  # noqa: PLC0415

    if terms is None:
        return WebhooksOnly("stripe", missing, partial(heard, webhooks.stripe))
    return StripeProvider(terms, Line("stripe", patience))


def through_razorpay(terms: RazorpayTerms | None, webhooks: WebhookTerms, patience: float) -> Provider:
    missing = "set HOLDFAST_RAZORPAY_KEY_ID and HOLDFAST_RAZORPAY_KEY_SECRET"
    if terms is None and webhooks.razorpay is None:
        return AbsentProvider("razorpay", missing, "HOLDFAST_RAZORPAY_WEBHOOK_SECRET")
    from holdfast.gateways.payments.razorpay import RazorpayProvider, heard  # noqa: PLC0415

    if terms is None:
        return WebhooksOnly("razorpay", missing, partial(heard, webhooks.razorpay))
    return RazorpayProvider(terms, Line("razorpay", patience))


def through_paypal(terms: PaypalTerms | None, webhooks: WebhookTerms, patience: float) -> Provider:
    # its certificates are elsewhere than its API: one may be down without the other
    certificates = Certificates(Line("paypal certificates", patience))
    if terms is None:
        missing = "set HOLDFAST_PAYPAL_CLIENT_ID and HOLDFAST_PAYPAL_CLIENT_SECRET"
        return WebhooksOnly("paypal", missing, partial(heard, webhooks.paypal, certificates))
    return PaypalProvider(terms, Line("paypal", patience), certificates)
