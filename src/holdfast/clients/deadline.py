"""How long the caller at the other end still waits: passed on with every question, so that nobody works for
someone who has gone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from holdfast.kernel.clock import ticks

HEADER = "Holdfast-Patience-Ms"

until: ContextVar[float | None] = ContextVar("deadline", default=None)


def seconds_left() -> float | None:
    """None where nobody said; never below zero."""
    over_at = until.get()
    return None if over_at is None else max(0.0, over_at - ticks())


@contextmanager
def within(seconds: float | None) -> Iterator[None]:
    """Everything that the block asks of others ends by then."""
    token = until.set(None if seconds is None else ticks() + seconds)
    try:
        yield
    finally:
        until.reset(token)
