"""What providers answer and send: JSON, read without believing its shape."""

import json
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import structlog

from holdfast.contracts.payment import IntentId, RefundId
from holdfast.domains.payment.exceptions import NotAnEvent, ProviderUnavailable
from holdfast.kernel.errors import Invalid

Json = Mapping[str, Any]
# what a body that is not as documented does to whoever reads it; Invalid: no currency, no amount
MISREAD = (KeyError, IndexError, TypeError, ValueError, AttributeError, Invalid)
RETRY_AFTER = 60

P = ParamSpec("P")
T = TypeVar("T")

log = structlog.get_logger()


def understanding(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A provider that answers what nobody can read has not answered; the log says what it was."""

    @wraps(method)
    async def understood(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await method(*args, **kwargs)
        except MISREAD as error:
            log.exception("a payment provider's answer cannot be read", asked=method.__qualname__)
            raise ProviderUnavailable("its answer cannot be read", retry_after=RETRY_AFTER) from error

    return understood


def event_of(body: bytes) -> Json:
    """A signed webhook's JSON object. NotAnEvent."""
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent from error
    if not isinstance(event, dict):
        raise NotAnEvent
    return event


def our_intent(said: object) -> IntentId | None:
    found = uuid_in(said)
    return IntentId(found) if found else None


def our_refund(said: object) -> RefundId | None:
    found = uuid_in(said)
    return RefundId(found) if found else None


def uuid_in(said: object) -> UUID | None:
    """None for what is none: others may write into what we left with a provider."""
    try:
        return UUID(said) if isinstance(said, str) else None
    except ValueError:
        return None


def mapping(said: object) -> Json:
    """Razorpay writes empty notes as a list."""
    return said if isinstance(said, dict) else {}


def completed(said: Json, **otherwise: object) -> Json:
    """With these where it says nothing, or null."""
    return {**otherwise, **{name: value for name, value in said.items() if value is not None}}


def instant(said: object) -> datetime | None:
    """Of Unix seconds; None for what are none."""
    try:
        return datetime.fromtimestamp(said, UTC) if isinstance(said, int | float) else None
    except (ValueError, OverflowError, OSError):
        return None
