"""A supplier's own list of items, and what they are told."""

import json
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from holdfast.contracts.identity import Role, UserId
from holdfast.wiring import Wiring
from tests.accounts import account, ban, signed_in
from tests.api.test_booking_items import add, decide, journey
from tests.api.test_booking_lifecycle import WAY, lead, paid, went
from tests.api.test_items_arranged import arrange
from tests.clock import SettableClock
from tests.house import SUPPLIER, House, Json, at, bearer

ITEMS = "/api/v1/items"


async def listed(client: httpx.AsyncClient, caller: str, **params: str) -> list[str]:
    answer = await client.get(ITEMS, params=params, headers=bearer(caller))
    assert answer.status_code == 200, answer.text
    return [f"{item['label']} {item['lifecycle_status']}" for item in answer.json()["items"]]


async def test_a_supplier_lists_their_own_items_by_status_and_date(
    house: House, client: httpx.AsyncClient
) -> None:
    booking, _ = await journey(house)
    late = await add(house, booking, label="Back", supplier_id=str(SUPPLIER.id), start_at=at(24), end_at=at(25))
    assert await listed(client, "supplier") == ["Airport transfer lead_created", "Back lead_created"]
    assert await listed(client, "rival") == ["港めぐり lead_created"]
    assert len(await listed(client, "staff")) == 3, "all that anybody supplies"
    assert len(await listed(client, "staff", supplier_id=str(SUPPLIER.id))) == 2
    assert await listed(client, "supplier", **{"from": at(0)}) == ["Back lead_created"]
    assert await listed(client, "supplier", to=at(0)) == ["Airport transfer lead_created"]
    await decide(client, late, "confirm", "supplier")
    assert await listed(client, "supplier", status="requested") == ["Airport transfer lead_created"]
    assert await listed(client, "supplier", status="confirmed") == ["Back lead_created"]
    await arrange(client, late, "remove")
    assert await listed(client, "supplier") == ["Airport transfer lead_created"]
    await went(client, booking, "cancelled")
    assert await listed(client, "supplier") == []
    assert len(await listed(client, "supplier", ended="true")) == 2
    others = await client.get(ITEMS, params={"supplier_id": str(SUPPLIER.id)}, headers=bearer("rival"))
    assert (others.status_code, others.json()["type"]) == (404, "items-not-yours")


@dataclass
class Supplier:
    """One with an account, an item of theirs, and what they were told by mail."""

    wired: Wiring
    client: httpx.AsyncClient
    id: UserId
    booking: Json
    item: Json

    async def told(self) -> list[tuple[str, str]]:
        await self.wired.relay().drain()
        statement = text("SELECT template, language FROM notification.messages WHERE user_id = :id ORDER BY id")
        async with self.wired.sessions() as db:
            return [(row.template, row.language) for row in await db.execute(statement, {"id": self.id})]

    async def sold(self) -> None:
        await went(self.client, self.booking, *WAY[1:5])
        await paid(self.wired, self.booking, 5_000)


@pytest.fixture
async def supplier(house: House, client: httpx.AsyncClient, wired: Wiring) -> Supplier:
    id_ = await account(wired, Role.SUPPLIER)
    booking = await lead(house, await house.table())
    return Supplier(wired, client, id_, booking, await add(house, booking, supplier_id=str(id_)))


async def test_a_supplier_is_asked_when_it_is_paid_and_told_when_it_is_off(supplier: Supplier) -> None:
    me = await signed_in(supplier.client)
    preferences = {"language": "es", "messages": {"transactional": {"email": True, "sms": False, "in_app": True}}}
    await supplier.client.put("/api/v1/users/me/preferences", json=preferences, headers=me)
    assert await supplier.told() == [], "nothing is sold"
    await supplier.sold()
    assert await supplier.told() == [("item_requested", "es")]
    notices = (await supplier.client.get("/api/v1/notifications", headers=me)).json()["items"]
    assert [each["title"] for each in notices] == [
        f"Confirme, por favor: Airport transfer, {supplier.booking['reference']}"
    ]
    async with supplier.wired.sessions() as db:
        said = await db.scalar(text("SELECT details FROM notification.messages WHERE template = 'item_requested'"))
    assert (said["guest_name"], said["starts"]) == ("Guest", "martes, 8 de enero de 2030, 10:00 (UTC)")
    assert "guest@example.org" not in json.dumps(said), "how to reach the guest is not the supplier's to know"
    cancelled = f"/api/v1/bookings/{supplier.booking['id']}/cancel"
    await supplier.client.post(cancelled, json={"reason": "ill"})
    assert await supplier.told() == [("item_requested", "es"), ("item_cancelled", "es")]


async def test_a_supplier_hears_of_items_that_come_and_go_after_the_sale(
    supplier: Supplier, clock: SettableClock
) -> None:
    await supplier.sold()
    clock.advance(timedelta(seconds=1))  # before anybody was told of the sale
    await add(House(supplier.client), supplier.booking, label="Back", supplier_id=str(supplier.id))
    assert await supplier.told() == [("item_requested", "en")] * 2
    await arrange(supplier.client, supplier.item, "remove")
    assert (await supplier.told())[2:] == [("item_cancelled", "en")]


async def test_nobody_hears_of_what_they_declined_or_were_never_asked(supplier: Supplier) -> None:
    other = await add(House(supplier.client), supplier.booking, label="Back", supplier_id=str(supplier.id))
    await decide(supplier.client, supplier.item, "decline", "staff", reason="full")
    await arrange(supplier.client, supplier.item, "remove")
    await arrange(supplier.client, other, "remove")
    assert await supplier.told() == []
    third = await add(House(supplier.client), supplier.booking, label="Third", supplier_id=str(supplier.id))
    await decide(supplier.client, third, "confirm", "staff")
    await went(supplier.client, supplier.booking, "cancelled")
    assert await supplier.told() == [("item_cancelled", "en")], "who confirmed a quotation counts on it"


async def test_a_banned_supplier_is_not_written_to(supplier: Supplier) -> None:
    await ban(supplier.client, supplier.id)
    await supplier.wired.relay().drain()
    async with supplier.wired.sessions() as db:
        await db.execute(text("DELETE FROM notification.messages"))
    await supplier.sold()
    assert await supplier.told() == []
