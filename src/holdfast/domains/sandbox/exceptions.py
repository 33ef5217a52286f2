"""What the sandbox refuses, and what a courier says when a webhook was not taken."""

from holdfast.kernel.errors import Conflict, Invalid, NotFound


class CheckoutNotFound(NotFound):
    """There is no such checkout."""


class SandboxRefundNotFound(NotFound):
    """There is no such refund."""


class UnknownTestCard(Invalid):
    """This is none of the sandbox's test cards."""


class NothingToRefund(Conflict):
    """There is not that much left of this payment to give back."""


class NotTaken(Exception):
    """A webhook did not arrive; the text says what the other side said."""
