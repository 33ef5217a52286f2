"""What suppliers say to the items of a travel booking.

requested -> confirmed | declined     declined -> confirmed: a supplier may think better of it
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingId,
    BookingItemConfirmed,
    BookingItemDeclined,
    ItemConfirmation,
    ItemDecline,
    ItemId,
    ItemStatus,
    ItemView,
    Lifecycle,
    TaskId,
    TaskView,
)
from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import Wish
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import (
    VIOLATIONS,
    BookingClosed,
    ItemDecided,
    ItemNotFound,
    NotYourMove,
)
from holdfast.domains.booking.ops.advance import Advance, Because, snapshot
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import items as rows
from holdfast.domains.booking.records import BookingRecord, ItemRecord
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.machines import ENDED, to_lifecycle
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import record

S = ItemStatus
MAY_BECOME: Mapping[ItemStatus, tuple[ItemStatus, ...]] = {
    S.REQUESTED: (S.CONFIRMED, S.DECLINED),
    S.DECLINED: (S.CONFIRMED,),
    S.CONFIRMED: (),
    S.REMOVED: (),
}


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
