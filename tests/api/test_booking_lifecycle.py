"""The lifecycle over HTTP: every edge, allowed and refused, and the source's own example word for word."""

import uuid
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from holdfast.contracts.booking import BookingId, Lifecycle
from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import CUSTOMER, STAFF, SUPPLIER, House, Json, at, bearer, wish

PATH = "/api/core/booking-lifecycle"
# written out from the source document
EDGES = {
    "lead_created": "quotation_sent cancelled",
    "quotation_sent": "quotation_approved cancelled",
    "quotation_approved": "booking_created cancelled",
    "booking_created": "payment_pending cancelled",
    "payment_pending": "payment_confirmed cancelled refunded",
    "payment_confirmed": "supplier_confirmed cancelled refunded",
    "supplier_confirmed": "documents_generated cancelled refunded",
    "documents_generated": "completed cancelled refunded",
    "completed": "refunded",
    "cancelled": "refunded",
    "refunded": "",
}
STAGES = tuple(EDGES)
WAY = STAGES[:9]
STATUS = {
    "lead_created": "DRAFT",
    "quotation_sent": "DRAFT",
    "quotation_approved": "DRAFT",
    "booking_created": "PENDING",
    "payment_pending": "PENDING",
    "payment_confirmed": "CONFIRMED",
    "supplier_confirmed": "CONFIRMED",
    "documents_generated": "CONFIRMED",
    "completed": "COMPLETED",
    "cancelled": "CANCELLED",
}


async def lead(house: House, table: Json, **fields: object) -> Json:
    return await house.made("/api/v1/bookings/leads", wish(table, **fields))


async def go(client: httpx.AsyncClient, booking: Json, to: str, **fields: object) -> httpx.Response:
    body = {"bookingId": booking["id"], "toStatus": to, **fields}
    return await client.post(PATH, json=body)


async def went(client: httpx.AsyncClient, booking: Json, *stages: str) -> Json:
    said: Json = {}
    for stage in stages:
        answer = await go(client, booking, stage)
        assert answer.status_code == 200, answer.text
        said = answer.json()["data"]
        assert said["status"] == stage
    return said


async def written(wired: Wiring) -> list[object]:
    """How much stands in the tables that a transition writes."""
    tables = ("booking.history", "kernel.outbox", "kernel.audit_log", "kernel.idempotency_keys")
    async with wired.sessions() as db:
        return [await db.scalar(text(f"SELECT count(*) FROM {table}")) for table in tables]


async def paid(wired: Wiring, booking: Json, minor: int = 12_000) -> uuid.UUID:
    capture = uuid7()
    async with wired.sessions() as db:
        await wired.booking(db).record_capture(
            BookingId(uuid.UUID(booking["id"])),
            Money(minor, "EUR"),
            capture_id=capture,
            now=wired.clock.now(),
            actor=SYSTEM,
        )
    return capture


async def returned(wired: Wiring, booking: Json, capture: uuid.UUID, minor: int) -> None:
    async with wired.sessions() as db:
        await wired.booking(db).record_return(
            BookingId(uuid.UUID(booking["id"])),
            Money(minor, "EUR"),
            refund_id=uuid7(),
            capture_id=capture,
            now=wired.clock.now(),
            actor=SYSTEM,
        )


async def test_a_lead_goes_the_whole_way_one_edge_at_a_time(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock
) -> None:
    """Both machines at every stage; and at every stage all that is no edge is refused, and nothing is written."""
    clock.advance(timedelta(hours=4))  # check-in is open from here
    booking = await lead(house, await house.table())
    assert (booking["status"], booking["reservation_id"]) == ("DRAFT", None)
    for stage in WAY:
        if stage != "lead_created":
            said = await went(client, booking, stage)
            assert (said["bookingStatus"], said["allowed"]) == (STATUS[stage], EDGES[stage].split())
        before = await written(wired)
        for wrong in set(STAGES) - set(EDGES[stage].split()):
            refused = await go(client, booking, wrong, idempotencyKey=f"{stage}-{wrong}")
            assert (refused.status_code, refused.json()["error"]["code"]) == (409, "transition-not-allowed")
            assert set(refused.json()) == {"ok", "error", "requestId"}
            assert ", ".join(EDGES[stage].split()) in refused.json()["error"]["message"]
        assert await written(wired) == before
    history = (await client.get(f"{PATH}?bookingId={booking['id']}")).json()["data"]["events"]
    assert list(dict.fromkeys(each["toStatus"] for each in history)) == list(WAY)
    assert [each["toBookingStatus"] for each in history[-2:]] == ["CHECKED_IN", "COMPLETED"]
    assert [finding for finding in await wired.audit() if finding.breaches] == []


