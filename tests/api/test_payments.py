"""Payments over HTTP: asked for, paid, declined, told of twice, late and wrongly, given back."""

import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from holdfast.contracts.payment import RefundId, RefundStatus
from holdfast.domains.payment.ports import RefundReading, Stage
from holdfast.kernel.money import Money
from tests.clock import SettableClock
from tests.house import CUSTOMER, STAFF, Json, bearer, serving, wish
from tests.providers import GENERIC_SECRET, SIGNED, TillWiring, till_wiring
from tests.till import INTENTS, REFUNDS, WEBHOOK, Till


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


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"]


async def test_a_booking_with_money_due_comes_with_its_intent_and_paying_confirms_it(till: Till) -> None:
    booking = await till.booked(await till.table())
    shown = booking["payment"]
    assert (shown["provider"], shown["status"], shown["amount"]) == ("sandbox", "requires_action", "120.00")
    assert till.sandbox.calls == []
    intent = await till.intent(booking)
    assert intent["id"] == shown["intent_id"]
    assert intent["checkout_url"] == shown["checkout_url"] == f"http://127.0.0.1:8000/pay/{intent['id']}"
    assert intent["provider_payload"] == {"order_id": till.ref(intent)}
    assert (await till.booking(booking))["status"] == "PENDING"
    answer = await till.confirm(intent)
    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    after = await till.booking(booking)
    assert (after["status"], after["balance"], after["payment"]["status"]) == ("CONFIRMED", "0.00", "succeeded")
    await till.work()
    assert await till.balances() == {"clearing:sandbox": "120.00", "revenue": "-120.00"}
    acts = await till.rows("SELECT action, actor_id FROM kernel.audit_log WHERE action LIKE 'payment.%'")
    assert acts == [("payment.completed", STAFF.id)]


async def test_a_refused_card_fails_the_booking_and_frees_its_time(till: Till) -> None:
    table = await till.table()
    booking = await till.booked(table)
    intent = await till.intent(booking)
    answer = await till.confirm(intent, "declined")
    assert (answer.status_code, answer.json()["status"], answer.json()["failure"]) == (
        200,
        "failed",
        "card declined",
    )
    assert (await till.booking(booking))["status"] == "FAILED"
    assert (await till.house.book(table, start_at=booking["start_at"])).status_code == 201
    assert problem(await till.confirm(intent)) == (409, "intent-closed")
    assert problem(await till.ask(booking)) == (409, "nothing-due")


@pytest.mark.parametrize("end", ["cancelled", "expired"])
async def test_a_booking_that_is_given_up_unpaid_shows_no_way_to_pay(
    till: Till, clock: SettableClock, end: str
) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    if end == "cancelled":
        answer = await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
        shown = answer.json()["payment"]
    else:
        clock.advance(timedelta(hours=1))
        await till.work()
        shown = (await till.booking(booking))["payment"]
    assert (shown["intent_id"], shown["status"], shown["checkout_url"]) == (intent["id"], "cancelled", None)
    await till.work()
    assert await till.status(intent) == "cancelled"
    assert (await till.booking(booking))["payment"] == shown


async def test_a_method_that_the_provider_refuses_changes_nothing(till: Till) -> None:
    intent = await till.intent(await till.booked(await till.table()))
    assert problem(await till.confirm(intent, "beads")) == (402, "provider-refused")
    assert await till.status(intent) == "requires_action"


async def test_the_key_is_needed_and_gives_the_same_answer_again(till: Till) -> None:
    table = await till.table()
    booking, other = await till.booked(table), await till.booked(table)
    keyless = await till.client.post(INTENTS, json={"booking_id": booking["id"]})
    assert problem(keyless) == (422, "idempotency-key-required")
    first = await till.ask(booking, key="a")
    assert first.headers["location"] == f"{INTENTS}/{first.json()['id']}"
    await till.confirm(first.json())
    again = await till.ask(booking, key="a")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json() == first.json()
    assert problem(await till.ask(other, key="a")) == (422, "idempotency-key-reused")
    in_the_body = await till.client.post(INTENTS, json={"booking_id": other["id"], "idempotency_key": "b"})
    assert in_the_body.status_code == 201


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"amount": "120.01"}, (422, "amount-above-due")),
        ({"amount": "0.00"}, (422, "amount-not-above-zero")),
        ({"amount": "1.001"}, (422, "too-many-decimals")),
        ({"provider": "beads"}, (422, "provider-unknown")),
    ],
)
async def test_what_may_not_be_asked(till: Till, asked: Json, refusal: tuple[int, str]) -> None:
    booking = await till.booked(await till.table())
    before = await till.rows("SELECT * FROM payment.intents")
    assert problem(await till.ask(booking, **asked)) == refusal
    assert await till.rows("SELECT * FROM payment.intents") == before
    assert till.sandbox.calls == []


