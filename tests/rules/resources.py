"""Resources for tests of the pure rules."""

from dataclasses import fields
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

from holdfast.domains.inventory.rules.calendar import Hours, Timetable
from holdfast.domains.inventory.rules.resource import Resource

PLAIN: dict[str, object] = {
    "id": UUID(int=1),
    "venue_id": UUID(int=2),
    "venue_name": "House",
    "venue_type": "restaurant",
    "supplier_id": None,
    "currency": "EUR",
    "name": "Table 1",
    "kind": "table",
    "exclusive": True,
    "capacity": None,
    "nightly": False,
    "bucket_minutes": None,
    "bucket_offset_minutes": 0,
    "buffer_before_minutes": 0,
    "buffer_after_minutes": 0,
    "min_notice_minutes": 0,
    "max_advance_days": 730,
    "min_duration_minutes": 1,
    "max_duration_minutes": 366 * 1440,
    "grid_minutes": None,
    "places_per_unit": 1,
    "active": True,
}


def a_resource(
    *,
    zone: str = "UTC",
    week: dict[str, tuple[Hours, ...]] | None = None,
    exceptions: dict[date, tuple[Hours, ...]] | None = None,
    **rules: object,
) -> Resource:
    """An exclusive, always open resource in UTC, but for the rules given."""
    assert rules.keys() <= {field.name for field in fields(Resource)}
    timetable = Timetable(ZoneInfo(zone), week, exceptions or {})
    return Resource(**(PLAIN | rules), timetable=timetable)  # type: ignore[arg-type]
