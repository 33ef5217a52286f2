"""Is it free? And if not, why, and what is."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.contracts.booking import BookingAvailabilityView, BookingChange, Stay
from holdfast.contracts.inventory import AvailabilityQuery, AvailabilityView, VenueSearch, Wish
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.rules.nights import after_nights, nights_in
from holdfast.kernel.errors import Refusal


class CheckAvailability:
    """Ask the inventory's evaluator, the same that judges the claim; alternatives only where the answer is no."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory

    async def execute(self, stay: Stay, *, now: datetime) -> BookingAvailabilityView:
        (wish,) = await wishes_of(self.inventory, [stay])
        answer = await self.ask(wish, now=now)
        return BookingAvailabilityView(
            available=answer.available,
            reason=answer.reason,
            remaining=answer.remaining,
            held_until=answer.held_until,
            alternatives=[] if answer.available else await self.inventory.alternatives(wish, now=now),
        )

    async def ask(self, wish: Wish, *, now: datetime) -> AvailabilityView:
        when = {"start_at": wish.start_at, "end_at": wish.end_at, "quantity": wish.quantity}
        if wish.venue_id is not None:
            search = VenueSearch.model_validate({"venue_id": wish.venue_id, **when})
            return await self.inventory.check_venue(search, now=now)
        query = AvailabilityQuery.model_validate({"resource_id": wish.resource_id, **when})
        return await self.inventory.check_availability(query, now=now)


async def wishes_of(inventory: Inventory, stays: Sequence[Stay]) -> list[Wish]:
    """The stays with their ends worked out; the inventory is asked only where whole nights may be meant."""
    nightly = [stay for stay in stays if nights_in(stay.duration_minutes)]
    zones: Mapping[UUID, str] = {}
    if nightly:
        zones = await inventory.night_zones(
            resource_ids=[stay.resource_id for stay in nightly if stay.resource_id],
            venue_ids=[stay.venue_id for stay in nightly if stay.venue_id],
        )
    return [wish_of(stay, end_of(stay, zones)) for stay in stays]


def end_of(stay: Stay, zones: Mapping[UUID, str]) -> datetime:
    """As said; or so many minutes later; or, where `zones` knows the place, so many nights later."""
    if stay.end_at is not None:
        return stay.end_at
    nights = nights_in(stay.duration_minutes)
    zone = zones.get(stay.resource_id or stay.venue_id or UUID(int=0))
    if nights and zone is not None:
        return after_nights(stay.start_at, nights, ZoneInfo(zone))
    return stay.start_at + timedelta(minutes=stay.duration_minutes or 0)


def wish_of(stay: Stay, end_at: datetime) -> Wish:
    return Wish(
        resource_id=stay.resource_id,
        venue_id=stay.venue_id,
        start_at=stay.start_at,
        end_at=end_at,
        quantity=stay.party_size,
    )


def in_words_of(asked: Stay | BookingChange, refusal: Refusal) -> None:
    """Point at the field of the request where the inventory pointed at its own."""
    if refusal.pointer == "/quantity":
        refusal.pointer = "/party_size"
    elif refusal.pointer == "/end_at" and asked.end_at is None:
        refusal.pointer = "/duration_minutes" if isinstance(asked, Stay) else "/start_at"


async def offer_alternatives(inventory: Inventory, refusal: Refusal, wish: Wish, *, now: datetime) -> None:
    """Add what is free instead to a refusal that says why; to be asked after the transaction is over."""
    if "reason" in refusal.facts:
        found = await inventory.alternatives(wish, now=now)
        refusal.facts["alternatives"] = [each.model_dump(mode="json") for each in found]