async def test_a_deposit_and_then_the_rest(till: Till) -> None:
    booking = await till.booked(await till.table(terms="deposit", deposit_percent="30"))
    assert booking["payment"]["amount"] == "36.00"
    await till.paid(booking)
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    rest = await till.intent(booking)
    assert rest["amount"] == "84.00"
    assert (await till.booking(booking))["payment"]["intent_id"] == rest["id"]
    assert (await till.confirm(rest)).json()["status"] == "succeeded"
    assert problem(await till.ask(booking)) == (409, "nothing-due")
    await till.work()
    assert await till.balances() == {"clearing:sandbox": "120.00", "revenue": "-120.00"}


@pytest.mark.parametrize("provider", ["sandbox", "stripe"])
async def test_asking_for_payment_takes_the_sale_on_and_leaves_the_version(till: Till, provider: str) -> None:
    """Whether by the intent that came with the booking, or by another in its place."""
    booking = await till.booked(await till.table())
    assert (booking["lifecycle_status"], booking["version"]) == ("booking_created", 1)
    for _ in range(2):
        intent = await till.intent(booking, provider=provider)
        now = await till.booking(booking)
        assert (now["status"], now["lifecycle_status"], now["version"]) == ("PENDING", "payment_pending", 1)
        assert (now["payment"]["intent_id"], now["payment"]["status"]) == (intent["id"], "requires_action")
    await till.confirm(intent)
    assert (await till.booking(booking))["version"] == 2
    history = (await till.client.get(f"/api/v1/bookings/{booking['id']}/history")).json()["items"]
    stages = [(each["to_lifecycle_status"], each["version"]) for each in history]
    assert stages[:3] == [("booking_created", 1), ("payment_pending", 1), ("payment_confirmed", 2)]
    assert history[1]["reason"] == "payment was asked for"


async def test_what_went_back_before_the_booking_was_confirmed_is_due_again(till: Till) -> None:
    booking = await till.booked(await till.table())
    part = await till.intent(booking, amount="60.00")
    await till.confirm(part)
    assert (await till.booking(booking))["balance"] == "60.00"
    assert (await till.refund(part)).json()["status"] == "succeeded"
    now = await till.booking(booking)
    assert (now["status"], now["balance"], now["outstanding"]) == ("PENDING", "120.00", "120.00")
    refused = await till.house.move(now, "CONFIRMED")
    assert (refused.json()["type"], refused.json()["amount"]) == ("payment-due", "120.00")
    whole = await till.intent(booking)
    assert whole["amount"] == "120.00"
    await till.confirm(whole)
    assert (await till.refund(whole, "20.00")).json()["status"] == "succeeded"  # a gift now
    now = await till.booking(booking)
    assert (now["status"], now["balance"], now["outstanding"]) == ("CONFIRMED", "0.00", "0.00")
    await till.work()
    assert (await till.balances())["clearing:sandbox"] == "100.00"


async def test_another_provider_takes_the_place_of_the_first_which_is_told(till: Till) -> None:
    booking = await till.booked(await till.table())
    first = await till.intent(booking)
    second = await till.intent(booking, provider="stripe")
    assert second["id"] != first["id"]
    assert await till.status(first) == "cancelled"
    assert till.sandbox.calls == ["open", "cancel"]
    assert (await till.booking(booking))["payment"]["intent_id"] == second["id"]
    # no third one: this is the open intent for it
    assert (await till.intent(booking, provider="stripe"))["id"] == second["id"]


async def test_an_intent_that_turns_out_to_be_paid_is_settled_and_nothing_new_is_asked(till: Till) -> None:
    booking = await till.booked(await till.table())
    first = await till.intent(booking)
    till.sandbox.move(till.ref(first), Stage.SUCCEEDED)
    assert problem(await till.ask(booking, provider="stripe")) == (409, "nothing-due")
    assert await till.status(first) == "succeeded"
    assert await till.rows("SELECT count(*) FROM payment.intents") == [(1,)]
    await till.work()
    assert (await till.booking(booking))["status"] == "CONFIRMED"


