"""Which rooms there are, and who may be in them.

staff           the house, from the start
booking:<id>    who may see that booking; a guest's token from the start
venue:<id>      its supplier, and the house
"""

import re
from uuid import UUID

from holdfast.contracts.booking import BookingId
from holdfast.contracts.identity import Actor, ActorType, Scope
from holdfast.contracts.inventory import VenueId
from holdfast.contracts.realtime import STAFF_ROOM
from holdfast.kernel.errors import NotFound, Refusal
from holdfast.wiring import Wiring

ROOM = re.compile(r"(booking|venue):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class RoomNotFound(NotFound):
    """There is no such room, or it is not yours to enter."""


def may_read(actor: Actor) -> bool:
    return actor.scopes is None or Scope.READ in actor.scopes


def first_rooms(actor: Actor) -> list[str]:
    if actor.is_staff:
        return [STAFF_ROOM]
    if actor.type is ActorType.GUEST and actor.booking_id is not None:
        return [f"booking:{actor.booking_id}"]
    return []


async def enter(wired: Wiring, room: object, actor: Actor) -> str:
    """The room's name. RoomNotFound, and what else the domains refuse."""
    if room == STAFF_ROOM and actor.is_staff:
        return STAFF_ROOM
    named = ROOM.fullmatch(room) if isinstance(room, str) else None
    if named is None:
        raise RoomNotFound
    kind, id_ = named[1], UUID(named[2])
    async with wired.session(actor) as db:
        try:
            if kind == "booking":
                await wired.ask_booking(db).get(BookingId(id_), actor=actor)
            elif not actor.supplies((await wired.ask_inventory(db).get_venue(VenueId(id_))).supplier_id):
                raise RoomNotFound
        except NotFound as error:
            raise RoomNotFound from error
    return named[0]


def problem_of(refusal: Refusal) -> dict[str, object]:
    """What a client is told instead of a problem document."""
    return {"type": refusal.problem_type(), "title": refusal.title(), "status": refusal.status}
