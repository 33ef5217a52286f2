"""What providers do with our money unasked: refunds in their own dashboards, and disputes of guests' banks."""

from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from holdfast.kernel.money import Money
from tests.clock import SettableClock
from tests.house import Json, serving
from tests.providers import TillWiring, till_wiring
from tests.till import Till

REFUNDS = "SELECT status, origin, amount_minor FROM payment.refunds ORDER BY amount_minor"
EVENTS = "SELECT status FROM payment.provider_events ORDER BY received_at, id"
DISPUTES = "SELECT ref, status, amount_minor FROM payment.disputes ORDER BY id"
NOTED = "SELECT kind, seen FROM payment.discrepancies ORDER BY id"


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> TillWiring:
    return till_wiring(database_url, clock)


@pytest.fixture
async def till(wired: TillWiring) -> AsyncIterator[Till]:
    """Nothing that a test does may leave the books or the bookings in disorder."""
    async with serving(wired) as client:
        made = Till(wired, client)
        yield made
        await made.work()
        assert await made.broken() == []


async def given_back(till: Till, intent: Json, minor: int, *, times: int = 1, status: str = "succeeded") -> None:
    """In the dashboard, and told so often."""
    refund = till.sandbox.give_back(till.ref(intent), minor)
    for _ in range(times):
        await till.tell(str(uuid4()), refund=str(refund), status=status)


async def disputed(till: Till, intent: Json, status: str, *, ref: str = "dp_1", minor: int = 12_000) -> None:
    await till.tell(str(uuid4()), dispute=ref, payment=till.ref(intent), minor=minor, status=status)


