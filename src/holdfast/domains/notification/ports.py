"""What notification needs from others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from holdfast.contracts.booking import BookingId, BookingView, ItemsView
from holdfast.contracts.document import DocumentFile, DocumentId, DocumentsView
from holdfast.contracts.identity import Actor, Preferences, UserId, UserView
from holdfast.contracts.inventory import VenueId, VenueView
from holdfast.contracts.notification import AddressView


@dataclass(frozen=True)
class Enclosure:
    """A file that goes with a letter."""

    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """A message in words; `to` is an address, or the number of a telephone, and then there is no HTML.

    `id` and `written_at` stay the same however often it is tried.
    """

    id: UUID
    to: str
    to_name: str | None
    language: str
    subject: str
    text: str
    html: str
    written_at: datetime
    attachments: tuple[Enclosure, ...] = ()


class Mailer(Protocol):
    """Hands letters to the next mail server, or as text messages to a gateway."""

    async def send(self, letter: Letter) -> str | None:
        """Returns what the other side said once it has taken it. Deferred or Rejected where it did not; nothing
        else."""


class Documents(Protocol):
    """Has what messages carry."""

    async def file(self, document_id: DocumentId, *, now: datetime) -> DocumentFile:
        """Its PDF, or a NotFound; another refusal where it cannot be had right now."""


class Papers(Protocol):
    """Knows which documents a booking has."""

    async def list_of_booking(self, booking_id: BookingId, *, actor: Actor) -> DocumentsView:
        """Oldest first, or a NotFound."""


class MailDomains(Protocol):
    """Knows what the domain of an address says about its mail."""

    async def check(self, email: str) -> AddressView: ...


class People(Protocol):
    """Knows who people are, what they want to be told, in which language and by which way."""

    async def preferences(self, user_id: UserId) -> Preferences | None:
        """None where there is no such account: a guest who booked without one."""

    async def language(self, user_id: UserId) -> str | None:
        """What they chose; None where they said nothing."""

    async def account(self, user_id: UserId) -> UserView | None:
        """Whom to write to; None where there is no such account."""


class Bookings(Protocol):
    """Knows whom a booking is for: events carry no personal data."""

    async def get(self, booking_id: BookingId, *, actor: Actor) -> BookingView:
        """The booking, or a NotFound."""

    async def list_items(self, booking_id: BookingId, *, actor: Actor) -> ItemsView: ...


class Venues(Protocol):
    """Knows in which zone a venue's clocks are."""

    async def get_venue(self, venue_id: VenueId) -> VenueView:
        """The venue, or a NotFound."""
