"""The items of a travel booking: added by staff, confirmed or declined by their suppliers.

requested -> confirmed | declined     declined -> confirmed: a supplier may think better of it
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingId,
    BookingItemAdded,
    BookingItemConfirmed,
    BookingItemDeclined,
    ItemConfirmation,
    ItemDecline,
    ItemDraft,
    ItemId,
    ItemStatus,
    ItemsView,
    ItemView,
    Lifecycle,
    TaskId,
    TaskView,
)
from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import Wish
from holdfast.contracts.pricing import PriceView
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import (
    VIOLATIONS,
    BookingClosed,
    ItemDecided,
    ItemNotFound,
    NoDraftAnyMore,
    NotYourMove,
    RateNeeded,
    ResourceUnknown,
)
from holdfast.domains.booking.ops.advance import Advance, Because, snapshot, updated
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import items as rows
from holdfast.domains.booking.records import BookingRecord, ItemRecord
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.items import converted, with_items
from holdfast.domains.booking.rules.machines import ENDED, to_lifecycle
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

S = ItemStatus
MAY_BECOME: Mapping[ItemStatus, tuple[ItemStatus, ...]] = {
    S.REQUESTED: (S.CONFIRMED, S.DECLINED),
    S.DECLINED: (S.CONFIRMED,),
    S.CONFIRMED: (),
}


class AddItem:
    """Add an item to a lead, with its price in its own currency and the rate to the booking's.

    Refusals: NotYourMove for all but the house; BookingNotFound, NoDraftAnyMore, ResourceUnknown, RateNeeded.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(self, booking_id: BookingId, draft: ItemDraft, *, now: datetime, actor: Actor) -> ItemView:
        supplier_id = draft.supplier_id
        if draft.resource_id is not None:
            known = await self.inventory.describe_many([draft.resource_id])
            if draft.resource_id not in known:
                raise ResourceUnknown(pointer="/resource_id")
            supplier_id = supplier_id or known[draft.resource_id].supplier_id
        async with transaction(self.db, VIOLATIONS):
            booking = await queries.get_for_update(self.db, booking_id)
            allow(actor, Right.HOUSE, booking)
            if booking.lifecycle_status not in (Lifecycle.LEAD_CREATED, Lifecycle.QUOTATION_SENT):
                raise NoDraftAnyMore(f"it is {booking.lifecycle_status}", booking_status=booking.status)
            price = Money.parse(draft.price, draft.currency, pointer="/price")
            if price.currency == booking.currency:
                rate = Decimal(1)
            elif draft.rate is not None:
                rate = Decimal(draft.rate)
            else:
                raise RateNeeded(f"the booking is in {booking.currency}", pointer="/rate")
            item = ItemRecord(
                id=ItemId(uuid7()),
                booking_id=booking_id,
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
                created_at=now,
                updated_at=now,
            )
            await rows.insert_item(self.db, item, number=await rows.next_number(self.db, booking_id))
            await self.price(booking, item, now=now, actor=actor)
        return item.view()

    async def price(self, booking: BookingRecord, item: ItemRecord, *, now: datetime, actor: Actor) -> None:
        """The booking with the item in its price."""
        total = with_items(PriceView.from_store(booking.price), [item])
        after = replace(
            booking,
            price=total.model_dump(mode="json"),
            due_now_minor=Money.parse(total.due_now, total.currency).minor,
            version=booking.version + 1,
            updated_at=now,
        )
        await queries.write(self.db, [after], queries.DETAILS)
        record(
            self.db,
            updated(booking, after, ["items"], actor=actor, now=now),
            BookingItemAdded(**snapshot(after, actor=actor, now=now), **item.told()),
        )


class ListItems:
    """The items of a booking that the caller may see: all of them for whoever sees the booking, their own for an
    item's supplier. BookingNotFound for whoever sees neither."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId, *, actor: Actor) -> ItemsView:
        """In the caller's own session: the database shows suppliers nothing but their own."""
        found = await rows.items_of(self.db, booking_id)
        if not found:
            allow(actor, Right.SEE, await queries.get_by_id(self.db, booking_id))
        return ItemsView(items=[item.view() for item in found])


