"""What instant a wall-clock time means.

A local time that the clocks skip is the instant they jump; of one that happens twice an opening takes the first
and a closing the second.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def instant(local: datetime, zone: ZoneInfo, *, closing: bool = False) -> datetime:
    """The instant (UTC) that a naive local time means, by the rule at the top."""
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    assert before is not None and after is not None  # noqa: PT018 - a ZoneInfo always knows its offset
    if before < after:
        return jump(second.astimezone(UTC), first.astimezone(UTC), zone)
    return (second if closing else first).astimezone(UTC)


def jump(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between the two (whole seconds, UTC) at which the zone changes its offset."""
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=int((after - before).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after