async def test_a_provider_that_is_down_leaves_all_as_it_was(till: Till) -> None:
    booking = await till.booked(await till.table())
    till.sandbox.down = True
    answer = await till.ask(booking, key="a")
    assert problem(answer) == (503, "provider-unavailable")
    assert answer.headers["retry-after"] == "30"
    assert (await till.booking(booking)) == booking
    till.sandbox.down = False
    intent = await till.intent(booking, key="a")
    assert intent["id"] == booking["payment"]["intent_id"]
    till.sandbox.down = True
    assert problem(await till.confirm(intent)) == (503, "provider-unavailable")
    assert await till.status(intent) == "requires_action"
    assert (await till.client.get(f"/pay/{intent['id']}")).status_code == 303
    fresh = await till.booked(await till.table())
    down = await till.client.get(f"/pay/{fresh['payment']['intent_id']}")
    assert (down.status_code, down.headers["retry-after"]) == (503, "30")
    assert "cannot be made at this moment" in as_page(down)


async def test_a_webhook_confirms_and_the_same_again_changes_nothing(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)
    assert await till.told(intent, event_id="e1") is False
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    settled = await till.rows("SELECT * FROM payment.journal")
    assert await till.told(intent, event_id="e1") is True
    assert await till.told(intent, event_id="e2") is False  # another event that says the same
    assert await till.told(intent, Stage.FAILED, event_id="e3") is False  # late, and no longer so
    assert await till.status(intent) == "succeeded"
    assert [row for row in await till.rows("SELECT * FROM payment.journal") if row not in settled] == []
    counts = "SELECT type, count(*) FROM kernel.outbox WHERE type LIKE 'payment.%' GROUP BY type ORDER BY type"
    assert await till.rows(counts) == [("payment.completed", 1), ("payment.requested", 1)]


async def test_a_failure_that_is_followed_by_money_is_a_payment(till: Till) -> None:
    """Its booking had failed by then, and its time is still free: it is had again."""
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    await till.told(intent, Stage.FAILED)
    assert (await till.booking(booking))["status"] == "FAILED"
    await till.told(intent, Stage.SUCCEEDED)
    assert await till.status(intent) == "succeeded"
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    await till.work()
    assert await till.balances() == {"clearing:sandbox": "120.00", "revenue": "-120.00"}


@pytest.mark.parametrize("wrong", [{"minor": 11_999, "currency": "EUR"}, {"minor": 12_000, "currency": "USD"}])
async def test_a_wrong_amount_or_currency_confirms_nothing_and_is_shown(till: Till, wrong: Json) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    for _ in range(2):
        await till.told(intent, Stage.SUCCEEDED, **wrong)
    assert await till.status(intent) == "requires_action"
    assert (await till.booking(booking))["status"] == "PENDING"
    assert await till.rows("SELECT count(*) FROM payment.captures") == [(0,)]
    events = (await till.client.get("/api/v1/admin/payments/events?status=mismatched")).json()
    assert [each["intent_id"] for each in events["items"]] == [intent["id"]] * 2
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    (found,) = report["differences"]
    assert (found["kind"], found["intent_id"], found["expected"]) == ("amount_differs", intent["id"], "120.00 EUR")
    acts = await till.rows("SELECT action FROM kernel.audit_log WHERE action = 'payment.amount_differs'")
    assert len(acts) == 1


