"""Items added, removed and replaced after the sale: price, claims, money and papers follow."""

from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.inventory import ReservationId
from holdfast.wiring import Wiring
from tests.api.test_booking_items import add, decide, journey
from tests.api.test_booking_lifecycle import WAY, go, lead, paid, went, written
from tests.house import RIVAL, SUPPLIER, House, Json, at

HELD = "SELECT item, status FROM inventory.allocations WHERE status <> 'released' ORDER BY item"
REFUNDS = "SELECT data ->> 'refund_amount' FROM kernel.outbox WHERE type = 'booking.refund_requested'"
TOUR = {"kind": "tour", "label": "Tour", "start_at": at(0), "end_at": at(1), "price": "10.00", "currency": "EUR"}


async def rows(wired: Wiring, statement: str) -> list[tuple[object, ...]]:
    async with wired.sessions() as db:
        return [tuple(row) for row in await db.execute(text(statement))]


async def shown(client: httpx.AsyncClient, booking: Json) -> Json:
    return (await client.get(f"/api/v1/bookings/{booking['id']}")).json()  # type: ignore[no-any-return]


async def arrange(client: httpx.AsyncClient, item: Json, verb: str, **body: object) -> httpx.Response:
    headers = {"Idempotency-Key": str(body.pop("key", uuid4()))}
    path = f"/api/v1/bookings/{item['booking_id']}/items/{item['id']}/{verb}"
    return await client.post(path, json={"reason": "plans changed", **body}, headers=headers)


async def sold(house: House, wired: Wiring) -> tuple[Json, list[Json]]:
    """The journey of three suppliers, paid: 120.00 for the room, 46.00, 48.80 and 30.00 for the items."""
    booking, items = await journey(house)
    await went(house.client, booking, *WAY[1:5])
    await paid(wired, booking, 24_480)
    await wired.relay().drain()
    return booking, items


async def papers(client: httpx.AsyncClient, booking: Json, *kinds: str) -> list[tuple[str, int, str | None]]:
    made = (await client.get(f"/api/v1/bookings/{booking['id']}/documents")).json()["items"]
    return [(each["kind"], each["version"], each["total"]) for each in made if each["kind"] in kinds]


async def sound(wired: Wiring) -> bool:
    return [finding for finding in await wired.audit() if finding.breaches] == []


