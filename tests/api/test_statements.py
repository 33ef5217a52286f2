"""How many statements the hot reads send, beside finding out who calls and telling the database."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from holdfast.wiring import Wiring
from tests.house import House, Json, bearer

WHO_CALLS = ("set_config", "identity.")


@contextmanager
def sent(wired: Wiring) -> Iterator[list[str]]:
    """The statements of the block."""
    found: list[str] = []

    def note(_1: object, _2: object, statement: str, *_3: object) -> None:
        if not any(word in statement for word in WHO_CALLS):
            found.append(statement)

    engine = wired.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield found
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
async def booked(house: House) -> Json:
    return await house.booked(await house.table())


@pytest.mark.parametrize(
    ("path", "statements"),
    [
        ("/api/v1/bookings/{id}", 1),
        ("/api/v1/bookings/reference/{reference}", 1),
        ("/api/v1/bookings/{id}/history", 2),
        ("/api/v1/bookings/guest/{guest[id]}", 1),
        # whose venue it is, and its bookings
        ("/api/v1/bookings/venue/{venue[id]}?from=2030-01-08&to=2030-01-08", 2),
        # behind the end: the list's length is asked for by itself
        ("/api/v1/bookings/venue/{venue[id]}?page=2", 3),
        # the resource's rules, and what others have of it
        ("/api/v1/resources/{resource_id}/slots?from=2030-01-08&to=2030-02-07&duration_minutes=60", 2),
    ],
)
async def test_a_read_sends_so_many_statements(
    house: House, wired: Wiring, booked: Json, path: str, statements: int
) -> None:
    with sent(wired) as found:
        answer = await house.client.get(path.format(**booked), headers=bearer("staff"))
    assert answer.status_code == 200
    assert len(found) == statements, found


@pytest.mark.parametrize("path", ["/api/v1/inventory/check-availability", "/api/v1/bookings/availability/check"])
async def test_a_check_sends_two_and_writes_nothing(house: House, wired: Wiring, booked: Json, path: str) -> None:
    when = {"start_at": "2030-01-09T12:00:00Z", "end_at": "2030-01-09T13:00:00Z"}
    size = {"quantity": 2} if "inventory" in path else {"party_size": 2}
    with sent(wired) as found:
        answer = await house.client.post(path, json={"resource_id": booked["resource_id"], **when, **size})
    assert answer.json()["available"] is True
    assert [statement.split()[0] for statement in found] == ["SELECT", "SELECT"]
