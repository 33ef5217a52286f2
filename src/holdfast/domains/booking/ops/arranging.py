"""What adding, removing and replacing an item have in common; to be called in their transaction."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingItemAdded, ItemDraft, ItemId, ItemStatus, Lifecycle
from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.inventory import ReservationChange
from holdfast.contracts.pricing import PriceView
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import BookingClosed, ItemGone, RateNeeded, ResourceUnknown
from holdfast.domains.booking.ops.advance import Advance, Because, snapshot
from holdfast.domains.booking.ops.claims import claim_of
from holdfast.domains.booking.ops.reprice import Reprice
from holdfast.domains.booking.ops.take_off import taken_off
from holdfast.domains.booking.ports import Inventory, Payments
from holdfast.domains.booking.queries import items as rows
from holdfast.domains.booking.records import BookingRecord, ItemRecord
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.guards import same_version
from holdfast.domains.booking.rules.items import converted, with_items, without_item
from holdfast.domains.booking.rules.machines import CLAIMED, ENDED, to_lifecycle
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

# what an act is called in the audit record
REMOVED = "booking.item_removed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One rearrangement of a locked booking: `out` has become `gone`, `into` is new."""

    booking: BookingRecord
    out: ItemRecord | None = None
    gone: ItemRecord | None = None
    into: ItemRecord | None = None
    key: str | None
    now: datetime
    actor: Actor


