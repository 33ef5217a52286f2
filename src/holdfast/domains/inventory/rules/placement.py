"""Which resource each claim of a batch gets, given what others have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from holdfast.contracts.inventory import Reason, ResourceId
from holdfast.domains.inventory.rules import pool
from holdfast.domains.inventory.rules.calendar import Span
from holdfast.domains.inventory.rules.evaluator import Allocations, Counters, Occupancy, Verdict
from holdfast.domains.inventory.rules.resource import Need, Resource, Taken


@dataclass(frozen=True)
class Options:
    """What would do for one claim, best first; at least one resource."""

    id: UUID
    need: Need
    resources: Sequence[Resource]
    expires_at: datetime | None


def by_fit(resource: Resource) -> tuple[bool, int, str, UUID]:
    """Smallest first; what takes any number comes last."""
    return resource.capacity is None, resource.capacity or 0, resource.name, resource.id


def place(
    wanted: Sequence[Options], occupancy: Mapping[ResourceId, Occupancy]
) -> tuple[dict[UUID, Resource], dict[UUID, tuple[Resource, Verdict]]]:
    """Places in order of the claims, each taking from those after it; and the verdict on those without one."""
    found: dict[UUID, Resource] = {}
    refused: dict[UUID, tuple[Resource, Verdict]] = {}
    current = dict(occupancy)
    for options in wanted:
        need = options.need
        verdicts = [(resource, current[resource.id].judge(resource, need)) for resource in options.resources]
        free = next((resource for resource, verdict in verdicts if verdict.reason is None), None)
        if free is None:
            refused[options.id] = most_hopeful(verdicts)
        else:
            found[options.id] = free
            current[free.id] = occupied(current[free.id], free, options)
    return found, refused


def most_hopeful(verdicts: Sequence[tuple[Resource, Verdict]]) -> tuple[Resource, Verdict]:
    """The verdict worth telling: a hold may lapse, so it comes before what is gone for good."""
    return next((each for each in verdicts if each[1].reason is Reason.HELD), verdicts[0])


def occupied(occupancy: Occupancy, resource: Resource, options: Options) -> Occupancy:
    """The same with this claim in it."""
    period = Span(options.need.start, options.need.end)
    during = pool.claimed(resource, period.start, period.end)
    if isinstance(occupancy, Allocations):
        return Allocations([*occupancy.taken, Taken(options.id, period, during, options.expires_at)])
    if isinstance(occupancy, Counters):
        units, full = resource.units(options.need.guests), resource.capacity or 0
        taken = {at: occupancy.left.get(at, full) - units for at in pool.buckets(resource, during)}
        return replace(occupancy, left={**occupancy.left, **taken})
    raise TypeError(occupancy)