async def test_a_declined_item_that_is_removed_is_given_back_and_credited(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    booking, (transfer, tour, _) = await sold(house, wired)
    await decide(client, tour, "confirm", "rival", confirmation_reference="T-1")
    await decide(client, transfer, "decline", "supplier", reason="no driver")
    assert (await shown(client, booking))["price"]["total"] == "244.80", "until staff has found another"

    gone = await arrange(client, transfer, "remove", reason="nobody drives", key="once")
    assert (gone.status_code, gone.json()["status"], gone.json()["reason"]) == (200, "removed", "nobody drives")
    now = await shown(client, booking)
    assert (now["price"]["total"], now["balance"], now["outstanding"]) == ("198.80", "0.00", "0.00")
    assert [line["label"] for line in now["price"]["lines"]][1:] == ["港めぐり (8000 JPY at 0.0061)", "Guide"]
    assert now["lifecycle_status"] == "supplier_confirmed", "the others are confirmed"
    assert await rows(wired, REFUNDS) == [("46.00",)]
    assert (await client.get("/api/v1/admin/tasks")).json()["total"] == 0
    acts = await client.get(
        "/api/v1/admin/audit?action=booking.item_removed", headers={"Authorization": "Bearer admin"}
    )
    (act,) = acts.json()["items"]
    assert (act["reason"], act["before"]["price"]) == ("nobody drives", "50.00 USD")

    again = await arrange(client, transfer, "remove", reason="nobody drives", key="once")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (gone.json(), "true")
    before = await written(wired)
    assert (await arrange(client, transfer, "remove")).json()["type"] == "item-gone"
    assert (await decide(client, transfer, "confirm", "supplier")).json()["type"] == "item-decided"
    assert await written(wired) == before
    await wired.relay().drain()
    assert await papers(client, booking, "invoice", "credit_note") == [
        ("invoice", 1, "244.80"),
        ("credit_note", 1, "244.80"),
        ("invoice", 2, "198.80"),
    ]
    assert await sound(wired)


async def test_the_itinerary_follows_its_items(house: House, client: httpx.AsyncClient, wired: Wiring) -> None:
    booking = await lead(house, await house.table())
    await went(client, booking, "quotation_sent")
    quoted = {"booking_id": booking["id"], "kind": "quotation"}
    await house.made("/api/v1/documents", quoted)
    tour = await add(house, booking, supplier_id=str(SUPPLIER.id))
    await wired.relay().drain()
    assert await papers(client, booking, "quotation") == [("quotation", 1, None), ("quotation", 2, "50.00")]
    await went(client, booking, *WAY[2:5])
    await paid(wired, booking, 5_000)
    await decide(client, tour, "confirm", "supplier")
    await wired.relay().drain()
    assert [version for _, version, _ in await papers(client, booking, "itinerary")] == [1]
    late = await add(house, booking, supplier_id=str(RIVAL.id), label="Another")
    await wired.relay().drain()
    assert [version for _, version, _ in await papers(client, booking, "itinerary", "voucher")] == [1, 1, 2, 2]
    await decide(client, late, "confirm", "rival", confirmation_reference="R-1")
    await wired.relay().drain()
    assert [version for _, version, _ in await papers(client, booking, "itinerary")] == [1, 2, 3]
    assert (await shown(client, booking))["lifecycle_status"] == "documents_generated"


async def test_an_item_in_anothers_place_moves_its_claim_and_asks_for_the_difference(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    booking, (_, _, guide) = await sold(house, wired)
    other = await house.table(name="Better guide")
    swap = {**TOUR, "start_at": at(-2), "end_at": at(-1), "resource_id": other["id"], "price": "55.00"}
    new = await arrange(client, guide, "replace", **swap)
    assert new.status_code == 200, new.text
    assert (new.json()["replaces_id"], new.json()["status"]) == (guide["id"], "confirmed")
    assert await rows(wired, HELD) == [(1, "committed"), (4, "committed")]
    now = await shown(client, booking)
    assert (now["price"]["total"], now["balance"], now["payment"]["amount"]) == ("269.80", "25.00", "25.00")
    items = (await client.get(f"/api/v1/bookings/{booking['id']}/items")).json()["items"]
    assert [item["status"] for item in items] == ["requested", "requested", "removed", "confirmed"]
    assert await sound(wired)

    # the time that was given up is anybody's; one that is taken is refused, and the old item stands
    await house.booked({"id": guide["resource_id"]}, start_at=at(-2))
    before = await written(wired)
    refused = await arrange(client, new.json(), "replace", **{**swap, "resource_id": guide["resource_id"]})
    assert (refused.status_code, refused.json()["type"]) == (409, "slot-taken")
    assert refused.json()["alternatives"]
    assert await written(wired) == before
    # by somebody else's item it is free altogether
    gone = await arrange(client, new.json(), "replace", **TOUR)
    assert gone.json()["reservation_id"] is None
    assert await rows(wired, HELD) == [(1, "committed"), (1, "committed")]
    assert (await shown(client, booking))["price"]["total"] == "224.80"
    assert await rows(wired, REFUNDS) == [("20.00",)]
    assert await sound(wired)


async def test_an_item_added_to_a_sold_booking_is_claimed_and_due(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    booking, (_, _, guide) = await sold(house, wired)
    boat = await house.table(name="Boat")
    added = await add(house, booking, kind="boat", label="Boat", resource_id=boat["id"], price="40.00")
    assert (added["status"], added["reservation_id"] is not None) == ("confirmed", True)
    now = await shown(client, booking)
    assert (now["status"], now["price"]["total"], now["payment"]["amount"]) == ("CONFIRMED", "284.80", "40.00")
    body = {**TOUR, "start_at": at(-2), "end_at": at(-1), "resource_id": guide["resource_id"]}
    before = await written(wired)
    taken = await client.post(f"/api/v1/bookings/{booking['id']}/items", json=body)
    assert (taken.status_code, taken.json()["type"]) == (409, "slot-taken")
    assert await written(wired) == before
    assert await sound(wired)


async def test_a_booking_that_waits_for_money_holds_its_new_items_as_long_as_itself(
    house: House, client: httpx.AsyncClient, wired: Wiring
) -> None:
    booking = await lead(house, await house.table())
    await went(client, booking, *WAY[1:4])
    boat = await house.table(name="Boat")
    item = await add(house, booking, kind="boat", label="Boat", resource_id=boat["id"], price="40.00")
    now = await shown(client, booking)
    assert (now["status"], now["balance"], now["price"]["terms"]) == ("PENDING", "40.00", "full")
    same = "SELECT count(DISTINCT expires_at) FROM inventory.allocations WHERE status = 'held'"
    assert await rows(wired, same) == [(1,)]
    assert len(await rows(wired, HELD)) == 2
    assert (await arrange(client, item, "remove")).status_code == 200
    now = await shown(client, booking)
    assert (now["status"], now["price"]["total"], now["price"]["terms"]) == ("CONFIRMED", "0.00", "none")
    assert await rows(wired, HELD) == [(1, "committed")]
    assert await sound(wired)


async def test_what_an_item_held_elsewhere_is_freed_once_it_is_gone(
    house: House, wired: Wiring, db: AsyncSession
) -> None:
    """Told by a job after the removal, which may have been undone by then."""
    booking, (_, _, guide) = await sold(house, wired)
    items = (await house.client.get(f"/api/v1/bookings/{booking['id']}/items")).json()["items"]
    held = [ReservationId(UUID(items[2]["reservation_id"]))]
    async with wired.sessions() as own:
        await wired.booking(own).release_given_up([], held, now=wired.clock.now())
    assert len(await rows(wired, HELD)) == 2
    gone = "UPDATE booking.items SET status = 'removed', confirmed_at = NULL, reservation_id = NULL WHERE id = :id"
    await db.execute(text(gone), {"id": guide["id"]})
    async with wired.sessions() as own:
        await wired.booking(own).release_given_up([], held, now=wired.clock.now())
    assert await rows(wired, HELD) == [(1, "committed")]


async def test_an_item_that_is_gone_binds_no_currency(house: House, client: httpx.AsyncClient) -> None:
    table = await house.table()
    booking = await lead(house, table)
    item = await add(house, booking)
    await house.rate(table, currency="USD")
    await went(client, booking, *WAY[1:3])
    refused = await go(client, booking, "booking_created")
    assert refused.json()["error"]["code"] == "currency-changed"
    await arrange(client, item, "remove")
    await went(client, booking, "booking_created")
    assert (await shown(client, booking))["price"]["currency"] == "USD"


@pytest.mark.parametrize("verb", ["add", "remove", "replace"])
async def test_nothing_is_arranged_of_a_booking_that_is_over_or_has_changed(
    house: House, client: httpx.AsyncClient, wired: Wiring, verb: str
) -> None:
    booking = await lead(house, await house.table())
    item = await add(house, booking)
    path = f"/api/v1/bookings/{booking['id']}/items" + ("" if verb == "add" else f"/{item['id']}/{verb}")
    body = TOUR if verb == "add" else {"reason": "x"} if verb == "remove" else {**TOUR, "reason": "x"}

    async def refused(path: str, **headers: str) -> tuple[int, str]:
        before = await written(wired)
        answer = await client.post(path, json=body, headers=headers)
        assert await written(wired) == before
        return answer.status_code, answer.json()["type"]

    assert await refused(path, **{"If-Match": '"1"'}) == (409, "version-conflict")
    if verb != "add":
        assert await refused(path.replace(item["id"], booking["id"])) == (404, "item-not-found")
    await went(client, booking, "cancelled")
    assert await refused(path) == (409, "booking-closed")
