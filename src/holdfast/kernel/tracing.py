"""What is being done, as spans of traces that cross processes: the port, and W3C's `traceparent` to carry them on.

    request ── transaction ── event in the outbox ─┬─ reaction ── message ── sending
                                                   └─ publish

What waits (an event, a queued job, a message) is kept with the `traceparent` of who wanted it, and goes on in that
trace. Until something collects (`trace_by`) nothing is measured and nothing kept. A look that finds nothing to do
begins no trace: so a transaction is a span only within one.
"""

import sys
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from typing import Protocol

# what no caller may make longer: version, trace, span and flags
TRACEPARENT_LENGTH = 55


class Kind(StrEnum):
    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


class Span(Protocol):
    def rename(self, name: str) -> None: ...

    def set(self, name: str, value: str | int) -> None: ...

    def failed(self, what: str) -> None:
        """It went wrong; `what` is a kind of failure, not its text."""


class Tracing(Protocol):
    """Who collects spans. A failure that leaves a span's block marks it by its class; its text goes nowhere."""

    def span(self, name: str, *, kind: Kind, within: str | None) -> AbstractContextManager[Span]: ...

    def traceparent(self) -> str | None:
        """Of the span that is running."""

    def stop(self) -> None:
        """Tell what is left, before the process ends."""


class Nothing:
    """The span of what nobody collects."""

    def rename(self, name: str) -> None: ...

    def set(self, name: str, value: str | int) -> None: ...

    def failed(self, what: str) -> None: ...


NOTHING: AbstractContextManager[Span] = nullcontext(Nothing())

collector: Tracing | None = None


def trace_by(tracing: Tracing | None) -> None:
    """Have this process's spans collected from now on, or no more."""
    global collector  # noqa: PLW0603 - a process has one, as it has one log
    collector = tracing


def span(name: str, *, kind: Kind = Kind.INTERNAL, within: str | None = None) -> AbstractContextManager[Span]:
    """A span around the block: in the trace of `within` where that is given, else in the one that is running."""
    if collector is None:
        return NOTHING
    return collector.span(name, kind=kind, within=within)


def span_of_caller() -> AbstractContextManager[Span]:
    """A span named for the operation whose `async with` this is, such as `CreateBookings.execute`."""
    if traceparent() is None:
        return NOTHING
    # this function, the generator, its context manager, the operation
    return span(sys._getframe(3).f_code.co_qualname)


def traceparent() -> str | None:
    """What carries the running trace on; None while nothing is traced."""
    return collector.traceparent() if collector is not None else None


def carried_on(within: str | None) -> str | None:
    """What carries the trace of `within` on: by what is running, where that is part of it; the running trace where
    nothing is said."""
    running = traceparent()
    if within is None or (running is not None and running.split("-")[1] == within.split("-")[1]):
        return running
    return within


def trace_ids() -> dict[str, str]:
    """`trace_id` and `span_id` of what is running, for logs; nothing while nothing is traced."""
    running = traceparent()
    if running is None:
        return {}
    _, trace_id, span_id, _ = running.split("-")
    return {"trace_id": trace_id, "span_id": span_id}
