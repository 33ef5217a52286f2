"""What suppliers are owed for what was sold of theirs, and what was paid out."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from tests.clock import SettableClock
from tests.house import Json, serving
from tests.providers import TillWiring, till_wiring
from tests.till import Till

SUPPLIER = str(uuid4())
SUPPLIERS = "/api/v1/admin/suppliers"


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> TillWiring:
    return till_wiring(database_url, clock)


@pytest.fixture
async def till(wired: TillWiring) -> AsyncIterator[Till]:
    """The venue is the supplier's; nothing that a test does may leave the books in disorder."""
    async with serving(wired) as client:
        made = Till(wired, client)
        yield made
        await made.work()
        assert await made.broken() == []


async def agreed(till: Till, percent: str) -> None:
    answer = await till.client.put(f"{SUPPLIERS}/{SUPPLIER}/commission", json={"percent": percent})
    assert answer.status_code == 200, answer.text


async def theirs(till: Till) -> Json:
    """A table of the supplier's."""
    house = till.house
    await house.open(supplier_id=SUPPLIER)
    table = await house.table()
    await house.rate(table, "120.00")
    return table


async def completed(till: Till, table: Json) -> Json:
    """A booking that was paid and has ended: its intent."""
    booking = await till.booked(table)
    intent = await till.paid(booking)
    await complete(till, booking)
    return intent


async def complete(till: Till, booking: Json) -> None:
    await till.work()
    for status in ("CHECKED_IN", "COMPLETED"):
        said = {"status": status, "override": True, "reason": "they were early"}
        answer = await till.client.post(f"/api/v1/bookings/{booking['id']}/status", json=said)
        assert answer.status_code == 200, answer.text
    await till.work()


async def owed(till: Till) -> list[tuple[str, str, str]]:
    items = (await till.client.get(f"{SUPPLIERS}/balances")).json()["items"]
    assert {each["supplier_id"] for each in items} <= {SUPPLIER}
    return [(each["earned"], each["paid_out"], each["payable"]) for each in items]


async def pay_out(till: Till, amount: str, key: str = "one") -> httpx.Response:
    said = {"amount": amount, "currency": "EUR", "reference": "transfer of May"}
    headers = {"Idempotency-Key": key}
    return await till.client.post(f"{SUPPLIERS}/{SUPPLIER}/payouts", json=said, headers=headers)


async def test_a_completed_booking_earns_its_supplier_what_the_commission_leaves(till: Till) -> None:
    await agreed(till, "12.5")
    table = await theirs(till)
    booking = await till.booked(table)
    intent = await till.paid(booking)
    await till.work()
    assert await owed(till) == []  # sold, and not yet served
    await complete(till, booking)
    assert await owed(till) == [("105.00", "0.00", "105.00")]
    held = await till.balances()
    assert (held[f"supplier_payable:{SUPPLIER}"], held["supplier_costs"]) == ("-105.00", "105.00")
    # a refund takes the same part of it back: 99.99 less 12.50
    await till.refund(intent, "20.01")
    await till.work()
    assert await owed(till) == [("87.49", "0.00", "87.49")]
    await till.refund(intent)
    await till.work()
    assert await owed(till) == [("0.00", "0.00", "0.00")]
    assert "supplier_costs" not in await till.balances()


async def test_the_terms_are_those_of_the_sale(till: Till) -> None:
    await agreed(till, "10")
    table = await theirs(till)
    booking = await till.booked(table)
    await till.paid(booking)
    await till.work()
    await agreed(till, "50")
    await complete(till, booking)
    assert await owed(till) == [("108.00", "0.00", "108.00")]
    acts = "SELECT before->>'percent', after->>'percent' FROM kernel.audit_log WHERE action ~ 'commission_set'"
    assert await till.rows(f"{acts} ORDER BY id") == [(None, "10"), ("10", "50")]


async def test_without_terms_a_sale_is_the_houses_own(till: Till) -> None:
    table = await theirs(till)
    booking = await till.booked(table)
    await till.paid(booking)
    await till.work()
    await agreed(till, "10")  # too late for this one
    await complete(till, booking)
    assert await owed(till) == []
    assert await till.rows("SELECT * FROM payment.agreements") == []


async def test_what_is_paid_out_is_on_record_and_no_more_than_is_owed(till: Till) -> None:
    await agreed(till, "10")
    intent = await completed(till, await theirs(till))
    above = await pay_out(till, "108.01")
    assert (above.status_code, above.json()["type"], above.json()["owed"]) == (409, "payout-above-owed", "108.00")
    assert await till.rows("SELECT * FROM payment.payouts") == []
    first, again = await pay_out(till, "100.00"), await pay_out(till, "100.00")
    assert (first.status_code, again.status_code) == (201, 201)
    assert (again.headers["idempotency-replayed"], again.json()) == ("true", first.json())
    assert await owed(till) == [("108.00", "100.00", "8.00")]
    assert (await till.balances())["bank"] == "-100.00"
    assert (await pay_out(till, "8.01", key="two")).status_code == 409
    acts = (
        "SELECT subject_id::text, after->>'reference' FROM kernel.audit_log WHERE action = 'payment.supplier_paid'"
    )
    assert await till.rows(acts) == [(SUPPLIER, "transfer of May")]
    # what goes back to the guest afterwards is owed to the house
    await till.refund(intent, "60.00")
    await till.work()
    assert await owed(till) == [("54.00", "100.00", "-46.00")]
    nothing = await pay_out(till, "0.01", key="three")
    assert (nothing.status_code, nothing.json()["owed"]) == (409, "0.00")
    journal = (await till.client.get("/api/v1/admin/ledger")).json()["items"]
    assert [(each["kind"], each["booking_id"]) for each in journal if each["kind"] == "supplier_payout"] == [
        ("supplier_payout", None)
    ]


async def test_a_payout_needs_a_key_and_an_amount(till: Till) -> None:
    said = {"amount": "1.00", "currency": "EUR", "reference": "transfer"}
    unkeyed = await till.client.post(f"{SUPPLIERS}/{SUPPLIER}/payouts", json=said)
    assert (unkeyed.status_code, unkeyed.json()["type"]) == (422, "idempotency-key-required")
    nothing = await pay_out(till, "0.00")
    assert (nothing.status_code, nothing.json()["type"]) == (422, "amount-not-above-zero")
    stranger = await pay_out(till, "1.00")
    assert (stranger.status_code, stranger.json()["type"]) == (404, "supplier-not-owed")


async def test_many_payouts_at_once_pay_what_is_owed_once(till: Till) -> None:
    await agreed(till, "10")
    await completed(till, await theirs(till))
    answers = await asyncio.gather(*(pay_out(till, "108.00", key=str(number)) for number in range(8)))
    assert sorted(each.status_code for each in answers) == [201] + [409] * 7
    assert await owed(till) == [("108.00", "108.00", "0.00")]
