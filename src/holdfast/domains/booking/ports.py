"""What booking needs from others. Their facades fit by shape; so will their HTTP twins.

In one process they share the operation's session, so what they write commits with the booking or not at all.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from holdfast.contracts.booking import PaymentSummary
from holdfast.contracts.inventory import (
    Alternative,
    AvailabilityQuery,
    AvailabilityView,
    Claim,
    ReservationChange,
    ReservationId,
    ReservationView,
    ResourceFacts,
    ResourceId,
    VenueId,
    VenueSearch,
    VenueView,
    Wish,
)
from holdfast.contracts.payment import IntentOrder
from holdfast.contracts.pricing import PriceQuery, PriceView
from holdfast.kernel.errors import Refusal


class Inventory(Protocol):
    """Claims, a row per wish and in the order of the wishes; a refused wish refuses only itself."""

    async def reserve_many(self, claims: Sequence[Claim], *, now: datetime) -> list[ReservationView | Refusal]: ...

    async def commit_many(
        self, reservation_ids: Sequence[ReservationId], *, now: datetime
    ) -> list[ReservationView | Refusal]: ...

    async def release_many(
        self, *, reservation_ids: Sequence[ReservationId] = (), booking_ids: Sequence[UUID] = (), now: datetime
    ) -> int: ...

    async def move(self, change: ReservationChange, *, now: datetime) -> ReservationView: ...

    async def check_availability(self, query: AvailabilityQuery, *, now: datetime) -> AvailabilityView: ...

    async def check_venue(self, search: VenueSearch, *, now: datetime) -> AvailabilityView: ...

    async def alternatives(self, wish: Wish, *, now: datetime) -> list[Alternative]: ...

    async def claims_of(self, booking_ids: Sequence[UUID]) -> list[ReservationView]: ...

    async def night_zones(
        self, *, resource_ids: Iterable[ResourceId] = (), venue_ids: Iterable[VenueId] = ()
    ) -> dict[UUID, str]: ...

    async def describe_many(self, resource_ids: Iterable[ResourceId]) -> dict[ResourceId, ResourceFacts]: ...

    async def get_venue(self, venue_id: VenueId) -> VenueView: ...


class Pricing(Protocol):
    """Prices, in the order of the questions; what cannot be priced refuses only itself."""

    async def calculate_many(self, asked: Sequence[PriceQuery]) -> list[PriceView | Refusal]: ...

    async def calculate(self, asked: PriceQuery) -> PriceView: ...


class Payments(Protocol):
    """Ways to pay, in the order of the orders; no provider is asked, so that they commit with their bookings.

    Another intent of the same booking that is still open ends with it. Refusals: ProviderUnknown,
    ProviderNotConfigured.
    """

    async def open_many(self, orders: Sequence[IntentOrder], *, now: datetime) -> list[PaymentSummary]: ...
