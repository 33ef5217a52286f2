"""Create bookings: claim, price, write. One guest's request is a batch of one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingCreated,
    BookingDraft,
    BookingId,
    BookingView,
    CancellationPolicy,
    GuestId,
    Lifecycle,
    Status,
)
from holdfast.contracts.identity import Actor, ActorType
from holdfast.contracts.inventory import Claim, ReservationView, Wish
from holdfast.contracts.pricing import PriceQuery, PriceView
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, NotYourGuest, ReferencesExhausted
from holdfast.domains.booking.ops.advance import (
    Because,
    arrive,
    commit_claims,
    events,
    history,
    snapshot,
)
from holdfast.domains.booking.ops.availability import in_words_of, offer_alternatives, wishes_of
from holdfast.domains.booking.ops.offer import offer
from holdfast.domains.booking.ports import Inventory, Payments, Pricing
from holdfast.domains.booking.records import BookingRecord, HistoryRecord
from holdfast.domains.booking.rules.machines import Machines, Step, to_confirmed
from holdfast.domains.booking.rules.references import new_reference
from holdfast.kernel.access import admit
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer, Once, keep_many, kept_many
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

# the chance that a reference collides four times in a row is below 1e-20
REFERENCE_DRAWS = 4

START = Machines(Status.PENDING, Lifecycle.BOOKING_CREATED)

Outcome = Answer[BookingView] | Refusal


@dataclass
class Sale:
    """One draft on its way: held, then priced or refused."""

    index: int
    draft: BookingDraft
    hold: ReservationView
    price: PriceView | None = None
    refusal: Refusal | None = None


class CreateBookings:
    """Create a batch of bookings, each PENDING until its money comes, or CONFIRMED at once where none is due.

    The answers come in the order of the drafts; a refused draft (taken, closed, unknown resource, key in use)
    refuses only itself. Everything that is written, is written in one transaction.
    """

    def __init__(
        self, db: AsyncSession, inventory: Inventory, pricing: Pricing, payments: Payments | None = None
    ) -> None:
        self.db = db
        self.inventory = inventory
        self.pricing = pricing
        self.payments = payments

    async def execute(
        self, drafts: Sequence[BookingDraft], *, pending_ttl: timedelta, now: datetime, actor: Actor
    ) -> list[Outcome]:
        once = [keyed(draft, actor) for draft in drafts]
        wishes = await wishes_of(self.inventory, drafts)
        async with transaction(self.db, VIOLATIONS):
            outcomes: list[Outcome | None] = list(await kept_many(self.db, once, BookingView))
            first = [index for index, outcome in enumerate(outcomes) if outcome is None]
            claims = [claim(wishes[index], expires_at=now + pending_ttl) for index in first]
            sold: list[Sale] = []
            for index, hold in zip(first, await self.reserve(claims, now=now), strict=True):
                if isinstance(hold, Refusal):
                    outcomes[index] = hold
                else:
                    sold.append(Sale(index, drafts[index], hold))
            for sale in await self.price(sold, now=now, actor=actor):
                outcomes[sale.index] = sale.refusal
            sold = [sale for sale in sold if sale.refusal is None]
            made = await self.make(sold, pending_ttl=pending_ttl, now=now, actor=actor)
            views = [booking.view() for booking in made]
            await keep_many(
                self.db, [(once[sale.index], view) for sale, view in zip(sold, views, strict=True)], now=now
            )
        for sale, view in zip(sold, views, strict=True):
            outcomes[sale.index] = Answer(view)
        for outcome, draft, wish in zip(outcomes, drafts, wishes, strict=True):
            if isinstance(outcome, Refusal):
                in_words_of(draft, outcome)
                await offer_alternatives(self.inventory, outcome, wish, now=now)
        return cast(list[Outcome], outcomes)

    async def reserve(self, claims: Sequence[Claim], *, now: datetime) -> list[ReservationView | Refusal]:
        return await self.inventory.reserve_many(claims, now=now) if claims else []

    async def price(self, sold: Sequence[Sale], *, now: datetime, actor: Actor) -> list[Sale]:
        """Price what is held; the refused, whose claims are given back, are returned."""
        if not sold:
            return []
        queries_ = [price_query(sale.draft, sale.hold) for sale in sold]
        for sale, price in zip(sold, await self.pricing.calculate_many(queries_), strict=True):
            if isinstance(price, Refusal):
                sale.refusal = price
            elif not may_book_for(actor, sale):
                sale.refusal = NotYourGuest(pointer="/guest/id")
            else:
                sale.price = price
        refused = [sale for sale in sold if sale.refusal is not None]
        if refused:
            await self.inventory.release_many(booking_ids=[sale.hold.booking_id for sale in refused], now=now)
        return refused

    async def make(
        self, sold: Sequence[Sale], *, pending_ttl: timedelta, now: datetime, actor: Actor
    ) -> list[BookingRecord]:
        """Write the bookings, and commit the claims of those that wait for no money."""
        if not sold:
            return []
        policies = await queries.policies_of(self.db, [sale.hold.venue.id for sale in sold])
        pending = [
            pending_booking(
                sale,
                policies.get(sale.hold.venue.id, CancellationPolicy()),
                expires_at=now + pending_ttl,
                now=now,
            )
            for sale in sold
        ]
        ways = [way_to_confirmed(booking) for booking in pending]
        made = [
            arrive(booking, way, because=Because(actor=actor), now=now) if way else booking
            for booking, way in zip(pending, ways, strict=True)
        ]
        if actor.id is None and not actor.is_house:
            await admit(self.db, [booking.id for booking in made])
        made = await self.payable(await self.insert(made), now=now)
        confirmed = [booking for booking in made if booking.status is Status.CONFIRMED]
        await commit_claims(self.inventory, confirmed, now=now)
        await self.tell(made, ways, [sale.draft for sale in sold], now=now, actor=actor)
        return made

    async def insert(self, made: Sequence[BookingRecord]) -> list[BookingRecord]:
        """Insert all, drawing new references for those that met one in use."""
        done: dict[BookingId, BookingRecord] = {}
        for _ in range(REFERENCE_DRAWS):
            left = [booking for booking in made if booking.id not in done]
            tried = {booking.id: replace(booking, reference=new_reference()) for booking in left}
            for booking_id in await queries.insert_many(self.db, list(tried.values())):
                done[booking_id] = tried[booking_id]
            if len(done) == len(made):
                return [done[booking.id] for booking in made]
        raise ReferencesExhausted(retry_after=1)

    async def payable(self, made: Sequence[BookingRecord], *, now: datetime) -> list[BookingRecord]:
        """The bookings, those that wait for money with a way to pay it."""
        waiting = [booking for booking in made if booking.status is Status.PENDING]
        if self.payments is None or not waiting:
            return list(made)
        offered = await offer(self.payments, waiting, now=now)
        await queries.write(self.db, offered, ("payment",))
        by_id = {booking.id: booking for booking in offered}
        return [by_id.get(booking.id, booking) for booking in made]

    async def tell(
        self,
        made: Sequence[BookingRecord],
        ways: Sequence[tuple[Step, ...]],
        drafts: Sequence[BookingDraft],
        *,
        now: datetime,
        actor: Actor,
    ) -> None:
        """History and events: the creation itself, then the steps to CONFIRMED where there were any."""
        entries: list[HistoryRecord] = []
        for booking, way, draft in zip(made, ways, drafts, strict=True):
            because = Because(actor=actor, idempotency_key=draft.idempotency_key)
            entries.append(first_entry(booking, at=START, because=because, now=now))
            created = replace(booking, status=Status.PENDING, lifecycle_status=Lifecycle.BOOKING_CREATED)
            record(self.db, BookingCreated(**snapshot(created, actor=actor, now=now)))
            if way:
                because = replace(because, reason="nothing is due now")
                entries.extend(history(booking, way, because=because, now=now))
                record(self.db, *events(booking, way, because=because, now=now))
        await queries.insert_history(self.db, entries)


def may_book_for(actor: Actor, sale: Sale) -> bool:
    """The house and the venue's supplier book for anybody; everyone else for themselves, said or not."""
    if actor.supplies(sale.hold.supplier_id):
        return True
    if sale.draft.guest.id not in (None, actor.id):
        return False
    own = sale.draft.guest.model_copy(update={"id": actor.id})
    sale.draft = sale.draft.model_copy(update={"guest": own})
    return True


