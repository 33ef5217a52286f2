"""Time that stands still until a test moves it."""

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
