"""The example programs that learn of guests, on a real RabbitMQ: each event comes twice and counts once."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import JsonValue

from holdfast.gateways.rabbitmq import RabbitTransport
from holdfast.kernel.publisher import Untold
from tests.faults.storm import Storm, running
from tests.rabbitmq_server import RabbitServer

ANN, BOB = UUID(int=1), UUID(int=2)
HARBOUR, GARDEN = UUID(int=11), UUID(int=12)
SEVENTH = datetime(2030, 1, 7, 8, tzinfo=UTC)


def event(wire_name: str, **data: JsonValue) -> Untold:
    return Untold(0, uuid4(), wire_name, uuid4(), data, SEVENTH, 1, 0)


def stay(wire_name: str, guest: UUID, room: UUID, *, party_size: int = 2) -> Untold:
    return event(
        wire_name,
        guest_id=str(guest),
        venue_id=str(UUID(int=20)),
        resource_id=str(room),
        party_size=party_size,
        start_at="2030-01-05T12:00:00Z",
    )


TOLD = (
    stay("booking.completed", ANN, HARBOUR, party_size=2),
    stay("booking.completed", ANN, HARBOUR, party_size=4),
    stay("booking.completed", ANN, GARDEN),
    stay("booking.cancelled", ANN, GARDEN),
    stay("booking.completed", BOB, GARDEN, party_size=1),
    stay("booking.expired", BOB, HARBOUR),
    event("user.registered", user_id=str(BOB)),
)
# after all of these twice: who has it, has had the others again
LAST = stay("booking.cancelled", BOB, HARBOUR)


@pytest.mark.timeout(600)  # a broker and two programs, on whatever machine
async def test_whom_to_write_to_and_what_to_suggest(tmp_path: Path) -> None:
    with RabbitServer(tmp_path / "rabbit") as rabbit:
        storm = Storm("", tmp_path, rabbit.url, bookings=0)
        programs = [storm.consumer(name) for name in ("marketing", "personalization")]

        async def listening() -> bool:
            return all("is listening" in each.said() for each in programs)

        async def learnt() -> bool:
            return (len(storm.inbox("marketing")), len(storm.inbox("personalization"))) == (8, 6)

        with running(*programs):
            await storm.until(listening)
            transport = RabbitTransport(rabbit.url, source="//holdfast.test")
            for each in (*TOLD, *TOLD, LAST):
                await transport.send(each)
            await transport.close()
            await storm.until(learnt)

    with sqlite3.connect(tmp_path / "marketing.db") as store:
        asked = store.execute("SELECT campaign, guest_id, write_on FROM audience ORDER BY campaign, guest_id")
        assert asked.fetchall() == [
            *[("ask for a review", str(ANN), "2030-01-09")] * 3,
            ("ask for a review", str(BOB), "2030-01-09"),
            ("invite again", str(ANN), "2030-02-06"),
            ("invite again", str(BOB), "2030-02-06"),
            ("offer help with the booking", str(BOB), "2030-01-07"),
            ("welcome", str(BOB), "2030-01-07"),
        ]
    with sqlite3.connect(tmp_path / "personalization.db") as store:
        assert store.execute("SELECT sum(stays), sum(dropped) FROM likings").fetchone() == (4, 2)
        suggested = store.execute("SELECT guest_id, resource_id, party_size, place FROM suggestions ORDER BY 1, 4")
        # Ann came to the garden once and gave it up once: it is not suggested
        assert suggested.fetchall() == [(str(ANN), str(HARBOUR), 3.0, 1), (str(BOB), str(GARDEN), 1.0, 1)]
