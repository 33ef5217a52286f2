"""Events leave with the transaction that made them true, or not at all.

`record` notes an event; the outermost transaction writes all of them in one statement just before it commits,
while the rows they speak of are still locked: so the ids of one aggregate rise in the order of its commits.
"""

from datetime import datetime
from typing import ClassVar, cast
from uuid import UUID

from pydantic import Field
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.contract import Contract
from holdfast.kernel.database import scope_of
from holdfast.kernel.ids import uuid7
from holdfast.kernel.tables import outbox
from holdfast.kernel.tracing import traceparent


class Event(Contract):
    """Something that happened: `type` is its wire name, `about` names the field that holds its aggregate's id.

    `schema_version` rises with a change that a reader of the former version would not understand.
    """

    type: ClassVar[str]
    about: ClassVar[str]
    schema_version: ClassVar[int] = 1

    event_id: UUID = Field(default_factory=uuid7)
    occurred_at: datetime

    @property
    def aggregate_id(self) -> UUID:
        return cast(UUID, getattr(self, self.about))


def record(db: AsyncSession, *events: Event) -> None:
    """Tell these events when, and only when, the running transaction commits. NoTransaction outside one."""
    scope = scope_of(db)
    scope.notes.setdefault("events", []).extend(events)
    scope.before_commit["events"] = write_events


async def write_events(db: AsyncSession) -> None:
    events = cast(list[Event], scope_of(db).notes["events"])
    if not events:
        return
    running = traceparent()
    await db.execute(
        insert(outbox).inline(),  # nothing is returned: most who cause an event may read none
        [
            {
                "event_id": event.event_id,
                "type": event.type,
                "aggregate_id": event.aggregate_id,
                "data": event.model_dump(mode="json"),
                "occurred_at": event.occurred_at,
                "schema_version": event.schema_version,
                "traceparent": running,
            }
            for event in events
        ],
    )
