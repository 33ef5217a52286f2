"""Payment's refusals, and the constraints that say them."""

from holdfast.kernel.errors import Conflict, Invalid, NotFound, PaymentRefused, Refusal, Unavailable


class IntentNotFound(NotFound):
    """There is no such payment intent."""


class RefundNotFound(NotFound):
    """There is no such refund."""


class ProviderUnknown(Invalid):
    """There is no such payment provider here."""


class ProviderNotConfigured(Unavailable):
    """This payment provider is not set up."""


class ProviderUnavailable(Unavailable):
    """The payment provider does not answer."""


class ProviderRefused(PaymentRefused):
    """The payment provider refused."""


class BadSignature(Refusal):
    """The webhook's signature is not the provider's."""


class NotAnEvent(Invalid):
    """The webhook's body is none that its provider would send."""


class WebhookNotConfigured(Unavailable):
    """No secret is configured for this provider's webhooks."""


class CountedElsewhere(Conflict):
    """The provider's payment has paid for something else already."""


class NothingDue(Conflict):
    """Nothing is due for this booking."""


class AmountAboveDue(Invalid):
    """The amount is more than what is due."""


class AmountAboveCaptured(Invalid):
    """The amount is more than what is left of the payment."""


class IntentClosed(Conflict):
    """This payment intent has ended."""


class PaymentUnderway(Conflict):
    """Another payment for this booking is being made at this moment."""


class NoHostedPage(Conflict):
    """This payment is made in the provider's own client, not on a page."""


class AmountNotAboveZero(Invalid):
    """The amount must be above zero."""


class ProviderEventNotFound(NotFound):
    """There is no such event of a provider."""


class DiscrepancyNotFound(NotFound):
    """There is no such discrepancy."""


class DiscrepancyClosed(Conflict):
    """This discrepancy is closed already."""


class NothingCaptured(Conflict):
    """Nothing was taken with this payment intent."""


class RefundUnderway(Conflict):
    """A refund of this amount is being made at this moment."""


class IdempotencyKeyRequired(Invalid):
    """Payments and refunds need an idempotency key: the Idempotency-Key header, or idempotency_key."""


class SupplierNotOwed(NotFound):
    """Nothing was ever earned for this supplier."""


class PayoutAboveOwed(Conflict):
    """This is more than the supplier is owed."""


class BookingNotPaidHere(NotFound):
    """Nothing was ever posted for this booking."""


VIOLATIONS: dict[str, type[Refusal]] = {
    "intents_one_open": PaymentUnderway,
    "captures_ref_idx": CountedElsewhere,
    "captures_refunded_within_amount_check": AmountAboveCaptured,
}
