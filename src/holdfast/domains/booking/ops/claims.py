"""Everything a booking holds, claimed together or not at all: its own resource and those of its items."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import Claim
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import items as rows
from holdfast.domains.booking.records import BookingRecord, ItemRecord
from holdfast.kernel.errors import Refusal

# the inventory's number of a booking's own claim; its items' follow
OWN = 1


class ClaimAll:
    """Claim for good, or until `expires_at`. A refusal is returned, and nothing is held then."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, booking: BookingRecord, *, expires_at: datetime | None, now: datetime
    ) -> BookingRecord | Refusal:
        own = Claim(
            booking_id=booking.id,
            item=OWN,
            resource_id=booking.resource_id,
            start_at=booking.start_at,
            end_at=booking.end_at,
            quantity=booking.party_size,
            expires_at=expires_at,
        )
        held = [item for item in await rows.items_of(self.db, booking.id) if item.resource_id and item.is_sold]
        others = [claim_of(item, expires_at=expires_at) for item in held]
        answers = await self.inventory.reserve_many([own, *others], now=now)
        for answer in answers:
            if isinstance(answer, Refusal):
                await self.inventory.release_many(booking_ids=[booking.id], now=now)
                return answer
        ids = [answer.reservation_id for answer in answers if not isinstance(answer, Refusal)]
        for item, reservation_id in zip(held, ids[1:], strict=True):
            await rows.write_item(self.db, replace(item, reservation_id=reservation_id, updated_at=now))
        return replace(booking, reservation_id=ids[0])


def claim_of(item: ItemRecord, *, expires_at: datetime | None) -> Claim:
    return Claim(
        booking_id=item.booking_id,
        item=item.number,
        resource_id=item.resource_id,
        start_at=item.start_at,
        end_at=item.end_at,
        quantity=item.quantity,
        expires_at=expires_at,
    )