class Arranging:
    def __init__(self, db: AsyncSession, inventory: Inventory, payments: Payments | None) -> None:
        self.db = db
        self.inventory = inventory
        self.payments = payments

    async def supplier_of(self, draft: ItemDraft) -> UserId | None:
        """As said, else whose the resource is; ResourceUnknown."""
        if draft.resource_id is None:
            return draft.supplier_id
        known = await self.inventory.describe_many([draft.resource_id])
        if draft.resource_id not in known:
            raise ResourceUnknown(pointer="/resource_id")
        return draft.supplier_id or known[draft.resource_id].supplier_id

    async def open(self, booking_id: BookingId, expected_version: int | None, *, actor: Actor) -> BookingRecord:
        """The locked booking, where it is the caller's to arrange and neither over nor refunded."""
        booking = await queries.get_for_update(self.db, booking_id)
        allow(actor, Right.HOUSE, booking)
        same_version(booking.version, expected_version)
        if booking.status in ENDED or booking.lifecycle_status is Lifecycle.REFUNDED:
            raise BookingClosed(f"it is {booking.lifecycle_status}", booking_status=booking.status)
        return booking

    async def standing(self, booking_id: BookingId, item_id: ItemId) -> ItemRecord:
        """The item where it is still part of the booking; ItemNotFound, ItemGone."""
        item = await rows.item_of(self.db, booking_id, item_id)
        if item.status is ItemStatus.REMOVED:
            raise ItemGone(reason=item.reason)
        return item

    async def drafted(
        self, booking: BookingRecord, draft: ItemDraft, supplier_id: UserId | None, *, now: datetime
    ) -> ItemRecord:
        """The item as it will be written; own inventory of a confirmed booking is confirmed. RateNeeded."""
        price = Money.parse(draft.price, draft.currency, pointer="/price")
        if price.currency != booking.currency and draft.rate is None:
            raise RateNeeded(f"the booking is in {booking.currency}", pointer="/rate")
        rate = Decimal(draft.rate) if draft.rate and price.currency != booking.currency else Decimal(1)
        confirmed = supplier_id is None and booking.status in CLAIMED
        return ItemRecord(
            id=ItemId(uuid7()),
            booking_id=booking.id,
            number=await rows.next_number(self.db, booking.id),
            reference=booking.reference,
            guest_name=booking.guest_name,
            kind=draft.kind,
            label=draft.label,
            product_id=draft.product_id,
            resource_id=draft.resource_id,
            supplier_id=supplier_id,
            start_at=draft.start_at,
            end_at=draft.end_at,
            quantity=draft.quantity,
            price_minor=price.minor,
            currency=price.currency,
            rate=rate,
            converted_minor=converted(price, booking.currency, rate).minor,
            booking_currency=booking.currency,
            status=ItemStatus.CONFIRMED if confirmed else ItemStatus.REQUESTED,
            confirmed_at=now if confirmed else None,
            created_at=now,
            updated_at=now,
        )

    async def claimed(self, booking: BookingRecord, item: ItemRecord, *, now: datetime) -> ItemRecord:
        """The item holding what it is of ours, as long as its booking does; a draft holds nothing yet."""
        if item.resource_id is None or booking.reservation_id is None:
            return item
        (answer,) = await self.inventory.reserve_many([claim_of(item, expires_at=booking.expires_at)], now=now)
        if isinstance(answer, Refusal):
            raise answer
        return replace(item, reservation_id=answer.reservation_id)

    async def free(self, item: ItemRecord, *, now: datetime) -> None:
        if item.reservation_id is not None:
            await self.inventory.release_many(reservation_ids=[item.reservation_id], now=now)

    async def moved(
        self, booking: BookingRecord, old: ItemRecord, new: ItemRecord, *, now: datetime
    ) -> ItemRecord:
        """The new item holding what it is of ours: the old one's claim moves, and is never free in between."""
        if old.reservation_id is None:
            return await self.claimed(booking, new, now=now)
        if new.resource_id is None:
            await self.free(old, now=now)
            return new
        change = ReservationChange(
            reservation_id=old.reservation_id,
            resource_id=new.resource_id,
            start_at=new.start_at,
            end_at=new.end_at,
            quantity=new.quantity,
        )
        await self.inventory.move(change, now=now)
        return replace(new, reservation_id=old.reservation_id)

    async def settle(self, change: Change) -> BookingRecord:
        """The booking at its new price, told of; what is due is asked for, what is too much goes back."""
        before, now, actor = change.booking, change.now, change.actor
        price = PriceView.from_store(before.price)
        if change.out is not None:
            price = without_item(price, change.out)
        if change.into is not None:
            price = with_items(price, [change.into])
        after = replace(
            before,
            price=price.model_dump(mode="json"),
            due_now_minor=Money.parse(price.due_now, price.currency).minor,
        )
        reprice = Reprice(self.db, self.inventory, self.payments)
        stored = await reprice.store(
            before,
            await reprice.asking(before, after, now=now),
            ["items"],
            cheaper="an item was taken off the booking",
            idempotency_key=change.key,
            now=now,
            actor=actor,
        )
        if change.out is not None and change.gone is not None:
            await rows.finish_tasks_about(self.db, change.out.id, by=actor.id, now=now)
            record(self.db, taken_off(stored, change.out, change.gone, actor=actor, now=now))
            attest(self.db, act(change.out, change.gone, change.into, actor=actor), now=now)
        if change.into is not None:
            record(self.db, BookingItemAdded(**snapshot(stored, actor=actor, now=now), **change.into.told()))
        return await self.confirmed_by_the_rest(stored, change)

    async def confirmed_by_the_rest(self, booking: BookingRecord, change: Change) -> BookingRecord:
        """A sale that only waited for the item that is gone waits no more."""
        if booking.lifecycle_status is not Lifecycle.PAYMENT_CONFIRMED or change.out is None:
            return booking
        if await rows.waiting(self.db, [booking.id]):
            return booking
        steps = to_lifecycle(booking.machines, Lifecycle.SUPPLIER_CONFIRMED)
        because = Because(actor=change.actor, reason="every item is confirmed", idempotency_key=change.key)
        advance = Advance(self.db, self.inventory)
        return (await advance.execute([(booking, steps)], because=because, now=change.now))[0]


def act(out: ItemRecord, gone: ItemRecord, into: ItemRecord | None, *, actor: Actor) -> Act:
    return Act(
        action=REMOVED,
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="booking",
        subject_id=out.booking_id,
        reason=gone.reason,
        before=told(out),
        after={"replaced_by": told(into)} if into else {},
    )


def told(item: ItemRecord) -> dict[str, object]:
    return {
        "item_id": str(item.id),
        "label": item.label,
        "status": item.status,
        "price": f"{item.price} {item.currency}",
    }
