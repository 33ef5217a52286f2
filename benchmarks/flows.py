"""What clients do: one function a scenario, each a unit of one request or more."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import urlencode

from benchmarks.load import Flow, Request, Unit
from benchmarks.world import A_DAY, OPENS, STOCK_EACH, TOMORROW

# no two measurements book the same time: each has so many slots of its own on the resources together
SLOTS = 1_000_000
TURN = count(1)
# the stock is cancelled a quarter at a time
QUARTER = count()


@dataclass(frozen=True)
class Places:
    """Ids, as text."""

    spread: Sequence[str]
    hot: str
    contended: str
    paid: Sequence[str]
    tables: Sequence[str]
    venue: str
    stock: Sequence[str]
    references: Sequence[str]


def booking(resource: str, start: datetime) -> dict[str, Any]:
    return {
        "resource_id": resource,
        "start_at": start.isoformat(),
        "duration_minutes": 60,
        "party_size": 2,
        "guest": {"name": "Guest", "email": "guest@example.org"},
    }


def one(request: Request, *, expected: int) -> Unit:
    answer = yield request
    return answer.status == expected


def slot(resources: Sequence[str], turn: int, clients: int, client: int, number: int) -> dict[str, Any]:
    """Neighbours book different resources, and nobody the same one at the same hour."""
    hour, resource = divmod(turn * SLOTS + client + clients * number, len(resources))
    return booking(resources[resource], TOMORROW + timedelta(hours=hour))


def create(places: Places, clients: int) -> Flow:
    turn = next(TURN)

    def flow(client: int, number: int) -> Unit:
        body = slot(places.spread, turn, clients, client, number)
        return one(Request("POST", "/api/v1/bookings", body, f"{turn}-{client}-{number}"), expected=201)

    return flow


def create_hot(places: Places, clients: int) -> Flow:
    turn = next(TURN)
    body = booking(places.hot, TOMORROW + timedelta(hours=turn))

    def flow(client: int, number: int) -> Unit:
        return one(Request("POST", "/api/v1/bookings", body, f"{turn}-{client}-{number}"), expected=201)

    return flow


def contend(places: Places, clients: int) -> Flow:
    """One wins; a refusal counts as well done."""
    turn = next(TURN)
    body = booking(places.contended, TOMORROW + timedelta(hours=turn))

    def flow(client: int, number: int) -> Unit:
        return won_or_refused(Request("POST", "/api/v1/bookings", body, f"{turn}-{client}-{number}"))

    return flow


def won_or_refused(request: Request) -> Unit:
    answer = yield request
    return answer.status in (201, 409)


def read(places: Places, clients: int) -> Flow:
    return lambda client, number: one(
        Request("GET", f"/api/v1/bookings/{random.choice(places.stock)}"), expected=200
    )


def read_by_reference(places: Places, clients: int) -> Flow:
    return lambda client, number: one(
        Request("GET", f"/api/v1/bookings/reference/{random.choice(places.references)}"), expected=200
    )


def check(places: Places, clients: int) -> Flow:
    def flow(client: int, number: int) -> Unit:
        day, hour = random.randrange(STOCK_EACH // A_DAY), random.randrange(OPENS, OPENS + 12)
        start = TOMORROW + timedelta(days=day, hours=hour)
        body = {
            "resource_id": random.choice(places.tables),
            "start_at": start.isoformat(),
            "end_at": (start + timedelta(hours=1)).isoformat(),
            "quantity": 2,
        }
        return one(Request("POST", "/api/v1/inventory/check-availability", body), expected=200)

    return flow


def month(places: Places, clients: int) -> Flow:
    asked = urlencode(
        {"from": TOMORROW.date(), "to": (TOMORROW + timedelta(days=30)).date(), "duration_minutes": 60}
    )
    return lambda client, number: one(
        Request("GET", f"/api/v1/resources/{random.choice(places.tables)}/slots?{asked}"), expected=200
    )


def list_venue(places: Places, clients: int) -> Flow:
    def flow(client: int, number: int) -> Unit:
        day = (TOMORROW + timedelta(days=random.randrange(STOCK_EACH // A_DAY))).date()
        asked = urlencode({"from": day, "to": day, "limit": 50})
        return one(Request("GET", f"/api/v1/bookings/venue/{places.venue}?{asked}"), expected=200)

    return flow


def cancel(places: Places, clients: int) -> Flow:
    """Each booking of the stock once, and so for four measurements; then there is nothing left to cancel."""
    share = len(places.stock) // 4
    first = share * next(QUARTER)

    def flow(client: int, number: int) -> Unit | None:
        at = client + clients * number
        if at >= share or first + at >= len(places.stock):
            return None
        path = f"/api/v1/bookings/{places.stock[first + at]}/cancel"
        return one(Request("POST", path, {"reason": "changed plans"}, f"cancel-{first + at}"), expected=200)

    return flow


def journey(places: Places, clients: int) -> Flow:
    turn = next(TURN)

    def flow(client: int, number: int) -> Unit:
        return booked_and_paid(slot(places.paid, turn, clients, client, number), f"{turn}-{client}-{number}")

    return flow


def booked_and_paid(body: dict[str, Any], key: str) -> Unit:
    """Create, pay, and ask until it is confirmed."""
    made = yield Request("POST", "/api/v1/bookings", body, key)
    if made.status != 201:
        return False
    booked = made.json
    path = f"/api/v1/payments/intents/{booked['payment']['intent_id']}/confirm"
    paid = yield Request("POST", path, {"payment_method": "sandbox_ok"})
    if paid.status != 200:
        return False
    for _ in range(50):
        seen = yield Request("GET", f"/api/v1/bookings/{booked['id']}")
        if seen.json["status"] == "CONFIRMED":
            return True
    return False


Scenario = Callable[[Places, int], Flow]
