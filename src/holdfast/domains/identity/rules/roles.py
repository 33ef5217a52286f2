"""Which roles make which actor."""

from collections.abc import Sequence

from holdfast.contracts.identity import ActorType, Role

# the most powerful first
POWER = (Role.ADMIN, Role.STAFF, Role.SUPPLIER, Role.CUSTOMER)


def ordered(roles: Sequence[Role]) -> list[Role]:
    """Each once, the most powerful first."""
    return [role for role in POWER if role in roles]


def actor_type(roles: Sequence[Role]) -> ActorType:
    """An account acts as the most powerful of its roles."""
    return ActorType(ordered(roles)[0])


def loses_admin(before: Sequence[Role], after: Sequence[Role]) -> bool:
    return Role.ADMIN in before and Role.ADMIN not in after
