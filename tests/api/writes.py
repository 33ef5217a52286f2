"""Every write of the interface, with a body that it takes, in a house with something of everything in it."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.house import House, Json, at, wish

Way = tuple[str | int, ...]


@dataclass(frozen=True)
class Standing:
    """A house with something of everything in it."""

    venue: Json
    table: Json
    booking: Json
    passenger: Json
    reservation: Json


async def standing(house: House) -> Standing:
    table = await house.table()
    booking = await house.booked(table)
    passengers = f"/api/v1/bookings/{booking['id']}/passengers"
    passenger = await house.made(passengers, {"full_name": "Guest"})
    hold = {"booking_id": str(uuid4()), "resource_id": table["id"], **period(5), "expires_at": at(-1)}
    reservation = await house.made("/api/v1/inventory/reserve", hold)
    return Standing(house.venue, table, booking, passenger, reservation)


def period(hours: float) -> Json:
    return {"start_at": at(hours), "end_at": at(hours + 1)}


@dataclass(frozen=True)
class Write:
    """One operation that takes a body: where, and a body that it would take."""

    name: str
    method: str
    path: Callable[[Standing], str]
    body: Callable[[Standing], Json]

    def send(
        self, client: httpx.AsyncClient, at_: Standing, body: object, **extra: Any
    ) -> Awaitable[httpx.Response]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **extra.pop("headers", {})}
        return client.request(self.method, self.path(at_), content=content, headers=headers, **extra)


def fixed(path: str) -> Callable[[Standing], str]:
    return lambda _: path


def of_booking(rest: str) -> Callable[[Standing], str]:
    return lambda at_: f"/api/v1/bookings/{at_.booking['id']}{rest}"


def rate(at_: Standing) -> Json:
    return {
        "resource_id": at_.table["id"],
        "name": "Rack rate",
        "amount": "120.00",
        "currency": "EUR",
        "per": "booking",
        "terms": "deposit",
        "deposit_percent": "30",
        "adjustments": [
            {"kind": "weekday", "label": "Saturday", "days": ["sat"], "percent": "10"},
            {"kind": "season", "from_on": "2030-06-01", "to_on": "2030-08-31", "price": "150.00"},
            {"kind": "length_of_stay", "min_nights": 7, "discount_percent": "10"},
        ],
        "taxes": [{"label": "VAT", "percent": "7", "included": True}],
        "valid_from": "2030-01-01",
        "valid_to": "2030-12-31",
    }


RULES: Json = {
    "name": "Table 9",
    "kind": "table",
    "capacity": 4,
    "opening_hours": [{"days": ["mon"], "opens": "09:00", "closes": "22:00"}],
    "exceptions": [
        {"date": "2030-12-24", "closed": True},
        {"date": "2030-12-31", "opens": "18:00", "closes": "02:00"},
    ],
    "buffer_before_minutes": 5,
    "buffer_after_minutes": 5,
    "min_notice_minutes": 60,
    "max_advance_days": 365,
    "min_duration_minutes": 30,
    "max_duration_minutes": 240,
    "grid_minutes": 15,
    "places_per_unit": 1,
}
VENUE: Json = {"name": "Annex", "type": "cafe", "timezone": "UTC", "currency": "EUR", "address": "1 Harbour Road"}
GUEST: Json = {"id": str(UUID(int=5)), "name": "Guest", "email": "guest@example.org", "phone": "+49 30 123456"}
PASSENGER: Json = {
    "full_name": "Guest",
    "date_of_birth": "1990-05-17",
    "nationality": "DE",
    "passport_number": "C01X00T47",
    "passport_expires_on": "2034-05-16",
    "passport_country": "DE",
    "email": "guest@example.org",
    "phone": "+49 30 123456",
}


def booking(at_: Standing) -> Json:
    extra = {
        "notes": "window",
        "metadata": {"source": "web"},
        "payment_provider": "sandbox",
        "idempotency_key": "k",
    }
    return {**wish(at_.table, start_at=at(9), guest=GUEST), **extra}


WRITES: Sequence[Write] = (
    Write("create_venue", "POST", fixed("/api/v1/venues"), lambda _: VENUE),
    Write(
        "update_venue",
        "PATCH",
        lambda at_: f"/api/v1/venues/{at_.venue['id']}",
        lambda _: {name: VENUE[name] for name in ("name", "type", "currency", "address")},
    ),
    Write(
        "create_resource",
        "POST",
        fixed("/api/v1/resources"),
        lambda at_: {"venue_id": at_.venue["id"], "mode": "exclusive", **RULES},
    ),
    Write(
        "update_resource",
        "PATCH",
        lambda at_: f"/api/v1/resources/{at_.table['id']}",
        lambda _: {**RULES, "active": True},
    ),
    Write(
        "check_resource_availability",
        "POST",
        fixed("/api/v1/inventory/check-availability"),
        lambda at_: {"resource_id": at_.table["id"], **period(9), "quantity": 2},
    ),
    Write(
        "reserve",
        "POST",
        fixed("/api/v1/inventory/reserve"),
        lambda at_: {
            "booking_id": str(UUID(int=11)),
            "resource_id": at_.table["id"],
            **period(9),
            "quantity": 2,
            "expires_at": at(0),
        },
    ),
    Write(
        "release",
        "POST",
        fixed("/api/v1/inventory/release"),
        lambda at_: {"reservation_id": at_.reservation["reservation_id"]},
    ),
    Write(
        "update_reservation",
        "POST",
        fixed("/api/v1/inventory/update-reservation"),
        lambda at_: {
            "reservation_id": at_.reservation["reservation_id"],
            "resource_id": at_.table["id"],
            **period(10),
            "quantity": 2,
        },
    ),
    Write("create_rate", "POST", fixed("/api/v1/pricing/rates"), rate),
    Write(
        "create_fee_rule",
        "POST",
        fixed("/api/v1/pricing/fee-rules"),
        lambda _: {
            "label": "Service",
            "percent": "1.5",
            "currency": "EUR",
            "fixed": "1.00",
            "minimum": "1.00",
            "maximum": "9.00",
            "venue_type": "hotel",
            "channel": "web",
        },
    ),
    Write(
        "calculate",
        "POST",
        fixed("/api/v1/pricing/calculate"),
        lambda at_: {"resource_id": at_.table["id"], **period(9), "party_size": 2, "channel": "web"},
    ),
    Write(
        "estimate",
        "POST",
        fixed("/api/v1/pricing/estimate"),
        lambda at_: {
            "resource_id": at_.table["id"],
            "from": "2030-02-01",
            "to": "2030-02-07",
            "duration_minutes": 60,
            "party_size": 2,
        },
    ),
    Write("create_booking", "POST", fixed("/api/v1/bookings"), booking),
    Write("create_booking_by_workflow_path", "POST", fixed("/bookings"), booking),
    Write(
        "update_booking",
        "PUT",
        of_booking(""),
        lambda _: {
            "expected_version": 2,
            **period(9),
            "party_size": 3,
            "guest": GUEST,
            "notes": "door",
            "metadata": {"source": "web"},
            "idempotency_key": "k",
        },
    ),
    Write(
        "cancel_booking",
        "POST",
        of_booking("/cancel"),
        lambda _: {"expected_version": 2, "reason": "plans changed", "idempotency_key": "k"},
    ),
    Write(
        "change_booking_status",
        "POST",
        of_booking("/status"),
        lambda _: {
            "status": "CHECKED_IN",
            "expected_version": 2,
            "reason": "here",
            "override": True,
            "idempotency_key": "k",
        },
    ),
    Write(
        "check_availability",
        "POST",
        fixed("/api/v1/bookings/availability/check"),
        lambda at_: {"resource_id": at_.table["id"], **period(9), "party_size": 2},
    ),
    Write(
        "set_cancellation_policy",
        "PUT",
        lambda at_: f"/api/v1/bookings/policies/{at_.venue['id']}",
        lambda _: {"tiers": [{"hours_before_start": 48, "percent": 100}], "no_show_percent": 0},
    ),
    Write("add_passenger", "POST", of_booking("/passengers"), lambda _: PASSENGER),
)
