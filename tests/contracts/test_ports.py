"""What every port does alike, asked of the facade in this process and of its twin over HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from holdfast.contracts.booking import BookingId, Lifecycle, LifecycleChange, Status, StatusChange
from holdfast.contracts.document import DocumentId
from holdfast.contracts.identity import SYSTEM, Preferences, Role, UserId
from holdfast.contracts.inventory import (
    AvailabilityQuery,
    Claim,
    ReservationChange,
    ReservationId,
    ReservationStatus,
    ReservationView,
    ResourceId,
    VenueId,
    VenueSearch,
    Wish,
)
from holdfast.contracts.notification import MessageDraft, Template
from holdfast.contracts.payment import IntentOrder
from holdfast.contracts.pricing import PriceQuery, PriceView
from holdfast.domains.booking.exceptions import BookingNotFound, TransitionNotAllowed, VersionConflict
from holdfast.domains.document.exceptions import DocumentNotFound
from holdfast.domains.identity.exceptions import TokenInvalid
from holdfast.domains.inventory.exceptions import ReservationNotFound, SlotTaken, VenueNotFound
from holdfast.domains.payment.exceptions import ProviderUnknown
from holdfast.domains.pricing.exceptions import NoRateForDate, ResourceNotFound
from holdfast.kernel.database import transaction
from tests.accounts import account
from tests.apart import apart, client_of
from tests.clock import SettableClock
from tests.house import STRANGER, TOMORROW_NOON, House, serving
from tests.providers import TillWiring, till_wiring

HOUR = timedelta(hours=1)


@dataclass
class Side:
    """A system, and `of(port's user)`: the wiring of the process that asks."""

    house: House
    of: Callable[[str], TillWiring]
    settle: Callable[[], Awaitable[None]]


@asynccontextmanager
async def together(url: str, clock: SettableClock) -> AsyncIterator[Side]:
    wired = till_wiring(url, clock)

    async def settle() -> None:
        await wired.relay().drain()

    async with serving(wired) as client:
        yield Side(House(client), lambda _: wired, settle)


@asynccontextmanager
async def separately(databases: dict[str, str], clock: SettableClock) -> AsyncIterator[Side]:
    async with apart(databases, clock) as system, client_of(system) as client:
        yield Side(House(client), system.wired, system.settle)


@pytest.fixture(params=["together", "apart"])
def system(request: pytest.FixtureRequest, clock: SettableClock) -> AbstractAsyncContextManager[Side]:
    if request.param == "together":
        return together(request.getfixturevalue("database_url"), clock)
    return separately(request.getfixturevalue("apart_databases"), clock)


@pytest.fixture
async def side(system: AbstractAsyncContextManager[Side]) -> AsyncIterator[Side]:
    async with system as made:
        yield made


def claim(table: dict[str, str], hours: float = 0, **fields: object) -> Claim:
    start = TOMORROW_NOON + hours * HOUR
    return Claim.model_validate(
        {
            "booking_id": uuid4(),
            "resource_id": table["id"],
            "start_at": start,
            "end_at": start + HOUR,
            "quantity": 2,
            "expires_at": start,
            **fields,
        }
    )


def granted(answer: object) -> ReservationView:
    assert isinstance(answer, ReservationView)
    return answer


async def test_inventory_claims_and_refuses_each_for_itself(side: Side, clock: SettableClock) -> None:
    table, now = await side.house.table(), clock.now()
    first, late = claim(table), claim(table, hours=3)
    async with side.of("booking").sessions() as db:
        inventory = side.of("booking").ask_inventory(db)
        held, refused, other = await inventory.reserve_many([first, claim(table), late], now=now)
        assert granted(held).booking_id == first.booking_id
        assert isinstance(refused, SlotTaken)
        assert refused.facts["reason"] == "held"
        assert refused.status == 409

        again = await inventory.reserve_many([first], now=now)
        assert granted(again[0]).reservation_id == granted(held).reservation_id
        unknown = ReservationId(uuid4())
        kept, missing = await inventory.commit_many([granted(held).reservation_id, unknown], now=now)
        assert granted(kept).status is ReservationStatus.COMMITTED
        assert isinstance(missing, ReservationNotFound)

        moved = await inventory.move(
            ReservationChange(
                reservation_id=granted(held).reservation_id,
                start_at=TOMORROW_NOON + HOUR,
                end_at=TOMORROW_NOON + 2 * HOUR,
            ),
            now=now,
        )
        assert moved.start_at == TOMORROW_NOON + HOUR
        with pytest.raises(SlotTaken) as taken:
            await inventory.move(
                ReservationChange(reservation_id=moved.reservation_id, start_at=late.start_at, end_at=late.end_at),
                now=now,
            )
        assert taken.value.facts["reason"] == "held"
        live = await inventory.claims_of([first.booking_id, late.booking_id])
        assert {each.reservation_id for each in live} == {moved.reservation_id, granted(other).reservation_id}
        assert await inventory.release_many(booking_ids=[first.booking_id], now=now) == 1
        assert len(await inventory.claims_of([first.booking_id, late.booking_id])) == 1


async def test_inventory_says_what_is_free_and_what_there_is(side: Side, clock: SettableClock) -> None:
    table, now = await side.house.table(), clock.now()
    resource, venue = ResourceId(UUID(table["id"])), VenueId(UUID(side.house.venue["id"]))
    when = {"start_at": TOMORROW_NOON, "end_at": TOMORROW_NOON + HOUR, "quantity": 2}
    async with side.of("booking").sessions() as db:
        inventory = side.of("booking").ask_inventory(db)
        await inventory.reserve_many([claim(table)], now=now)
        told = await inventory.check_availability(
            AvailabilityQuery.model_validate({"resource_id": resource, **when}), now=now
        )
        assert (told.available, told.reason, told.held_until) == (False, "held", TOMORROW_NOON)
        searched = await inventory.check_venue(VenueSearch.model_validate({"venue_id": venue, **when}), now=now)
        assert not searched.available
        others = await inventory.alternatives(Wish.model_validate({"resource_id": resource, **when}), now=now)
        assert others
        assert all(each.start_at >= TOMORROW_NOON + HOUR or each.end_at <= TOMORROW_NOON for each in others)
        rooms = ResourceId(UUID((await side.house.pool(3, bucket_minutes="night"))["id"]))
        assert await inventory.night_zones(resource_ids={resource, rooms}, venue_ids=iter([venue])) == {
            rooms: "UTC"
        }
        facts = await inventory.describe_many({resource, ResourceId(uuid4())})
        assert list(facts) == [resource]
        assert facts[resource].currency == "EUR"
        assert (await inventory.get_venue(venue)).name == "Seaview"
        with pytest.raises(VenueNotFound):
            await inventory.get_venue(VenueId(uuid4()))


async def test_pricing_prices_and_refuses_each_for_itself(side: Side) -> None:
    table, free = await side.house.table(), await side.house.table(name="Table 2")
    await side.house.rate(table, "120.00", valid_from="2030-01-01", valid_to="2030-02-01")

    def query(resource: str | UUID, days: int = 0) -> PriceQuery:
        start = TOMORROW_NOON + timedelta(days=days)
        return PriceQuery(resource_id=ResourceId(UUID(str(resource))), start_at=start, end_at=start + HOUR)

    async with side.of("booking").sessions() as db:
        pricing = side.of("booking").ask_pricing(db)
        price, gratis, unknown, later = await pricing.calculate_many(
            [query(table["id"]), query(free["id"]), query(uuid4()), query(table["id"], days=60)]
        )
        assert isinstance(price, PriceView)
        assert price.total == "120.00"
        assert isinstance(gratis, PriceView)
        assert gratis.total == "0.00"
        assert isinstance(unknown, ResourceNotFound)
        assert isinstance(later, NoRateForDate)
        with pytest.raises(NoRateForDate):
            await pricing.calculate(query(table["id"], days=60))


async def test_payment_opens_ways_to_pay(side: Side, clock: SettableClock) -> None:
    def order(provider: str | None = None) -> IntentOrder:
        return IntentOrder.model_validate(
            {
                "booking_id": uuid4(),
                "reference": "HF-7K2M9Q",
                "minor": 12_000,
                "currency": "EUR",
                "provider": provider,
            }
        )

    async with side.of("booking").sessions() as db:
        payments = side.of("booking").ask_payment(db)
        one, two = await payments.open_many([order(), order("stripe")], now=clock.now())
        assert (one.provider, two.provider, one.amount) == ("sandbox", "stripe", "120.00")
        with pytest.raises(ProviderUnknown) as refused:
            await payments.open_many([order("nobody")], now=clock.now())
        assert refused.value.pointer == "/payment_provider"


async def test_booking_is_read_and_moved_as_the_caller_may(side: Side, clock: SettableClock) -> None:
    booked = await side.house.booked(await side.house.table())
    id_, now = BookingId(UUID(booked["id"])), clock.now()
    wired = side.of("document")
    async with wired.sessions() as db:
        bookings = wired.ask_booking(db)
        view = await bookings.get(id_, actor=SYSTEM)
        assert view.reference == booked["reference"]
        assert await bookings.get_many([id_, BookingId(uuid4())], actor=SYSTEM) == {id_: view}
        assert (await bookings.history(id_, actor=SYSTEM)).items[0].to_status is Status.PENDING
        assert (await bookings.list_items(id_, actor=SYSTEM)).items == []
        assert (await bookings.list_passengers(id_, actor=SYSTEM)).items == []
        assert await bookings.supplier_of(id_) is None
        with pytest.raises(BookingNotFound):
            await bookings.get(BookingId(uuid4()), actor=SYSTEM)

        stale = StatusChange(status=Status.CANCELLED, expected_version=99)
        with pytest.raises(VersionConflict):
            await bookings.change_status(id_, stale, now=now, actor=SYSTEM)
        with pytest.raises(TransitionNotAllowed):
            await bookings.change_status(id_, StatusChange(status=Status.COMPLETED), now=now, actor=SYSTEM)
        cancel = StatusChange(status=Status.CANCELLED, idempotency_key="once")
        first = await bookings.change_status(id_, cancel, now=now, actor=SYSTEM)
        second = await bookings.change_status(id_, cancel, now=now, actor=SYSTEM)
        assert (first.replayed, first.view.status) == (False, Status.CANCELLED)
        assert (second.replayed, second.view) == (True, first.view)
        with pytest.raises(TransitionNotAllowed):
            back = LifecycleChange(to_status=Lifecycle.COMPLETED)
            await bookings.change_lifecycle(id_, back, now=now, actor=SYSTEM)
    async with wired.session(STRANGER) as db:  # the other side's database takes it for the stranger's too
        with pytest.raises(BookingNotFound):
            await wired.ask_booking(db).get(id_, actor=SYSTEM)


async def test_documents_are_listed_and_taken(side: Side, clock: SettableClock) -> None:
    table = await side.house.table()
    booked = await side.house.booked(table)
    await side.settle()
    wired = side.of("notification")
    async with wired.sessions() as db:
        documents = wired.ask_document(db)
        papers = (await documents.list_of_booking(BookingId(UUID(booked["id"])), actor=SYSTEM)).items
        assert papers
        file = await documents.file(papers[0].id, now=clock.now())
        assert file.content.startswith(b"%PDF")
        with pytest.raises(DocumentNotFound):
            await documents.file(DocumentId(uuid4()), now=clock.now())


async def test_identity_knows_people_and_their_tokens(side: Side, clock: SettableClock) -> None:
    identity = side.of("identity")
    user = await account(identity, Role.CUSTOMER)
    wired = side.of("notification")
    async with wired.sessions() as db:
        people = wired.ask_people(db)
        assert await people.preferences(UserId(uuid4())) is None
        # what was never said is not said on the other side either
        assert (await people.preferences(user) or Preferences()).model_fields_set == set()
        async with identity.sessions() as own:
            await identity.accounts(own).set_preferences(user, Preferences(language="de"), now=clock.now())
        said = await people.preferences(user)
        assert said is not None
        assert (said.language, "language" in said.model_fields_set) == ("de", True)
        with pytest.raises(TokenInvalid):
            await wired.ask_identity(db).authenticate("no.such.token", now=clock.now())


async def test_a_message_is_taken_with_the_transaction_and_only_then(side: Side, clock: SettableClock) -> None:
    wired, there = side.of("identity"), side.of("notification")

    def draft(to: str) -> MessageDraft:
        values = {"changed_at": "today"}
        return MessageDraft.model_validate({"to": to, "template": Template.PASSWORD_CHANGED, "values": values})

    async with wired.sessions() as db:
        with pytest.raises(ZeroDivisionError):
            async with transaction(db):
                await wired.ask_notification(db).queue(draft("undone@example.org"), now=clock.now())
                raise ZeroDivisionError
        async with transaction(db):
            await wired.ask_notification(db).queue(draft("done@example.org"), now=clock.now())
    await side.settle()
    await side.settle()
    async with there.sessions() as db:
        assert list(await db.scalars(text("SELECT recipient FROM notification.messages"))) == ["done@example.org"]
