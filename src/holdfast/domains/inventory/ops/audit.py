"""Check the invariants on the live data."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import ReservationView
from holdfast.domains.inventory.queries import reservations
from holdfast.domains.inventory.queries.audit import INVARIANTS
from holdfast.kernel.invariants import Finding, check


class AuditInventory:
    """What is broken; nothing, unless a guard was taken away."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self) -> list[Finding]:
        return await check(self.db, INVARIANTS)


class ClaimsOf:
    """Everything that these bookings hold, expired holds included; so that booking's own audit can ask."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_ids: Sequence[UUID]) -> list[ReservationView]:
        return list((await reservations.live_by_key(self.db, booking_ids)).values())
