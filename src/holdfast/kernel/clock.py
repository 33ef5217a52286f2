"""The only place that reads the clock."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present instant, aware, in UTC."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def ticks() -> float:
    """Seconds that only ever grow, to measure how long something lasts."""
    return time.monotonic()


@asynccontextmanager
async def at_least(seconds: float) -> AsyncIterator[None]:
    """The block takes this long, whatever happens in it: so its time tells nothing about what it did."""
    loop = asyncio.get_running_loop()
    over_at = loop.time() + seconds
    try:
        yield
    finally:
        await asyncio.sleep(max(0.0, over_at - loop.time()))
