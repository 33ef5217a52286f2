"""Rates and stays to price in tests, and a directory that knows two resources."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.contracts.inventory import ResourceFacts, ResourceId, ResourceMode, VenueId, VenueSummary
from holdfast.contracts.pricing import PriceQuery, RateDraft

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ROOM, TABLE, UNKNOWN = (ResourceId(UUID(int=n)) for n in (1, 2, 3))


def facts(resource_id: ResourceId, venue_type: str, timezone: str, currency: str) -> ResourceFacts:
    venue = VenueSummary(id=VenueId(UUID(int=9)), type=venue_type, name="Anchor")
    return ResourceFacts(
        id=resource_id,
        name=f"The {venue_type}",
        mode=ResourceMode.EXCLUSIVE,
        venue=venue,
        supplier_id=None,
        timezone=timezone,
        currency=currency,
    )


class KnownResources:
    """Two resources, and a count of how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.known = {
            ROOM: facts(ROOM, "hotel", "Europe/Berlin", "EUR"),
            TABLE: facts(TABLE, "restaurant", "Asia/Tokyo", "JPY"),
        }

    async def describe_many(self, resource_ids: Sequence[ResourceId]) -> Mapping[ResourceId, ResourceFacts]:
        self.asked += 1
        return {each: self.known[each] for each in resource_ids if each in self.known}


def rate(**fields: Any) -> RateDraft:
    usual = {"resource_id": ROOM, "amount": "100.00", "currency": "EUR", "per": "night", "terms": "full"}
    return RateDraft.model_validate(usual | fields)


def stay(first: str = "2026-06-01", nights: int = 2, **fields: Any) -> PriceQuery:
    start = datetime.fromisoformat(f"{first}T15:00+02:00")
    usual = {"resource_id": ROOM, "start_at": start, "end_at": start + timedelta(days=nights, hours=-4)}
    return PriceQuery.model_validate(usual | fields)


@contextmanager
def statements(engine: AsyncEngine) -> Iterator[list[tuple[str, Any]]]:
    """What is sent to the database meanwhile: the statements with their parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if "holdfast.kind" not in statement:  # a session's introduction of its caller is not the domain's
            seen.append((statement, parameters))

    event.listen(engine.sync_engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine.sync_engine, "before_cursor_execute", note)
