"""A booking and the news of its payment, through the relay: in time, late, twice, out of order, wrong money.

Payment itself is a fake of the port here, and its events are put into the outbox by hand.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, PaymentSummary
from holdfast.contracts.payment import (
    CaptureId,
    IntentId,
    IntentOrder,
    PaymentCompleted,
    PaymentFailed,
    PaymentRefunded,
    RefundId,
)
from holdfast.domains.booking.services import BookingService
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.outbox import Event, record
from holdfast.wiring import Wiring
from holdfast.worker import Worker
from tests.clock import SettableClock
from tests.house import House, Json, at, bearer, wiring

TTL = timedelta(minutes=15)
REQUESTS = "SELECT data FROM kernel.outbox WHERE type = 'booking.refund_requested' ORDER BY id"


@dataclass
class FakePayments:
    """Opens an intent for every order, and remembers the orders."""

    orders: list[IntentOrder] = field(default_factory=list)

    async def open_many(self, orders: Sequence[IntentOrder], *, now: datetime) -> list[PaymentSummary]:
        self.orders.extend(orders)
        return [
            PaymentSummary(
                intent_id=uuid7(),
                provider=order.provider or "sandbox",
                status="requires_action",
                amount=str(order.amount),
                checkout_url="https://holdfast.example/pay/x",
            )
            for order in orders
        ]


@dataclass(frozen=True)
class PaidWiring(Wiring):
    payments_fake: FakePayments = field(default_factory=FakePayments)

    def booking(self, db: AsyncSession) -> BookingService:
        return BookingService(db, self.inventory(db), self.pricing(db), self.payments_fake)


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> PaidWiring:
    plain = wiring(database_url, clock)
    return PaidWiring(plain.settings, plain.database_url, clock)


@dataclass
class Till:
    """Says what payment would say, and what became of the booking."""

    wired: PaidWiring
    client: httpx.AsyncClient

    async def tell(self, *events: Event) -> None:
        async with self.wired.sessions() as db, transaction(db):
            record(db, *events)
        await Worker(self.wired).relay.drain()
        async with self.wired.sessions() as db:
            stuck = "SELECT last_error FROM kernel.outbox WHERE delivered_at IS NULL"
            assert list(await db.scalars(text(stuck))) == []

    def intent(self, booking: Json, amount: str, currency: str = "EUR", intent: str | None = None) -> Json:
        return {
            "occurred_at": self.wired.clock.now(),
            "intent_id": IntentId(uuid.UUID(intent or booking["payment"]["intent_id"])),
            "booking_id": BookingId(uuid.UUID(booking["id"])),
            "provider": "sandbox",
            "amount": amount,
            "currency": currency,
        }

    async def pay(self, booking: Json, amount: str = "120.00", currency: str = "EUR", **more: str) -> CaptureId:
        capture = CaptureId(uuid7())
        await self.tell(
            PaymentCompleted(**self.intent(booking, amount, currency, more.get("intent")), capture_id=capture)
        )
        return capture

    async def fail(self, booking: Json, intent: str | None = None) -> None:
        await self.tell(PaymentFailed(**self.intent(booking, "120.00", intent=intent), reason="card declined"))

    async def refund(
        self, booking: Json, capture: CaptureId, amount: str, total: str, captured: str, currency: str = "EUR"
    ) -> None:
        told = self.intent(booking, amount, currency)
        refund = RefundId(uuid7())
        for _ in range(2):  # twice, as two events
            news = PaymentRefunded(
                **told, refund_id=refund, capture_id=capture, refunded_total=total, captured_total=captured
            )
            await self.tell(news)

    async def present(self, booking: Json) -> Json:
        return (await self.client.get(f"/api/v1/bookings/{booking['id']}")).json()  # type: ignore[no-any-return]

    async def state(self, booking: Json) -> tuple[str, str]:
        now = await self.present(booking)
        return now["status"], now["lifecycle_status"]

    async def requests(self) -> list[tuple[str, str, str, bool]]:
        """Every refund asked for: how much, why, and whether of one capture alone."""
        async with self.wired.sessions() as db:
            found = list(await db.scalars(text(REQUESTS)))
        return [
            (each["refund_amount"], each["refund_currency"], each["cause"], each["capture_id"] is not None)
            for each in found
        ]

    async def mails(self) -> list[str]:
        """What was said of bookings and money; papers are another story."""
        async with self.wired.sessions() as db:
            said = "SELECT template FROM notification.messages WHERE channel = 'email' ORDER BY created_at, id"
            return [each for each in await db.scalars(text(said)) if each != "documents_ready"]

    async def expire(self, clock: SettableClock) -> None:
        now = clock.advance(TTL)
        async with self.wired.sessions() as db:
            assert await self.wired.booking(db).expire_pending(now=now) == 1

    async def clean(self) -> None:
        assert [finding for finding in await self.wired.audit() if finding.breaches] == []


@pytest.fixture
def till(wired: PaidWiring, client: httpx.AsyncClient) -> Till:
    return Till(wired, client)


async def priced(house: House, **rate: object) -> Json:
    table = await house.table()
    await house.rate(table, **rate)  # type: ignore[arg-type]
    return table


async def test_a_booking_carries_its_intent_and_is_confirmed_by_its_money_once(house: House, till: Till) -> None:
    table = await priced(house)
    booking = await house.booked(table, payment_provider="sandbox")
    assert (booking["status"], booking["payment"]["amount"]) == ("PENDING", "120.00")
    assert (booking["payment"]["status"], booking["outstanding"]) == ("requires_action", "120.00")
    (order,) = till.wired.payments_fake.orders
    assert (order.reference, order.minor, order.provider) == (booking["reference"], 12_000, "sandbox")
    free = await house.table(name="free")
    assert (await house.booked(free))["payment"] is None

    capture = await till.pay(booking)
    await till.tell(PaymentCompleted(**till.intent(booking, "120.00"), capture_id=capture))
    await till.fail(booking)  # the news of an earlier try, out of order
    now = await till.present(booking)
    assert (now["status"], now["lifecycle_status"], now["version"]) == ("CONFIRMED", "documents_generated", 2)
    assert (now["payment"]["status"], now["payment"]["checkout_url"]) == ("succeeded", None)
    assert (now["balance"], now["outstanding"]) == ("0.00", "0.00")
    history = (await till.client.get(f"/api/v1/bookings/{booking['id']}/history")).json()["items"]
    paid = [each for each in history if each["idempotency_key"] == f"capture:{capture}"]
    assert [each["to_lifecycle_status"] for each in paid][-2:] == ["payment_confirmed", "supplier_confirmed"]
    assert paid[-1]["metadata"]["provider"] == "sandbox"
    assert await till.requests() == []
    await till.clean()


async def test_a_failed_payment_frees_the_slot_and_money_after_it_brings_the_booking_back(
    house: House, till: Till
) -> None:
    table = await priced(house)
    booking = await house.booked(table)
    await till.fail(booking, intent=str(uuid7()))
    assert await till.state(booking) == ("PENDING", "booking_created")
    await till.fail(booking)
    assert await till.state(booking) == ("FAILED", "cancelled")
    assert (await till.present(booking))["payment"]["status"] == "failed"
    await till.pay(booking)
    assert await till.state(booking) == ("CONFIRMED", "documents_generated")
    assert await till.mails() == ["booking_failed", "late_payment_confirmed"]
    history = (await till.client.get(f"/api/v1/bookings/{booking['id']}/history")).json()["items"]
    back = next(each for each in history if each["from_status"] == "FAILED")
    assert (back["to_status"], back["to_lifecycle_status"]) == ("CONFIRMED", "payment_confirmed")
    assert "came late" in back["note"]
    # nobody may ask for that way
    other = await house.booked(table, start_at=at(5))
    await till.fail(other)
    refused = await house.move(other, "CONFIRMED", override=True, reason="please")
    assert (refused.status_code, refused.json()["type"]) == (409, "transition-not-allowed")
    await till.clean()


async def test_late_money_for_a_slot_that_is_taken_goes_back_in_full(
    house: House, till: Till, clock: SettableClock
) -> None:
    table = await priced(house)
    booking = await house.booked(table)
    await till.expire(clock)
    taker = await house.booked(table)
    capture = await till.pay(booking)
    assert await till.state(booking) == ("EXPIRED", "cancelled")
    assert await till.requests() == [("120.00", "EUR", "too_late", True)]
    await till.refund(booking, capture, "120.00", "120.00", "120.00")
    assert await till.state(booking) == ("EXPIRED", "refunded")
    now = await till.present(booking)
    assert (now["payment"]["status"], now["outstanding"]) == ("refunded", "0.00")
    await till.pay(taker)
    assert await till.state(taker) == ("CONFIRMED", "documents_generated")
    assert await till.mails() == ["booking_expired", "late_payment_refunded", "booking_confirmed"]
    await till.clean()


async def test_money_for_a_pending_booking_whose_hold_is_gone_expires_it_and_goes_back(
    house: House, till: Till, clock: SettableClock
) -> None:
    table = await priced(house)
    booking = await house.booked(table)
    clock.advance(TTL)  # nobody has swept yet, and the next guest takes what is free
    await house.booked(table)
    await till.pay(booking)
    assert await till.state(booking) == ("EXPIRED", "cancelled")
    assert await till.requests() == [("120.00", "EUR", "expired", False)]
    assert (await till.mails()) == ["booking_expired", "refund_requested"]
    await till.clean()


async def test_what_is_paid_twice_or_for_nothing_goes_back(house: House, till: Till, clock: SettableClock) -> None:
    table = await priced(house, terms="deposit", deposit_percent="25")
    booking = await house.booked(table)
    assert (booking["balance"], booking["outstanding"]) == ("30.00", "120.00")
    await till.pay(booking, "30.00")
    now = await till.present(booking)
    assert (now["status"], now["balance"], now["outstanding"]) == ("CONFIRMED", "0.00", "90.00")
    await till.pay(booking, "90.00", intent=str(uuid7()))
    assert (await till.present(booking))["outstanding"] == "0.00"
    await till.pay(booking, "90.00", intent=str(uuid7()))
    assert await till.requests() == [("90.00", "EUR", "excess", True)]
    await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    assert (await till.requests())[1:] == [("120.00", "EUR", "policy", False)]
    await till.pay(booking, "5.00", intent=str(uuid7()))
    assert (await till.requests())[2:] == [("5.00", "EUR", "too_late", True)]
    await till.clean()


async def test_a_dearer_move_asks_for_the_difference_and_a_cheaper_one_gives_it_back(
    house: House, till: Till, clock: SettableClock
) -> None:
    """Wednesdays cost half; all of it back until two days before, then half."""
    table = await priced(house, adjustments=[{"kind": "weekday", "days": ["wed"], "percent": "-50"}])
    policy = {"tiers": [{"hours_before_start": 0, "percent": 50}]}
    await house.client.put(f"/api/v1/bookings/policies/{house.venue['id']}", json=policy)
    booking = await house.booked(table, start_at=at(24))
    first = booking["payment"]["intent_id"]
    capture = await till.pay(booking, "60.00")

    async def move(start: str) -> Json:
        version = (await till.present(booking))["version"]
        body = {"expected_version": version, "start_at": start}
        answer = await till.client.put(f"/api/v1/bookings/{booking['id']}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    dearer = await move(at(0))
    assert (dearer["balance"], dearer["payment"]["amount"]) == ("60.00", "60.00")
    assert dearer["payment"]["intent_id"] != first
    assert (await move(at(2)))["payment"] == dearer["payment"]  # asked once
    cheaper = await move(at(24))
    assert (cheaper["balance"], await till.requests()) == ("0.00", [])
    await till.pay(cheaper, "60.00")  # paid all the same
    assert await till.requests() == [("60.00", "EUR", "excess", True)]
    await till.refund(booking, capture, "20.00", "20.00", "60.00")  # staff's gift does not come due again
    now = await till.present(booking)
    assert (now["status"], now["balance"], now["outstanding"]) == ("CONFIRMED", "0.00", "0.00")
    await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    assert (await till.requests())[1:] == [("30.00", "EUR", "policy", False)]
    assert await till.state(booking) == ("CANCELLED", "cancelled")
    await till.clean()


@pytest.mark.parametrize(("currency", "whole", "half"), [("JPY", "1201", "601"), ("BHD", "1.201", "0.601")])
async def test_amounts_have_their_currency_s_decimals(
    house: House, till: Till, currency: str, whole: str, half: str
) -> None:
    table = await priced(house, amount=whole, currency=currency)
    policy = {"tiers": [{"hours_before_start": 0, "percent": 50}]}
    await house.client.put(f"/api/v1/bookings/policies/{house.venue['id']}", json=policy)
    booking = await house.booked(table)
    assert (booking["payment"]["amount"], booking["outstanding"]) == (whole, whole)
    stray = await till.pay(booking, "7.00", "EUR")
    assert await till.state(booking) == ("PENDING", "booking_created")
    await till.refund(booking, stray, "7.00", "7.00", "7.00")
    capture = await till.pay(booking, whole, currency)
    await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    assert await till.requests() == [
        ("7.00", "EUR", "other_currency", True),
        (half, currency, "policy", False),
    ]
    await till.refund(booking, capture, half, half, whole, currency)
    assert await till.state(booking) == ("CANCELLED", "cancelled"), "half of it was kept"
    await till.clean()


async def test_staff_voids_a_sale_whatever_its_policy_says(house: House, till: Till, clock: SettableClock) -> None:
    table = await priced(house)
    await house.client.put(f"/api/v1/bookings/policies/{house.venue['id']}", json={"tiers": []})
    booking, unpaid = await house.booked(table), await house.booked(table, start_at=at(3))
    await till.pay(booking)
    path = f"/api/v1/admin/bookings/{booking['id']}/void"
    again = {"reason": "sold by mistake", "idempotency_key": "void-1"}
    for _ in range(2):
        voided = await till.client.post(path, json=again)
        assert voided.json()["refund_due"] == {"amount": "120.00", "currency": "EUR", "percent": "100"}
    assert await till.requests() == [("120.00", "EUR", "voided", False)]
    refused = await till.client.post(path, json={"reason": "again"})
    assert (refused.status_code, refused.json()["type"]) == (409, "transition-not-allowed")
    assert (await till.client.post(f"/api/v1/admin/bookings/{unpaid['id']}/void", json={"reason": "x"})).is_success
    assert len(await till.requests()) == 1
    async with till.wired.sessions() as db:
        held = "SELECT count(*) FROM inventory.allocations WHERE status <> 'released'"
        assert await db.scalar(text(held)) == 0
    acts = await till.client.get("/api/v1/admin/audit?action=booking.voided", headers=bearer("admin"))
    assert [act["reason"] for act in acts.json()["items"]] == ["x", "sold by mistake"]
    await till.clean()


async def test_confirmed_without_money_is_found(house: House, till: Till) -> None:
    """Staff may confirm without money, and nobody else: the invariant tells the two apart."""
    table = await priced(house)
    trusted, paid = await house.booked(table), await house.booked(table, start_at=at(3))
    await house.move(trusted, "CONFIRMED", override=True, reason="pays by invoice")
    await till.pay(paid)
    await till.clean()
    async with till.wired.sessions() as db:
        await db.execute(
            text("UPDATE booking.bookings SET captured_minor = 0 WHERE id = :id"), {"id": uuid.UUID(paid["id"])}
        )
    broken = {finding.invariant for finding in await till.wired.audit() if finding.breaches}
    assert broken == {"no confirmed booking without its money", "what was captured is the sum of its captures"}