async def test_news_of_a_payment_that_is_not_ours_are_kept_and_can_be_replayed(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    answer = await till.tell("e1", unknown="elsewhere")
    assert answer.json() == {
        "ok": True,
        "data": {"received": True, "seen_before": False},
        "requestId": answer.headers["x-request-id"],
    }
    assert (await till.tell("e2")).status_code == 200
    events = (await till.client.get("/api/v1/admin/payments/events")).json()["items"]
    assert [each["status"] for each in events] == ["ignored", "unmatched"]
    # the session was lost with a crash between its opening and its keeping; then it is known
    (row,) = [each["id"] for each in events if each["status"] == "unmatched"]
    await till.rows_changed("UPDATE payment.intents SET ref = 'elsewhere', amount_minor = 100")
    replayed = await till.client.post(f"/api/v1/admin/payments/events/{row}/replay")
    assert (replayed.status_code, replayed.json()["status"]) == (200, "processed")
    assert await till.status(intent) == "succeeded"
    missing = await till.client.post(f"/api/v1/admin/payments/events/{UUID(int=9)}/replay")
    assert problem(missing) == (404, "provider-event-not-found")


async def test_a_signed_event_of_one_provider_settles_nothing_of_another(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking, provider="stripe")
    stripe = till.wired.fakes["stripe"]
    stripe.move(till.ref(intent), Stage.SUCCEEDED)
    till.sandbox.payments_by_ref = stripe.payments_by_ref  # the sandbox says so, with its own signature
    answer = await till.tell("e1", ref=till.ref(intent))
    assert answer.status_code == 200
    assert await till.rows("SELECT status FROM payment.provider_events") == [("unmatched",)]
    assert await till.status(intent) == "requires_action"


async def test_another_system_may_say_that_it_took_the_money(till: Till) -> None:
    """Its signature is told by its header; the intent's own session is cancelled, so that nobody pays twice."""
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    said = {
        "id": "1",
        "type": "payment.succeeded",
        "intent_id": intent["id"],
        "amount": "120.00",
        "currency": "EUR",
    }
    body = json.dumps(said).encode()
    signature = hmac.new(GENERIC_SECRET.encode(), body, "sha256").hexdigest()
    for _ in range(2):
        answer = await till.client.post(WEBHOOK, content=body, headers={"x-payment-signature": signature})
        assert answer.status_code == 200, answer.text
    forged = await till.client.post(WEBHOOK, content=body + b" ", headers={"x-payment-signature": signature})
    assert (forged.status_code, forged.json()["error"]["code"]) == (400, "bad-signature")
    assert await till.status(intent) == "succeeded"
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    await till.work()
    assert till.sandbox.payments_by_ref[till.ref(intent)].reading.stage is Stage.CANCELLED
    assert await till.rows("SELECT count(*) FROM payment.captures") == [(1,)]
    not_one = await till.ask(booking, provider="generic")
    assert problem(not_one) == (503, "provider-not-configured")


async def test_a_bad_signature_stores_nothing(till: Till) -> None:
    answer = await till.tell("e1", headers={"x-signature": "wrong"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad-signature")
    unnamed = await till.client.post(WEBHOOK, content=b"{}", headers=SIGNED)
    assert (unnamed.status_code, unnamed.json()["error"]["code"]) == (400, "bad-signature")
    unknown = await till.client.post(f"{WEBHOOK}?provider=beads", content=b"{}", headers=SIGNED)
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (422, "provider-unknown")
    named = await till.client.post(WEBHOOK, content=b"{}", headers={"stripe-signature": "x"})
    assert named.json()["error"]["code"] == "bad-signature"  # stripe was asked
    assert await till.rows("SELECT count(*) FROM payment.provider_events") == [(0,)]


async def test_an_event_that_cannot_be_processed_is_received_and_done_later(
    till: Till, clock: SettableClock
) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)
    await till.rows_changed("ALTER TABLE payment.captures RENAME TO mislaid")
    assert await till.told(intent) is False
    assert await till.status(intent) == "requires_action"
    ((status, attempts, error),) = await till.rows("SELECT status, attempts, error FROM payment.provider_events")
    assert (status, attempts) == ("received", 1)
    assert error
    await till.rows_changed("ALTER TABLE payment.mislaid RENAME TO captures")
    clock.advance(timedelta(seconds=31))
    await till.work()
    assert await till.status(intent) == "succeeded"
    assert (await till.booking(booking))["status"] == "CONFIRMED"


async def test_a_payment_nobody_told_of_is_found_by_asking(till: Till, clock: SettableClock) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)
    till.sandbox.lists = False
    await till.work()
    assert await till.status(intent) == "requires_action"  # it is half a minute before it is asked
    clock.advance(timedelta(seconds=31))
    await till.work()
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    assert till.sandbox.calls.count("read") == 1


async def test_what_is_no_longer_wanted_is_cancelled_at_the_provider_until_it_agrees(
    till: Till, clock: SettableClock
) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    clock.advance(timedelta(minutes=16))
    till.sandbox.down = True
    await till.work()
    assert (await till.booking(booking))["status"] == "EXPIRED"
    assert await till.status(intent) == "cancelled"
    page = await till.client.get(f"/pay/{intent['id']}")
    assert (page.status_code, "nothing to pay" in page.text) == (200, True)
    till.sandbox.down = False
    clock.advance(timedelta(hours=1))
    await till.work()
    assert till.sandbox.payments_by_ref[till.ref(intent)].reading.stage is Stage.CANCELLED
    asked = len(till.sandbox.calls)
    clock.advance(timedelta(hours=7))
    await till.work()
    assert [call for call in till.sandbox.calls[asked:] if call not in ("payments", "refunds")] == []


async def test_an_intent_that_was_opened_while_its_booking_was_given_up_is_closed(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    await till.work()
    paying = till.sandbox.payments_by_ref[till.ref(intent)]
    paying.reading = replace(paying.reading, stage=Stage.OPEN)
    await till.rows_changed(
        "UPDATE payment.intents SET status = 'requires_action', next_look_at = '2030-01-01T00:00:00Z'"
    )
    await till.work()
    assert await till.status(intent) == "cancelled"
    assert paying.reading.stage is Stage.CANCELLED


async def test_late_money_for_a_time_that_is_sold_goes_back(till: Till, clock: SettableClock) -> None:
    table = await till.table()
    booking = await till.booked(table)
    intent = await till.intent(booking)
    till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)
    clock.advance(timedelta(minutes=16))
    async with till.wired.sessions() as db:
        await till.wired.booking(db).expire_pending(now=clock.now())
    other = await till.house.booked(table, start_at=booking["start_at"])
    await till.paid(other)
    await till.told(intent)
    await till.work()
    after = await till.booking(booking)
    assert (after["status"], after["lifecycle_status"]) == ("EXPIRED", "refunded")
    assert await till.status(intent) == "refunded"
    assert await till.balances() == {"clearing:sandbox": "120.00", "revenue": "-120.00"}


async def test_a_cancellation_gives_back_what_the_policy_says_and_keeps_the_rest(till: Till) -> None:
    table = await till.table()
    policy = {"tiers": [{"hours_before_start": 24, "percent": 50}]}
    await till.client.put(f"/api/v1/bookings/policies/{table['venue_id']}", json=policy)
    booking = await till.booked(table, start_at="2030-01-10T12:00:00Z")
    intent = await till.paid(booking)
    await till.work()
    await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    await till.work()
    assert await till.status(intent) == "partially_refunded"
    shown = (await till.client.get(f"{INTENTS}/{intent['id']}")).json()
    assert shown["refunded_amount"] == "60.00"
    assert await till.balances() == {"clearing:sandbox": "60.00", "fees": "-60.00"}
    ledger = (await till.client.get(f"/api/v1/admin/ledger?booking_id={booking['id']}")).json()["items"]
    assert {each["kind"] for each in ledger} == {
        "capture",
        "sale",
        "sale_reversed",
        "refund_requested",
        "refund_settled",
    }


async def test_refunds_in_parts_until_nothing_is_left(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.paid(booking)
    first = await till.refund(intent, "50.00", key="a")
    assert (first.status_code, first.json()["status"], first.json()["amount"]) == (201, "succeeded", "50.00")
    assert await till.status(intent) == "partially_refunded"
    again = await till.refund(intent, "50.00", key="a")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    assert problem(await till.refund(intent, "51.00", key="a")) == (422, "idempotency-key-reused")
    assert problem(await till.refund(intent, "70.01")) == (422, "amount-above-captured")
    assert problem(await till.refund(intent, "0.00")) == (422, "amount-not-above-zero")
    assert (await till.refund(intent)).json()["amount"] == "70.00"
    assert await till.status(intent) == "refunded"
    assert problem(await till.refund(intent)) == (422, "amount-above-captured")
    assert till.sandbox.calls.count("refund") == 2
    got = await till.client.get(first.headers["location"])
    assert got.json() == first.json()
    assert (await till.booking(booking))["lifecycle_status"] == "refunded"
    keyless = await till.client.post(REFUNDS, json={"intent_id": intent["id"], "reason": "x"})
    assert problem(keyless) == (422, "idempotency-key-required")


async def test_what_staff_gives_back_is_no_longer_earned(till: Till, clock: SettableClock) -> None:
    """A sold booking's guest owes nothing for it, and when all went back nothing was sold."""
    booking = await till.booked(await till.table())
    intent = await till.paid(booking)
    await till.work()
    await till.refund(intent, "50.00")
    await till.work()
    assert await till.balances() == {"clearing:sandbox": "70.00", "revenue": "-70.00"}
    clock.advance(timedelta(hours=1))  # no news can be on their way any more
    assert await till.broken() == []
    await till.rows_changed("UPDATE booking.bookings SET asked_back_minor = 700, confirmed_for_minor = 0")
    assert await till.broken() == ["a guest owes what the booking says"]
    await till.rows_changed("UPDATE booking.bookings SET asked_back_minor = 0, confirmed_for_minor = 12000")
    await till.refund(intent)
    await till.work()
    after = await till.booking(booking)
    assert (after["status"], after["lifecycle_status"]) == ("CONFIRMED", "refunded")
    assert await till.balances() == {}
    clock.advance(timedelta(hours=1))


async def test_a_fee_that_is_given_back_is_no_fee(till: Till, clock: SettableClock) -> None:
    table = await till.table()
    policy = {"tiers": [{"hours_before_start": 24, "percent": 50}]}
    await till.client.put(f"/api/v1/bookings/policies/{table['venue_id']}", json=policy)
    booking = await till.booked(table, start_at="2030-01-10T12:00:00Z")
    intent = await till.paid(booking)
    await till.client.post(f"/api/v1/bookings/{booking['id']}/cancel", json={"reason": "ill"})
    await till.work()
    assert await till.balances() == {"clearing:sandbox": "60.00", "fees": "-60.00"}
    await till.refund(intent)
    await till.work()
    assert await till.balances() == {}
    clock.advance(timedelta(hours=1))


async def test_nothing_is_given_back_of_what_was_not_taken(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    assert problem(await till.refund(intent)) == (409, "nothing-captured")
    assert problem(await till.refund({"id": str(UUID(int=9))})) == (404, "intent-not-found")


async def test_a_refund_waits_for_a_provider_that_is_down(till: Till, clock: SettableClock) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    till.sandbox.down = True
    answer = await till.refund(intent, "20.00", key="a")
    assert (answer.status_code, answer.json()["status"]) == (201, "pending")
    assert problem(await till.refund(intent, "100.01")) == (422, "amount-above-captured")
    await till.work()
    assert (await till.balances())["refunds_payable"] == "-20.00"
    till.sandbox.down, till.sandbox.refunds_wait = False, True
    clock.advance(timedelta(hours=1))
    await till.work()
    assert await till.status(intent) == "succeeded"  # the provider has begun, and is not done
    till.sandbox.refunds_wait = False
    clock.advance(timedelta(hours=1))
    await till.work()
    assert await till.status(intent) == "partially_refunded"
    assert "refunds_payable" not in await till.balances()
    assert (await till.refund(intent, "20.00", key="a")).json() == answer.json()


async def test_a_refund_that_the_provider_refuses_frees_the_money_and_is_told(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.paid(booking)
    till.sandbox.refuses_refunds = True
    answer = await till.refund(intent, "20.00")
    assert (answer.json()["status"], answer.json()["failure"]) == ("failed", "the account is empty")
    assert await till.status(intent) == "succeeded"
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    assert [each["kind"] for each in report["differences"]] == ["refund_failed"]
    till.sandbox.refuses_refunds = False
    assert (await till.refund(intent)).json()["amount"] == "120.00"
    told = "SELECT type FROM kernel.outbox WHERE type LIKE 'payment.refund%' ORDER BY id"
    assert await till.rows(told) == [("payment.refund_failed",), ("payment.refunded",)]


async def test_a_webhook_may_end_a_refund_and_an_end_stays(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    till.sandbox.refunds_wait = True
    refund = (await till.refund(intent, "20.00")).json()
    await till.tell("e1", refund=refund["id"], status="succeeded")
    await till.tell("e2", refund=refund["id"], status="succeeded")
    assert await till.status(intent) == "partially_refunded"
    await till.tell("e3", refund=refund["id"], status="failed")
    assert await till.status(intent) == "partially_refunded"
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    assert [each["kind"] for each in report["differences"]] == ["refund_failed_late"]


async def test_a_move_to_a_cheaper_day_gives_the_difference_back_and_restates_the_sale(till: Till) -> None:
    half = {"kind": "weekday", "days": ["wed"], "percent": "-50"}
    booking = await till.booked(await till.table(adjustments=[half]))
    intent = await till.paid(booking)
    await till.work()
    version = (await till.booking(booking))["version"]
    move = {"expected_version": version, "start_at": "2030-01-09T12:00:00Z"}
    moved = await till.client.put(f"/api/v1/bookings/{booking['id']}", json=move)
    assert moved.json()["price"]["total"] == "60.00"
    await till.work()
    assert await till.status(intent) == "partially_refunded"
    assert await till.balances() == {"clearing:sandbox": "60.00", "revenue": "-60.00"}


async def test_what_a_guest_owes_can_be_written_off_on_record(till: Till) -> None:
    booking = await till.booked(await till.table(terms="at_venue"))
    await till.work()
    assert await till.balances() == {"guest": "120.00", "revenue": "-120.00"}
    off = {"booking_id": booking["id"], "amount": "120.00", "reason": "the guest is gone"}
    answer = await till.client.post("/api/v1/admin/ledger/write-offs", json=off)
    assert (answer.status_code, answer.json()["kind"]) == (201, "written_off")
    assert await till.balances() == {"write_off": "120.00", "revenue": "-120.00"}
    unknown = await till.client.post(
        "/api/v1/admin/ledger/write-offs", json={**off, "booking_id": str(UUID(int=9))}
    )
    assert problem(unknown) == (404, "booking-not-paid-here")


async def test_the_report_finds_what_a_provider_took_and_nobody_told(till: Till) -> None:
    paid = await till.paid(await till.booked(await till.table()))
    lost = await till.intent(await till.booked(await till.table()))
    till.sandbox.move(till.ref(lost), Stage.SUCCEEDED)
    await till.work()
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    assert report["differences"] == []  # the hourly run has settled it
    (total,) = report["totals"]
    assert (total["captured"], total["listed"], total["clearing"]) == ("240.00", "240.00", "240.00")
    assert await till.status(lost) == "succeeded"
    till.wired.fakes["stripe"].down = True
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    assert report["unreachable"] == ["stripe"]
    wrong = await till.client.get(
        "/api/v1/admin/payments/reconciliation?from=2030-01-01T00:00:00Z&to=2029-01-01T00:00:00Z"
    )
    assert problem(wrong) == (422, "invalid-request")
    assert paid["status"] == "succeeded"


async def test_money_without_a_booking_and_a_booking_without_its_money_are_found(
    till: Till, clock: SettableClock
) -> None:
    homeless, unpaid = [await till.booked(await till.table()) for _ in range(2)]
    await till.paid(homeless)
    part = await till.intent(unpaid, amount="10.00")
    await till.confirm(part)
    moved = await till.house.move(unpaid, "CONFIRMED", override=True, reason="pays at the desk")
    assert moved.json()["status"] == "CONFIRMED"
    await till.work()
    stood = (await till.booking(homeless))["lifecycle_status"]
    given_up = "UPDATE booking.bookings SET status = '{}', lifecycle_status = '{}' WHERE id = '{}'"
    await till.rows_changed(given_up.format("CANCELLED", "cancelled", homeless["id"]))
    clock.advance(timedelta(minutes=6))
    assert "money has a live booking, or a refund on its way" in await till.broken()
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    kinds = {each["kind"]: each["seen"] for each in report["differences"]}
    assert kinds == {
        "without_booking": "120.00 EUR, and the booking is CANCELLED",
        "without_payment": "CONFIRMED, and that is still due",
    }
    await till.rows_changed(given_up.format("CONFIRMED", stood, homeless["id"]))


async def test_money_that_a_provider_gave_back_before_we_knew_the_payment_is_found(till: Till) -> None:
    """Its events matched nothing here then. Twice told, it is one."""
    intent = await till.paid(await till.booked(await till.table()))
    await till.rows_changed("UPDATE payment.intents SET ref = 'still unknown'")
    told = {"status": RefundStatus.SUCCEEDED, "amount": Money(5_000, "EUR")}
    ours, anothers = UUID(int=7), UUID(int=8)
    till.sandbox.refunds_by_id = {
        RefundId(ours): RefundReading(ref="re_desk", payment_ref=till.ref(intent), **told),  # type: ignore[arg-type]
        RefundId(anothers): RefundReading(ref="re_shop", payment_ref="shop", **told),  # type: ignore[arg-type]
    }
    for event_id, refund in (("e1", ours), ("e2", ours), ("e3", anothers)):
        await till.tell(event_id, refund=str(refund), status="succeeded")
    await till.rows_changed(f"UPDATE payment.intents SET ref = '{till.ref(intent)}'")
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    (found,) = report["differences"]
    assert (found["kind"], found["ref"], found["intent_id"]) == ("unknown_here", "re_desk", intent["id"])
    assert found["seen"] == "50.00 EUR given back, succeeded"


async def test_as_the_travel_system_says_it(till: Till) -> None:
    booking = await till.booked(await till.table())
    body = {"bookingId": booking["id"], "provider": "stripe", "idempotencyKey": "intent:booking:1"}
    answer = await till.client.post("/api/payments/create-intent", json=body)
    assert answer.status_code == 200
    said = answer.json()
    payment = said["data"]["payment"]
    assert said["ok"] is True
    assert said["requestId"] == answer.headers["x-request-id"]
    assert payment == {
        "id": payment["id"],
        "booking_id": booking["id"],
        "provider": "stripe",
        "status": "requires_action",
    }
    assert said["data"]["providerPayload"] == {
        "provider": "stripe",
        "checkoutUrl": f"http://127.0.0.1:8000/pay/{payment['id']}",
        "orderId": f"stripe_{UUID(payment['id']).hex}",
    }
    again = await till.client.post("/api/payments/create-intent", json=body)
    assert again.json()["data"] == said["data"]
    keyless = await till.client.post("/api/payments/create-intent", json={"bookingId": booking["id"]})
    assert (keyless.status_code, keyless.json()["error"]["code"]) == (422, "idempotency-key-required")
    snake = await till.client.post("/api/payments/create-intent", json={"booking_id": booking["id"]})
    assert (snake.status_code, snake.json()["error"]["code"]) == (422, "invalid-request")


async def test_the_guests_token_pays_and_a_strangers_does_not(till: Till) -> None:
    table = await till.table()
    made = (await till.client.post("/api/v1/bookings", json=wish(table), headers={"Authorization": ""})).json()
    assert made["payment"]["status"] == "requires_action"
    body = {"booking_id": made["id"], "idempotency_key": "a"}
    mine = await till.client.post(INTENTS, json=body, headers=bearer(made["manage_token"]))
    assert mine.status_code == 201
    path = f"{INTENTS}/{mine.json()['id']}"
    for who in ({"Authorization": ""}, bearer("stranger"), bearer("rival")):
        assert problem(await till.client.post(INTENTS, json=body, headers=who)) == (404, "booking-not-found")
        assert problem(await till.client.get(path, headers=who)) == (404, "intent-not-found")
        assert problem(await till.client.post(f"{path}/confirm", json={}, headers=who)) == (
            404,
            "intent-not-found",
        )
    paid = await till.client.post(
        f"{path}/confirm", json={"payment_method": "ok"}, headers=bearer(made["manage_token"])
    )
    assert paid.json()["status"] == "succeeded"


def as_page(answer: httpx.Response) -> str:
    """What a browser shows."""
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


async def test_coming_back_from_the_providers_page_says_what_came_of_it(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    on = await till.client.get(f"/pay/{intent['id']}")
    assert (on.status_code, on.headers["location"]) == (303, f"https://pay.example/{till.ref(intent)}")
    back = await till.client.get(f"/pay/{intent['id']}/return")
    assert "Nothing has been paid yet" in back.text
    till.sandbox.move(till.ref(intent), Stage.SUCCEEDED)
    back = await till.client.get(f"/pay/{intent['id']}/return")
    assert "The payment has been made" in back.text
    assert booking["guest"]["name"] not in back.text
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    for nobodys in (UUID(int=9), "not-a-uuid", "%00"):
        for path in (f"/pay/{nobodys}", f"/pay/{nobodys}/return"):
            lost = await till.client.get(path)
            assert (lost.status_code, "no payment at this address" in as_page(lost)) == (404, True)


async def test_the_database_shows_payments_to_the_house_alone(till: Till) -> None:
    guest = {"id": str(CUSTOMER.id), "name": "Owner", "email": "owner@example.org"}
    intent = await till.paid(await till.booked(await till.table(), guest=guest))
    await till.refund(intent, "1.00")
    tables = ("intents", "captures", "refunds", "provider_events", "journal", "entries")
    await till.told(intent)
    for actor, sees in ((CUSTOMER, False), (STAFF, True)):
        async with till.wired.session(actor) as db:
            for table in tables:
                found = (await db.execute(text(f"SELECT * FROM payment.{table}"))).all()
                assert bool(found) is sees, (actor.type, table)
            for table in ("intents", "captures", "refunds"):
                changed = await db.execute(text(f"UPDATE payment.{table} SET currency = 'USD'"))
                assert changed.rowcount == 0  # type: ignore[attr-defined]


async def test_a_confirmation_needs_no_body(till: Till) -> None:
    booking = await till.booked(await till.table())
    path = f"/api/v1/payments/intents/{booking['payment']['intent_id']}/confirm"
    answer = await till.client.post(path)
    assert (answer.status_code, answer.json()["status"]) == (200, "requires_action"), answer.text