async def test_every_stage_can_be_cancelled_and_then_only_refunded(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    table = await house.table()
    for number, stage in enumerate(WAY[:-1]):
        booking = await lead(house, table, start_at=at(2 * number))
        await went(client, booking, *WAY[1 : number + 1])
        assert (await went(client, booking, "cancelled"))["bookingStatus"] == "CANCELLED", stage
        for wrong in set(STAGES) - {"refunded"}:
            assert (await go(client, booking, wrong)).json()["error"]["code"] == "transition-not-allowed"
        assert (await go(client, booking, "refunded")).json()["error"]["code"] == "not-all-returned"
    async with wired.sessions() as db:
        held = "SELECT count(*) FROM inventory.allocations WHERE status <> 'released'"
        assert await db.scalar(text(held)) == 0


@pytest.mark.parametrize("stage", [stage for stage in STAGES if "refunded" in EDGES[stage]])
async def test_a_stage_becomes_refunded_once_all_money_is_back(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock, stage: str
) -> None:
    clock.advance(timedelta(hours=4))
    table = await house.table()
    if stage == "payment_pending":
        await house.rate(table)  # else its money would confirm it
    booking = await lead(house, table)
    reached = 4 if stage == "payment_pending" else 5
    await went(client, booking, *WAY[1 : reached + 1])
    refused = await go(client, booking, "refunded")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not-all-returned")
    capture = await paid(wired, booking, 5_000)
    await returned(wired, booking, capture, 2_000)
    assert (await go(client, booking, "refunded")).json()["error"]["code"] == "not-all-returned"
    await returned(wired, booking, capture, 3_000)
    await went(client, booking, *([stage] if stage == "cancelled" else WAY[reached + 1 : WAY.index(stage) + 1]))
    said = await went(client, booking, "refunded")
    assert (said["bookingStatus"], said["allowed"]) == (STATUS[stage], [])
    for wrong in STAGES:
        assert (await go(client, booking, wrong)).json()["error"]["code"] == "transition-not-allowed"


async def test_the_source_s_own_example_has_the_effect_of_once(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    example = {
        "bookingId": "7f8054b2-376f-4e0e-a7d2-6e4f31b9d153",
        "toStatus": "payment_confirmed",
        "actorType": "webhook",
        "actorId": None,
        "note": "Razorpay webhook confirmed",
        "idempotencyKey": "webhook:evt_123",
        "metadata": {"provider": "razorpay", "paymentId": "pay_abc123"},
    }
    unknown = await client.post(PATH, json=example)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "booking-not-found")

    booking = await lead(house, await house.table())
    await went(client, booking, *WAY[1:5])
    ours = {**example, "bookingId": booking["id"]}
    first = await client.post(PATH, json=ours)
    before = await written(wired)
    second = await client.post(PATH, json=ours)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["ok"] is True
    assert second.json()["data"] == first.json()["data"]
    assert second.json()["requestId"] != first.json()["requestId"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert await written(wired) == before
    event = first.json()["data"]["events"][-1]
    assert (event["fromStatus"], event["toStatus"]) == ("payment_pending", "payment_confirmed")
    for name in ("actorType", "actorId", "note", "idempotencyKey", "metadata"):
        assert event[name] == example[name] or (name == "actorId" and event[name] == str(STAFF.id))
    assert (event["calledByType"], event["calledById"]) == ("staff", str(STAFF.id))
    other = await client.post(PATH, json={**ours, "note": "something else"})
    assert (other.status_code, other.json()["error"]["code"]) == (422, "idempotency-key-reused")

    # the sale has gone on: under its key the answer of then, under another or none a refusal that names the edges
    await went(client, booking, "supplier_confirmed")
    before = await written(wired)
    late = await client.post(PATH, json=ours)
    assert (late.status_code, late.json()["data"]) == (200, first.json()["data"])
    for key in ({"idempotencyKey": "webhook:evt_124"}, {"idempotencyKey": None}):
        refused = await client.post(PATH, json={**ours, **key})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "transition-not-allowed")
        assert refused.json()["error"]["message"].endswith("allowed: documents_generated, cancelled, refunded")
    assert await written(wired) == before


async def test_money_that_is_due_keeps_a_sale_from_being_confirmed(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    table = await house.table()
    await house.rate(table)
    booking = await lead(house, table)
    assert booking["price"]["total"] == "120.00"
    await went(client, booking, *WAY[1:5])
    refused = await go(client, booking, "payment_confirmed", actorType="webhook")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "payment-due")
    hasty = await go(client, booking, "payment_confirmed", override=True)
    assert hasty.status_code == 422
    assert (await go(client, booking, "payment_confirmed", override=True, note="by invoice")).status_code == 200
    acts = await client.get("/api/v1/admin/audit?action=booking.override", headers=bearer("admin"))
    assert acts.json()["total"] == 1
    assert [finding for finding in await wired.audit() if finding.breaches] == []


async def test_a_lead_claims_and_prices_when_it_becomes_a_booking(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    table = await house.table()
    first, second = await lead(house, table), await lead(house, table)
    async with wired.sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM inventory.allocations")) == 0
    await house.rate(table, "80.00")  # dearer since
    for booking in (first, second):
        await went(client, booking, *WAY[1:3])
    await went(client, first, "booking_created")
    now = (await client.get(f"/api/v1/bookings/{first['id']}")).json()
    assert (now["status"], now["price"]["total"], now["balance"]) == ("PENDING", "80.00", "80.00")
    assert now["payment"]["amount"] == "80.00"
    assert now["reservation_id"] is not None
    assert now["expires_at"] is not None
    before = await written(wired)
    taken = await go(client, second, "booking_created")
    assert (taken.status_code, taken.json()["error"]["code"]) == (409, "slot-taken")
    assert (await house.move(second, "PENDING")).json()["type"] == "slot-taken"
    assert await written(wired) == before
    await client.post(f"/api/v1/bookings/{first['id']}/cancel", json={"reason": "no budget"})
    assert (await house.move(second, "PENDING")).json()["lifecycle_status"] == "booking_created"
    assert [finding for finding in await wired.audit() if finding.breaches] == []


async def test_a_supplier_confirms_their_own_and_a_guest_may_only_cancel(
    house: House, client: httpx.AsyncClient
) -> None:
    await house.open(supplier_id=str(SUPPLIER.id))
    guest = {"id": str(CUSTOMER.id), "name": "Owner", "email": "owner@example.org"}
    booking = await lead(house, await house.table(), guest=guest)
    await went(client, booking, *WAY[1:6])
    said = {}
    for caller, to in (
        ("anonymous", "supplier_confirmed"),
        ("rival", "supplier_confirmed"),
        ("customer", "supplier_confirmed"),
        ("supplier", "supplier_confirmed"),
        ("supplier", "documents_generated"),
        ("customer", "cancelled"),
    ):
        body = {"bookingId": booking["id"], "toStatus": to, "actorType": "system"}
        header = bearer(caller) or {"Authorization": ""}
        said[caller, to] = (await client.post(PATH, json=body, headers=header)).status_code
    assert list(said.values()) == [404, 404, 403, 200, 403, 200]


@pytest.mark.parametrize(
    "wrong",
    [
        {"toStatus": "paid"},
        {"toStatus": None},
        {"actorType": "Robert'); --"},
        {"actorId": ""},
        {"metadata": {"x": "y" * 20_000}},
        {"metadata": []},
        {"bookingId": "nonsense"},
        {"booking_id": "7f8054b2-376f-4e0e-a7d2-6e4f31b9d153"},
        {"override": True},
    ],
    ids=str,
)
async def test_what_cannot_be_read_is_refused_in_the_envelope(client: httpx.AsyncClient, wrong: Json) -> None:
    body = {"bookingId": str(uuid7()), "toStatus": Lifecycle.CANCELLED, **wrong}
    answer = await client.post(PATH, json=body)
    assert answer.status_code == 422, answer.text
    assert (answer.json()["ok"], set(answer.json()["error"])) == (False, {"code", "message"})
