"""What is published is what the documents say; what was given up is seen and told again."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event as sql_event
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.api import asyncapi
from holdfast.contracts.booking import BookingCreated
from holdfast.kernel.publisher import Untold, cloud_event
from holdfast.kernel.relay import MAX_ATTEMPTS, Delivery, Relay
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import House, bearer
from tests.npm import installed

ROOT = Path(__file__).parents[2]


async def fail(db: AsyncSession, event: Delivery) -> None:
    raise LookupError("no such venue")


async def test_staff_sees_what_was_given_up_and_has_it_told_again(
    wired: Wiring, house: House, clock: SettableClock, client: httpx.AsyncClient
) -> None:
    await house.booked(await house.table())
    told: list[str] = []

    async def listen(db: AsyncSession, event: Delivery) -> None:
        sql_event.listen(db.sync_session, "after_commit", lambda _: told.append(event.type), once=True)

    failing = Relay(wired.sessions, {BookingCreated.type: (listen, fail)}, clock)
    for _ in range(MAX_ATTEMPTS):
        await failing.drain()
        clock.advance(timedelta(hours=1))
    given_up = (await client.get("/api/v1/admin/events")).json()
    assert given_up["total"] == 1
    event = given_up["items"][0]
    assert (event["type"], event["status"], event["attempts"]) == ("booking.created", "parked", MAX_ATTEMPTS)
    assert event["last_error"] == "LookupError('no such venue')"
    assert (await client.get("/api/v1/admin/invariants")).json()["clean"] is False

    path = f"/api/v1/admin/events/{event['event_id']}/replay"
    assert (await client.post(path)).json()["status"] == "waiting"
    again = await client.post(path)
    said = again.json()
    assert (said["type"], said["status"], said["state"]) == ("event-not-parked", 409, "waiting")
    await Relay(wired.sessions, {BookingCreated.type: (listen,)}, clock).drain()
    assert told == ["booking.created"], "who had heard it did not hear it again"
    waiting = await client.get("/api/v1/admin/events", params={"status": "waiting"})
    assert waiting.json()["items"] == []
    acts = await client.get("/api/v1/admin/audit", headers=bearer("admin"), params={"action": "event.replayed"})
    assert [act["subject_id"] for act in acts.json()["items"]] == [event["aggregate_id"]]
    unknown = await client.post("/api/v1/admin/events/00000000-0000-0000-0000-000000000001/replay")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "event-not-found")


def test_the_page_of_events_is_up_to_date() -> None:
    assert (ROOT / "docs/events.md").read_text() == asyncapi.catalogue(), (
        "holdfast events catalogue > docs/events.md"
    )


def test_every_event_that_is_answered_is_published(wired: Wiring) -> None:
    published = {each.type for each in asyncapi.events()}
    assert set(wired.reactions) <= published
    steps = [
        "created",
        "updated",
        "cancelled",
        "confirmed",
        "checked_in",
        "completed",
        "expired",
        "status_changed",
    ]
    assert {f"booking.{step}" for step in steps} <= published


async def test_a_published_event_is_as_the_document_says(
    wired: Wiring, house: House, clock: SettableClock
) -> None:
    jsonschema_rs = pytest.importorskip("jsonschema_rs")
    await house.booked(await house.table())
    document = asyncapi.document()
    async with wired.sessions() as db:
        rows = await db.execute(Untold.statement())
        told = [cloud_event(Untold(**row), source="https://example.org") for row in rows.mappings()]
    assert {event["type"] for event in told} >= {"booking.created", "booking.confirmed"}
    messages = {each["name"]: each["payload"] for each in document["components"]["messages"].values()}
    for event in told:
        schema = {**messages[event["type"]], "components": document["components"]}
        jsonschema_rs.validator_for(schema).validate(event)
        with pytest.raises(jsonschema_rs.ValidationError):
            jsonschema_rs.validator_for(schema).validate({**event, "data": {}})


def test_asyncapis_own_parser_finds_nothing_wrong() -> None:
    folder = installed(Path(__file__).parents[1] / "asyncapi", what="the AsyncAPI document is not checked")
    document = asyncapi.document()
    assert parsed(folder, document) == {"version": "3.0.0", "wrong": [], "sent": len(asyncapi.events())}
    document["operations"]["tellBookingCreated"]["action"] = "shout"
    assert parsed(folder, document)["wrong"], "and it would find something"


def parsed(folder: Path, document: asyncapi.Json) -> asyncapi.Json:
    done = subprocess.run(
        ["node", "validate.mjs"],
        input=json.dumps(document),
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(done.stdout))
