"""In which country a venue stands: its clocks say so, where nobody else has."""

from functools import cache
from importlib.resources import files


@cache
def countries() -> dict[str, str]:
    """IANA's own table, zone -> ISO 3166-1 alpha-2; a zone of several countries counts for that of its city."""
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if line and not line.startswith("#"))
    return {row[2]: row[0] for row in rows}


def country_of(zone: str) -> str | None:
    """None for zones without a place, such as UTC."""
    return countries().get(zone)
