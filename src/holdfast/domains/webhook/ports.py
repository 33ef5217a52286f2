"""What webhook needs from others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import VenueId, VenueView


@dataclass(frozen=True)
class Parcel:
    """A signed message, ready to be sent."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What an endpoint said: `text` is the beginning of its body, `retry_after` the header of that name."""

    status: int
    text: str
    retry_after: str | None = None


class Sender(Protocol):
    """Hands a parcel to an endpoint, within a time of its own; follows no redirect."""

    async def send(self, parcel: Parcel) -> Answer:
        """The answer, whatever its status. Unreached where none came; nothing else."""


class Bookings(Protocol):
    """Knows at which venue a booking is."""

    async def get(self, booking_id: BookingId, *, actor: Actor) -> BookingView:
        """The booking, or a NotFound."""


class Venues(Protocol):
    """Knows whose venue it is."""

    async def get_venue(self, venue_id: VenueId) -> VenueView:
        """The venue, or a NotFound."""
