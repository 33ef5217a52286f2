"""What document needs from others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from holdfast.contracts.booking import (
    BookingId,
    BookingView,
    HistoryView,
    ItemsView,
    LifecycleChange,
    LifecycleView,
    PassengersView,
    StatusChange,
)
from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.inventory import VenueId, VenueView
from holdfast.kernel.idempotency import Answer


class Bookings(Protocol):
    """Booking's facade: what was sold to whom, and the one way to move it."""

    async def get(self, booking_id: BookingId, *, actor: Actor) -> BookingView: ...

    async def history(self, booking_id: BookingId, *, actor: Actor) -> HistoryView: ...

    async def list_passengers(self, booking_id: BookingId, *, actor: Actor) -> PassengersView: ...

    async def list_items(self, booking_id: BookingId, *, actor: Actor) -> ItemsView: ...

    async def change_status(
        self, booking_id: BookingId, change: StatusChange, *, now: datetime, actor: Actor
    ) -> Answer[BookingView]: ...

    async def change_lifecycle(
        self, booking_id: BookingId, change: LifecycleChange, *, now: datetime, actor: Actor
    ) -> Answer[LifecycleView]: ...


class Venues(Protocol):
    """Knows where a venue is, whose it is and what its clocks say."""

    async def get_venue(self, venue_id: VenueId) -> VenueView: ...


class People(Protocol):
    """Knows in which language people want to be told."""

    async def language(self, user_id: UserId) -> str | None:
        """None where the account says nothing, or there is none."""


@dataclass(frozen=True)
class Embedded:
    """A file inside the PDF, with the XMP properties that announce it."""

    filename: str
    content: bytes
    description: str


@dataclass(frozen=True)
class Print:
    """What came off the press: `standard` is `PDF/A-3b`, or `PDF` where a character had no font."""

    content: bytes
    standard: str


class Press(Protocol):
    """Sets a template with its sheet. The same sheet gives the same bytes on the same machine."""

    async def pdf(
        self,
        template: str,
        sheet: dict[str, object],
        *,
        made_at: datetime,
        embedded: Embedded | None = None,
    ) -> Print:
        """Typeset; PressFailed where the template or its sheet is broken."""


class Storage(Protocol):
    """Keeps files under keys such as `2030/ab12….pdf`; writing one again with the same bytes changes nothing."""

    async def put(self, key: str, content: bytes) -> None:
        """StorageUnavailable."""

    async def get(self, key: str) -> bytes | None:
        """The bytes, or None. StorageUnavailable."""
