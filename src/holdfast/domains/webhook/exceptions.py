"""Webhook's refusals, and what a sender says when an endpoint was not reached.

NotFound   EndpointNotFound  DeliveryNotFound
Conflict   TooManyEndpoints  RotatedTooOften  EndpointDisabled  DeliveryUnderWay
Invalid    TargetRefused
Forbidden  SuppliersAndHouseOnly
"""

from holdfast.kernel.errors import Conflict, Forbidden, Invalid, NotFound


class EndpointNotFound(NotFound):
    """There is no such webhook endpoint, or it is not yours."""


class DeliveryNotFound(NotFound):
    """There is no such delivery, or it is not to an endpoint of yours."""


class SuppliersAndHouseOnly(Forbidden):
    """Webhooks are for suppliers and the house."""


class TargetRefused(Invalid):
    """Messages are not sent to this address."""


class TooManyEndpoints(Conflict):
    """This account has as many webhook endpoints as it may have."""


class RotatedTooOften(Conflict):
    """So many secrets of this endpoint are still valid that it gets no other; try again tomorrow."""


class EndpointDisabled(Conflict):
    """This endpoint is disabled; enable it first."""


class DeliveryUnderWay(Conflict):
    """This message is still on its way."""


class SecretMismatch(RuntimeError):
    """The endpoint's secret was sealed with another HOLDFAST_SECRET than this process has."""


class Unreached(Exception):
    """No answer came from the endpoint; the text says why, and nothing of our own network."""
