"""The line to a payment provider."""

from dataclasses import dataclass

from prometheus_client import Counter

from holdfast.domains.payment.exceptions import ProviderUnavailable
from holdfast.kernel import line
from holdfast.kernel.errors import Unavailable
from holdfast.kernel.telemetry import PROVIDER_ANSWERS


@dataclass
class Line(line.Line):
    """What is tried again carries the same idempotency key, or changes nothing."""

    unavailable: type[Unavailable] = ProviderUnavailable
    answers: Counter = PROVIDER_ANSWERS
