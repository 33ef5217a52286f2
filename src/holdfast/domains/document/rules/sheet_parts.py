"""What sheets have in common: rows of a name and its value, where it is, when it is."""

from collections.abc import Mapping

from pydantic import JsonValue

from holdfast.contracts.inventory import MINUTES_PER_DAY
from holdfast.domains.document.facts import Facts
from holdfast.domains.document.rules.voice import Voice
from holdfast.domains.document.rules.words import local_day, present, printable

Sheet = dict[str, JsonValue]

TIMES, DASH = "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"


def rows(named: Mapping[str, str | None]) -> list[JsonValue]:
    return [{"name": name, "value": printable(value)} for name, value in named.items() if value]


def place(facts: Facts) -> Sheet:
    return {"name": printable(facts.venue), "lines": [*present([facts.venue_address])]}


def when(facts: Facts, voice: Voice) -> dict[str, str | None]:
    return {
        voice.name("from"): voice.moment(facts.start_at, facts.zone),
        voice.name("until"): voice.moment(facts.end_at, facts.zone),
        voice.name("guests"): voice.counted(facts.party_size, "person", "people"),
        voice.name("zone"): facts.zone,
    }


def stay(facts: Facts, voice: Voice) -> str:
    """`Fri 11 January 2030, 15:00 - Sun 13 January 2030, 11:00 · 2 nights · 2 people`, the dash a long one."""
    nights = (local_day(facts.end_at, facts.zone) - local_day(facts.start_at, facts.zone)).days
    minutes = int((facts.end_at - facts.start_at).total_seconds() // 60)
    over_night = nights > 0 and minutes > MINUTES_PER_DAY // 3
    parts = [
        f"{voice.moment(facts.start_at, facts.zone)} {DASH} {voice.moment(facts.end_at, facts.zone)}",
        voice.counted(nights, "night", "nights") if over_night else "",
        voice.counted(facts.party_size, "person", "people"),
    ]
    return " · ".join(part for part in parts if part)
