"""How long to wait before a provider is asked again, and about what."""

from datetime import timedelta

# longer than any gateway waits for a provider, so that one who is still asking keeps its claim
CLAIM = timedelta(minutes=2)
LONGEST = timedelta(hours=6)
FIRST = timedelta(seconds=30)


def pause(attempts: int) -> timedelta:
    """30 seconds, 1, 2, 4 … minutes, six hours at most: nothing that concerns money is ever given up."""
    return min(FIRST * (1 << min(attempts, 20)), LONGEST)
