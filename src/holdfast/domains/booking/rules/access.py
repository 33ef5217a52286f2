"""Whose booking it is, and what they may do with it.

                 see   cancel   change   run (confirm, check in, complete, no-show)   house (leads, stages)
the house         x      x        x       x                                            x
its supplier      x      x        x       x
its guest         x      x        x
its token         x      x
everyone else    not even that it exists
"""

from enum import StrEnum

from holdfast.contracts.identity import Actor, ActorType
from holdfast.domains.booking.exceptions import BookingNotFound, NotYourMove
from holdfast.domains.booking.records import BookingRecord


class Right(StrEnum):
    SEE = "see"
    CANCEL = "cancel"
    CHANGE = "change"
    RUN = "run"
    HOUSE = "house"


OF_HOUSE = frozenset(Right)
OF_SUPPLIER = OF_HOUSE - {Right.HOUSE}
OF_GUEST = frozenset({Right.SEE, Right.CANCEL, Right.CHANGE})
OF_TOKEN = frozenset({Right.SEE, Right.CANCEL})


def rights(actor: Actor, booking: BookingRecord) -> frozenset[Right]:
    if actor.is_house:
        return OF_HOUSE
    if actor.supplies(booking.supplier_id):
        return OF_SUPPLIER
    if actor.type is ActorType.GUEST:
        return OF_TOKEN if actor.booking_id == booking.id else frozenset()
    signed_in = actor.type in (ActorType.CUSTOMER, ActorType.SUPPLIER)
    return OF_GUEST if signed_in and actor.id == booking.guest_id else frozenset()


def allow(actor: Actor, right: Right, booking: BookingRecord) -> None:
    """BookingNotFound for a stranger, NotYourMove for one who may see but not do this."""
    held = rights(actor, booking)
    if Right.SEE not in held:
        raise BookingNotFound
    if right not in held:
        raise NotYourMove
