"""Inventory's refusals.

NotFound   VenueNotFound  ResourceNotFound  ReservationNotFound
Conflict   SlotTaken  AnotherReservation  ReservationExpired  ReservationReleased  ReservationCommitted
           ReservationOfBooking  CapacityBelowReserved
Invalid    NotBookable  PartyTooLarge  HoldInThePast  HoldTooLong  TooManySlots  RulesContradict
"""

from collections.abc import Mapping

from holdfast.contracts.inventory import Reason
from holdfast.domains.inventory.rules.evaluator import Verdict
from holdfast.domains.inventory.rules.resource import Need, Resource
from holdfast.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal


class NotYourVenue(Forbidden):
    """This venue is another supplier's."""


class VenueNotFound(NotFound):
    """There is no such venue."""


class ResourceNotFound(NotFound):
    """There is no such resource."""


class ReservationNotFound(NotFound):
    """There is no such reservation."""


class SlotTaken(Conflict):
    """Somebody else has this time."""


class AnotherReservation(Conflict):
    """This item of the booking already holds something else."""


class ReservationExpired(Conflict):
    """The hold has expired."""


class ReservationReleased(Conflict):
    """The reservation has been released."""


class ReservationCommitted(Conflict):
    """The reservation is sold for good: change the booking instead."""


class ReservationOfBooking(Conflict):
    """A booking holds this: change the booking instead."""


class CapacityBelowReserved(Conflict):
    """More is reserved than this capacity would allow."""


class NotBookable(Invalid):
    """The resource's rules do not allow this time."""


class PartyTooLarge(Invalid):
    """No such party fits, however empty it is."""


class HoldInThePast(Invalid):
    """A hold must expire in the future."""


class HoldTooLong(Invalid):
    """A hold may not last this long."""


class TooManySlots(Invalid):
    """More starts lie in these dates than one answer lists; ask for fewer days."""


class RulesContradict(Invalid):
    """The resource's rules contradict each other."""


# these come from what others hold and may pass; the rest are the resource's own rules
OTHERS = frozenset({Reason.TAKEN, Reason.HELD, Reason.BUFFER, Reason.CAPACITY})
POINTERS = {Reason.TOO_SHORT: "/end_at", Reason.TOO_LONG: "/end_at"}
SENTENCES = {
    Reason.CLOSED: "It is not open at this time.",
    Reason.TOO_SOON: "It can no longer be booked for this time.",
    Reason.TOO_FAR: "It cannot be booked this far ahead yet.",
    Reason.TOO_SHORT: "It cannot be booked for so short a time.",
    Reason.TOO_LONG: "It cannot be booked for so long a time.",
    Reason.OFF_GRID: "Bookings do not start at this time.",
}

VIOLATIONS: Mapping[str, type[Refusal]] = {
    "allocations_no_overlap": SlotTaken,
    "allocations_one_per_item": AnotherReservation,
    "buckets_within_capacity": SlotTaken,
    "resources_venue_id_fkey": VenueNotFound,
}


def why_not(resource: Resource, need: Need, verdict: Verdict) -> Refusal:
    """The refusal that a verdict amounts to, with its facts."""
    reason = verdict.reason or Reason.TAKEN
    which = str(resource.id)
    if reason is Reason.CAPACITY and not resource.seats(need.guests):
        return PartyTooLarge(pointer="/quantity", reason=reason, resource_id=which, capacity=resource.capacity)
    if verdict.held_until is not None:
        return SlotTaken(reason=reason, resource_id=which, remaining=0, held_until=verdict.held_until)
    if reason in OTHERS:
        return SlotTaken(reason=reason, resource_id=which, remaining=verdict.remaining)
    pointer = POINTERS.get(reason, "/start_at")
    return NotBookable(SENTENCES[reason], pointer=pointer, reason=reason, resource_id=which)
