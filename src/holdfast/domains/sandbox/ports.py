"""What the sandbox needs from others."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Webhook:
    """An event as it is told. `id` and `body` stay the same however often it is tried."""

    id: str
    body: str
    attempts: int


class Courier(Protocol):
    """Signs webhooks and brings them to the merchant."""

    async def deliver(self, webhook: Webhook) -> None:
        """Returns once the merchant has taken it. NotTaken where it did not; nothing else."""
