"""How much of its quota a caller has used: counted in Redis by all processes together, else by this one alone.

A sliding window of two counters: what was counted in the window before weighs less with every second of this one.
Redis is an aid, never a condition: while it does not answer, this process counts in its own memory, so that a
request waits for it once, `patience` seconds at most, and one in every `PAUSE` finds out whether it is back.
"""

import asyncio
from dataclasses import dataclass
from math import floor
from typing import Literal

import structlog
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from holdfast.kernel.clock import SystemClock
from holdfast.kernel.telemetry import LIMITS_SHARED, REDIS_FAILURES

PAUSE = 2.0
# how often counters that ran out are looked for
TIDY_SECONDS = 10.0

log = structlog.get_logger()


@dataclass(frozen=True)
class Quota:
    """So many requests in so many seconds; `name` is what clients see."""

    name: str
    item: RateLimitItem

    @classmethod
    def of(cls, name: str, notation: str) -> "Quota":
        """From `120/minute`."""
        return cls(name, parse(notation))

    @property
    def amount(self) -> int:
        return self.item.amount

    @property
    def window(self) -> int:
        return self.item.get_expiry()


@dataclass(frozen=True)
class Standing:
    """What is left of a quota; in `seconds` there will be more."""

    quota: Quota
    admitted: bool
    remaining: int
    seconds: int


def standing(quota: Quota, *, admitted: bool, counted: tuple[int, float, int, float]) -> Standing:
    """From the two counters and how long each lives; the current one outlives its window by a whole one."""
    previous, previous_lives, current, current_lives = counted
    carried = floor(previous * previous_lives / quota.window)
    # what is carried over falls off one by one; where nothing is, this window has to end
    wait = previous_lives % (quota.window / previous) if carried else current_lives - quota.window
    return Standing(
        quota,
        admitted,
        remaining=max(0, quota.amount - carried - current),
        seconds=max(1, floor(wait) + 1),
    )


class Memory(MemoryStorage):
    """Counts without a lock, as nothing here is waited for; and looks for what ran out now and then only.

    The library's own does so at every request, over every counter there is.
    """

    STORAGE_SCHEME = []  # no URL leads here

    def __init__(self) -> None:
        super().__init__()
        self.tidied_at = 0.0

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = SystemClock().now().timestamp()  # the library's counters live by the wall clock too
        if now - self.tidied_at > TIDY_SECONDS:
            self.tidied_at = now
            for old in [each for each, end in self.expirations.items() if end <= now]:
                del self.expirations[old]
                self.storage.pop(old, None)
        if key not in self.expirations:
            self.expirations[key] = now + expiry
        self.storage[key] += amount
        return self.storage[key]


class Quotas:
    """Takes from quotas; never fails, and never makes a request wait long."""

    def __init__(self, redis_url: str | None = None, *, patience: float = 0.05) -> None:
        """`redis_url` as Redis clients take it; `patience` is in seconds."""
        self.patience = patience
        self.memory = Memory()
        self.redis = RedisStorage(storage_uri(redis_url)) if redis_url else None
        self.answering = True
        self.ask_again_at = 0.0
        LIMITS_SHARED.set(1 if self.redis else 0)

    async def take(self, quota: Quota, key: str) -> Standing:
        """Count one request of this caller, unless there is nothing left."""
        if self.redis is not None and self.may_ask():
            try:
                async with asyncio.timeout(self.patience):
                    taken = await take(self.redis, quota, key)
            except Exception as error:  # whatever a broken client raises, no request fails for it
                self.lost(repr(error))
            else:
                self.found()
                return taken
        return await take(self.memory, quota, key)

    async def state(self) -> Literal["ok", "degraded"]:
        """Degraded while Redis is configured and does not answer."""
        if self.redis is not None and self.may_ask():
            try:
                async with asyncio.timeout(self.patience):
                    answers = await self.redis.check()
            except TimeoutError:
                answers = False
            if answers:
                self.found()
            else:
                self.lost("no answer to PING")
        return "ok" if self.answering else "degraded"

    def may_ask(self) -> bool:
        """Whether Redis is to be asked: always while it answers, else once in every PAUSE."""
        now = asyncio.get_running_loop().time()
        if not self.answering:
            if now < self.ask_again_at:
                return False
            self.ask_again_at = now + PAUSE
        return True

    def lost(self, cause: str) -> None:
        REDIS_FAILURES.inc()
        self.ask_again_at = asyncio.get_running_loop().time() + PAUSE
        if self.answering:
            self.answering = False
            LIMITS_SHARED.set(0)
            log.warning("rate limits are counted by each process alone", cause=cause)

    def found(self) -> None:
        if not self.answering:
            self.answering = True
            LIMITS_SHARED.set(1)
            log.info("rate limits are counted in Redis again")


async def take(storage: Memory | RedisStorage, quota: Quota, key: str) -> Standing:
    names = (quota.name, key)
    admitted = await SlidingWindowCounterRateLimiter(storage).hit(quota.item, *names)
    counted = await storage.get_sliding_window(quota.item.key_for(*names), quota.window)
    return standing(quota, admitted=admitted, counted=counted)


def storage_uri(url: str) -> str:
    return f"async+redis+{url}" if url.startswith("unix:") else f"async+{url}"
