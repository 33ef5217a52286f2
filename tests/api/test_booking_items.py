"""A journey of several suppliers: items in their own currencies, confirmed one by one, or declined."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from holdfast.wiring import Wiring
from tests.api.test_booking_lifecycle import WAY, go, lead, paid, went
from tests.clock import SettableClock
from tests.house import RIVAL, SUPPLIER, House, Json, at, bearer

EVENTS = "SELECT type FROM kernel.outbox WHERE type LIKE 'booking.item_%' ORDER BY id"


async def add(house: House, booking: Json, **fields: object) -> Json:
    body = {
        "kind": "transfer",
        "label": "Airport transfer",
        "start_at": at(-2),
        "end_at": at(-1),
        "price": "50.00",
        "currency": "EUR",
        **fields,
    }
    return await house.made(f"/api/v1/bookings/{booking['id']}/items", body)


async def decide(client: httpx.AsyncClient, item: Json, verb: str, caller: str, **body: object) -> httpx.Response:
    path = f"/api/v1/bookings/{item['booking_id']}/items/{item['id']}/{verb}"
    return await client.post(path, json=body, headers=bearer(caller) or {"Authorization": ""})


async def journey(house: House) -> tuple[Json, list[Json]]:
    """A room and a guide of ours, a transfer in dollars and a tour in yen from two suppliers."""
    room, guide = await house.table(name="Room"), await house.table(name="Guide")
    await house.rate(room)
    booking = await lead(house, room)
    items = [
        await add(house, booking, supplier_id=str(SUPPLIER.id), currency="USD", rate="0.92"),
        await add(house, booking, kind="tour", label="港めぐり", supplier_id=str(RIVAL.id), price="8000",
                  currency="JPY", rate="0.0061"),
        await add(house, booking, kind="guide", label="Guide", resource_id=guide["id"], price="30.00"),
    ]  # fmt: skip
    return booking, items


async def test_a_journey_is_confirmed_when_each_of_its_suppliers_has_confirmed(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock
) -> None:
    booking, (transfer, tour, _guide) = await journey(house)
    assert (transfer["price"], transfer["rate"], transfer["converted_price"]) == ("50.00", "0.92", "46.00")
    assert (tour["price"], tour["converted_price"]) == ("8000", "48.80")
    now = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert (now["price"]["total"], now["price"]["due_now"]) == ("244.80", "244.80")
    await went(client, booking, *WAY[1:5])
    now = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert now["price"]["total"] == "244.80", "priced anew, with its items"
    await paid(wired, booking, 24_480)
    now = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert (now["status"], now["lifecycle_status"]) == ("CONFIRMED", "payment_confirmed")
    items = (await client.get(f"/api/v1/bookings/{booking['id']}/items")).json()["items"]
    assert [item["status"] for item in items] == ["requested", "requested", "confirmed"]
    assert items[2]["reservation_id"] is not None
    async with wired.sessions() as db:
        held = "SELECT status FROM inventory.allocations ORDER BY item"
        assert list(await db.scalars(text(held))) == ["committed", "committed"]

    early = await go(client, booking, "supplier_confirmed")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "items-unconfirmed")
    first = await decide(client, transfer, "confirm", "supplier", confirmation_reference="TR-4711")
    again = await decide(client, transfer, "confirm", "supplier", confirmation_reference="TR-4711")
    assert first.json() == again.json()
    assert first.json()["confirmation_reference"] == "TR-4711"
    changed = await decide(client, transfer, "decline", "supplier", reason="no driver")
    assert (changed.status_code, changed.json()["type"]) == (409, "item-decided")
    assert (await go(client, booking, "supplier_confirmed")).status_code == 409
    await decide(client, tour, "confirm", "rival", confirmation_reference="観光-12")
    now = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert now["lifecycle_status"] == "supplier_confirmed"
    async with wired.sessions() as db:
        told = list(await db.scalars(text(EVENTS)))
    assert told == ["booking.item_added"] * 3 + ["booking.item_confirmed"] * 2
    await client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    async with wired.sessions() as db:
        held = "SELECT count(*) FROM inventory.allocations WHERE status <> 'released'"
        assert await db.scalar(text(held)) == 0
    assert [finding for finding in await wired.audit() if finding.breaches] == []


async def test_a_supplier_sees_their_item_and_nothing_else_of_the_booking(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    booking, (transfer, tour, _) = await journey(house)
    path = f"/api/v1/bookings/{booking['id']}"
    for caller, mine in (("supplier", transfer), ("rival", tour)):
        seen = (await client.get(f"{path}/items", headers=bearer(caller))).json()["items"]
        assert [item["id"] for item in seen] == [mine["id"]]
        assert (seen[0]["reference"], seen[0]["guest_name"]) == (booking["reference"], "Guest")
        assert (await client.get(path, headers=bearer(caller))).status_code == 404
    assert (await client.get(f"{path}/items", headers=bearer("stranger"))).status_code == 404
    said = [
        (await decide(client, item, "confirm", caller)).status_code
        for item, caller in (
            (transfer, "anonymous"),
            (transfer, "customer"),
            (transfer, "rival"),
            (tour, "supplier"),
            (tour, "staff"),
        )
    ]
    assert said == [401, 403, 404, 404, 200]
    async with wired.session(RIVAL) as db:
        assert await db.scalar(text("SELECT count(*) FROM booking.items")) == 1
        assert await db.scalar(text("SELECT count(*) FROM booking.tasks")) == 0


async def test_a_declined_item_is_a_task_with_what_is_free_instead(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    await house.open(supplier_id=str(SUPPLIER.id))
    boat, other = await house.table(name="Boat"), await house.table(name="Other boat")
    booking = await lead(house, await house.table(name="Room"))
    item = await add(
        house, booking, kind="boat", label="Boat", resource_id=boat["id"], start_at=at(0), end_at=at(1)
    )
    assert item["supplier_id"] == str(SUPPLIER.id)
    assert (await decide(client, item, "decline", "supplier")).status_code == 422
    declined = await decide(client, item, "decline", "supplier", reason="engine trouble")
    assert (declined.json()["status"], declined.json()["reason"]) == ("declined", "engine trouble")
    (task,) = (await client.get("/api/v1/admin/tasks")).json()["items"]
    assert (task["kind"], task["item_id"]) == ("item_declined", item["id"])
    assert task["details"]["reason"] == "engine trouble"
    assert other["id"] in {each["resource_id"] for each in task["details"]["alternatives"]}
    for _ in range(2):
        done = await client.post(f"/api/v1/admin/tasks/{task['id']}/done")
        assert done.json()["done_at"] is not None
    assert (await client.get("/api/v1/admin/tasks")).json()["total"] == 0
    # declined, it is neither sold nor claimed
    await went(client, booking, *WAY[1:4])
    now = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert now["price"]["total"] == "0.00"
    async with wired.sessions() as db:
        assert await db.scalar(text("SELECT count(*) FROM inventory.allocations")) == 1
        told = list(await db.scalars(text(EVENTS)))
    assert told == ["booking.item_added", "booking.item_declined", "booking.item_removed"]
    assert [finding for finding in await wired.audit() if finding.breaches] == []


async def test_late_money_claims_the_items_again_too(
    house: House, client: httpx.AsyncClient, wired: Wiring, clock: SettableClock
) -> None:
    booking, _ = await journey(house)
    await went(client, booking, *WAY[1:5])
    now = clock.advance(timedelta(minutes=15))
    async with wired.sessions() as db:
        assert await wired.booking(db).expire_pending(now=now) == 1
    await paid(wired, booking, 24_480)
    async with wired.sessions() as db:
        held = "SELECT item FROM inventory.allocations WHERE status = 'committed' ORDER BY item"
        assert list(await db.scalars(text(held))) == [1, 4]
    said = (await client.get(f"/api/v1/bookings/{booking['id']}")).json()
    assert (said["status"], said["lifecycle_status"]) == ("CONFIRMED", "payment_confirmed")
    assert [finding for finding in await wired.audit() if finding.breaches] == []


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"currency": "USD"}, "rate-needed"),
        ({"rate": "0", "currency": "USD"}, "invalid-request"),
        ({"rate": "-1", "currency": "USD"}, "invalid-request"),
        ({"price": "1.001"}, "too-many-decimals"),
        ({"price": "999999999999", "currency": "USD", "rate": "999999999"}, "amount-too-large"),
        ({"end_at": at(-3)}, "invalid-request"),
        ({"resource_id": "7f8054b2-376f-4e0e-a7d2-6e4f31b9d153"}, "resource-unknown"),
    ],
    ids=str,
)
async def test_an_item_that_cannot_be_is_refused(
    house: House, client: httpx.AsyncClient, wrong: Json, kind: str
) -> None:
    booking = await lead(house, await house.table())
    body = {
        "kind": "transfer",
        "label": "Airport transfer",
        "start_at": at(-2),
        "end_at": at(-1),
        "price": "50.00",
        "currency": "EUR",
        **wrong,
    }
    answer = await client.post(f"/api/v1/bookings/{booking['id']}/items", json=body)
    assert (answer.status_code in (404, 422), answer.json()["type"]) == (True, kind)
    assert (await client.get(f"/api/v1/bookings/{booking['id']}/items")).json() == {"items": []}
