"""An event of another service, kept beside our own."""

import json
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.kernel.access import Caller
from holdfast.kernel.database import session_factory
from holdfast.kernel.subscriber import NotAnEvent, Subscriber
from tests.clock import MONDAY, SettableClock


async def test_what_comes_twice_is_kept_once(engine: AsyncEngine, clock: SettableClock) -> None:
    subscriber = Subscriber(session_factory(engine, caller=Caller(kind="system")), clock)
    event = {
        "id": str(UUID(int=1)),
        "type": "payment.completed",
        "subject": str(UUID(int=2)),
        "time": MONDAY.isoformat(),
        "dataschema": "urn:holdfast:event:payment.completed:3",
        "data": {"amount": "1.00"},
    }
    body = json.dumps(event).encode()
    assert [await subscriber.take(body), await subscriber.take(body)] == [True, False]
    async with subscriber.sessions() as db:
        (row,) = (await db.execute(text("SELECT * FROM kernel.outbox"))).mappings()
    assert (row["event_id"], row["aggregate_id"], row["schema_version"]) == (UUID(int=1), UUID(int=2), 3)
    assert (row["published_at"], row["reacted_at"], row["delivered_at"]) == (MONDAY, None, None)
    for nonsense in (b"", b"{}", b"[]", json.dumps({**event, "dataschema": "urn:x"}).encode()):
        with pytest.raises(NotAnEvent):
            await subscriber.take(nonsense)