async def test_a_refund_made_in_the_dashboard_is_one_of_ours(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.paid(booking)
    await given_back(till, intent, 5_000, times=3)
    assert await till.rows(REFUNDS) == [("succeeded", "provider", 5_000)]
    assert await till.rows(EVENTS) == [("processed",)] * 3
    assert await till.status(intent) == "partially_refunded"
    assert (await till.balances())["clearing:sandbox"] == "70.00"
    told = await till.rows("SELECT data->>'amount' FROM kernel.outbox WHERE type = 'payment.refunded'")
    assert told == [("50.00",)]
    assert await till.rows("SELECT returned_minor FROM booking.bookings") == [(5_000,)]
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    assert (await till.refund(intent, "70.01")).status_code == 422
    (refund_id,) = await till.rows("SELECT id FROM payment.refunds")
    shown = (await till.client.get(f"/api/v1/payments/refunds/{refund_id[0]}")).json()
    assert (shown["origin"], shown["reason"]) == ("provider", "made at the provider")
    assert "refund" not in till.sandbox.calls


async def test_all_of_it_given_back_there_ends_the_sale(till: Till) -> None:
    booking = await till.booked(await till.table())
    await given_back(till, await till.paid(booking), 12_000)
    assert (await till.booking(booking))["lifecycle_status"] == "refunded"


async def test_more_than_is_left_is_shown_and_not_recorded(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await till.refund(intent, "100.00")
    await given_back(till, intent, 2_001)
    assert await till.rows(REFUNDS) == [("succeeded", "house", 10_000)]
    assert await till.rows(NOTED) == [("refund_differs", "20.01 EUR given back at the provider")]
    assert await till.rows(EVENTS) == [("mismatched",)]


async def test_a_pending_one_is_asked_after(till: Till, clock: SettableClock) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    till.sandbox.refunds_wait = True
    await given_back(till, intent, 5_000, status="pending")
    assert await till.rows(REFUNDS) == [("pending", "provider", 5_000)]
    assert (await till.balances())["refunds_payable"] == "-50.00"
    till.sandbox.refunds_wait = False
    clock.advance(timedelta(minutes=1))
    await till.work()
    assert await till.rows(REFUNDS) == [("succeeded", "provider", 5_000)]


async def test_one_that_failed_is_none(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await given_back(till, intent, 5_000, status="failed")
    assert (await till.rows(REFUNDS), await till.rows(NOTED)) == ([], [])


async def test_what_may_be_ours_waits_until_ours_is_answered(till: Till, clock: SettableClock) -> None:
    """PayPal tells of a refund before it answers who asked for it, and may leave out whose it is."""
    intent = await till.paid(await till.booked(await till.table()))
    till.sandbox.mute = True
    refund = (await till.refund(intent, "50.00")).json()
    assert refund["status"] == "pending"
    (mine,) = till.sandbox.refunds_by_id
    reading = till.sandbox.refunds_by_id[mine]
    # the same refund as a webhook tells it that does not name ours
    till.sandbox.give_back(till.ref(intent), 5_000)
    stranger = next(each for each in till.sandbox.refunds_by_id if each != mine)
    unnamed = till.sandbox.refunds_by_id.pop(stranger)
    till.sandbox.refunds_by_id[stranger] = type(unnamed)(
        ref=reading.ref, status=reading.status, amount=reading.amount, payment_ref=till.ref(intent)
    )
    await till.tell("early", refund=str(stranger), status="succeeded")
    assert await till.rows(REFUNDS) == [("pending", "house", 5_000)]
    till.sandbox.mute = False
    clock.advance(timedelta(minutes=3))
    await till.work()
    clock.advance(timedelta(hours=1))
    await till.work()
    assert await till.rows(REFUNDS) == [("succeeded", "house", 5_000)]
    assert await till.rows(EVENTS) == [("processed",)]


async def test_news_of_a_payment_that_is_not_taken_yet_are_heard_again(till: Till, clock: SettableClock) -> None:
    intent = await till.intent(await till.booked(await till.table()))
    await given_back(till, intent, 5_000)
    await disputed(till, intent, "withheld", minor=7_000)
    assert (await till.rows(REFUNDS), await till.rows(DISPUTES)) == ([], [])
    await till.confirm(intent)
    clock.advance(timedelta(minutes=2))
    await till.work()
    assert await till.rows(REFUNDS) == [("succeeded", "provider", 5_000)]
    assert await till.rows(DISPUTES) == [("dp_1", "withheld", 7_000)]
    assert await till.rows(EVENTS) == [("processed",)] * 2


@pytest.mark.parametrize("end", ["won", "lost"])
async def test_a_dispute_is_booked_in_whatever_order_it_is_told(till: Till, end: str) -> None:
    table = await till.table()
    for number, order in enumerate(permutations(("open", "withheld", end))):
        booking = await till.booked(table)
        intent = await till.paid(booking)
        for status in (*order, *order):
            await disputed(till, intent, status, ref=f"dp_{number}")
        assert (await till.booking(booking))["status"] == "CONFIRMED"
    assert {row[1] for row in await till.rows(DISPUTES)} == {end}
    held = await till.balances()
    assert held.get("disputed") is None
    lost = {"clearing:sandbox": None, "dispute_losses": "720.00"}
    won = {"clearing:sandbox": "720.00", "dispute_losses": None}
    assert {name: held.get(name) for name in lost} == (won if end == "won" else lost)


async def test_withheld_money_lies_in_an_account_of_its_own_and_is_shown(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await disputed(till, intent, "open")
    assert (await till.balances())["clearing:sandbox"] == "120.00"
    await disputed(till, intent, "withheld")
    held = await till.balances()
    assert (held["disputed"], held.get("clearing:sandbox")) == ("120.00", None)
    report = (await till.client.get("/api/v1/admin/payments/reconciliation")).json()
    shown = [(each["kind"], each["ref"], each["intent_id"], each["seen"]) for each in report["differences"]]
    assert ("disputed", "dp_1", intent["id"], "120.00 EUR withheld") in shown
    acts = await till.rows("SELECT action FROM kernel.audit_log WHERE action ~ 'dispute_' ORDER BY id")
    assert acts == [("payment.dispute_open",), ("payment.dispute_withheld",)]


async def test_a_reversal_is_part_of_the_dispute_it_belongs_to(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await disputed(till, intent, "withheld")
    paid = till.ref(intent)
    await till.tell("e1", dispute="rev_1", payment=paid, minor=12_000, status="lost", again=True)
    assert await till.rows(DISPUTES) == [("dp_1", "lost", 12_000)]


async def test_a_dispute_of_more_than_is_left_is_shown_and_not_booked(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await till.refund(intent, "50.00")
    await disputed(till, intent, "withheld", minor=7_001)
    await disputed(till, intent, "withheld", ref="dp_2", minor=7_000)
    await disputed(till, intent, "withheld", ref="dp_3", minor=1)
    await disputed(till, intent, "won", ref="dp_2", minor=6_999)
    assert await till.rows(DISPUTES) == [("dp_2", "withheld", 7_000)]
    assert await till.rows(NOTED) == [
        ("disputed", "70.01 EUR withheld, after nothing"),
        ("disputed", "70.00 EUR open"),
        ("disputed", "70.00 EUR withheld"),
        ("disputed", "0.01 EUR withheld, after nothing"),
        ("disputed", "69.99 EUR won, after withheld"),
    ]


async def test_a_loss_after_it_was_won_is_for_a_person(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    for status in ("lost", "won", "lost"):
        await disputed(till, intent, status)
    assert (await till.balances())["clearing:sandbox"] == "120.00"
    assert (await till.rows(NOTED))[-1] == ("disputed", "120.00 EUR lost, after won")


async def reconciled(till: Till) -> Json:
    return (await till.client.get("/api/v1/admin/payments/reconciliation")).json()  # type: ignore[no-any-return]


async def test_a_refund_that_nobody_told_us_of_is_found_in_the_list(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    till.sandbox.give_back(till.ref(intent), 5_000)
    till.sandbox.give_back("another shop's", 100)
    report = await reconciled(till)
    (found,) = report["differences"]
    assert (found["kind"], found["seen"]) == ("unknown_here", "50.00 EUR given back, succeeded")
    assert await till.rows(REFUNDS) == [("succeeded", "provider", 5_000)]
    assert await till.status(intent) == "partially_refunded"
    assert (await reconciled(till))["differences"] == []
    (totals,) = (await reconciled(till))["totals"]
    assert (totals["refunded"], totals["listed_refunds"], totals["clearing"]) == ("50.00", "51.00", "70.00")


async def test_a_refund_whose_answer_was_lost_is_settled_by_the_list(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    till.sandbox.mute = True
    assert (await till.refund(intent, "50.00")).json()["status"] == "pending"
    (found,) = (await reconciled(till))["differences"]
    assert (found["kind"], found["expected"]) == ("unsettled", "50.00 EUR pending")
    assert await till.rows(REFUNDS) == [("succeeded", "house", 5_000)]


async def test_a_refund_that_the_provider_does_not_list_is_shown(till: Till, clock: SettableClock) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await till.refund(intent, "50.00")
    till.sandbox.refunds_by_id.clear()
    clock.advance(timedelta(hours=1))
    (found,) = (await reconciled(till))["differences"]
    assert (found["kind"], found["expected"]) == ("missing_there", "50.00 EUR given back")


async def test_what_is_closed_stays_closed_until_it_changes(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await disputed(till, intent, "withheld")
    stray = till.sandbox.payments_by_ref.pop(till.ref(intent))
    (said,) = (await reconciled(till))["differences"]
    close = f"/api/v1/admin/payments/discrepancies/{said['id']}/close"
    closed = await till.client.post(close, json={"note": "we accept it"})
    assert (closed.status_code, closed.json()["note"]) == (200, "we accept it")
    assert closed.json()["closed_at"] is not None
    again = await till.client.post(close, json={"note": "twice"})
    assert (again.status_code, again.json()["type"]) == (409, "discrepancy-closed")
    assert (await reconciled(till))["differences"] == []
    acts = "SELECT reason, subject_id::text FROM kernel.audit_log WHERE action = 'payment.discrepancy_closed'"
    assert await till.rows(acts) == [("we accept it", said["id"])]
    # it was lost: that is another fact
    till.sandbox.payments_by_ref[till.ref(intent)] = stray
    await disputed(till, intent, "lost")
    (lost,) = (await reconciled(till))["differences"]
    assert lost["seen"] == "120.00 EUR lost"
    await disputed(till, intent, "won")
    assert (await reconciled(till))["differences"] == []
    listed = (await till.client.get("/api/v1/admin/payments/discrepancies?closed=true")).json()
    assert [(each["seen"], each["note"]) for each in listed["items"]] == [
        ("120.00 EUR lost", None),
        ("120.00 EUR withheld", "we accept it"),
        ("120.00 EUR open", None),
    ]
    assert (await till.client.get("/api/v1/admin/payments/discrepancies?closed=false")).json()["items"] == []


async def test_what_only_comparing_finds_is_closed_in_the_same_way(till: Till) -> None:
    await till.paid(await till.booked(await till.table()))
    (ref,) = till.sandbox.payments_by_ref
    stray = till.sandbox.payments_by_ref["stray"] = deepcopy(till.sandbox.payments_by_ref[ref])
    stray.reading = replace(stray.reading, ref="stray", intent_id=None)
    (found,) = (await reconciled(till))["differences"]
    close = f"/api/v1/admin/payments/discrepancies/{found['id']}/close"
    assert (await till.client.post(close, json={"note": "another shop"})).status_code == 200
    assert (await reconciled(till))["differences"] == []
    stray.reading = replace(stray.reading, amount=Money(1, "EUR"))
    (changed,) = (await reconciled(till))["differences"]
    assert (changed["ref"], changed["seen"]) == ("stray", "0.01 EUR")
    missing = f"/api/v1/admin/payments/discrepancies/{uuid4()}/close"
    assert (await till.client.post(missing, json={"note": "?"})).status_code == 404


async def test_a_dispute_of_another_shop_on_the_same_account_is_none_of_ours(till: Till) -> None:
    await till.tell("e1", dispute="dp_9", payment="elsewhere", minor=100, status="lost")
    assert (await till.rows(DISPUTES), await till.rows(EVENTS)) == ([], [("unmatched",)])
