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
from holdfast.domains.webhook.rules.audience import OF_BOOKINGS, Audience, audience_of_roles
from holdfast.domains.webhook.rules.signing import message
from holdfast.kernel.errors import NotFound
from holdfast.kernel.relay import Delivery


@dataclass(frozen=True)
class Sources:
    """Where reactions ask."""

    bookings: Bookings
    venues: Venues


Answer = Callable[[AsyncSession, Delivery, Sources], Awaitable[None]]

# while this is false in the database, no event is answered for webhooks' sake
WANTED = endpoints.ANY_ENABLED


async def queue_messages_when_anything_happened(db: AsyncSession, event: Delivery, sources: Sources) -> None:
    listening = await endpoints.listening(db, event.type)
    supplier = None
    if any(each.audience is Audience.SUPPLIER for each in listening):
        supplier = await supplier_of(event, sources)
    chosen = [
        each.id
        for each in listening
        if each.audience is Audience.HOUSE or (supplier is not None and each.owner_id == supplier)
    ]
    if chosen:
        body = message(event.type, event.occurred_at, event.data)
        draft = Draft(event.event_id, event.type, event.aggregate_id, body)
        await deliveries.insert_deliveries(db, draft, chosen, now=event.occurred_at)


async def supplier_of(event: Delivery, sources: Sources) -> UserId | None:
    """Whose venue the booking of this event is at; None where it is of no booking, or of the house's own venue."""
    booking_id = event.data.get("booking_id")
    if not event.type.startswith(OF_BOOKINGS) or not isinstance(booking_id, str):
        return None
    try:
        venue_id = event.data.get("venue_id")
        if not isinstance(venue_id, str):
            booking = await sources.bookings.get(BookingId(UUID(booking_id)), actor=SYSTEM)
            venue_id = str(booking.venue.id)
        return (await sources.venues.get_venue(VenueId(UUID(venue_id)))).supplier_id
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
