"""Check every booking against its history and its claim, on live data."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import Status
from holdfast.contracts.inventory import ReservationId, ReservationStatus, ReservationView
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import audits
from holdfast.domains.booking.queries.audits import Holder
from holdfast.domains.booking.rules.machines import GIVEN_UP
from holdfast.kernel.invariants import BREACHES_SHOWN, Breach, Finding, check

BATCH = 5_000
# a hold that ran out frees itself, and a completed stay needs none
SOLD = frozenset({Status.CONFIRMED, Status.CHECKED_IN})

HOLDS = "a sold booking holds its claim"
HOLDS_NOTHING = "a given-up booking holds nothing"
AGREES = "a booking and its claim agree in resource and time"


class AuditBookings:
    """History that does not replay, bookings nobody sweeps, bookings and claims that do not go together."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(self, *, now: datetime) -> list[Finding]:
        return [*await check(self.db, audits.INVARIANTS, now=now), *await self.claims()]

    async def claims(self) -> list[Finding]:
        """Every booking beside its claim, asked batch by batch; in `snapshot` both are of the same instant."""
        found: dict[str, list[Breach]] = {HOLDS: [], HOLDS_NOTHING: [], AGREES: []}
        last = UUID(int=0)
        while batch := await audits.holders_after(self.db, last, limit=BATCH):
            held = await self.inventory.claims_of([holder.id for holder in batch])
            claims = {claim.reservation_id: claim for claim in held}
            for holder in batch:
                for invariant, detail in discord(holder, claims):
                    if len(found[invariant]) < BREACHES_SHOWN:
                        found[invariant].append(Breach(subject=holder.id, detail=detail))
            last = batch[-1].id
        return [Finding(invariant=invariant, breaches=breaches) for invariant, breaches in found.items()]


def discord(holder: Holder, claims: Mapping[ReservationId, ReservationView]) -> Iterator[tuple[str, str]]:
    """What is wrong between a booking and its live claim: which invariant, and how."""
    claim = claims.get(holder.reservation_id) if holder.reservation_id else None
    if holder.status in SOLD and (claim is None or claim.status is not ReservationStatus.COMMITTED):
        yield HOLDS, "no committed claim"
    if claim is None:
        return
    if holder.status in GIVEN_UP:
        yield HOLDS_NOTHING, f"{holder.status}, but {claim.reservation_id} is {claim.status}"
    elif claim.resource_id != holder.resource_id:
        yield AGREES, f"booked {holder.resource_id}, claimed {claim.resource_id}"
    elif (claim.start_at, claim.end_at) != (holder.start_at, holder.end_at):
        yield (
            AGREES,
            f"booked {holder.start_at:%F %T} to {holder.end_at:%F %T}, "
            f"claimed {claim.start_at:%F %T} to {claim.end_at:%F %T}",
        )
