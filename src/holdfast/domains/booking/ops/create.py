"""Create bookings: claim, price, write. One guest's request is a batch of one."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
from holdfast.kernel.access import Admission, admit
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer, Once, keep_many, kept_many
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record
from holdfast.kernel.tracing import traceparent

# the chance that a reference collides four times in a row is below 1e-20
REFERENCE_DRAWS = 4

START = Machines(Status.PENDING, Lifecycle.BOOKING_CREATED)

Outcome = Answer[BookingView] | Refusal


@dataclass(frozen=True)
class Asked:
    """A draft, who sends it, and the trace that this is part of."""

    draft: BookingDraft
    actor: Actor
    trace: str | None = field(default_factory=traceparent)


@dataclass
class Sale:
    """One draft on its way: held, priced, made; or refused, or answered before. Its claim stands under the id that
    its booking will have."""

    draft: BookingDraft
    actor: Actor
    wish: Wish
    once: Once | None
    trace: str | None
    booking_id: BookingId = field(default_factory=lambda: BookingId(uuid7()))
    held: ReservationView | None = None
    price: PriceView | None = None
    booking: BookingRecord | None = None
    way: tuple[Step, ...] = ()
    outcome: Outcome | None = None

    @property
    def hold(self) -> ReservationView:
        assert self.held is not None  # whoever has none is refused by now
        return self.held

    @property
    def made(self) -> BookingRecord:
        assert self.booking is not None  # read only of those that were made
        return self.booking

    @property
    def because(self) -> Because:
        return Because(actor=self.actor, idempotency_key=self.draft.idempotency_key)


class CreateBookings:
    """Create a batch of bookings, each PENDING until its money comes, or CONFIRMED at once where none is due.

    The answers come in the order of the drafts; a refused draft (taken, closed, unknown resource, key in use)
    refuses only itself. Everything that is written, is written in one transaction; `CreateApart` is for where
    those who are asked have databases of their own.
    """

    def __init__(
        self, db: AsyncSession, inventory: Inventory, pricing: Pricing, payments: Payments | None = None
    ) -> None:
        self.db = db
        self.inventory = inventory
        self.pricing = pricing
        self.payments = payments

    async def execute(self, asked: Sequence[Asked], *, pending_ttl: timedelta, now: datetime) -> list[Outcome]:
        wishes = await wishes_of(self.inventory, [each.draft for each in asked])
        sales = [
            Sale(each.draft, each.actor, wish, keyed(each.draft, each.actor), each.trace)
            for each, wish in zip(asked, wishes, strict=True)
        ]
        await self.sell(sales, expires_at=now + pending_ttl, now=now)
        for sale in sales:
            if isinstance(sale.outcome, Refusal):
                in_words_of(sale.draft, sale.outcome)
                await offer_alternatives(self.inventory, sale.outcome, sale.wish, now=now)
        return [cast(Outcome, sale.outcome) for sale in sales]

    async def sell(self, sales: Sequence[Sale], *, expires_at: datetime, now: datetime) -> None:
        """Claims, prices, bookings, ways to pay, history, events and kept answers commit together."""
        async with transaction(self.db, VIOLATIONS):
            await admit(self.db, [admission(sale) for sale in sales])
            await self.recall(sales)
            await self.hold(sales, expires_at=expires_at, now=now)
            await self.price(sales, now=now)
            sold = await self.begin(sales, expires_at=expires_at, now=now)
            for sale in sold:
                if sale.way:
                    sale.booking = arrive(sale.made, sale.way, because=sale.because, now=now)
            await self.insert(sold)
            await self.show_payments(await self.open_payments(sold, now=now))
            confirmed = [sale.made for sale in sold if sale.made.status is Status.CONFIRMED]
            await commit_claims(self.inventory, confirmed, now=now)
            await self.tell(sold, now=now)

    async def recall(self, sales: Sequence[Sale]) -> None:
        """Answer those that were answered before; the first of its key has it until the transaction ends."""
        asked = unanswered(sales)
        outcomes = await kept_many(self.db, [sale.once for sale in asked], BookingView)
        for sale, outcome in zip(asked, outcomes, strict=True):
            sale.outcome = outcome

    async def hold(self, sales: Sequence[Sale], *, expires_at: datetime, now: datetime) -> None:
        """Holds that free themselves at `expires_at` should nothing follow."""
        asked = unanswered(sales)
        if not asked:
            return
        claims = [
            Claim(**sale.wish.model_dump(), booking_id=sale.booking_id, expires_at=expires_at) for sale in asked
        ]
        for sale, held in zip(asked, await self.inventory.reserve_many(claims, now=now), strict=True):
            if isinstance(held, Refusal):
                sale.outcome = held
            else:
                sale.held = held

    async def price(self, sales: Sequence[Sale], *, now: datetime) -> None:
        """Price what is held; the claims of those that are refused now are given back."""
        asked = unanswered(sales)
        if not asked:
            return
        queries_ = [price_query(sale.draft, sale.hold) for sale in asked]
        for sale, price in zip(asked, await self.pricing.calculate_many(queries_), strict=True):
            if isinstance(price, Refusal):
                sale.outcome = price
            elif not may_book_for(sale):
                sale.outcome = NotYourGuest(pointer="/guest/id")
            else:
                sale.price = price
        await self.release([sale for sale in asked if sale.outcome is not None], now=now)

    async def release(self, sales: Sequence[Sale], *, now: datetime) -> None:
        if sales:
            await self.inventory.release_many(booking_ids=[sale.booking_id for sale in sales], now=now)

    async def begin(self, sales: Sequence[Sale], *, expires_at: datetime, now: datetime) -> list[Sale]:
        """Those that go on, each with its booking as it starts and the way that it can go at once."""
        sold = unanswered(sales)
        policies = await queries.policies_of(self.db, [sale.hold.venue.id for sale in sold]) if sold else {}
        for sale in sold:
            policy = policies.get(sale.hold.venue.id, CancellationPolicy())
            sale.booking = pending_booking(sale, policy, expires_at=expires_at, now=now)
            sale.way = way_to_confirmed(sale.booking)
        return sold

    async def insert(self, sold: Sequence[Sale]) -> None:
        """Insert all, drawing new references for those that met one in use."""
        left = list(sold)
        for _ in range(REFERENCE_DRAWS):
            if not left:
                return
            for sale in left:
                sale.booking = replace(sale.made, reference=new_reference())
            written = await queries.insert_many(self.db, [sale.made for sale in left])
            left = [sale for sale in left if sale.booking_id not in written]
        if left:
            raise ReferencesExhausted(retry_after=1)

    async def open_payments(self, sold: Sequence[Sale], *, now: datetime) -> list[Sale]:
        """Give those that wait for money a way to pay it; they are returned."""
        waiting = [sale for sale in sold if not sale.way]
        if self.payments is None or not waiting:
            return []
        offered = await offer(self.payments, [sale.made for sale in waiting], now=now)
        for sale, booking in zip(waiting, offered, strict=True):
            sale.booking = booking
        return waiting

    async def show_payments(self, waiting: Sequence[Sale]) -> None:
        if waiting:
            await queries.write(self.db, [sale.made for sale in waiting], ("payment",))

    async def tell(self, sold: Sequence[Sale], *, now: datetime) -> None:
        """History and events: the creation itself, then the steps to CONFIRMED where they were taken; and the
        answers."""
        if not sold:
            return
        entries: list[HistoryRecord] = []
        for sale in sold:
            entries.append(first_entry(sale.made, at=START, because=sale.because, now=now))
            created = replace(sale.made, status=START.status, lifecycle_status=START.lifecycle)
            made = BookingCreated(**snapshot(created, actor=sale.actor, now=now))
            record(self.db, made, within=sale.trace)
            if sale.made.status is Status.CONFIRMED:
                entries += self.confirmed(sale, now=now)
            sale.outcome = Answer(sale.made.view())
        await queries.insert_history(self.db, entries)
        answers = [(sale.once, sale.outcome.view) for sale in sold if isinstance(sale.outcome, Answer)]
        await keep_many(self.db, answers, now=now)

    def confirmed(self, sale: Sale, *, now: datetime) -> list[HistoryRecord]:
        """The steps of one that waits for no money; their events are recorded."""
        because = replace(sale.because, reason="nothing is due now")
        record(self.db, *events(sale.made, sale.way, because=because, now=now), within=sale.trace)
        return history(sale.made, sale.way, because=because, now=now)


def unanswered(sales: Sequence[Sale]) -> list[Sale]:
    return [sale for sale in sales if sale.outcome is None]


def admission(sale: Sale) -> Admission:
    """What this sale needs of the database, whoever's session it runs in: to make its one booking, as who asks for
    it, and to see what was answered under its key."""
    anyone = sale.actor.is_house or sale.actor.id is None
    scope = sale.once.scope if sale.once else None
    return Admission(sale.booking_id, account_id=None if anyone else sale.actor.id, scope=scope)


def may_book_for(sale: Sale) -> bool:
    """The house and the venue's supplier book for anybody; everyone else for themselves, said or not."""
    if sale.actor.supplies(sale.hold.supplier_id):
        return True
    if sale.draft.guest.id not in (None, sale.actor.id):
        return False
    own = sale.draft.guest.model_copy(update={"id": sale.actor.id})
    sale.draft = sale.draft.model_copy(update={"guest": own})
    return True


def keyed(draft: BookingDraft, actor: Actor) -> Once | None:
    """Who signs in nowhere is told apart by the guest's address: nobody meets a stranger's key or booking."""
    caller = actor.caller
    if actor.type is ActorType.ANONYMOUS:
        caller = f"{caller}:{hashlib.sha256(draft.guest.email.casefold().encode()).hexdigest()}"
    return Once.of(draft.idempotency_key, caller=caller, operation="create-booking", payload=draft)


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
