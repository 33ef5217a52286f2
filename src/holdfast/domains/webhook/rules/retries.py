"""When a message is tried again, and when an endpoint is given up."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

# after the first try: three days and a few hours in all
PAUSES = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MAX_ATTEMPTS = len(PAUSES) + 1
# an endpoint that took nothing for so long is disabled
PATIENCE = timedelta(days=5)

GONE = 410
TOO_MANY, UNAVAILABLE = 429, 503
# an endpoint that asks for more is tried after so long
MOST_ASKED = timedelta(days=1)
# RFC 9110 bounds no number; int() reads no more than some thousand digits
SECONDS = re.compile("[0-9]{1,1000}")
# RFC 9110, 5.6.7: the date of today's HTTP, and the two that are still to be understood
HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")


def pause(attempts: int, *, chance: float) -> timedelta:
    """Before the next try after so many: a tenth more or less by `chance` (0 to 1), so that crowds disperse."""
    return PAUSES[min(attempts, len(PAUSES)) - 1] * (0.9 + 0.2 * chance)


def asked_pause(status: int | None, retry_after: str | None, *, now: datetime) -> timedelta:
    """What an endpoint asks for with 429 and 503, a day at most; none where that cannot be read, or is over."""
    if status not in (TOO_MANY, UNAVAILABLE) or retry_after is None:
        return timedelta(0)
    if SECONDS.fullmatch(retry_after):
        return timedelta(seconds=min(int(retry_after), MOST_ASKED.total_seconds()))
    until = http_date(retry_after)
    return min(max(until - now, timedelta(0)), MOST_ASKED) if until else timedelta(0)


def http_date(said: str) -> datetime | None:
    for layout in HTTP_DATES:
        with suppress(ValueError):
            return datetime.strptime(said, layout).replace(tzinfo=UTC)
    return None


def is_taken(status: int) -> bool:
    return 200 <= status < 300


def is_hopeless(failing_since: datetime | None, *, now: datetime) -> bool:
    return failing_since is not None and now - failing_since >= PATIENCE
