"""What bookings ought to do, told a second time and as simply as possible: lists in memory, no machines in tables.

Every command returns the type of the problem it must meet, or None and has happened.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID

MINUTE = timedelta(minutes=1)
QUARTER = 15 * MINUTE
TTL = 15 * MINUTE
GRACE = 120 * MINUTE
PRICE = 12_000
# on this day even the priced places cost nothing
FREE_DAY = date(2030, 1, 9)

Claim = Literal["held", "committed", "released"]
Step = tuple[int, str, str]
OPEN = ("PENDING", "CONFIRMED", "CHECKED_IN")
EDGES = {
    "PENDING": ("CONFIRMED", "CANCELLED", "EXPIRED"),
    "CONFIRMED": ("CHECKED_IN", "CANCELLED", "NO_SHOW"),
    "CHECKED_IN": ("COMPLETED", "CANCELLED"),
}


@dataclass
class Place:
    """`pool`: so many covers in each quarter of an hour; else one party at a time."""

    id: UUID
    name: str
    seats: int
    priced: bool
    pool: bool = False

    def due(self, start: datetime) -> int:
        return PRICE if self.priced and start.date() != FREE_DAY else 0


@dataclass
class Booking:
    id: UUID
    place: Place
    start: datetime
    end: datetime
    party: int
    due: int
    expires_at: datetime
    status: str = "PENDING"
    lifecycle: str = "booking_created"
    version: int = 1
    captured: int = 0
    asked_back: int = 0
    captures: list[UUID] = field(default_factory=list)
    claim: Claim = "held"
    events: list[str] = field(default_factory=lambda: ["booking.created"])
    history: list[Step] = field(default_factory=lambda: [(1, "PENDING", "booking_created")])

    def holds(self, now: datetime) -> bool:
        return self.claim == "committed" or (self.claim == "held" and now < self.expires_at)

    @property
    def kept(self) -> int:
        return self.captured - self.asked_back

    def give_back(self, amount: int) -> None:
        if amount > 0:
            self.asked_back += amount
            self.events.append("booking.refund_requested")

    def go(self, status: str, *ways: str) -> None:
        """Take these steps of the lifecycle; the status arrives after those that only lead there."""
        for lifecycle in ways:
            before_arrival = status == "CONFIRMED" and lifecycle == "payment_pending"
            before_arrival |= status == "COMPLETED" and lifecycle == "documents_generated"
            self.status = self.status if before_arrival else status
            self.lifecycle = lifecycle
            self.history.append((self.version, self.status, lifecycle))
        self.events += ["booking.status_changed", f"booking.{status.lower()}"]
        if status in ("CANCELLED", "EXPIRED", "NO_SHOW"):
            self.claim = "released"
        if status in ("CANCELLED", "EXPIRED"):
            self.give_back(self.kept)

    def confirm(self) -> None:
        """What expired comes back without its way through the stages."""
        before = () if self.status == "EXPIRED" else ("payment_pending",)
        self.go("CONFIRMED", *before, "payment_confirmed", "supplier_confirmed")
        self.claim = "committed"


@dataclass
class House:
    """`tables` are those of the venue where a request may leave the choice to us, in the order of choice."""

    tables: list[Place]
    bookings: dict[UUID, Booking] = field(default_factory=dict)
    now: datetime = datetime(2030, 1, 7, 8, tzinfo=UTC)

    def fits(self, place: Place, start: datetime, end: datetime, party: int, but: Booking | None = None) -> bool:
        others = [
            each
            for each in self.bookings.values()
            if each is not but and each.place is place and each.holds(self.now)
        ]
        others = [each for each in others if each.start < end and each.end > start]
        if not place.pool:
            return not others
        quarters = [start + n * QUARTER for n in range((end - start) // QUARTER)]
        taken = [sum(each.party for each in others if each.start <= at < each.end) for at in quarters]
        return max(taken) + party <= place.seats

    def choose(self, places: list[Place], start: datetime, end: datetime, party: int) -> Place | str:
        if start < self.now:
            return "not-bookable"
        seating = [place for place in places if place.seats >= party]
        if not seating:
            return "party-too-large"
        free = [place for place in seating if self.fits(place, start, end, party)]
        return free[0] if free else "slot-taken"

    def create(self, booking_id: UUID, place: Place, start: datetime, end: datetime, party: int) -> Booking:
        booking = Booking(booking_id, place, start, end, party, place.due(start), self.now + TTL)
        self.bookings[booking_id] = booking
        if not booking.due:
            booking.confirm()
        return booking

    def update(  # noqa: PLR0911 - a list of refusals in their order
        self, booking: Booking, version: int, start: datetime | None = None, party: int | None = None
    ) -> str | None:
        """A move keeps the length; neither start nor party is a change of the notes."""
        if version != booking.version:
            return "version-conflict"
        if booking.status not in OPEN:
            return "booking-closed"
        begin, guests = start or booking.start, party or booking.party
        end = begin + (booking.end - booking.start)
        if (begin, guests) != (booking.start, booking.party):
            if not booking.holds(self.now):
                return "hold-gone"
            if begin != booking.start and begin < self.now:
                return "not-bookable"
            if booking.place.seats < guests:
                return "party-too-large"
            if not self.fits(booking.place, begin, end, guests, but=booking):
                return "slot-taken"
            booking.start, booking.end, booking.party = begin, end, guests
            booking.due = booking.place.due(begin)
        elif booking.status == "PENDING" and booking.kept >= booking.due and not booking.holds(self.now):
            return "hold-gone"
        booking.version += 1
        booking.events.append("booking.updated")
        booking.give_back(booking.kept - booking.due)
        if booking.status == "PENDING" and booking.kept >= booking.due:
            booking.confirm()
        return None

    def change(  # noqa: PLR0911
        self, booking: Booking, status: str, version: int | None, override: bool
    ) -> str | None:
        if version not in (None, booking.version):
            return "version-conflict"
        if status not in EDGES.get(booking.status, ()):
            return "transition-not-allowed"
        if status == "CONFIRMED" and not override and booking.kept < booking.due:
            return "payment-due"
        if status == "CHECKED_IN" and not override and self.now < booking.start - timedelta(hours=24):
            return "check-in-not-open"
        if status == "CHECKED_IN" and not override and booking.kept < booking.due:
            return "payment-due"
        if status == "NO_SHOW" and not override and self.now < booking.start:
            return "not-yet-no-show"
        if status == "CONFIRMED" and not booking.holds(self.now):
            return "hold-gone"
        booking.version += 1
        if status == "CONFIRMED":
            booking.confirm()
        elif status == "COMPLETED":
            booking.go(status, "documents_generated", "completed")
        else:
            booking.go(status, "supplier_confirmed" if status == "CHECKED_IN" else "cancelled")
        return None

    def capture(self, booking: Booking, capture_id: UUID, amount: int) -> None:
        """Each capture counts once. What comes late gets its time again while it is free, or goes back."""
        if capture_id in booking.captures:
            return
        booking.captured += amount
        booking.captures.append(capture_id)
        booking.version += 1
        if booking.status in ("PENDING", "EXPIRED") and booking.kept >= booking.due:
            free = booking.start >= self.now and self.fits(
                booking.place, booking.start, booking.end, booking.party, but=booking
            )
            if booking.holds(self.now) or free:
                booking.confirm()
                booking.give_back(booking.kept - booking.due)
                return
            if booking.status == "PENDING":
                booking.go("EXPIRED", "cancelled")
                return
        booking.events.append("booking.updated")
        booking.give_back(amount if booking.status in ("CANCELLED", "EXPIRED") else booking.kept - booking.due)

    def sweep(self) -> tuple[int, int]:
        """How many expired, and how many never came."""
        late = [
            each for each in self.bookings.values() if each.status == "PENDING" and each.expires_at <= self.now
        ]
        missed = [
            each
            for each in self.bookings.values()
            if each.status == "CONFIRMED" and each.start <= self.now - GRACE
        ]
        for status, swept in (("EXPIRED", late), ("NO_SHOW", missed)):
            for booking in swept:
                booking.version += 1
                booking.go(status, "cancelled")
        return len(late), len(missed)
