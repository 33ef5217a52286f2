"""Check every booking against its history and its claim, on live data."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import ItemStatus, Status
from holdfast.contracts.inventory import ReservationId, ReservationStatus, ReservationView
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import audits
from holdfast.domains.booking.queries.audits import HeldItem, Holder
from holdfast.domains.booking.rules.machines import GIVEN_UP
from holdfast.kernel.invariants import BREACHES_SHOWN, Breach, Finding, check

BATCH = 5_000
# a hold that ran out frees itself, and a completed stay needs none
SOLD = frozenset({Status.CONFIRMED, Status.CHECKED_IN})

HOLDS = "a sold booking holds its claim"
HOLDS_NOTHING = "a given-up booking holds nothing"
AGREES = "a booking and its claim agree in resource and time"
ITEMS_HOLD = "a sold booking's confirmed items hold what is ours of them"
GONE_ITEMS_HOLD_NOTHING = "a removed or given-up item holds nothing"


class AuditBookings:
    """History that does not replay, bookings nobody sweeps, bookings and claims that do not go together."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(self, *, now: datetime) -> list[Finding]:
        return [*await check(self.db, audits.INVARIANTS, now=now), *await self.claims()]

    async def claims(self) -> list[Finding]:
        """Every booking beside its claim, asked batch by batch; in `snapshot` both are of the same instant."""
        found: dict[str, list[Breach]] = {
            invariant: [] for invariant in (HOLDS, HOLDS_NOTHING, AGREES, ITEMS_HOLD, GONE_ITEMS_HOLD_NOTHING)
        }
        last = UUID(int=0)
        while batch := await audits.holders_after(self.db, last, limit=BATCH):
            ids = [holder.id for holder in batch]
            claims: dict[UUID, dict[ReservationId, ReservationView]] = {id_: {} for id_ in ids}
            for claim in await self.inventory.claims_of(ids):
                claims[claim.booking_id][claim.reservation_id] = claim
            items = await audits.items_of(self.db, ids)
            for holder in batch:
                mine = claims[holder.id]
                of_items = items_discord(holder, items.get(holder.id, ()), mine)
                for invariant, detail in chain(discord(holder, mine), of_items):
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


def items_discord(
    holder: Holder, items: Sequence[HeldItem], claims: Mapping[ReservationId, ReservationView]
) -> Iterator[tuple[str, str]]:
    """The same between a booking's items and their claims. A claim keeps the number of the item that made it, and
    may be another's now, which came in its place."""
    standing = {item.reservation_id for item in items if item.status is not ItemStatus.REMOVED}
    numbered = (
        {each.item: each for each in claims.values() if each.reservation_id not in standing} if items else {}
    )
    for item in items:
        claim = claims.get(item.reservation_id) if item.reservation_id else None
        sold = holder.status in SOLD and item.status is ItemStatus.CONFIRMED
        if sold and item.resource_id is not None and not holds(item, claim):
            yield ITEMS_HOLD, f"item {item.number}, {item.label}: no committed claim of its own"
        if holder.status in GIVEN_UP and claim is not None:
            yield GONE_ITEMS_HOLD_NOTHING, f"{holder.status}, but item {item.number} holds {claim.reservation_id}"
        if item.status is ItemStatus.REMOVED and (left := numbered.get(item.number)):
            yield GONE_ITEMS_HOLD_NOTHING, f"item {item.number} is gone, but holds {left.reservation_id}"


def holds(item: HeldItem, claim: ReservationView | None) -> bool:
    if claim is None or claim.status is not ReservationStatus.COMMITTED:
        return False
    claimed = (claim.resource_id, claim.start_at, claim.end_at)
    return claimed == (item.resource_id, item.start_at, item.end_at)
