"""Every event is written down for the endpoints that hear of it; and who may no longer hear, no longer does.

    any event            queue_messages_when_anything_happened
    user.banned          disable_endpoints_when_owner_banned
    user.roles_changed   narrow_endpoints_when_roles_changed

Each is called once in effect: the relay's receipt and the rows commit together.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.identity import SYSTEM, UserBanned, UserId, UserRolesChanged
from holdfast.contracts.inventory import VenueId
from holdfast.contracts.webhook import DisabledBecause
from holdfast.domains.webhook.ports import Bookings, Venues
from holdfast.domains.webhook.queries import deliveries, endpoints
from holdfast.domains.webhook.queries.deliveries import Draft
from holdfast.domains.webhook.rules.audience import OF_BOOKINGS, Audience, audience_of_roles, patterns_for
from holdfast.domains.webhook.rules.signing import message
from holdfast.kernel.errors import NotFound
from holdfast.kernel.relay import Delivery


@dataclass(frozen=True)
class Sources:
    """Where reactions ask."""

    bookings: Bookings
    venues: Venues


Answer = Callable[[AsyncSession, Delivery, Sources], Awaitable[None]]
Hearer = Callable[[AsyncSession, Sequence[Delivery], Sources], Awaitable[None]]

# while this is false in the database, no event is answered for webhooks' sake
WANTED = endpoints.ANY_ENABLED


async def queue_messages_when_anything_happened(
    db: AsyncSession, events: Sequence[Delivery], sources: Sources
) -> None:
    patterns = {event.type: patterns_for(event.type) for event in events}
    listening = await endpoints.listening(db, set().union(*patterns.values()))
    suppliers: dict[BookingId, UserId | None] = {}
    drafts: list[Draft] = []
    for event in events:
        hearing = [each for each in listening if not each.events.isdisjoint(patterns[event.type])]
        if any(each.audience is Audience.SUPPLIER for each in hearing):
            owner = await supplier_of(event, sources, known=suppliers)
            hearing = [each for each in hearing if each.audience is Audience.HOUSE or each.owner_id == owner]
        if hearing:
            body = message(event.type, event.occurred_at, event.data)
            drafts += [
                Draft(each.id, event.event_id, event.type, event.aggregate_id, body, event.occurred_at)
                for each in hearing
            ]
    await deliveries.insert_deliveries(db, drafts)


async def supplier_of(
    event: Delivery, sources: Sources, *, known: dict[BookingId, UserId | None]
) -> UserId | None:
    """Whose venue the booking of this event is at; None where it is of no booking, or of the house's own venue."""
    told = event.data.get("booking_id")
    if not event.type.startswith(OF_BOOKINGS) or not isinstance(told, str):
        return None
    booking_id = BookingId(UUID(told))
    if booking_id not in known:
        known[booking_id] = await ask_supplier(booking_id, event.data.get("venue_id"), sources)
    return known[booking_id]


async def ask_supplier(booking_id: BookingId, venue_id: object, sources: Sources) -> UserId | None:
    try:
        if not isinstance(venue_id, str):
            venue_id = (await sources.bookings.get(booking_id, actor=SYSTEM)).venue.id
        return (await sources.venues.get_venue(VenueId(UUID(str(venue_id))))).supplier_id
    except NotFound:
        return None


async def disable_endpoints_when_owner_banned(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    told = UserBanned.from_store(event.data)
    await disable_all_of(db, told.user_id, DisabledBecause.OWNER_BANNED, event)


async def narrow_endpoints_when_roles_changed(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    told = UserRolesChanged.from_store(event.data)
    audience = audience_of_roles(told.roles)
    if audience is None:
        await disable_all_of(db, told.user_id, DisabledBecause.ROLE_LOST, event)
    else:
        await endpoints.set_audience(db, told.user_id, audience)


async def disable_all_of(db: AsyncSession, owner_id: UserId, because: DisabledBecause, event: Delivery) -> None:
    disabled = await endpoints.disable(db, endpoints.all_of(owner_id), because, now=event.occurred_at)
    await deliveries.give_up_waiting(db, [each.id for each in disabled])


REACTIONS: Mapping[str, Sequence[Answer]] = {
    UserBanned.type: (disable_endpoints_when_owner_banned,),
    UserRolesChanged.type: (narrow_endpoints_when_roles_changed,),
}
