"""A period as pricing counts it: in the venue's local calendar."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from holdfast.contracts.pricing import MAX_STAY_DAYS, EstimateQuery, PriceQuery
from holdfast.domains.pricing.exceptions import EstimateLengthUnclear, StayTooLong

MICROSECONDS_PER_HOUR = 3_600_000_000
# the edges of a local day, between which every start of that date lies
EARLIEST, LATEST = time(0, 0), time(23, 59)
# exists on every day in every zone, which midnight does not
NOON = time(12, 0)


@dataclass(frozen=True)
class Stay:
    """`nights`: local dates from start to end, at least 1. `hours`: really elapsed, so a night in which the
    clocks go back has one more."""

    starts_on: date
    nights: int
    hours: Fraction
    party_size: int

    def night_dates(self) -> list[date]:
        return [self.starts_on + timedelta(days=night) for night in range(self.nights)]


def stay_between(start_at: datetime, end_at: datetime, *, zone: ZoneInfo, party_size: int) -> Stay:
    """Raises StayTooLong beyond 366 days."""
    elapsed = end_at.astimezone(UTC) - start_at.astimezone(UTC)
    # an autumn among the nights makes the longest stay an hour longer
    if elapsed > timedelta(days=MAX_STAY_DAYS, hours=1):
        raise StayTooLong(pointer="/end_at")
    starts_on, ends_on = start_at.astimezone(zone).date(), end_at.astimezone(zone).date()
    hours = Fraction(elapsed // timedelta(microseconds=1), MICROSECONDS_PER_HOUR)
    return Stay(starts_on, max(1, (ends_on - starts_on).days), hours, party_size)


def stay_of(query: PriceQuery, zone: ZoneInfo) -> Stay:
    return stay_between(query.start_at, query.end_at, zone=zone, party_size=query.party_size)


def possible_stays(query: EstimateQuery, zone: ZoneInfo) -> list[Stay]:
    """The stays that start on the dates asked for.

    Nights run to the same wall-clock time. A length in minutes starts anywhere in the day; only the earliest and
    the latest start are needed, since they spend the fewest and the most nights. Raises EstimateLengthUnclear.
    """
    if (query.nights is None) == (query.duration_minutes is None):
        raise EstimateLengthUnclear(pointer="/nights")
    stays: dict[Stay, None] = {}
    for day in range((query.to_on - query.from_on).days + 1):
        date_on = query.from_on + timedelta(days=day)
        for start_at, end_at in periods(date_on, query, zone):
            stays[stay_between(start_at, end_at, zone=zone, party_size=query.party_size)] = None
    return list(stays)


def periods(starts_on: date, query: EstimateQuery, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    if query.nights is not None:
        ends_on = starts_on + timedelta(days=query.nights)
        return [(datetime.combine(starts_on, NOON, zone), datetime.combine(ends_on, NOON, zone))]
    length = timedelta(minutes=query.duration_minutes or 0)
    starts = [datetime.combine(starts_on, at, zone).astimezone(UTC) for at in (EARLIEST, LATEST)]
    return [(start, start + length) for start in starts]
