"""Events leave with the transaction that made them true, or not at all.

`record` notes an event; the outermost transaction writes all of them in one statement just before it commits,
while the rows they speak of are still locked: so the ids of one aggregate rise in the order of its commits.
"""

from datetime import datetime
from typing import ClassVar, cast
from uuid import UUID

from pydantic import Field
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.contract import Contract
from holdfast.kernel.database import scope_of
from holdfast.kernel.ids import uuid7
from holdfast.kernel.tracing import carried_on

# one statement for any number; nothing is returned: most who cause an event may read none
WRITE = text(
    """
    INSERT INTO kernel.outbox (event_id, type, aggregate_id, data, occurred_at, schema_version, traceparent)
    SELECT event_id, type, aggregate_id, CAST(data AS jsonb), occurred_at, schema_version, traceparent
    FROM unnest(CAST(:ids AS uuid[]), CAST(:types AS text[]), CAST(:subjects AS uuid[]), CAST(:data AS text[]),
                CAST(:instants AS timestamptz[]), CAST(:schemas AS smallint[]), CAST(:traces AS text[]))
         AS told (event_id, type, aggregate_id, data, occurred_at, schema_version, traceparent)
    """
)


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


def record(db: AsyncSession, *events: Event, within: str | None = None) -> None:
    """Tell these events when, and only when, the running transaction commits. NoTransaction outside one.

    They go on in the trace `within`, where a transaction is several callers'.
    """
    scope = scope_of(db)
    scope.notes.setdefault("events", []).extend((event, within) for event in events)
    scope.before_commit["events"] = write_events


async def write_events(db: AsyncSession) -> None:
    events = cast(list[tuple[Event, str | None]], scope_of(db).notes["events"])
    if not events:
        return
    await db.execute(
        WRITE,
        {
            "ids": [event.event_id for event, _ in events],
            "types": [event.type for event, _ in events],
            "subjects": [event.aggregate_id for event, _ in events],
            "data": [event.model_dump_json() for event, _ in events],
            "instants": [event.occurred_at for event, _ in events],
            "schemas": [event.schema_version for event, _ in events],
            "traces": [carried_on(within) for _, within in events],
        },
    )
