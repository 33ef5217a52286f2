"""The line to another machine: bounded in time, tried again only where that is safe, and cut while nobody answers.

    closed --FAILURES times no answer--> open --PAUSE--> one try --answered--> closed
                                          ^                 └--no answer--> open

Who says no has answered. Each process has its own line; what is tried again carries the same
idempotency key, or changes nothing.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from typing import TypeVar

import structlog
from prometheus_client import Counter

from holdfast.kernel.clock import ticks
from holdfast.kernel.errors import Refusal, Unavailable

TRIES = 3
FAILURES = 5
PAUSE_SECONDS = 15.0
FIRST_SHARE = 0.6
FIRST_WAIT_SECONDS = 0.1
# who asks for more is believed: the caller is told, instead of kept waiting
LONGEST_WAIT_SECONDS = 2.0
DEFAULT_RETRY_AFTER = 5

T = TypeVar("T")

log = structlog.get_logger()


class NoAnswer(Exception):
    """No connection, no answer in time, a 5xx, a 429, or nothing that can be read."""

    def __init__(self, said: str, *, retry_after: float | None = None) -> None:
        super().__init__(said)
        self.retry_after = retry_after


@dataclass
class Line:
    """To one of them; `patience` in seconds bounds every question, all its tries together. Who is away is
    `unavailable`, and `answers` counts by name whether one came."""

    to: str
    patience: float
    unavailable: type[Unavailable]
    answers: Counter
    clock: Callable[[], float] = ticks
    chance: Callable[[], float] = random.random
    failed: int = 0
    open_until: float | None = None
    probing: bool = field(default=False, repr=False)

    async def ask(self, question: Callable[[], Awaitable[T]], *, again: bool, within: float | None = None) -> T:
        """`again`: asking twice is the same as asking once. `within` so many seconds, where whoever waits has no
        more. `unavailable` with `retry_after`."""
        probe = self.admit()
        try:
            patience = self.patience if within is None else min(self.patience, within)
            answer = await self.tried(question, tries=TRIES if again and not probe else 1, patience=patience)
        except NoAnswer as error:
            self.lost(error)
            wait = ceil(max(error.retry_after or 0, self.left())) or DEFAULT_RETRY_AFTER
            raise self.unavailable(f"{self.to} does not answer", retry_after=wait) from error
        except Refusal:  # who says no is there
            self.answered()
            raise
        finally:
            if probe:
                self.probing = False
        self.answered()
        return answer

    def admit(self) -> bool:
        """Whether this question is the one that finds out if they are back."""
        if self.open_until is None:
            return False
        if self.left() > 0 or self.probing:
            wait = ceil(self.left()) or DEFAULT_RETRY_AFTER
            raise self.unavailable(f"{self.to} did not answer lately", retry_after=wait)
        self.probing = True
        return True

    def left(self) -> float:
        return max(0.0, self.open_until - self.clock()) if self.open_until is not None else 0.0

    async def tried(self, question: Callable[[], Awaitable[T]], *, tries: int, patience: float) -> T:
        """One that hangs must leave time for another, so each has its share of the patience."""
        for attempt in range(1, tries + 1):
            try:
                async with asyncio.timeout(share(attempt, tries=tries, patience=patience)):
                    return await question()
            except TimeoutError:
                error = NoAnswer("no answer in time")
            except NoAnswer as lost:
                error = lost
            wait = max(error.retry_after or 0, self.pause(attempt))
            if attempt == tries or wait > LONGEST_WAIT_SECONDS:
                raise error
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the last try returns or raises")

    def pause(self, attempt: int) -> float:
        """Doubling, half of it by chance, so that crowds disperse."""
        return FIRST_WAIT_SECONDS * (1 << (attempt - 1)) * (0.5 + self.chance() / 2)

    def answered(self) -> None:
        self.answers.labels(self.to, "answered").inc()
        self.failed, self.open_until = 0, None

    def lost(self, error: NoAnswer) -> None:
        self.answers.labels(self.to, "none").inc()
        self.failed += 1
        log.warning("no answer", of=self.to, error=str(error), times=self.failed)
        if self.failed >= FAILURES or self.open_until is not None:
            self.open_until = self.clock() + PAUSE_SECONDS


def share(attempt: int, *, tries: int, patience: float) -> float:
    """Most of it for the first: a bank may think for seconds before it says yes."""
    if tries == 1:
        return patience
    first = patience * FIRST_SHARE
    return first if attempt == 1 else (patience - first) / (tries - 1)
