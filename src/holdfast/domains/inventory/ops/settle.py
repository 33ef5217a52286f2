"""What becomes of a hold: committed, released, or run out."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import (
    ReleaseRequest,
    ReleaseView,
    ReservationId,
    ReservationStatus,
    ReservationView,
)
from holdfast.domains.inventory.exceptions import (
    VIOLATIONS,
    ReservationCommitted,
    ReservationExpired,
    ReservationNotFound,
    ReservationOfBooking,
    ReservationReleased,
)
from holdfast.domains.inventory.queries import claims, reservations
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal


class CommitMany:
    """Sell what is held. Committing twice is fine; an expired hold is refused even if nobody took its time."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, ids: Sequence[ReservationId], *, now: datetime) -> list[ReservationView | Refusal]:
        async with transaction(self.db, VIOLATIONS):
            await reservations.commit(self.db, ids, now=now)
            found = await reservations.by_id(self.db, ids)
        return [committed(found.get(id_)) for id_ in ids]


def committed(reservation: ReservationView | None) -> ReservationView | Refusal:
    if reservation is None:
        return ReservationNotFound()
    if reservation.status is ReservationStatus.RELEASED:
        return ReservationReleased()
    return reservation if reservation.status is ReservationStatus.COMMITTED else ReservationExpired()


class ReleaseMany:
    """Free these reservations, and everything of these bookings. What is free already is left alone.

    Answers how many were freed.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, *, reservation_ids: Sequence[ReservationId], booking_ids: Sequence[UUID], now: datetime
    ) -> int:
        async with transaction(self.db, VIOLATIONS):
            ids = await reservations.live_ids(self.db, reservation_ids, booking_ids)
            return await release(self.db, ids, now=now)


class Release:
    """`ReleaseMany` for a client, who may not free what a booking has: ReservationCommitted, ReservationOfBooking.

    Refused, nothing is freed; what is free already is left alone.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, request: ReleaseRequest, *, now: datetime) -> ReleaseView:
        reservation_ids = [request.reservation_id] if request.reservation_id else []
        booking_ids = [request.booking_id] if request.booking_id else []
        async with transaction(self.db, VIOLATIONS):
            ids = await reservations.live_ids(self.db, reservation_ids, booking_ids)
            locked = await claims.lock(self.db, [], whole=(), own=ids, now=now)
            await open_to_clients(self.db, [row.id for row in locked])
            return ReleaseView(released=await release(self.db, ids, now=now))


async def open_to_clients(db: AsyncSession, ids: Sequence[UUID]) -> None:
    """Refuse what only its booking may change; on locked rows, so that it stays true."""
    if any(each.status is ReservationStatus.COMMITTED for each in (await reservations.by_id(db, ids)).values()):
        raise ReservationCommitted
    if await reservations.of_bookings(db, ids):
        raise ReservationOfBooking


class ReleaseExpired:
    """Tidy up to `limit` expired holds. Claims do not need it: they free what is in their own way."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, now: datetime, limit: int) -> int:
        async with transaction(self.db, VIOLATIONS):
            return await release(self.db, await reservations.expired(self.db, now=now, limit=limit), now=now)


async def release(db: AsyncSession, ids: Sequence[UUID], *, now: datetime) -> int:
    """Locks first, in the house's order; then one statement frees rows and counters."""
    if not ids:
        return 0
    locked = await claims.lock(db, [], whole=(), own=ids, now=now)
    await claims.lock_buckets(db, [bucket for row in locked for bucket in row.buckets])
    return await claims.release(db, [row.id for row in locked], now=now)
