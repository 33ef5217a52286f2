"""What webhooks say: endpoints that hear of events, and what became of every message to them.

A message is signed as Standard Webhooks says (https://www.standardwebhooks.com): its `webhook-id` is the event's
id, its body `{"type", "timestamp", "data"}`, with the event's own data.
"""

from enum import StrEnum
from typing import Annotated, ClassVar, NewType
from uuid import UUID

from pydantic import AfterValidator, Field, StrictBool, StringConstraints, model_validator

from holdfast.contracts.identity import UserId
from holdfast.kernel.contract import Contract, Instant, Text, storable
from holdfast.kernel.outbox import Event

EndpointId = NewType("EndpointId", UUID)
DeliveryId = NewType("DeliveryId", UUID)

# `*`, `booking.*` or `booking.confirmed`
EventPattern = Annotated[
    str, StringConstraints(max_length=100, pattern=r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?)$")
]
EventPatterns = Annotated[list[EventPattern], Field(min_length=1, max_length=50)]
Url = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2048), AfterValidator(storable)
]


class DisabledBecause(StrEnum):
    """Why nothing is sent to an endpoint."""

    SWITCHED_OFF = "switched_off"
    GONE = "gone"
    FAILING = "failing"
    OWNER_BANNED = "owner_banned"
    ROLE_LOST = "role_lost"


class DeliveryStatus(StrEnum):
    """Where a message to one endpoint stands; `failed` is given up, unless it is replayed."""

    WAITING = "waiting"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"


class EndpointDraft(Contract):
    """`POST /webhooks`: where to, and of which events: `booking.*` are all whose names begin so, `*` all."""

    url: Url
    events: EventPatterns = ["*"]
    description: Text = ""
    enabled: StrictBool = True


class EndpointChange(Contract):
    """`PATCH /webhooks/{id}`: absent fields stay as they are."""

    url: Url | None = None
    events: EventPatterns | None = None
    description: Text | None = None
    enabled: StrictBool | None = None

    @model_validator(mode="after")
    def changes_something(self) -> "EndpointChange":
        if not self.model_dump(exclude_none=True):
            raise ValueError("name at least one field to change")
        return self


class EndpointView(Contract):
    """`failing_since`: the first failure after the last success."""

    id: EndpointId
    owner_id: UserId
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_because: DisabledBecause | None
    failing_since: Instant | None
    created_at: Instant
    updated_at: Instant


class EndpointMade(EndpointView):
    """The answer to its creation: the only time that the secret is shown."""

    secret: str


class SecretRotated(Contract):
    """The new secret, shown this once; messages carry a signature of the old one too until `old_valid_until`."""

    secret: str
    old_valid_until: Instant


class AttemptView(Contract):
    """One try: what the endpoint answered, cut short, or why it was not reached."""

    at: Instant
    status_code: int | None
    milliseconds: int
    answer: str | None
    error: str | None


class DeliveryView(Contract):
    """A message to one endpoint. `event_id` is its `webhook-id`; `log` holds its last tries, the newest first."""

    id: DeliveryId
    endpoint_id: EndpointId
    event_id: UUID
    type: str
    status: DeliveryStatus
    attempts: int
    next_attempt_at: Instant | None
    created_at: Instant
    delivered_at: Instant | None
    log: list[AttemptView] = []


class WebhookDisabled(Event):
    """Nothing is sent to this endpoint any more: it said 410, or it failed for days."""

    type: ClassVar[str] = "webhook.disabled"
    about: ClassVar[str] = "endpoint_id"

    endpoint_id: EndpointId
    owner_id: UserId
    because: DisabledBecause