class DecideItem:
    """Confirm or decline an item: its supplier, or the house. When the last one is confirmed, so is the sale;
    one that is declined becomes a task of staff, with what is free instead.

    Wants a session of the system: the booking itself is not its items' suppliers' to see.

    Refusals: BookingNotFound for strangers, ItemNotFound, NotYourMove, BookingClosed, ItemDecided.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def confirm(
        self, booking_id: BookingId, item_id: ItemId, said: ItemConfirmation, *, now: datetime, actor: Actor
    ) -> ItemView:
        async with transaction(self.db, VIOLATIONS):
            booking, item = await self.to_decide(booking_id, item_id, actor)
            if item.status is S.CONFIRMED and item.confirmation_reference == said.confirmation_reference:
                return item.view()
            may_become(item, S.CONFIRMED)
            item = replace(
                item,
                status=S.CONFIRMED,
                confirmation_reference=said.confirmation_reference,
                reason=None,
                confirmed_at=now,
                updated_at=now,
            )
            await rows.write_item(self.db, item)
            record(self.db, BookingItemConfirmed(**snapshot(booking, actor=actor, now=now), **item.told()))
            all_confirmed = not await rows.waiting(self.db, [booking_id])
            if all_confirmed and booking.lifecycle_status is Lifecycle.PAYMENT_CONFIRMED:
                steps = to_lifecycle(booking.machines, Lifecycle.SUPPLIER_CONFIRMED)
                because = Because(actor=actor, reason="every item is confirmed")
                await Advance(self.db, self.inventory).execute([(booking, steps)], because=because, now=now)
        return item.view()

    async def decline(
        self, booking_id: BookingId, item_id: ItemId, said: ItemDecline, *, now: datetime, actor: Actor
    ) -> ItemView:
        async with transaction(self.db, VIOLATIONS):
            booking, item = await self.to_decide(booking_id, item_id, actor)
            if item.status is S.DECLINED and item.reason == said.reason:
                return item.view()
            may_become(item, S.DECLINED)
            item = replace(item, status=S.DECLINED, reason=said.reason, updated_at=now)
            await rows.write_item(self.db, item)
            record(
                self.db,
                BookingItemDeclined(**snapshot(booking, actor=actor, now=now), **item.told(), reason=said.reason),
            )
            task = TaskView(
                id=TaskId(uuid7()),
                booking_id=booking_id,
                item_id=item_id,
                kind="item_declined",
                summary=f"{item.reference}: find another {item.kind} for {item.label}",
                details={"reason": said.reason, "alternatives": await self.instead(item, now=now)},
                created_at=now,
                done_at=None,
                done_by=None,
            )
            await rows.insert_task(self.db, task)
        return item.view()

    async def to_decide(
        self, booking_id: BookingId, item_id: ItemId, actor: Actor
    ) -> tuple[BookingRecord, ItemRecord]:
        """The booking, locked, and its item; a stranger is told that there is no such booking."""
        booking = await queries.get_for_update(self.db, booking_id)
        found = await rows.items_of(self.db, booking_id)
        mine = [item for item in found if actor.supplies(item.supplier_id)]
        if not mine and not actor.is_house:
            allow(actor, Right.SEE, booking)
            raise NotYourMove
        item = await rows.item_of(self.db, booking_id, item_id)
        if item not in mine:
            raise ItemNotFound
        if booking.status in ENDED:
            raise BookingClosed(f"it is {booking.status}", booking_status=booking.status)
        return booking, item

    async def instead(self, item: ItemRecord, *, now: datetime) -> list[JsonValue]:
        """What is free near the item, where it is a resource of ours."""
        if item.resource_id is None:
            return []
        wish = Wish(
            resource_id=item.resource_id, start_at=item.start_at, end_at=item.end_at, quantity=item.quantity
        )
        return [each.model_dump(mode="json") for each in await self.inventory.alternatives(wish, now=now)]


def may_become(item: ItemRecord, wanted: ItemStatus) -> None:
    """ItemDecided where the item's supplier has said something else for good."""
    if wanted not in MAY_BECOME[item.status]:
        raise ItemDecided(f"it is {item.status}", item_status=item.status)
