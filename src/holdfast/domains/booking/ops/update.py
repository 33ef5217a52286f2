"""Change a booking's details; with new times or another party, claim anew and price anew."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingChange, BookingId, BookingView, GuestId
from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import ReservationChange, Wish
from holdfast.contracts.pricing import PriceQuery
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import (
    VIOLATIONS,
    BookingClosed,
    CurrencyChanged,
    EndsBeforeStart,
    EndsTooLate,
    PartyBelowPassengers,
    VersionRequired,
)
from holdfast.domains.booking.ops.availability import in_words_of, offer_alternatives
from holdfast.domains.booking.ops.claim_draft import price_with_items
from holdfast.domains.booking.ops.reprice import Reprice
from holdfast.domains.booking.ports import Inventory, Payments, Pricing
from holdfast.domains.booking.records import BookingRecord
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.guards import same_version
from holdfast.domains.booking.rules.machines import ENDED
from holdfast.domains.booking.rules.nights import moved_end
from holdfast.kernel.contract import LAST_YEAR
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer, Once, keep, kept
from holdfast.kernel.money import Money


class UpdateBooking:
    """Change what a booking says. A move claims the new time and frees the old one atomically, or changes nothing.

    Refusals: VersionRequired, BookingNotFound, VersionConflict, BookingClosed, EndsBeforeStart, EndsTooLate,
    PartyBelowPassengers, CurrencyChanged, those of pricing, and the inventory's (with alternatives) when the new
    time is not to be had.
    """

    def __init__(
        self, db: AsyncSession, inventory: Inventory, pricing: Pricing, payments: Payments | None = None
    ) -> None:
        self.db = db
        self.inventory = inventory
        self.pricing = pricing
        self.payments = payments

    async def execute(
        self, booking_id: BookingId, change: BookingChange, *, now: datetime, actor: Actor
    ) -> Answer[BookingView]:
        if change.expected_version is None:
            raise VersionRequired(pointer="/expected_version")
        once = Once.of(
            change.idempotency_key,
            caller=actor.caller,
            operation="update-booking",
            subject=str(booking_id),
            payload=change,
        )
        wish: Wish | None = None
        try:
            async with transaction(self.db, VIOLATIONS):
                if earlier := await kept(self.db, once, BookingView):
                    return earlier
                booking = await queries.get_for_update(self.db, booking_id)
                allow(actor, Right.CHANGE, booking)
                same_version(booking.version, change.expected_version)
                if booking.status in ENDED:
                    raise BookingClosed(f"it is {booking.status}", booking_status=booking.status)
                await self.seat_passengers(booking, change)
                wish = wished(booking, change, await self.kept_end(booking, change))
                after = described(booking, change, now=now)
                reprice = Reprice(self.db, self.inventory, self.payments)
                if moved(booking, wish):
                    after = await reprice.asking(booking, await self.rebook(after, wish, now=now), now=now)
                stored = await reprice.store(
                    booking,
                    after,
                    sorted(change.model_fields_set - {"expected_version", "idempotency_key"}),
                    cheaper="moved to a cheaper time",
                    idempotency_key=change.idempotency_key,
                    now=now,
                    actor=actor,
                )
                view = stored.view()
                await keep(self.db, once, view, now=now)
        except Refusal as refusal:
            in_words_of(change, refusal)
            if wish is not None:
                await offer_alternatives(self.inventory, refusal, wish, now=now)
            raise
        return Answer(view)

    async def seat_passengers(self, booking: BookingRecord, change: BookingChange) -> None:
        """PartyBelowPassengers where the new party leaves out passengers."""
        if change.party_size is None or change.party_size >= booking.party_size:
            return
        passengers = await queries.passengers_count(self.db, booking.id)
        if change.party_size < passengers:
            raise PartyBelowPassengers(pointer="/party_size", passengers=passengers)

    async def kept_end(self, booking: BookingRecord, change: BookingChange) -> datetime:
        """The end where the change names none: a new start keeps the length, or where nights are sold, those."""
        if change.start_at is None or change.start_at == booking.start_at:
            return booking.end_at
        if change.end_at is None:
            zones = await self.inventory.night_zones(resource_ids=[booking.resource_id])
            if booking.resource_id in zones:
                zone = ZoneInfo(zones[booking.resource_id])
                return moved_end(booking.start_at, booking.end_at, change.start_at, zone)
        return change.start_at + (booking.end_at - booking.start_at)

    async def rebook(self, booking: BookingRecord, wish: Wish, *, now: datetime) -> BookingRecord:
        """Move the claim in place and take the price of the new time; CurrencyChanged."""
        if booking.reservation_id is not None:
            change = ReservationChange(
                reservation_id=booking.reservation_id,
                start_at=wish.start_at,
                end_at=wish.end_at,
                quantity=wish.quantity,
            )
            await self.inventory.move(change, now=now)
        query = PriceQuery(
            resource_id=booking.resource_id,
            start_at=wish.start_at,
            end_at=wish.end_at,
            party_size=wish.quantity,
        )
        price = await price_with_items(self.db, booking, await self.pricing.calculate(query))
        if price.currency != booking.currency and booking.captured_minor:
            raise CurrencyChanged(
                f"{booking.captured} {booking.currency} were captured, the new price is in {price.currency}",
                captured_currency=booking.currency,
                price_currency=price.currency,
            )
        return replace(
            booking,
            start_at=wish.start_at,
            end_at=wish.end_at,
            party_size=wish.quantity,
            currency=price.currency,
            price=price.model_dump(mode="json"),
            due_now_minor=Money.parse(price.due_now, price.currency).minor,
        )


def wished(booking: BookingRecord, change: BookingChange, kept_end: datetime) -> Wish:
    """When, and for how many, the booking is to be; EndsBeforeStart, EndsTooLate."""
    start_at = change.start_at or booking.start_at
    end_at = change.end_at or kept_end
    if end_at <= start_at:
        raise EndsBeforeStart(pointer="/end_at" if change.end_at else "/start_at")
    if end_at.year > LAST_YEAR:
        raise EndsTooLate(pointer="/start_at")
    return Wish(
        resource_id=booking.resource_id,
        start_at=start_at,
        end_at=end_at,
        quantity=change.party_size or booking.party_size,
    )


def moved(booking: BookingRecord, wish: Wish) -> bool:
    return (booking.start_at, booking.end_at, booking.party_size) != (wish.start_at, wish.end_at, wish.quantity)


def described(booking: BookingRecord, change: BookingChange, *, now: datetime) -> BookingRecord:
    """The booking with its new guest, notes and metadata; explicit null clears the notes."""
    given = change.model_fields_set
    guest = change.guest
    if guest is not None:
        booking = replace(
            booking,
            guest_id=guest.id or GuestId(booking.guest_id),
            guest_name=guest.name,
            guest_email=guest.email,
            guest_phone=guest.phone,
        )
    return replace(
        booking,
        notes=change.notes if "notes" in given else booking.notes,
        metadata=change.metadata if change.metadata is not None else booking.metadata,
        updated_at=now,
    )
