"""How long to wait before something is tried again."""

import random
from datetime import timedelta


def pause(attempts: int) -> timedelta:
    """2, 4, 8 … seconds, each shortened by up to a half: what failed together does not come back together."""
    return timedelta(seconds=2**attempts * (1 - random.random() / 2))
