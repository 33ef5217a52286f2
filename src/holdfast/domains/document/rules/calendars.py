"""An itinerary as a calendar (RFC 5545): every stop an event at its own zone's clock."""

from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from holdfast.domains.document.facts import Facts, Stop
from holdfast.domains.document.rules.voice import Voice
from holdfast.domains.document.rules.words import printable


def calendar(facts: Facts) -> bytes:
    """The same facts give the same bytes; a new version replaces the events of the one before."""
    made = Calendar()
    made.add("prodid", "-//Holdfast//Itinerary//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    for index, each in enumerate(facts.stops, 1):
        made.add_component(event(facts, each, index))
    made.add_missing_timezones()
    written: bytes = made.to_ical()
    return written


def event(facts: Facts, stop: Stop, index: int) -> Event:
    zone = ZoneInfo(stop.zone)
    made = Event()
    made.add("uid", f"{facts.booking_id}-{index}@holdfast")
    made.add("sequence", facts.version - 1)
    made.add("dtstamp", facts.issued_at)
    made.add("dtstart", stop.start_at.astimezone(zone))
    made.add("dtend", stop.end_at.astimezone(zone))
    made.add("summary", printable(stop.title))
    if stop.place:
        made.add("location", printable(stop.place))
    booking = Voice.of(facts.language).name("booking")
    said = [f"{booking} {facts.reference}", stop.provider, stop.confirmation]
    made.add("description", "\n".join(printable(each) for each in said if each))
    return made
