"""On what terms each provider is asked: keys, the secrets of its webhooks, and where it is."""

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True)
class StripeTerms:
    secret_key: SecretStr
    publishable_key: str | None
    webhook_secret: SecretStr | None
    api_base: str


@dataclass(frozen=True)
class RazorpayTerms:
    key_id: str
    key_secret: SecretStr
    webhook_secret: SecretStr | None
    api_base: str


@dataclass(frozen=True)
class PaypalTerms:
    client_id: str
    client_secret: SecretStr
    webhook_id: str | None
    api_base: str


@dataclass(frozen=True)
class WebhookTerms:
    """What the webhooks of each are checked with, whether or not there are keys to ask it with."""

    stripe: SecretStr | None = None
    razorpay: SecretStr | None = None
    paypal: str | None = None
    generic: SecretStr | None = None
