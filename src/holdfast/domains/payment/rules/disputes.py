"""How a dispute moves on, in whatever order its news come.

            open   withheld   won   lost
open         -     withheld   won   lost
withheld     -        -       won   lost
lost         -        -       won    -
won: the house has its money; a loss after that is for a person to see
"""

from collections.abc import Mapping

from holdfast.contracts.payment import DisputeStatus

EDGES: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    DisputeStatus.OPEN: frozenset({DisputeStatus.WITHHELD, DisputeStatus.WON, DisputeStatus.LOST}),
    DisputeStatus.WITHHELD: frozenset({DisputeStatus.WON, DisputeStatus.LOST}),
    DisputeStatus.LOST: frozenset({DisputeStatus.WON}),
    DisputeStatus.WON: frozenset(),
}
# while it stands so, the house does not have the money
TAKEN = frozenset({DisputeStatus.WITHHELD, DisputeStatus.LOST})


def after(status: DisputeStatus, said: DisputeStatus) -> DisputeStatus:
    """Where the news leads; the same status where they change nothing."""
    return said if said in EDGES[status] else status


def contradicts(status: DisputeStatus, said: DisputeStatus) -> bool:
    return status is DisputeStatus.WON and said is DisputeStatus.LOST
