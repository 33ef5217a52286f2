"""Guests, staff, providers and clocks in any order: paid means booked, booked means paid, and what can be neither
goes back. At the end of each story all that is on its way arrives, and every cent is looked for."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingDraft, BookingId, BookingView, Cancellation
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.inventory import ResourceDraft, VenueDraft
from holdfast.contracts.payment import Confirmation, IntentDraft, IntentId, RefundDraft
from holdfast.contracts.pricing import RateDraft
from holdfast.domains.payment.ports import Stage
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.worker import Worker, carry_out_refunds, expire_bookings, look_after_intents, process_provider_events
from tests.clock import MONDAY, SettableClock
from tests.providers import SIGNED, FakeProvider, TillWiring, till_wiring
from tests.stateful.system import STAFF

Result = TypeVar("Result")

# far enough away that nobody becomes a no-show, however long providers are down
FIRST_SLOT = MONDAY + timedelta(days=60)
TTL = timedelta(minutes=15)
WHICH = st.integers(0, 1_000)
STAGES = st.sampled_from([Stage.SUCCEEDED, Stage.SUCCEEDED, Stage.SUCCEEDED, Stage.FAILED, Stage.PROCESSING])
PROVIDERS = st.sampled_from(["sandbox", "sandbox", "stripe"])

BOOKS = "SELECT currency, sum(minor) FROM payment.entries GROUP BY currency HAVING sum(minor) <> 0"
CLEARING = "SELECT account, sum(minor) FROM payment.entries WHERE account LIKE 'clearing:%' GROUP BY account"
PAYABLE = "SELECT coalesce(sum(minor), 0) FROM payment.entries WHERE account = 'refunds_payable'"
KEPT = "SELECT booking_id, sum(amount_minor), sum(amount_minor - refunded_minor) FROM payment.captures GROUP BY 1"
OWED = """
    SELECT j.booking_id, sum(e.minor) FROM payment.entries e JOIN payment.journal j ON j.id = e.journal_id
    WHERE e.account = 'guest' GROUP BY 1
