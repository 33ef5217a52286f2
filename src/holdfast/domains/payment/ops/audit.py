"""Check every payment against the ledger and against its booking, on live data."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView, Lifecycle, Status
from holdfast.contracts.identity import SYSTEM
from holdfast.domains.payment.ports import Bookings
from holdfast.domains.payment.queries import audits
from holdfast.domains.payment.queries.audits import Account, Held
from holdfast.domains.payment.rules.postings import keeps, owed
from holdfast.kernel.errors import NotFound
from holdfast.kernel.invariants import BREACHES_SHOWN, Breach, Finding, check

BATCH = 1_000
LIVE = frozenset({Status.PENDING, Status.CONFIRMED, Status.CHECKED_IN, Status.COMPLETED})
# the relay tells within seconds; a refund that a booking asks for is written with the telling
IN_FLIGHT = timedelta(minutes=5)

HAS_BOOKING = "money has a live booking, or a refund on its way"
OWES_ALIKE = "a guest owes what the booking says"


class AuditPayments:
    """The ledger, captures and refunds that do not go together, money without a booking, and guests who owe here
    what their bookings do not say."""

    def __init__(self, db: AsyncSession, bookings: Bookings) -> None:
        self.db = db
        self.bookings = bookings

    async def execute(self, *, now: datetime) -> list[Finding]:
        return [*await check(self.db, audits.INVARIANTS, now=now), *await self.beside_bookings(now=now)]

    async def beside_bookings(self, *, now: datetime) -> list[Finding]:
        """Every booking's money and debt beside the booking, asked batch by batch."""
        found: dict[str, list[Breach]] = {HAS_BOOKING: [], OWES_ALIKE: []}
        last = UUID(int=0)
        while batch := await audits.accounts_after(self.db, last, limit=BATCH):
            for account in batch:
                booking_id = account.held.booking_id
                booking = await self.booking_of(booking_id)
                details = {
                    HAS_BOOKING: astray(account.held, booking, now=now),
                    OWES_ALIKE: misstated(account, booking, now=now),
                }
                for invariant, detail in details.items():
                    if detail is not None and len(found[invariant]) < BREACHES_SHOWN:
                        found[invariant].append(Breach(subject=booking_id, detail=detail))
            last = batch[-1].held.booking_id
        return [Finding(invariant=invariant, breaches=breaches) for invariant, breaches in found.items()]

    async def booking_of(self, booking_id: BookingId) -> BookingView | None:
        try:
            return await self.bookings.get(booking_id, actor=SYSTEM)
        except NotFound:
            return None


def astray(held: Held, booking: BookingView | None, *, now: datetime) -> str | None:
    """Why this money should not be here; None where it should, or where news may still be on their way."""
    if held.amount.minor <= 0:
        return None
    has = f"{held.amount} {held.amount.currency}"
    if booking is None:
        return f"{has} without a booking"
    live = booking.status in LIVE and booking.lifecycle_status is not Lifecycle.REFUNDED
    if live or fresh(held, booking, now=now):
        return None
    ours = keeps(booking, held.taken)
    if held.amount <= ours:
        return None
    ended = booking.lifecycle_status if booking.status in LIVE else booking.status
    return f"{has}, and the booking is {ended}" + (f": {ours} are the house's" if ours.minor else "")


def misstated(account: Account, booking: BookingView | None, *, now: datetime) -> str | None:
    """How the ledger and the booking differ in what its guest owes; None while a refund is on its way."""
    if booking is None or account.waits or fresh(account.held, booking, now=now):
        return None
    said = owed(booking, account.owes.currency)
    if said is None or said == account.owes:
        return None
    return (
        f"{account.owes} {account.owes.currency} in the ledger, {said} by the booking, which is {booking.status}"
    )


def fresh(held: Held, booking: BookingView, *, now: datetime) -> bool:
    return now - max(held.at, booking.updated_at) < IN_FLIGHT
