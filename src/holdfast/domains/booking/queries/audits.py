"""The statements of the audit: each selects the bookings that break one invariant, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import ItemStatus, Status
from holdfast.contracts.inventory import ReservationId, ResourceId

INVARIANTS = {
    # a booking's first step starts from nothing, each later one where its predecessor ended, the last ends here
    "history replays to the present state": text(
        """
        SELECT b.id AS subject, CASE
            WHEN h.id IS NULL THEN 'no history'
            WHEN h.next_id IS NULL AND (h.to_status, h.to_lifecycle_status)
                 IS DISTINCT FROM (b.status, b.lifecycle_status) THEN 'the last step is not the present state'
            WHEN h.next_id IS NULL AND h.version > b.version THEN 'a step is newer than the booking'
            WHEN h.version < h.previous_version THEN 'a version fell'
            ELSE 'a step is missing' END AS detail
        FROM booking.bookings AS b
        LEFT JOIN (
            SELECT *, lag(to_status) OVER steps AS previous_status,
                   lag(to_lifecycle_status) OVER steps AS previous_lifecycle_status,
                   lag(version) OVER steps AS previous_version, lead(id) OVER steps AS next_id
            FROM booking.history WINDOW steps AS (PARTITION BY booking_id ORDER BY id)
        ) AS h ON h.booking_id = b.id
        WHERE h.id IS NULL
           OR h.next_id IS NULL AND ((h.to_status, h.to_lifecycle_status)
                  IS DISTINCT FROM (b.status, b.lifecycle_status) OR h.version > b.version)
           OR (h.from_status, h.from_lifecycle_status)
              IS DISTINCT FROM (h.previous_status, h.previous_lifecycle_status)
           OR h.version < h.previous_version
        """
    ),
    "what was captured is the sum of its captures": text(
        """
        SELECT b.id AS subject, b.captured_minor || ' captured, ' || coalesce(c.sum, 0) || ' noted' AS detail
        FROM booking.bookings AS b
        LEFT JOIN (SELECT booking_id, sum(amount_minor) FROM booking.captures WHERE counted GROUP BY booking_id)
            AS c ON c.booking_id = b.id
        WHERE b.captured_minor <> coalesce(c.sum, 0)
        """
    ),
    "what went back is the sum of its refunds": text(
        """
        SELECT b.id AS subject, b.returned_minor || ' returned, ' || coalesce(r.sum, 0) || ' noted' AS detail
        FROM booking.bookings AS b
        LEFT JOIN (
            SELECT r.booking_id, sum(r.amount_minor)
            FROM booking.returns AS r JOIN booking.captures AS c ON c.id = r.capture_id AND c.counted
            GROUP BY r.booking_id
        ) AS r ON r.booking_id = b.id
        WHERE b.returned_minor <> coalesce(r.sum, 0)
        """
    ),
    # what came due later, by a move to a dearer time, is asked for; staff may confirm without money, and says why
    "no confirmed booking without its money": text(
        """
        SELECT id AS subject, captured_minor - asked_back_minor || ' kept of ' || confirmed_for_minor AS detail
        FROM booking.bookings
        WHERE status IN ('CONFIRMED', 'CHECKED_IN', 'COMPLETED') AND lifecycle_status <> 'refunded'
          AND captured_minor - asked_back_minor < least(confirmed_for_minor, due_now_minor)
        """
    ),
    # the sweep runs every few seconds; an hour late means that nobody sweeps
    "no pending booking outlives its hold": text(
        """
        SELECT id AS subject, 'should have expired at ' || expires_at AS detail
        FROM booking.bookings
        WHERE status = 'PENDING' AND expires_at < CAST(:now AS timestamptz) - interval '1 hour'
        """
    ),
}

HOLDERS = text(
    """
    SELECT id, status, resource_id, reservation_id, start_at, end_at
    FROM booking.bookings WHERE id > :after ORDER BY id LIMIT :limit
    """
)


ITEMS = text(
    """
    SELECT booking_id, number, label, status, resource_id, reservation_id, start_at, end_at
    FROM booking.items WHERE booking_id = ANY (CAST(:ids AS uuid[])) ORDER BY booking_id, number
    """
)


@dataclass(frozen=True)
class HeldItem:
    """An item as its claim must see it."""

    booking_id: UUID
    number: int
    label: str
    status: ItemStatus
    resource_id: ResourceId | None
    reservation_id: ReservationId | None
    start_at: datetime
    end_at: datetime


@dataclass(frozen=True)
class Holder:
    """A booking as its claim must see it."""

    id: UUID
    status: Status
    resource_id: ResourceId
    reservation_id: ReservationId | None
    start_at: datetime
    end_at: datetime


async def holders_after(db: AsyncSession, after: UUID, *, limit: int) -> list[Holder]:
    """Every booking in the order of their ids, a batch at a time."""
    rows = await db.execute(HOLDERS, {"after": after, "limit": limit})
    return [
        Holder(row.id, Status(row.status), row.resource_id, row.reservation_id, row.start_at, row.end_at)
        for row in rows
    ]


async def items_of(db: AsyncSession, booking_ids: Sequence[UUID]) -> Mapping[UUID, list[HeldItem]]:
    """The items of these bookings; a booking without any is missing."""
    found: dict[UUID, list[HeldItem]] = {}
    for row in (await db.execute(ITEMS, {"ids": list(booking_ids)})).mappings():
        item = HeldItem(**{**row, "status": ItemStatus(row["status"])})
        found.setdefault(item.booking_id, []).append(item)
    return found
