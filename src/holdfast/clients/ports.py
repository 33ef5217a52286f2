"""All that is asked of each domain by others: one Protocol for what several of them need.

Their facades fit by shape, and so does a `twin` of each. What is asked inside a transaction is asked before it
where the other is elsewhere (`asking.py`), or, where it is among `LATER`, once it has committed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from holdfast.contracts.identity import Actor
from holdfast.domains.booking import ports as booking
from holdfast.domains.document import ports as document
from holdfast.domains.identity import ports as identity
from holdfast.domains.notification import ports as notification
from holdfast.domains.payment import ports as payment
from holdfast.domains.pricing import ports as pricing
from holdfast.domains.webhook import ports as webhook


class Inventory(
    booking.Inventory, pricing.Directory, document.Venues, notification.Venues, webhook.Venues, Protocol
):
    """Claims, what is free, and facts about venues and resources."""


class Pricing(booking.Pricing, Protocol):
    """What it costs."""


class Payments(booking.Payments, Protocol):
    """Ways to pay for bookings."""


class Bookings(document.Bookings, payment.Bookings, notification.Bookings, webhook.Bookings, Protocol):
    """Bookings as they are, and the one way to move them."""


class Documents(notification.Documents, notification.Papers, Protocol):
    """Which papers there are, and their files."""


class People(notification.People, document.People, Protocol):
    """What people want."""


class Tokens(Protocol):
    """Knows whose token or key it is."""

    async def authenticate(self, token: str, *, now: datetime) -> Actor: ...


class Messages(identity.Messages, Protocol):
    """Takes messages."""


# name on the wire -> what may be asked there
PORTS: Mapping[str, type] = {
    "inventory": Inventory,
    "pricing": Pricing,
    "payment": Payments,
    "booking": Bookings,
    "document": Documents,
    "people": People,
    "identity": Tokens,
    "notification": Messages,
}

# whose they are, where that is not their name
OWNERS: Mapping[str, str] = {"people": "identity"}

# asked again where no answer came: reads, and what has the same effect twice as once
SAFE = frozenset({
    ("inventory", "alternatives"), ("inventory", "check_availability"), ("inventory", "check_venue"),
    ("inventory", "claims_of"), ("inventory", "describe_many"), ("inventory", "get_venue"),
    ("inventory", "night_zones"),
    # by booking and item, by reservation, and to a place
    ("inventory", "reserve_many"), ("inventory", "commit_many"), ("inventory", "release_many"),
    ("inventory", "move"),
    ("pricing", "calculate"), ("pricing", "calculate_many"),
    ("booking", "get"), ("booking", "get_many"), ("booking", "history"), ("booking", "list_items"),
    ("booking", "list_passengers"), ("booking", "supplier_of"),
    ("document", "file"), ("document", "list_of_booking"),
    ("people", "preferences"), ("people", "language"), ("people", "account"), ("identity", "authenticate"),
})  # fmt: skip


def owner(port: str) -> str:
    """The domain that answers there."""
    return OWNERS.get(port, port)
