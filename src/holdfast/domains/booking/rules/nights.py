"""Stays by the night: so many local dates, to the same wall-clock time, however long those nights are."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from holdfast.kernel.local_time import instant

DAY = timedelta(days=1)
MINUTES_PER_DAY = 24 * 60


def nights_in(minutes: int | None) -> int:
    """How many whole nights a length in minutes can mean; 0 where it cannot."""
    return 0 if minutes is None or minutes % MINUTES_PER_DAY else minutes // MINUTES_PER_DAY


def after_nights(start_at: datetime, nights: int, zone: ZoneInfo) -> datetime:
    """The same wall-clock time so many local dates later."""
    return instant(start_at.astimezone(zone).replace(tzinfo=None) + nights * DAY, zone, closing=True)


def moved_end(start_at: datetime, end_at: datetime, new_start_at: datetime, zone: ZoneInfo) -> datetime:
    """The end that keeps the number of local dates and the wall-clock time of departure."""
    arrival, departure = start_at.astimezone(zone), end_at.astimezone(zone)
    shift = new_start_at.astimezone(zone).date() - arrival.date()
    return instant(departure.replace(tzinfo=None) + shift, zone, closing=True)
