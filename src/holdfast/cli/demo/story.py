"""What every chapter needs, and the facts of a booking as the story shows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from uuid import UUID

from rich.text import Text

from holdfast.cli.demo.api import Api, Exchange
from holdfast.cli.demo.places import Place
from holdfast.cli.demo.teller import Teller, money, period
from holdfast.contracts.booking import BookingAvailabilityView, BookingDraft, BookingView, GuestDraft, Status, Stay
from holdfast.contracts.inventory import SlotsView, SlotView
from holdfast.contracts.pricing import Terms

BOOKINGS = "/api/v1/bookings"
FIRST_GUEST = GuestDraft(name="First guest", email="first.guest@example.org")
SECOND_GUEST = GuestDraft(name="Second guest", email="second.guest@example.org")
WAITING = frozenset({Status.DRAFT, Status.PENDING})


class NothingFree(Exception):
    """Earlier tellings have booked everything that this chapter looks at."""


@dataclass(frozen=True)
class Scene:
    """One venue's part of the story: where, from when, through which API, told by whom; files go to `folder`."""

    api: Api
    teller: Teller
    place: Place
    now: datetime
    folder: Path

    def book(self, draft: BookingDraft) -> BookingView:
        asked = self.api.ask("POST", BOOKINGS, draft, expect=HTTPStatus.CREATED)
        self.teller.exchange(asked, self.wish(draft))
        booking = asked.read(BookingView)
        self.teller.facts(self.facts(booking))
        return booking

    def wish(self, stay: Stay) -> dict[str, object]:
        """The key fields of a request, the time as the venue's clock shows it."""
        start = stay.start_at.astimezone(self.place.zone).isoformat(timespec="minutes")
        length: dict[str, object] = {"duration_minutes": stay.duration_minutes}
        if stay.end_at is not None:
            length = {"end_at": stay.end_at.astimezone(self.place.zone).isoformat(timespec="minutes")}
        return {"start_at": start, **length, "party_size": stay.party_size}

    def facts(self, booking: BookingView) -> dict[str, str | Text]:
        return {
            "booking": f"{booking.reference}, {self.place.label(booking.resource_id)}",
            "when": period(booking.start_at, booking.end_at, self.place.zone),
            "status": status(booking),
            "price": price(booking),
        }

    def slots(self, resource_id: UUID, query: Mapping[str, str | int]) -> tuple[Exchange, list[SlotView]]:
        asked = self.api.ask("GET", f"/api/v1/resources/{resource_id}/slots", query=query)
        return asked, asked.read(SlotsView).items

    def days(self, count: int) -> dict[str, str | int]:
        """The venue's today and the days after it, as a slot list takes them."""
        today = self.now.astimezone(self.place.zone).date()
        return {"from": today.isoformat(), "to": (today + timedelta(days=count - 1)).isoformat()}

    def check(self, stay: Stay) -> BookingAvailabilityView:
        asked = self.api.ask("POST", f"{BOOKINGS}/availability/check", stay)
        self.teller.exchange(asked, self.wish(stay))
        answer = asked.read(BookingAvailabilityView)
        free = Text("free", "green") if answer.available else Text(f"not free: {answer.reason}", "yellow")
        self.teller.facts({"answer": free})
        return answer


def status(booking: BookingView) -> Text:
    style = "yellow" if booking.status in WAITING else "green"
    return Text.assemble((booking.status, style), f", {booking.lifecycle_status}")


def price(booking: BookingView) -> str:
    total = money(booking.price.total, booking.price.currency)
    told = {
        Terms.NONE: "free",
        Terms.AT_VENUE: f"{total}, paid at the venue",
        Terms.DEPOSIT: f"{total}, of which {booking.price.due_now} now",
        Terms.FULL: f"{total}, due now",
    }
    return told[booking.price.terms]
