"""Payments that go astray: news too early, too late, of another payment; and a provider that is slow or takes back
what it said."""

import asyncio
import hmac
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.pool import Pool, QueuePool

from holdfast.contracts.payment import IntentId, RefundId, RefundStatus
from holdfast.domains.payment.ports import RefundReading, Stage
from holdfast.kernel.money import Money
from holdfast.worker import forget_provider_events
from tests.clock import SettableClock
from tests.house import at, serving
from tests.providers import GENERIC_SECRET, FakeProvider, Payment, TillWiring, till_wiring
from tests.till import INTENTS, WEBHOOK, Till


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> TillWiring:
    return till_wiring(database_url, clock)


@pytest.fixture
async def till(wired: TillWiring) -> AsyncIterator[Till]:
    """Nothing that a test does may leave the books or the bookings in disorder."""
    async with serving(wired) as client:
        made = Till(wired, client)
        yield made
        assert await made.broken() == []


async def look_after(till: Till) -> None:
    async with till.wired.sessions() as db:
        await till.wired.payment_work(db).look_after_intents(clock=till.wired.clock)


async def test_late_money_that_could_not_be_settled_is_asked_after_again(till: Till, clock: SettableClock) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    till.sandbox.lists = False
    till.sandbox.down = True
    await till.work()
    assert await till.status(intent) == "cancelled"
    till.sandbox.down = False
    till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)
    clock.advance(timedelta(hours=1))
    await till.rows_changed("ALTER TABLE payment.captures RENAME TO mislaid")
    await look_after(till)
    await till.rows_changed("ALTER TABLE payment.mislaid RENAME TO captures")
    clock.advance(timedelta(hours=7))
    await till.work()
    assert await till.status(intent) == "refunded"


async def test_one_payment_pays_one_booking_whatever_it_says_it_is_for(till: Till) -> None:
    """Guests write notes into their payments; what the provider calls it says more."""
    table = await till.table()
    first, second = await till.booked(table), await till.booked(table)
    mine, other = await till.intent(first), await till.intent(second)
    paid = till.sandbox.move(till.ref(mine), Stage.SUCCEEDED)
    till.sandbox.payments_by_ref[till.ref(mine)].reading = replace(paid, intent_id=IntentId(UUID(other["id"])))
    await till.told(mine)
    assert (await till.status(mine), await till.status(other)) == ("succeeded", "requires_action")
    # a payment that stands nowhere here says that it is for the other one, which has another name
    stray = replace(paid, ref="elsewhere", intent_id=IntentId(UUID(other["id"])))
    till.sandbox.payments_by_ref["elsewhere"] = Payment(till.sandbox.payments_by_ref[till.ref(mine)].order, stray)
    await till.tell("e2", ref="elsewhere")
    await till.work()
    assert await till.status(other) == "requires_action"
    # and one that was counted already is not counted for another, even by the name of that
    till.sandbox.payments_by_ref[till.ref(other)].reading = replace(paid, ref=till.ref(other))
    await till.told(other)
    assert await till.status(other) == "requires_action"
    assert await till.rows("SELECT kind, intent_id FROM payment.discrepancies WHERE said") == [
        ("counted_elsewhere", UUID(other["id"]))
    ]
    assert await till.rows("SELECT status, count(*) FROM payment.provider_events GROUP BY 1 ORDER BY 1") == [
        ("mismatched", 1),
        ("processed", 1),
        ("unmatched", 1),
    ]


async def test_news_before_the_session_is_written_down_leave_it_payable(till: Till) -> None:
    booking = await till.booked(await till.table())
    till.sandbox.mute = True  # it opens the session, and its answer is lost
    assert (await till.ask(booking)).status_code == 503
    till.sandbox.mute = False
    await till.told({"id": booking["payment"]["intent_id"], "provider": "sandbox"})
    intent = await till.intent(booking)
    assert intent["provider_payload"] == {"order_id": till.ref(intent)}
    # as before, with an intent that has moved on by then
    other = await till.booked(await till.table())
    till.sandbox.mute = True
    assert (await till.ask(other)).status_code == 503
    till.sandbox.mute = False
    await till.told({"id": other["payment"]["intent_id"], "provider": "sandbox"}, Stage.PROCESSING)
    assert (await till.intent(other))["provider_payload"] != {}


async def test_a_declined_payment_is_cancelled_so_that_no_other_card_pays_it(
    till: Till, clock: SettableClock
) -> None:
    intent = await till.intent(await till.booked(await till.table()))
    assert (await till.confirm(intent, "declined")).json()["status"] == "failed"
    clock.advance(timedelta(seconds=1))
    await look_after(till)
    assert till.sandbox.calls[-1] == "cancel"


