"""Staff against staff, guests against webhooks: what goes back never exceeds what was taken, and what is paid is
paid once. The guards are taken away in turn, to show that the races happen."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.clock import SettableClock
from tests.concurrency.rush import rush, without_advisory_locks, without_constraint
from tests.house import serving
from tests.providers import TillWiring, till_wiring
from tests.till import Till

PROMISED = "SELECT sum(amount_minor) FROM payment.refunds WHERE status <> 'failed'"


@pytest.fixture
async def till(database_url: str, clock: SettableClock) -> AsyncIterator[Till]:
    """With connections enough for a real race."""
    wired: TillWiring = till_wiring(database_url, clock, pool_size=20)
    async with serving(wired) as client:
        yield Till(wired, client)


@pytest.mark.every_postgres
async def test_of_20_refunds_at_once_no_more_than_was_taken_goes_back(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    answers = await rush(*(till.refund(intent, "13.00") for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 9, 422: 11}
    assert await till.rows(PROMISED) == [(11_700,)]
    assert (await till.refund(intent)).json()["amount"] == "3.00"
    await till.work()
    assert await till.status(intent) == "refunded"
    assert await till.broken() == []


async def test_without_the_constraint_more_goes_back_than_was_taken(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    await without_constraint(till.wired, "payment.captures", "captures_refunded_within_amount_check")
    till.sandbox.refunds_wait = True
    answers = await rush(*(till.refund(intent, "13.00") for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 20}
    assert await till.rows(PROMISED) == [(26_000,)]
    assert "what was promised back is the sum of its refunds" in await till.broken()


async def test_of_20_refunds_of_all_that_is_left_one_gets_it(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    answers = await rush(*(till.refund(intent) for _ in range(20)))
    assert Counter(answer.status_code for answer in answers) == {201: 1, 422: 19}
    assert till.sandbox.calls.count("refund") == 1
    assert await till.broken() == []


async def test_one_key_twenty_times_is_one_refund(till: Till) -> None:
    intent = await till.paid(await till.booked(await till.table()))
    answers = await rush(*(till.refund(intent, "13.00", key="a") for _ in range(20)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    assert await till.rows(PROMISED) == [(1_300,)]
    assert till.sandbox.calls.count("refund") == 1


async def test_confirmations_and_webhooks_at_once_settle_once(till: Till) -> None:
    booking = await till.booked(await till.table())
    intent = await till.intent(booking)
    confirmations = await rush(
        *(till.confirm(intent) for _ in range(5)), *(till.confirm(intent, None) for _ in range(5))
    )
    assert {answer.status_code for answer in confirmations} == {200}
    webhooks = await rush(*(till.tell(f"e{n % 3}", ref=till.ref(intent)) for n in range(9)))
    assert {answer.status_code for answer in webhooks} == {200}
    posted = "SELECT count(*) FROM payment.journal WHERE kind = 'capture'"
    assert await till.rows(f"SELECT count(*), ({posted}) FROM payment.captures") == [(1, 1)]
    told = "SELECT count(*) FROM kernel.outbox WHERE type = 'payment.completed'"
    assert await till.rows(told) == [(1,)]
    assert (await till.booking(booking))["status"] == "CONFIRMED"
    assert await till.broken() == []


async def test_ten_askers_at_once_get_the_one_intent(till: Till) -> None:
    booking = await till.booked(await till.table(terms="deposit", deposit_percent="30"))
    await till.paid(booking)
    answers = await rush(*(till.ask(booking) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) == 1
    opened = "SELECT count(*) FROM payment.intents WHERE status = 'requires_action'"
    assert await till.rows(opened) == [(1,)]


async def test_without_the_lock_askers_take_each_others_place(till: Till) -> None:
    booking = await till.booked(await till.table(terms="deposit", deposit_percent="30"))
    await till.paid(booking)
    await without_advisory_locks(till.wired)
    answers = await rush(*(till.ask(booking) for _ in range(10)))
    assert len({answer.json()["id"] for answer in answers if answer.status_code == 201}) > 1
    # the index still keeps all but one from being open
    opened = "SELECT count(*) FROM payment.intents WHERE status = 'requires_action'"
    assert await till.rows(opened) == [(1,)]
