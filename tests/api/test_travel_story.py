"""One journey from lead to refund, told by everybody who has a part in it."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from holdfast.contracts.identity import Role
from tests.accounts import account, signed_in
from tests.api.test_booking_items import add
from tests.api.test_booking_lifecycle import PATH, lead, went
from tests.clock import SettableClock
from tests.house import CUSTOMER, RIVAL, SUPPLIER, House, Json, bearer, serving
from tests.providers import TillWiring, till_wiring
from tests.till import Till


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> TillWiring:
    return till_wiring(database_url, clock)


@pytest.fixture
async def till(wired: TillWiring) -> AsyncIterator[Till]:
    async with serving(wired) as client:
        made = Till(wired, client)
        yield made
        assert await made.broken() == []


async def papers(till: Till, booking: Json, caller: str) -> list[str]:
    answer = await till.client.get(f"/api/v1/bookings/{booking['id']}/documents", headers=bearer(caller))
    return [f"{each['kind']} {each['version']}" for each in answer.json()["items"]]


async def test_a_journey_of_three_suppliers_from_lead_to_refund(
    till: Till, wired: TillWiring, clock: SettableClock
) -> None:
    client, house = till.client, House(till.client)
    driver = await account(wired, Role.SUPPLIER)
    await house.open(type="hotel", supplier_id=str(SUPPLIER.id))
    room = await house.table(name="Room 7")
    await house.rate(room)
    guest = {"id": str(CUSTOMER.id), "name": "Zoë Šimůnková", "email": "zoe@example.org"}

    # staff writes down what is wished for, and quotes it
    booking = await lead(house, room, guest=guest)
    transfer = await add(house, booking, supplier_id=str(driver), currency="USD", rate="0.92")
    tour = await add(house, booking, kind="tour", label="港めぐり", supplier_id=str(RIVAL.id), price="8000",
                     currency="JPY", rate="0.0061")  # fmt: skip
    await house.made("/api/v1/documents", {"booking_id": booking["id"], "kind": "quotation"})
    await went(client, booking, "quotation_sent")
    # the guest reads it; that they agreed is staff's to write down
    assert await papers(till, booking, "customer") == ["quotation 1"]
    body = {"bookingId": booking["id"], "toStatus": "quotation_approved"}
    for caller, status in (("stranger", 404), ("customer", 403), ("rival", 404)):
        assert (await client.post(PATH, json=body, headers=bearer(caller))).status_code == status
    await went(client, booking, "quotation_approved", "booking_created")

    # the guest pays; the invoice is there, and the suppliers are asked
    payment = await till.paid(booking)
    await till.work()
    now = await till.booking(booking)
    assert (now["status"], now["lifecycle_status"]) == ("CONFIRMED", "payment_confirmed")
    assert payment["amount"] == "214.80"
    assert await papers(till, booking, "customer") == ["quotation 1", "invoice 1"]
    asked = "SELECT recipient FROM notification.messages WHERE template = 'item_requested'"
    assert len(await till.rows(asked)) == 1, "the one with an account"

    # each supplier says their word on their own part, and the papers follow the last
    me = await signed_in(client)
    mine = (await client.get("/api/v1/items?status=requested", headers=me)).json()["items"]
    assert [item["id"] for item in mine] == [transfer["id"]]
    for item, header in ((transfer, me), (tour, bearer("rival"))):
        assert (await till.booking(booking))["lifecycle_status"] == "payment_confirmed"
        path = f"/api/v1/bookings/{booking['id']}/items/{item['id']}/confirm"
        said = await client.post(path, json={"confirmation_reference": "OK-1"}, headers=header)
        assert said.status_code == 200, said.text
    await till.work()
    assert (await till.booking(booking))["lifecycle_status"] == "documents_generated"
    assert await papers(till, booking, "customer") == ["quotation 1", "invoice 1", "voucher 1", "itinerary 1"]
    assert await papers(till, booking, "supplier") == ["invoice 1", "voucher 1"]

    # the journey is over: thanks go out; part of the money goes back, then all of it
    clock.advance(timedelta(hours=4))  # check-in is open from here
    await went(client, booking, "completed")
    await till.work()
    thanked = "SELECT count(*) FROM notification.messages WHERE template = 'booking_completed'"
    assert await till.rows(thanked) == [(1,)]
    for amount, stage in (("46.00", "completed"), ("168.80", "refunded")):
        assert (await till.refund(payment, amount)).status_code == 201
        await till.work()
        assert (await till.booking(booking))["lifecycle_status"] == stage
    assert (await papers(till, booking, "customer"))[4:] == ["credit_note 1"]
    steps = (await client.get(f"/api/v1/bookings/{booking['id']}/history")).json()["items"]
    stages = list(dict.fromkeys(step["to_lifecycle_status"] for step in steps))
    assert stages == [
        "lead_created", "quotation_sent", "quotation_approved", "booking_created", "payment_pending",
        "payment_confirmed", "supplier_confirmed", "documents_generated", "completed", "refunded",
    ]  # fmt: skip