async def test_money_that_comes_twice_for_one_intent_is_shown(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    again = till.sandbox.payments_by_ref[till.ref(intent)]
    await till.told(intent)
    assert await till.rows("SELECT * FROM payment.discrepancies") == []
    again.reading = replace(again.reading, capture_ref="ch_another")
    await till.told(intent)
    assert await till.rows("SELECT kind, ref FROM payment.discrepancies") == [("paid_twice", "ch_another")]


async def test_a_second_payment_in_the_list_is_shown(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    again = till.sandbox.payments_by_ref[till.ref(intent)]
    again.reading = replace(again.reading, capture_ref="ch_another")
    for _ in range(2):
        report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
        assert [(each["kind"], each["ref"]) for each in report["differences"]] == [("paid_twice", "ch_another")]


async def test_paid_here_and_elsewhere_at_once_is_paid_twice(till: Till) -> None:
    """Whichever comes first counts; the other is for a person to give back."""
    table = await till.table()
    for _ in range(3):
        intent = await till.intent(await till.booked(table))
        till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)
        said = {"type": "payment.succeeded", "amount": "120.00", "currency": "EUR", "intent_id": intent["id"]}
        await asyncio.gather(elsewhere(till, id=f"e {intent['id']}", **said), till.told(intent))
        assert await till.status(intent) == "succeeded"
    await till.work()
    assert await till.rows("SELECT count(*) FROM payment.captures") == [(3,)]
    assert await till.rows("SELECT kind, count(*) FROM payment.discrepancies WHERE said GROUP BY 1") == [
        ("paid_twice", 3)
    ]


async def test_a_name_that_no_index_takes_is_shown_and_tried_no_more(till: Till, clock: SettableClock) -> None:
    intent = await till.intent(await till.booked(await till.table()))
    payment = till.sandbox.payments_by_ref[till.ref(intent)]
    long = random.Random(1).randbytes(5_000).hex()  # nothing that compresses
    payment.reading = replace(till.sandbox.move(till.ref(intent), Stage.SUCCEEDED), capture_ref=long)
    till.sandbox.lists = False
    await till.told(intent)
    assert await till.rows("SELECT status, attempts FROM payment.provider_events") == [("mismatched", 0)]
    assert await till.rows("SELECT kind, length(ref), seen FROM payment.discrepancies") == [
        ("unknown_here", 500, "one of 10000")
    ]
    assert await till.status(intent) == "requires_action"


async def test_a_booking_that_a_move_made_free_is_not_paid(till: Till, clock: SettableClock) -> None:
    wednesdays = {"kind": "weekday", "days": ["wed"], "percent": "-100"}
    booking = await till.booked(await till.table(adjustments=[wednesdays]))
    intent = await till.intent(booking)
    booking = await till.booking(booking)
    moved = {"start_at": at(24), "expected_version": booking["version"]}
    answer = await till.client.put(f"/api/v1/bookings/{booking['id']}", json=moved)
    assert (answer.status_code, answer.json()["status"]) == (200, "CONFIRMED"), answer.text
    assert (answer.json()["payment"]["status"], answer.json()["payment"]["checkout_url"]) == ("cancelled", None)
    await till.work()
    assert await till.status(intent) == "cancelled"
    assert till.sandbox.payments_by_ref[till.ref(intent)].reading.stage is Stage.CANCELLED


async def test_a_refund_that_was_made_after_all_counts_while_the_money_is_there(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.paid(booking)
    till.sandbox.refuses_refunds = True
    first, second = (await till.refund(intent, "70.00")).json(), (await till.refund(intent, "60.00")).json()
    assert (first["status"], second["status"]) == ("failed", "failed")
    for number, refund in enumerate((first, second)):
        refund_id, amount = RefundId(UUID(refund["id"])), Money.parse(refund["amount"], "EUR")
        till.sandbox.refunds_by_id[refund_id] = RefundReading(
            ref=f"re_{number}", status=RefundStatus.SUCCEEDED, amount=amount, refund_id=refund_id
        )
        for attempt in "ab":
            await till.tell(f"e{number}{attempt}", refund=refund["id"], status="succeeded")
    await till.work()
    assert await till.status(intent) == "partially_refunded"
    assert await till.rows("SELECT status, amount_minor FROM payment.refunds ORDER BY amount_minor") == [
        ("failed", 6_000),
        ("succeeded", 7_000),
    ]
    assert (await till.balances())["clearing:sandbox"] == "50.00"
    assert await till.rows("SELECT kind, seen FROM payment.discrepancies WHERE said") == [
        ("refund_differs", "60.00 EUR succeeded")
    ]


async def test_an_event_that_cannot_be_read_holds_up_no_other(till: Till, clock: SettableClock) -> None:
    intent = await till.intent(await till.booked(await till.table()))
    await till.rows_changed("ALTER TABLE payment.captures RENAME TO mislaid")
    await till.told(intent, Stage.SUCCEEDED, event_id="unreadable")
    await till.told(intent, Stage.SUCCEEDED, event_id="readable")
    await till.rows_changed("ALTER TABLE payment.mislaid RENAME TO captures")
    unread = """UPDATE payment.provider_events SET news = '{"beads": 1}' WHERE event_id = 'unreadable'"""
    await till.rows_changed(unread)
    clock.advance(timedelta(minutes=1))
    async with till.wired.sessions() as db:
        await till.wired.payment_work(db).process_events(now=clock.now())
    assert await till.status(intent) == "succeeded"
    states = "SELECT event_id, status, attempts FROM payment.provider_events ORDER BY event_id"
    assert await till.rows(states) == [("readable", "processed", 1), ("unreadable", "received", 2)]


async def test_money_taken_elsewhere_goes_back_there_by_hand(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    money = {"intent_id": intent["id"], "currency": "EUR"}
    await elsewhere(till, id="1", type="payment.succeeded", amount="120.00", **money)
    assert await till.status(intent) == "succeeded"
    refund = (await till.refund(intent, "20.00")).json()
    assert refund["status"] == "pending"
    await till.work()
    assert "refund" not in till.sandbox.calls
    assert await till.rows("SELECT kind, ref FROM payment.discrepancies") == [("refund_by_hand", refund["id"])]
    await elsewhere(till, id="2", type="payment.refunded", amount="20.00", refund_id=refund["id"], currency="EUR")
    assert await till.status(intent) == "partially_refunded"
    await till.work()
    assert (await till.balances())["clearing:generic"] == "100.00"


async def elsewhere(till: Till, **said: str) -> None:
    body = json.dumps(said).encode()
    signature = hmac.new(GENERIC_SECRET.encode(), body, "sha256").hexdigest()
    answer = await till.client.post(WEBHOOK, content=body, headers={"x-payment-signature": signature})
    assert answer.status_code == 200, answer.text


@dataclass
class Watching(FakeProvider):
    """Notes how many connections are in use while it is asked."""

    pool: Pool | None = None
    in_use: list[int] = field(default_factory=list)

    def asked(self, call: str) -> None:
        assert isinstance(self.pool, QueuePool)
        self.in_use.append(self.pool.checkedout())
        super().asked(call)


class WatchingWiring(TillWiring):
    """Notes it when what follows is told as well."""

    async def nudge(self, *aggregate_ids: UUID) -> None:
        self.fakes["sandbox"].asked("nudge")
        await super().nudge(*aggregate_ids)


async def test_no_connection_is_kept_while_somebody_slow_is_asked(database_url: str, clock: SettableClock) -> None:
    made = till_wiring(database_url, clock)
    wired = WatchingWiring(made.settings, made.database_url, made.clock)
    watching = Watching(pool=wired.engine.pool)
    wired.fakes["sandbox"] = watching
    async with serving(wired) as client:
        till = Till(wired, client)
        table = await till.table()
        paid, unpaid = await till.paid(await till.booked(table)), await till.booked(table)
        await till.refund(paid)
        for page in ("", "/return"):
            await till.client.get(f"/pay/{unpaid['payment']['intent_id']}{page}")
        await till.intent(unpaid, provider="stripe")
        await till.intent(await till.booked(table))
        clock.advance(timedelta(seconds=31))
        await look_after(till)
        await till.client.get("/api/v1/admin/payments/reconciliation")
    assert {"open", "confirm", "nudge", "refund", "cancel", "read", "payments"} <= set(watching.calls)
    assert set(watching.in_use) == {0}, list(zip(watching.calls, watching.in_use, strict=False))


async def test_signed_words_that_no_database_takes_are_taken(till: Till) -> None:
    intent = await till.intent(await till.booked(await till.table()))
    payment = till.sandbox.payments_by_ref[till.ref(intent)]
    payment.reading = replace(payment.reading, stage=Stage.FAILED, failure="no\0 funds\ud800")
    await till.told(intent)
    assert (await till.client.get(f"{INTENTS}/{intent['id']}")).json()["failure"] == "no funds?"
    for event_id in ("x" * 3_000, "\0", "\ud800"):
        answer = await till.tell(event_id)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not-an-event")


async def test_a_guest_who_has_approved_is_asked_after_at_once(till: Till) -> None:
    intent = await till.intent(await till.booked(await till.table()))
    await till.told(intent)
    till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)  # as reading it does at PayPal
    await look_after(till)
    assert await till.status(intent) == "succeeded"


async def test_providers_events_are_forgotten_in_time(till: Till, clock: SettableClock) -> None:
    await till.tell("old")
    clock.advance(timedelta(days=399))
    await till.tell("new")
    clock.advance(timedelta(days=2))
    assert await forget_provider_events(till.wired) == 1
    assert await till.rows("SELECT event_id FROM payment.provider_events") == [("new",)]
