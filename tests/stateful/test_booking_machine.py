"""Random commands against a model; after each of them system and model agree on everything there is to see."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import ClassVar
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

from holdfast.contracts.booking import (
    BookingChange,
    BookingDraft,
    BookingId,
    BookingView,
    Cancellation,
    StatusChange,
)
from holdfast.contracts.identity import SYSTEM
from holdfast.domains.booking.services import BookingService
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from tests.stateful.model import EDGES, MINUTE, TTL, Booking, House, Place
from tests.stateful.system import STAFF, System

TUESDAY_NOON = datetime(2030, 1, 8, 12, tzinfo=UTC)
HOLD_GONE = ("reservation-expired", "reservation-released")
UNSWEPT = "no pending booking outlives its hold"

STARTS = st.builds(
    lambda day, quarter: TUESDAY_NOON + timedelta(days=day) + quarter * 15 * MINUTE,
    st.integers(0, 1),
    st.integers(0, 4),
)
PARTIES = st.sampled_from([1, 1, 2, 2, 2, 3, 4, 5])
STALE = st.sampled_from([0, 0, 0, 0, 0, -1, 1])
ASKED = ("CONFIRMED", "CHECKED_IN", "COMPLETED", "NO_SHOW")
WHICH = st.integers(0, 1_000)

Command = Callable[[BookingService], Awaitable[Answer[BookingView]]]


class BookingMachine(RuleBasedStateMachine):
    system: ClassVar[System]

    def __init__(self) -> None:
        super().__init__()
        self.system.reset()
        self.keys = 0
        self.last: tuple[Command, BookingView] | None = None
        self.draft: BookingDraft | None = None
        self.paid: list[tuple[Booking, UUID, int]] = []

    @initialize()
    def open(self) -> None:
        venue, other = self.system.venue(), self.system.venue()
        self.venue_id = venue
        small = self.system.place(venue, "small", 2, priced=False)
        large = self.system.place(venue, "large", 4, priced=True)
        self.places = [
            small,
            large,
            self.system.place(other, "bar", 4, priced=False, pool=True),
            self.system.place(other, "hall", 5, priced=True, pool=True),
        ]
        self.house = House([small, large])

    def key(self) -> str:
        self.keys += 1
        return f"key-{self.keys}"

    def some(self, which: int) -> Booking:
        """Mostly one that is still open: the ended refuse everything alike."""
        every = list(self.house.bookings.values())
        open_ = [each for each in every if each.status in ("PENDING", "CONFIRMED", "CHECKED_IN")]
        among = open_ if open_ and which % 4 else every
        return among[which % len(among)]

    def run(self, command: Command, expected: str | None) -> BookingView | None:
        """The system's answer, which is the model's: the same refusal, or none."""
        answer = self.system.ask(command)
        if isinstance(answer, Refusal):
            told = answer.problem_type()
            assert (told in HOLD_GONE) if expected == "hold-gone" else (told == expected), (told, expected)
            return None
        assert expected is None, f"{expected} was not refused"
        assert not answer.replayed
        self.last = (command, answer.view)
        return answer.view

    @rule(which=st.integers(0, 3), start=STARTS, quarters=st.integers(1, 6), party=PARTIES)
    def create(self, which: int, start: datetime, quarters: int, party: int) -> None:
        self.book(self.places[which], start, quarters, party)

    @rule(start=STARTS, quarters=st.integers(1, 6), party=PARTIES)
    def create_at_the_venue(self, start: datetime, quarters: int, party: int) -> None:
        self.book(None, start, quarters, party)

    def book(self, place: Place | None, start: datetime, quarters: int, party: int) -> None:
        where = {"resource_id": place.id} if place else {"venue_id": self.venue_id}
        end = start + quarters * 15 * MINUTE
        guest = {"name": "Guest", "email": "guest@example.org"}
        when = {"start_at": start, "end_at": end, "party_size": party}
        draft = BookingDraft.model_validate({**where, **when, "guest": guest, "idempotency_key": self.key()})
        chosen = self.house.choose([place] if place else self.house.tables, start, end, party)
        now = self.system.now

        def command(service: BookingService) -> Awaitable[Answer[BookingView]]:
            return service.create(draft, pending_ttl=TTL, now=now, actor=STAFF)

        view = self.run(command, chosen if isinstance(chosen, str) else None)
        if view is not None and isinstance(chosen, Place):
            assert view.resource_id == chosen.id
            self.house.create(view.id, chosen, start, end, party)
            self.draft = draft

    @precondition(lambda self: self.house.bookings)
    @rule(which=WHICH, start=st.none() | STARTS, party=st.none() | PARTIES, stale=STALE)
    def update(self, which: int, start: datetime | None, party: int | None, stale: int) -> None:
        booking = self.some(which)
        version = max(1, booking.version + stale)
        fields = {"start_at": start, "party_size": party, "notes": "window"}
        given = {name: value for name, value in fields.items() if value is not None}
        change = BookingChange.model_validate(
            {**given, "expected_version": version, "idempotency_key": self.key()}
        )
        now = self.system.now
        self.run(
            lambda service: service.update(BookingId(booking.id), change, now=now, actor=STAFF),
            self.house.update(booking, version, start, party),
        )

    @precondition(lambda self: self.house.bookings)
    @rule(
        which=WHICH,
        pick=st.integers(0, 9),
        stale=st.none() | STALE,
        override=st.booleans(),
    )
    def change_status(self, which: int, pick: int, stale: int | None, override: bool) -> None:
        booking = self.some(which)
        ahead = [status for status in EDGES.get(booking.status, ()) if status in ASKED]
        among = ahead if ahead and pick < 8 else ASKED  # mostly where it could go
        status = among[pick % len(among)]
        version = None if stale is None else max(1, booking.version + stale)
        change = StatusChange.model_validate(
            {
                "status": status,
                "expected_version": version,
                "override": override,
                "reason": "asked for",
                "idempotency_key": self.key(),
            }
        )
        now = self.system.now
        self.run(
            lambda service: service.change_status(BookingId(booking.id), change, now=now, actor=STAFF),
            self.house.change(booking, status, version, override),
        )

    @precondition(lambda self: self.house.bookings)
    @rule(which=WHICH, stale=st.none() | STALE)
    def cancel(self, which: int, stale: int | None) -> None:
        booking = self.some(which)
        version = None if stale is None else max(1, booking.version + stale)
        wish = Cancellation(reason="ill", expected_version=version, idempotency_key=self.key())
        now = self.system.now
        self.run(
            lambda service: service.cancel(BookingId(booking.id), wish, now=now, actor=STAFF),
            self.house.change(booking, "CANCELLED", version, False),
        )

    @precondition(lambda self: self.house.bookings)
    @rule(which=WHICH, amount=st.sampled_from([5_000, 7_000, 12_000]))
    def capture(self, which: int, amount: int) -> None:
        self.pay(self.some(which), uuid7(), amount)

    @precondition(lambda self: self.paid)
    @rule(which=WHICH)
    def capture_again(self, which: int) -> None:
        """A capture that was told before: counted once."""
        self.pay(*self.paid[which % len(self.paid)])

    def pay(self, booking: Booking, capture_id: UUID, amount: int) -> None:
        self.paid.append((booking, capture_id, amount))
        answer = self.system.ask(
            lambda service: service.record_capture(
                BookingId(booking.id),
                Money(amount, "EUR"),
                capture_id=capture_id,
                now=self.system.now,
                actor=SYSTEM,
            )
        )
        assert isinstance(answer, BookingView), answer
        self.house.capture(booking, capture_id, amount)
        assert answer.status == booking.status

    @precondition(lambda self: self.last)
    @rule()
    def ask_again(self) -> None:
        """The last command that was done, once more under its key."""
        assert self.last
        command, view = self.last
        assert self.system.ask(command) == Answer(view, replayed=True)

    @precondition(lambda self: self.draft)
    @rule()
    def ask_otherwise(self) -> None:
        """Another request under the key of the last booking."""
        assert self.draft
        draft = self.draft.model_copy(update={"notes": "something else"})
        answer = self.system.ask(
            lambda service: service.create(draft, pending_ttl=TTL, now=self.system.now, actor=STAFF)
        )
        assert isinstance(answer, Refusal)
        assert answer.problem_type() == "idempotency-key-reused"

    @rule(minutes=st.sampled_from([1, 5, 14, 15, 15, 60, 240, 1_560]))
    def time_passes(self, minutes: int) -> None:
        """Long times with the sweeps that come with them, short ones without."""
        self.house.now = self.system.advance(minutes * MINUTE)
        if minutes >= 60:
            self.sweep()
        self.system.relay_and_tidy()

    @rule()
    def sweep(self) -> None:
        assert self.system.sweep() == self.house.sweep()

    @invariant()
    def system_and_model_agree(self) -> None:
        seen, bookings, now = self.system.seen(), self.house.bookings, self.house.now
        assert sorted(seen["bookings"]) == sorted(
            (
                *(each.id, each.status, each.lifecycle, each.version, each.captured, each.asked_back),
                *(each.start, each.end, each.party, each.due, f"{each.due // 100}.00"),
            )
            for each in bookings.values()
        )
        assert sorted(seen["holders"]) == sorted(
            (each.id, each.place.id, each.start, each.end, each.party, each.claim)
            for each in bookings.values()
            if each.holds(now)
        )
        assert by_booking(seen["history"]) == {each.id: each.history for each in bookings.values()}
        assert by_booking(seen["events"]) == {
            each.id: [(name,) for name in each.events] for each in bookings.values()
        }
        late = timedelta(hours=1)
        unswept = [each for each in bookings.values() if each.status == "PENDING" and each.expires_at < now - late]
        assert seen["broken"] == ([(UNSWEPT,)] if unswept else [])


def by_booking(rows: list[tuple[object, ...]]) -> dict[UUID, list[tuple[object, ...]]]:
    found: dict[UUID, list[tuple[object, ...]]] = defaultdict(list)
    for booking_id, *rest in rows:
        assert isinstance(booking_id, UUID)
        found[booking_id].append(tuple(rest))
    return dict(found)


PROFILE = settings(
    max_examples=50,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


def test_bookings_do_what_the_model_does(database_url: str) -> None:
    system = System(database_url)
    try:
        run_state_machine_as_test(type("Machine", (BookingMachine,), {"system": system}), settings=PROFILE)
    finally:
        system.close()
