"""Venues, resources and claims for tests of inventory."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.inventory import Claim, ReservationView, ResourceDraft, ResourceView, VenueDraft, VenueId
from holdfast.domains.inventory.services import InventoryService
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from tests.clock import MONDAY

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
# Tuesday 2030-01-08, 10:00 UTC: a day after the clock of the tests
TEN = datetime(2030, 1, 8, 10, tzinfo=UTC)
HOLD_UNTIL = MONDAY + timedelta(minutes=15)


async def venue(db: AsyncSession, *, zone: str = "UTC", kind: str = "restaurant") -> VenueId:
    draft = VenueDraft(name="House", type=kind, timezone=zone, currency="EUR")
    return (await InventoryService(db).create_venue(draft, now=MONDAY, actor=SYSTEM)).id


async def resource(
    db: AsyncSession,
    rules: Mapping[str, object] | None = None,
    *,
    venue_id: VenueId | None = None,
    zone: str = "UTC",
    **more: object,
) -> ResourceView:
    """A table, but for the rules and whatever more is given."""
    at = venue_id or await venue(db, zone=zone)
    plain = {"venue_id": at, "name": "Table 1", "kind": "table"}
    draft = ResourceDraft.model_validate({**plain, **(rules or {}), **more})
    return await InventoryService(db).create_resource(draft, now=MONDAY, actor=SYSTEM)


def claim(
    where: ResourceView | None = None,
    *,
    start: datetime = TEN,
    length: timedelta = HOUR,
    expires_at: datetime | None = HOLD_UNTIL,
    booking_id: UUID | None = None,
    venue_id: VenueId | None = None,
    quantity: int = 1,
    item: int = 1,
) -> Claim:
    return Claim(
        booking_id=booking_id or uuid7(),
        item=item,
        resource_id=where.id if where else None,
        venue_id=venue_id,
        start_at=start,
        end_at=start + length,
        quantity=quantity,
        expires_at=expires_at,
    )


async def reserve(db: AsyncSession, *claims: Claim, now: datetime = MONDAY) -> list[ReservationView | Refusal]:
    return await InventoryService(db).reserve_many(claims, now=now)


async def held(db: AsyncSession, *claims: Claim, now: datetime = MONDAY) -> list[ReservationView]:
    """All of them; none may be refused."""
    answers = await reserve(db, *claims, now=now)
    assert all(isinstance(answer, ReservationView) for answer in answers), [repr(each) for each in answers]
    return [answer for answer in answers if isinstance(answer, ReservationView)]


async def why(db: AsyncSession, wanted: Claim, *, now: datetime = MONDAY) -> Refusal:
    """The refusal; the claim may not be granted."""
    answer = (await reserve(db, wanted, now=now))[0]
    assert isinstance(answer, Refusal), answer
    return answer


async def contents(db: AsyncSession) -> tuple[list[object], list[object]]:
    """Every allocation and every counter that is not zero, to show that nothing changed."""
    allocations = await db.execute(text("SELECT * FROM inventory.allocations ORDER BY id"))
    buckets = await db.execute(
        text("SELECT * FROM inventory.buckets WHERE reserved > 0 ORDER BY resource_id, bucket_at")
    )
    return list(map(tuple, allocations)), list(map(tuple, buckets))
