"""Who hears of what: the house of everything, a supplier of bookings and payments at their own venues.

A customer has no endpoint: whoever can sign up could make this server knock at doors of their choice, and what
became of one's own booking arrives by mail and at `/socket.io`.
"""

from collections.abc import Iterable
from enum import StrEnum

from holdfast.contracts.identity import Actor, ActorType, Role
from holdfast.domains.webhook.exceptions import SuppliersAndHouseOnly


class Audience(StrEnum):
    HOUSE = "house"
    SUPPLIER = "supplier"


# what names a booking, and tells nothing of the house's other affairs
OF_BOOKINGS = ("booking.", "payment.", "document.")


def patterns_for(type_: str) -> list[str]:
    """What an endpoint asks for to hear of this type: `*`, its own name, or the beginning that it falls under."""
    parts = type_.split(".")
    return ["*", type_, *(".".join(parts[:length]) + ".*" for length in range(1, len(parts)))]


def audience_of(actor: Actor) -> Audience:
    """SuppliersAndHouseOnly for everybody else."""
    if actor.is_staff:
        return Audience.HOUSE
    if actor.type is ActorType.SUPPLIER:
        return Audience.SUPPLIER
    raise SuppliersAndHouseOnly


def audience_of_roles(roles: Iterable[Role]) -> Audience | None:
    """None for who may have no endpoint."""
    held = set(roles)
    if held & {Role.ADMIN, Role.STAFF}:
        return Audience.HOUSE
    return Audience.SUPPLIER if Role.SUPPLIER in held else None
