"""What carries a trace on, where one transaction is of several callers."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import ResourceId
from holdfast.kernel.clock import SystemClock
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import Event, record
from holdfast.kernel.tracing import NOTHING, Kind, Span, carried_on, trace_by

OURS, THEIRS = "00-" + "a" * 32, "00-" + "b" * 32
RUNNING = f"{OURS}-1111111111111111-01"


class Standing:
    """A span of our trace is running, whatever is begun."""

    def span(self, name: str, *, kind: Kind, within: str | None) -> AbstractContextManager[Span]:
        return NOTHING

    def traceparent(self) -> str | None:
        return RUNNING

    def stop(self) -> None: ...


class Happened(Event):
    type = "tests.happened"
    about = "resource_id"

    resource_id: ResourceId


@pytest.fixture
def traced() -> Iterator[None]:
    trace_by(Standing())
    yield
    trace_by(None)


def test_the_running_span_goes_on_in_its_own_trace_alone(traced: None) -> None:
    first, theirs = f"{OURS}-2222222222222222-01", f"{THEIRS}-3333333333333333-01"
    assert [carried_on(each) for each in (None, first, theirs)] == [RUNNING, RUNNING, theirs]


async def test_each_event_goes_on_in_the_trace_it_was_recorded_for(traced: None, db: AsyncSession) -> None:
    theirs = f"{THEIRS}-3333333333333333-01"
    events = [Happened(resource_id=ResourceId(uuid7()), occurred_at=SystemClock().now()) for _ in range(2)]
    async with transaction(db):
        record(db, events[0])
        record(db, events[1], within=theirs)
    kept = await db.execute(text("SELECT event_id, traceparent FROM kernel.outbox ORDER BY id"))
    assert [tuple(row) for row in kept] == [(events[0].event_id, RUNNING), (events[1].event_id, theirs)]
