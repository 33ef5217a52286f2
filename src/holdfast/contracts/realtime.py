"""What is told at `/socket.io` as it happens: ids, states, times and amounts, nothing about any person.

event                 to rooms                                   data
booking.<what>        booking:<id>, venue:<id>, staff            BookingPulse
revenue.tick          staff                                      RevenueTick
flight.search.pulse   staff                                      FlightSearchPulse
"""

from datetime import date
from typing import ClassVar

from pydantic import StrictInt

from holdfast.contracts.booking import BookingId, Lifecycle, Status
from holdfast.contracts.identity import UserId
from holdfast.contracts.inventory import ResourceId, VenueId
from holdfast.kernel.contract import Contract, Instant

STAFF_ROOM = "staff"


class BookingPulse(Contract):
    """A booking's step, as its event told it."""

    booking_id: BookingId
    reference: str
    version: int
    status: Status
    lifecycle_status: Lifecycle
    resource_id: ResourceId
    venue_id: VenueId
    start_at: Instant
    end_at: Instant
    occurred_at: Instant


class RevenueTick(Contract):
    """Money was taken. `total_today`: all that was taken on this day (UTC) in this currency, what went back not
    subtracted."""

    event: ClassVar[str] = "revenue.tick"

    amount: str
    currency: str
    at: Instant
    total_today: str


class FlightSearchPulse(Contract):
    """Somebody looks for flights: IATA codes and a day, never who."""

    event: ClassVar[str] = "flight.search.pulse"

    origin: str
    destination: str
    departs_on: date
    passengers: StrictInt
    at: Instant


class Announcement(Contract):
    """A message to all processes that serve: what their clients in these rooms are told."""

    event: str
    rooms: list[str]
    data: BookingPulse | RevenueTick | FlightSearchPulse


class Recheck(Contract):
    """Another message to them: look again at what this account may do, at once."""

    recheck: UserId
