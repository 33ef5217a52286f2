"""What a cancellation gives back, by venue. A booking keeps the policy it was made under."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import CancellationPolicy
from holdfast.contracts.identity import Actor
from holdfast.contracts.inventory import VenueId
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, NotYourMove
from holdfast.domains.booking.ports import Inventory
from holdfast.kernel.database import transaction


class SetPolicy:
    """Set a venue's policy for bookings made from now on; the inventory's VenueNotFound."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, venue_id: VenueId, policy: CancellationPolicy, *, now: datetime, actor: Actor
    ) -> CancellationPolicy:
        venue = await self.inventory.get_venue(venue_id)
        if not actor.supplies(venue.supplier_id):
            raise NotYourMove
        async with transaction(self.db, VIOLATIONS):
            await queries.set_policy(self.db, venue_id, policy, supplier_id=venue.supplier_id, now=now)
        return policy


class GetPolicy:
    """A venue's policy; without one of its own, everything comes back until the start."""

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(self, venue_id: VenueId) -> CancellationPolicy:
        await self.inventory.get_venue(venue_id)
        return (await queries.policies_of(self.db, [venue_id])).get(venue_id, CancellationPolicy())
