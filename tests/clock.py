"""Time that stands still until a test moves it."""

import time
from datetime import UTC, datetime, timedelta

MONDAY = datetime(2030, 1, 7, 8, 0, tzinfo=UTC)


class SettableClock:
    """A `kernel.clock.Clock`; it starts on Monday 2030-01-07 at 08:00 UTC."""

    def __init__(self, instant: datetime = MONDAY) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant

    def advance(self, by: timedelta) -> datetime:
        self.instant += by
        return self.instant

    def set(self, instant: datetime) -> datetime:
        self.instant = instant.astimezone(UTC)
        return self.instant


class RunningClock(SettableClock):
    """From there on it goes as the machine's does: what is tried again after a while needs one that does."""

    def __init__(self, instant: datetime = MONDAY) -> None:
        super().__init__(instant)
        self.began = time.monotonic()

    def now(self) -> datetime:
        return self.instant + timedelta(seconds=time.monotonic() - self.began)
