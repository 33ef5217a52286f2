"""How things are written for people, in English."""

import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
# characters that turn the direction of what follows: a name could rearrange the line it stands in
TURNING = frozenset(map(chr, (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))))


def printable(text: str) -> str:
    """On one line, without what cannot be seen or turns the reading direction."""
    kept = (" " if char.isspace() else char for char in text if char not in TURNING)
    return " ".join("".join(c for c in kept if unicodedata.category(c) not in ("Cc", "Cs", "Cn")).split())


def money(amount: str, currency: str | None = None) -> str:
    """`EUR 1,234.50`; a real minus sign."""
    whole, point, decimals = amount.removeprefix("-").partition(".")
    sign = "\N{MINUS SIGN}" if amount.startswith("-") else ""
    written = f"{sign}{int(whole):,}{point}{decimals}"
    return f"{currency} {written}" if currency else written


def percent(value: Decimal) -> str:
    return f"{format(value.normalize() + 0, 'f')} %"


def day(on: date) -> str:
    """`8 January 2030`."""
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def weekday(on: date) -> str:
    """`Tuesday, 8 January 2030`."""
    return f"{DAYS[on.weekday()]}, {day(on)}"


def clock(instant: datetime, zone: str) -> str:
    return f"{instant.astimezone(ZoneInfo(zone)):%H:%M}"


def moment(instant: datetime, zone: str) -> str:
    """`Tue 8 January 2030, 12:00`."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{DAYS[local.weekday()][:3]} {day(local.date())}, {local:%H:%M}"


def local_day(instant: datetime, zone: str) -> date:
    return instant.astimezone(ZoneInfo(zone)).date()


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def present(values: Iterable[str | None]) -> list[str]:
    return [printable(value) for value in values if value]
