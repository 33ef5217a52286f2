"""Text as it may stand on a paper, whatever its language."""

import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

# characters that turn the direction of what follows: a name could rearrange the line it stands in
TURNING = frozenset(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def printable(text: str) -> str:
    """On one line, without what cannot be seen or turns the reading direction."""
    kept = (" " if char.isspace() else char for char in text if char not in TURNING)
    return " ".join("".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cs", "Cn")).split())


def present(values: Iterable[str | None]) -> list[str]:
    return [printable(value) for value in values if value]


def clock(instant: datetime, zone: str) -> str:
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def local_day(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()
