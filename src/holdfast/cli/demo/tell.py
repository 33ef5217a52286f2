"""The story's chapters in order."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from rich.table import Table
from rich.text import Text

from holdfast.api.admin.invariants import AuditView
from holdfast.cli.demo import clinic, hotel, restaurant, visitors
from holdfast.cli.demo.api import Api
from holdfast.cli.demo.places import Place, Places
from holdfast.cli.demo.story import NothingFree, Scene
from holdfast.cli.demo.teller import Teller, table
from holdfast.contracts.booking import BookingView

Outcome = TypeVar("Outcome")


@dataclass(frozen=True)
class Voices:
    """Who calls in the story: nobody in particular, the house, and an account that has nothing to do with it."""

    nobody: Api
    staff: Api
    stranger: Api


def tell(voices: Voices, teller: Teller, places: Places, *, folder: Path, now: datetime) -> list[BookingView]:
    """All of it but the mail; bookings to look at afterwards, the livelier first, as far as there was room."""
    api = voices.staff
    teller.chapter("Three venues", "A room type, four tables and a practitioner: one engine, one set of rules.")
    teller.table(overview(places))

    def scene(place: Place) -> Scene:
        return Scene(api, teller, place, now, folder)

    second = attempt(teller, lambda: clinic.two_guests(scene(places.clinic)))
    stayed = attempt(teller, lambda: hotel.stay(scene(places.hotel)))
    dined = attempt(teller, lambda: restaurant.dinner(scene(places.restaurant)))
    if second is not None:
        clinic.change_of_mind(scene(places.clinic), second)
        visitors.without_account(scene(places.clinic), voices.nobody, voices.stranger, second)
    audit(api, teller)
    return [booking for booking in (dined, stayed, second) if booking is not None]


def attempt(teller: Teller, part: Callable[[], Outcome]) -> Outcome | None:
    """A part of the story; what earlier tellings booked may leave it nothing to book."""
    try:
        return part()
    except NothingFree as error:
        teller.note(str(error))
        return None


def overview(places: Places) -> Table:
    drawn = table("venue", "time of", "to book", "price")
    for place in (places.hotel, places.restaurant, places.clinic):
        drawn.add_row(place.venue.name, place.city, place.offer, place.price)
    return drawn


def audit(api: Api, teller: Teller) -> None:
    teller.chapter(
        "Does it all add up?",
        "Checked on the live data: nothing is sold twice, every counter equals its allocations, every history "
        "leads to its booking's state, no event is stuck.",
    )
    asked = api.ask("GET", "/api/v1/admin/invariants")
    teller.exchange(asked)
    answer = asked.read(AuditView)
    broken = [finding.invariant for finding in answer.findings if finding.breaches]
    kept = Text(f"all {len(answer.findings)} hold", "green")
    teller.facts({"invariants": Text(f"BROKEN: {', '.join(broken)}", "bold red") if broken else kept})
