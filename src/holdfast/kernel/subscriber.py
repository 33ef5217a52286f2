"""From the broker to the reactions here: an event of another service becomes a row beside our own.

The row is written once, by the event's id, before the broker is told that we have it; from there the relay
delivers it like one of ours, with receipts, in the order of its aggregate, tried again and given up as those are.
It counts as published, for it came from outside.
"""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, StringConstraints, ValidationError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.kernel.clock import Clock
from holdfast.kernel.database import transaction
from holdfast.kernel.tables import outbox
from holdfast.kernel.telemetry import EVENTS_RECEIVED
from holdfast.kernel.tracing import TRACEPARENT_LENGTH


class NotAnEvent(ValueError):
    """What came is no CloudEvent of ours, and will not become one by coming again."""


class Envelope(BaseModel):
    """What `cloud_event` writes, as far as reactions want it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: UUID
    type: str
    subject: UUID
    time: AwareDatetime
    dataschema: Annotated[str, StringConstraints(pattern=r"^urn:holdfast:event:[^:]+:[0-9]{1,4}$")]
    data: dict[str, JsonValue]
    traceparent: Annotated[str, StringConstraints(max_length=TRACEPARENT_LENGTH)] | None = None

    @property
    def version(self) -> int:
        return int(self.dataschema.rpartition(":")[2])


@dataclass(frozen=True)
class Subscriber:
    sessions: async_sessionmaker[AsyncSession]
    clock: Clock

    async def take(self, body: bytes) -> bool:
        """Keep an event; whether it is new here. NotAnEvent."""
        try:
            event = Envelope.model_validate_json(body)
        except ValidationError as error:
            raise NotAnEvent(str(error)) from error
        row = {
            "event_id": event.id,
            "type": event.type,
            "aggregate_id": event.subject,
            "data": event.data,
            "occurred_at": event.time,
            "schema_version": event.version,
            "traceparent": event.traceparent,
            "published_at": self.clock.now(),
        }
        async with self.sessions() as db, transaction(db):
            writing = insert(outbox).values(row).on_conflict_do_nothing(index_elements=["event_id"])
            new = (await db.execute(writing.returning(outbox.c.id))).one_or_none() is not None
        if new:
            EVENTS_RECEIVED.labels(event.type).inc()
        return new
