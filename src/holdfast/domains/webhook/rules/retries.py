"""When a message is tried again, and when an endpoint is given up."""

from datetime import datetime, timedelta

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


def pause(attempts: int, *, chance: float) -> timedelta:
    """Before the next try after so many: a tenth more or less by `chance` (0 to 1), so that crowds disperse."""
    return PAUSES[min(attempts, len(PAUSES)) - 1] * (0.9 + 0.2 * chance)


def is_taken(status: int) -> bool:
    return 200 <= status < 300


def is_hopeless(failing_since: datetime | None, *, now: datetime) -> bool:
    return failing_since is not None and now - failing_since >= PATIENCE
