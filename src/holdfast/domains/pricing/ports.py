"""What pricing needs from others."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from holdfast.contracts.inventory import ResourceFacts, ResourceId


class Directory(Protocol):
    """Knows the resources: whose they are, in which time zone and currency."""

    async def describe_many(self, resource_ids: Sequence[ResourceId]) -> Mapping[ResourceId, ResourceFacts]:
        """The facts of each resource that exists; unknown ids are missing. One call for the whole batch."""