"""
INTENTS = "SELECT id, provider, booking_id FROM payment.intents ORDER BY id"


class Town:
    """The system, its providers, and an event loop for them."""

    def __init__(self, database_url: str) -> None:
        self.runner = asyncio.Runner()
        self.clock = SettableClock()
        self.wired: TillWiring = till_wiring(database_url, self.clock, pool_size=3)

    def close(self) -> None:
        self.runner.run(self.wired.engine.dispose())
        self.runner.close()

    def ask(self, act: Callable[[AsyncSession], Awaitable[Result]]) -> Result | None:
        """One act in a session of its own; None where it is refused."""

        async def asked() -> Result | None:
            async with self.wired.sessions() as db:
                try:
                    return await act(db)
                except Refusal:
                    return None

        return self.runner.run(asked())

    def rows(self, statement: str) -> list[Any]:
        async def read(db: AsyncSession) -> list[Any]:
            return list(await db.execute(text(statement)))

        return self.ask(read) or []

    def table(self, deposit: bool) -> UUID:
        async def made(db: AsyncSession) -> UUID:
            now = self.clock.now()
            venue = VenueDraft(name="House", type="restaurant", timezone="UTC", currency="EUR")
            place = await self.wired.inventory(db).create_venue(venue, now=now, actor=SYSTEM)
            said = {"venue_id": place.id, "name": "Table", "kind": "table", "mode": "exclusive", "capacity": 4}
            draft = ResourceDraft.model_validate(said)
            table = await self.wired.inventory(db).create_resource(draft, now=now, actor=SYSTEM)
            terms: dict[str, Any] = {"terms": "deposit", "deposit_percent": "33"} if deposit else {"terms": "full"}
            rate = {"resource_id": table.id, "amount": "100.01", "currency": "EUR", "per": "booking", **terms}
            await self.wired.pricing(db).create_rate(RateDraft.model_validate(rate), now=now, actor=SYSTEM)
            return table.id

        made_table = self.ask(made)
        assert made_table is not None
        return made_table

    def drain(self) -> None:
        self.runner.run(self.wired.relay().drain())

    def work(self) -> None:
        async def done() -> None:
            for job in (process_provider_events, carry_out_refunds, look_after_intents, expire_bookings):
                await job(self.wired)

        self.runner.run(done())

    def settle(self) -> None:
        """Everybody answers again, makes up their mind, and all that is on its way arrives."""
        for fake in self.wired.fakes.values():
            fake.down = fake.mute = fake.refunds_wait = False
            for ref, payment in fake.payments_by_ref.items():
                if payment.reading.stage is Stage.PROCESSING:
                    fake.move(ref, Stage.SUCCEEDED)
        for _ in range(4):
            self.clock.advance(timedelta(hours=7))  # longer than any pause
            self.runner.run(Worker(self.wired).run_once())
        self.drain()


class PaymentMachine(RuleBasedStateMachine):
    town: ClassVar[Town]

    def __init__(self) -> None:
        super().__init__()
        self.bookings: list[BookingView] = []
        self.post: list[dict[str, str]] = []
        self.given_by_staff: dict[UUID, int] = {}

    @initialize(deposit=st.booleans())
    def open(self, deposit: bool) -> None:
        self.resource = self.town.table(deposit)

    @property
    def wired(self) -> TillWiring:
        return self.town.wired

    def fake(self, name: str) -> FakeProvider:
        return self.wired.fakes[name]

    def booking(self, which: int) -> BookingView:
        return self.bookings[which % len(self.bookings)]

    def intents(self) -> list[Any]:
        mine = {booking.id for booking in self.bookings}
        return [row for row in self.town.rows(INTENTS) if row.booking_id in mine]

    def sessions(self) -> list[tuple[FakeProvider, str]]:
        """What providers know of, the newest last."""
        known = [(self.fake(row.provider), self.fake(row.provider).ref_of(row.id)) for row in self.intents()]
        return [(fake, ref) for fake, ref in known if ref in fake.payments_by_ref]

    booked = precondition(lambda self: bool(self.bookings))

    @rule(slot=st.integers(0, 2), provider=PROVIDERS)
    def book(self, slot: int, provider: str) -> None:
        draft = BookingDraft.model_validate(
            {
                "resource_id": self.resource,
                "start_at": FIRST_SLOT + timedelta(hours=2 * slot),
                "duration_minutes": 60,
                "guest": {"name": "Guest", "email": "guest@example.org"},
                "payment_provider": provider,
            }
        )
        now = self.town.clock.now()
        made = self.town.ask(
            lambda db: self.wired.booking(db).create(draft, pending_ttl=TTL, now=now, actor=STAFF)
        )
        if made is not None:
            self.bookings.append(made.view)

    @booked
    @rule(which=WHICH, provider=PROVIDERS, part=st.booleans())
    def ask(self, which: int, provider: str, part: bool) -> None:
        draft = IntentDraft(
            booking_id=self.booking(which).id,
            provider=provider,
            amount="10.00" if part else None,
            idempotency_key=str(uuid7()),
        )
        now = self.town.clock.now()
        self.town.ask(lambda db: self.wired.payment(db).create_intent(draft, now=now, actor=STAFF))

    @booked
    @rule(which=WHICH, method=st.sampled_from(["ok", "ok", "declined", "pending", None]))
    def confirm(self, which: int, method: str | None) -> None:
        intents = self.intents()
        intent_id = IntentId(intents[which % len(intents)].id)
        said, now = Confirmation(payment_method=method), self.town.clock.now()
        self.town.ask(lambda db: self.wired.payment(db).confirm_intent(intent_id, said, now=now, actor=STAFF))

    @booked
    @rule(which=WHICH, stage=STAGES, told=st.booleans())
    def pay_at_the_provider(self, which: int, stage: Stage, told: bool) -> None:
        """Whether we hear of it by webhook, or must ask."""
        if sessions := self.sessions():
            fake, ref = sessions[which % len(sessions)]
            now = fake.payments_by_ref[ref].reading.stage
            if now not in (Stage.OPEN, Stage.PROCESSING):
                return
            fake.move(ref, stage)
            if told:
                self.post.append({"provider": fake.name, "id": str(uuid7()), "ref": ref, "stage": stage})

    @precondition(lambda self: bool(self.post))
    @rule(which=WHICH, again=st.booleans())
    def deliver(self, which: int, again: bool) -> None:
        """A webhook that waits, whichever it is; it may come again."""
        said = self.post[which % len(self.post)] if again else self.post.pop(which % len(self.post))
        body, now = json.dumps(said).encode(), self.town.clock.now()
        self.town.ask(lambda db: self.wired.payment(db).receive_notice(said["provider"], SIGNED, body, now=now))

    @booked
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        booking_id, now = self.booking(which).id, self.town.clock.now()
        gone = Cancellation(reason="plans changed")
        self.town.ask(lambda db: self.wired.booking(db).cancel(booking_id, gone, now=now, actor=STAFF))

    @booked
    @rule(which=WHICH, whole=st.booleans())
    def refund(self, which: int, whole: bool) -> None:
        intents = self.intents()
        row = intents[which % len(intents)]
        draft = RefundDraft(
            intent_id=IntentId(row.id),
            amount=None if whole else "7.00",
            reason="sorry",
            idempotency_key=str(uuid7()),
        )
        now = self.town.clock.now()
        made = self.town.ask(lambda db: self.wired.payment(db).create_refund(draft, now=now, actor=STAFF))
        if made is not None:
            given = Money.parse(made.view.amount, "EUR").minor
            self.given_by_staff[row.booking_id] = self.given_by_staff.get(row.booking_id, 0) + given

    @rule(minutes=st.sampled_from([1, 5, 16]))
    def wait(self, minutes: int) -> None:
        self.town.clock.advance(timedelta(minutes=minutes))

    @rule()
    def relay(self) -> None:
        self.town.drain()

    @rule()
    def work(self) -> None:
        self.town.work()

    @rule(provider=PROVIDERS, how=st.sampled_from(["down", "mute", "refunds_wait"]), on=st.booleans())
    def trouble(self, provider: str, how: str, on: bool) -> None:
        setattr(self.fake(provider), how, on)

    @invariant()
    def the_books_balance(self) -> None:
        assert self.town.rows(BOOKS) == []

    def teardown(self) -> None:
        self.town.settle()
        assert self.town.runner.run(self.broken()) == []
        for name, fake in self.wired.fakes.items():
            taken = [p.reading.amount for p in fake.payments_by_ref.values() if p.reading.stage is Stage.SUCCEEDED]
            back = [each.amount for each in fake.refunds_by_id.values() if each.status == "succeeded"]
            held = sum(each.minor for each in taken if each) - sum(each.minor for each in back)
            assert {row.account: int(row.sum) for row in self.town.rows(CLEARING)}.get(
                f"clearing:{name}", 0
            ) == held
        assert self.town.rows(PAYABLE) == [(0,)]
        taken_and_kept = {row[0]: (int(row[1]), int(row[2])) for row in self.town.rows(KEPT)}
        owed = {row[0]: int(row[1]) for row in self.town.rows(OWED)}
        for booking in self.bookings:
            self.at_home(booking.id, *taken_and_kept.get(booking.id, (0, 0)), owed.get(booking.id, 0))

    def at_home(self, booking_id: BookingId, taken: int, kept: int, owes: int) -> None:
        """No booking without its money but what staff gave back, no money without its booking."""
        booking = self.town.ask(lambda db: self.wired.booking(db).get(booking_id, actor=SYSTEM))
        assert booking is not None
        total, due = (Money.parse(each, "EUR").minor for each in (booking.price.total, booking.price.due_now))
        if booking.status == "CONFIRMED":
            assert kept + self.given_by_staff.get(booking_id, 0) >= due
            assert kept <= total
            assert owes == Money.parse(booking.outstanding, "EUR").minor
        else:
            assert booking.status in ("CANCELLED", "EXPIRED", "FAILED")
            assert (kept, owes) == (0, 0)
            assert not taken or booking.lifecycle_status == "refunded"

    async def broken(self) -> list[str]:
        return [finding.invariant for finding in await self.wired.audit() if finding.breaches]


PROFILE = settings(
    max_examples=12,
    stateful_step_count=22,
    deadline=None,
    derandomize=True,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def test_whatever_happens_every_cent_is_where_it_belongs(database_url: str) -> None:
    town = Town(database_url)
    try:
        run_state_machine_as_test(type("Machine", (PaymentMachine,), {"town": town}), settings=PROFILE)
    finally:
        town.close()
