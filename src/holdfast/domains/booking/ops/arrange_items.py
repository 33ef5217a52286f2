"""The items of a booking as staff arranges them, before it is sold and after.

add       claims what is ours of it and asks for its price          lead, quoted, PENDING, CONFIRMED, CHECKED_IN
remove    frees it and gives back what was captured above the rest  the same
replace   both at once: refused, the old one stands                 the same
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, ItemDraft, ItemId, ItemRemoval, ItemReplacement, ItemView
from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import Wish
from holdfast.domains.booking.exceptions import VIOLATIONS
from holdfast.domains.booking.ops.arranging import Arranging, Change
from holdfast.domains.booking.ops.availability import offer_alternatives
from holdfast.domains.booking.ops.take_off import removed
from holdfast.domains.booking.ports import Inventory, Payments
from holdfast.domains.booking.queries import items as rows
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer, Once, keep, kept


class AddItem:
    """Add an item with its price in its own currency and the rate to the booking's.

    Refusals: NotYourMove for all but the house; BookingNotFound, VersionConflict, BookingClosed, ResourceUnknown,
    RateNeeded, the inventory's (with alternatives) where it is ours and not to be had, ProviderNotConfigured.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory, payments: Payments | None = None) -> None:
        self.db = db
        self.inventory = inventory
        self.arranging = Arranging(db, inventory, payments)

    async def execute(
        self, booking_id: BookingId, draft: ItemDraft, *, now: datetime, actor: Actor
    ) -> Answer[ItemView]:
        once = keyed("add-item", str(booking_id), draft, actor=actor)
        supplier_id = await self.arranging.supplier_of(draft)
        try:
            async with transaction(self.db, VIOLATIONS):
                if earlier := await kept(self.db, once, ItemView):
                    return earlier
                booking = await self.arranging.open(booking_id, draft.expected_version, actor=actor)
                item = await self.arranging.drafted(booking, draft, supplier_id, now=now)
                item = await self.arranging.claimed(booking, item, now=now)
                await rows.insert_item(self.db, item)
                await self.arranging.settle(
                    Change(booking=booking, into=item, key=draft.idempotency_key, now=now, actor=actor)
                )
                await keep(self.db, once, item.view(), now=now)
        except Refusal as refusal:
            await offer_instead(self.inventory, refusal, draft, now=now)
            raise
        return Answer(item.view())


class RemoveItem:
    """Take an item off: what it held of ours is free, its price is out of the booking's, and what was captured
    above the rest goes back. Its open tasks are done. Where the others are all confirmed, so is the sale.

    Refusals: NotYourMove for all but the house; BookingNotFound, VersionConflict, BookingClosed, ItemNotFound,
    ItemGone.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory, payments: Payments | None = None) -> None:
        self.db = db
        self.arranging = Arranging(db, inventory, payments)

    async def execute(
        self, booking_id: BookingId, item_id: ItemId, removal: ItemRemoval, *, now: datetime, actor: Actor
    ) -> Answer[ItemView]:
        once = keyed("remove-item", str(item_id), removal, actor=actor)
        async with transaction(self.db, VIOLATIONS):
            if earlier := await kept(self.db, once, ItemView):
                return earlier
            booking = await self.arranging.open(booking_id, removal.expected_version, actor=actor)
            item = await self.arranging.standing(booking_id, item_id)
            await self.arranging.free(item, now=now)
            gone = removed(item, reason=removal.reason, now=now)
            await rows.write_item(self.db, gone)
            await self.arranging.settle(
                Change(
                    booking=booking,
                    out=item,
                    gone=gone,
                    key=removal.idempotency_key,
                    now=now,
                    actor=actor,
                )
            )
            await keep(self.db, once, gone.view(), now=now)
        return Answer(gone.view())


class ReplaceItem:
    """Remove an item and add another in its place, in one transaction; the answer is the new one. A claim of ours
    moves, so that the old stands where the new is refused.

    Refusals: those of AddItem and RemoveItem, and the inventory's where the old hold has run out.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory, payments: Payments | None = None) -> None:
        self.db = db
        self.inventory = inventory
        self.arranging = Arranging(db, inventory, payments)

    async def execute(
        self, booking_id: BookingId, item_id: ItemId, draft: ItemReplacement, *, now: datetime, actor: Actor
    ) -> Answer[ItemView]:
        once = keyed("replace-item", str(item_id), draft, actor=actor)
        supplier_id = await self.arranging.supplier_of(draft)
        try:
            async with transaction(self.db, VIOLATIONS):
                if earlier := await kept(self.db, once, ItemView):
                    return earlier
                booking = await self.arranging.open(booking_id, draft.expected_version, actor=actor)
                old = await self.arranging.standing(booking_id, item_id)
                new = await self.arranging.drafted(booking, draft, supplier_id, now=now)
                new = await self.arranging.moved(booking, old, replace(new, replaces_id=old.id), now=now)
                gone = removed(old, reason=draft.reason, now=now)
                await rows.write_item(self.db, gone)
                await rows.insert_item(self.db, new)
                await self.arranging.settle(
                    Change(
                        booking=booking,
                        out=old,
                        gone=gone,
                        into=new,
                        key=draft.idempotency_key,
                        now=now,
                        actor=actor,
                    )
                )
                await keep(self.db, once, new.view(), now=now)
        except Refusal as refusal:
            await offer_instead(self.inventory, refusal, draft, now=now)
            raise
        return Answer(new.view())


def keyed(operation: str, subject: str, asked: ItemDraft | ItemRemoval, *, actor: Actor) -> Once | None:
    return Once.of(asked.idempotency_key, caller=actor.caller, operation=operation, subject=subject, payload=asked)


async def offer_instead(inventory: Inventory, refusal: Refusal, draft: ItemDraft, *, now: datetime) -> None:
    """What is free near an item of ours that is not to be had."""
    if draft.resource_id is not None:
        wish = Wish(
            resource_id=draft.resource_id, start_at=draft.start_at, end_at=draft.end_at, quantity=draft.quantity
        )
        await offer_alternatives(inventory, refusal, wish, now=now)
