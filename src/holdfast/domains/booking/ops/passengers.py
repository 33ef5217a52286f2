"""The travellers of a booking."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import (
    BookingId,
    PassengerDraft,
    PassengerId,
    PassengersView,
    PassengerView,
)
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS, BookingClosed, PassengerNotFound, TooManyPassengers
from holdfast.domains.booking.ops.advance import updated
from holdfast.domains.booking.records import BookingRecord
from holdfast.domains.booking.rules.access import Right, allow
from holdfast.domains.booking.rules.guards import same_version
from holdfast.domains.booking.rules.machines import ENDED
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import record


class AddPassenger:
    """Link a traveller to a booking, at most as many as its party; BookingNotFound, VersionConflict,
    BookingClosed, TooManyPassengers."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self,
        booking_id: BookingId,
        draft: PassengerDraft,
        *,
        expected_version: int | None,
        now: datetime,
        actor: Actor,
    ) -> PassengerView:
        passenger = PassengerView(
            id=PassengerId(uuid7()), booking_id=booking_id, created_at=now, **draft.model_dump()
        )
        async with transaction(self.db, VIOLATIONS):
            booking = await open_for_update(self.db, booking_id, expected_version, actor=actor)
            if await queries.passengers_count(self.db, booking_id) >= booking.party_size:
                raise TooManyPassengers(party_size=booking.party_size)
            await queries.insert_passenger(self.db, passenger)
            await tell_changed(self.db, booking, now=now, actor=actor)
        return passenger


class RemovePassenger:
    """Unlink a traveller; BookingNotFound, VersionConflict, BookingClosed, PassengerNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self,
        booking_id: BookingId,
        passenger_id: PassengerId,
        *,
        expected_version: int | None,
        now: datetime,
        actor: Actor,
    ) -> None:
        async with transaction(self.db, VIOLATIONS):
            booking = await open_for_update(self.db, booking_id, expected_version, actor=actor)
            if not await queries.delete_passenger(self.db, booking_id, passenger_id):
                raise PassengerNotFound
            await tell_changed(self.db, booking, now=now, actor=actor)


class ListPassengers:
    """The travellers of a booking in the order they were added; BookingNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId, *, actor: Actor) -> PassengersView:
        allow(actor, Right.SEE, await queries.get_by_id(self.db, booking_id))
        return PassengersView(items=await queries.passengers_of(self.db, booking_id))


async def open_for_update(
    db: AsyncSession, booking_id: BookingId, expected_version: int | None, *, actor: Actor
) -> BookingRecord:
    """The locked booking at the version the caller saw, if it is theirs to change and has not ended."""
    booking = await queries.get_for_update(db, booking_id)
    allow(actor, Right.CHANGE, booking)
    same_version(booking.version, expected_version)
    if booking.status in ENDED:
        raise BookingClosed(f"it is {booking.status}", booking_status=booking.status)
    return booking


async def tell_changed(db: AsyncSession, booking: BookingRecord, *, now: datetime, actor: Actor) -> None:
    """The booking's next version. Passengers are not told: names and passports have no place in events."""
    changed = replace(booking, version=booking.version + 1, updated_at=now)
    await queries.write(db, [changed], ("version", "updated_at"))
    record(db, updated(booking, changed, ["passengers"], actor=actor, now=now))