def keyed(draft: BookingDraft, actor: Actor) -> Once | None:
    """Who signs in nowhere is told apart by the guest's address: nobody meets a stranger's key or booking."""
    caller = actor.caller
    if actor.type is ActorType.ANONYMOUS:
        caller = f"{caller}:{hashlib.sha256(draft.guest.email.casefold().encode()).hexdigest()}"
    return Once.of(draft.idempotency_key, caller=caller, operation="create-booking", payload=draft)


def claim(wish: Wish, *, expires_at: datetime) -> Claim:
    """A hold under a fresh booking id; it frees itself at `expires_at` should nothing follow."""
    return Claim(**wish.model_dump(), booking_id=uuid7(), expires_at=expires_at)


def price_query(draft: BookingDraft, hold: ReservationView) -> PriceQuery:
    return PriceQuery(
        resource_id=hold.resource_id,
        start_at=hold.start_at,
        end_at=hold.end_at,
        party_size=draft.party_size,
    )


def pending_booking(
    sale: Sale, policy: CancellationPolicy, *, expires_at: datetime, now: datetime
) -> BookingRecord:
    """The booking as it starts: PENDING and booking_created, version 1, with price and policy as of now."""
    draft, hold, price = sale.draft, sale.hold, sale.price
    assert price is not None  # refused sales never get here
    return BookingRecord(
        id=BookingId(hold.booking_id),
        reference="",
        status=Status.PENDING,
        lifecycle_status=Lifecycle.BOOKING_CREATED,
        version=1,
        resource_id=hold.resource_id,
        reservation_id=hold.reservation_id,
        venue_id=hold.venue.id,
        venue_type=hold.venue.type,
        venue_name=hold.venue.name,
        supplier_id=hold.supplier_id,
        guest_id=draft.guest.id or GuestId(uuid7()),
        guest_name=draft.guest.name,
        guest_email=draft.guest.email,
        guest_phone=draft.guest.phone,
        start_at=hold.start_at,
        end_at=hold.end_at,
        party_size=draft.party_size,
        currency=price.currency,
        price=price.model_dump(mode="json"),
        due_now_minor=Money.parse(price.due_now, price.currency).minor,
        policy=policy.model_dump(mode="json"),
        payment_provider=draft.payment_provider,
        notes=draft.notes,
        metadata=draft.metadata,
        expires_at=expires_at,
        created_at=now,
        updated_at=now,
    )


def way_to_confirmed(booking: BookingRecord) -> tuple[Step, ...]:
    """The steps of a booking that waits for no money; none where money is due now."""
    if booking.due_now_minor > 0:
        return ()
    return to_confirmed(booking.machines)


def first_entry(booking: BookingRecord, *, at: Machines, because: Because, now: datetime) -> HistoryRecord:
    """The entry of a booking that begins there."""
    first = history(booking, [Step(at, at)], because=because, now=now)[0]
    return replace(first, from_status=None, from_lifecycle_status=None)
