"""Bookings made where inventory, pricing and payment are elsewhere: no transaction is open while one is asked."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingDraft, BookingView
from holdfast.contracts.identity import ANONYMOUS, Actor
from holdfast.domains.booking.ops.create import Asked, Outcome
from holdfast.domains.booking.services import BookingService
from holdfast.kernel.database import Scope
from holdfast.kernel.errors import Refusal, Unavailable
from holdfast.kernel.idempotency import Answer
from holdfast.wiring import Wiring
from tests.concurrency.rush import broken, claim_of, column, rush, scalar, told
from tests.house import CUSTOMER, STAFF, House, Json, wish

Ask = Callable[..., Awaitable[Any]]
FREE = ["booking.created", "booking.status_changed", "booking.confirmed"]


class Lost(Unavailable):
    """The other service does not answer."""


@dataclass
class Elsewhere:
    """A port with a database session of its own; asked only while no transaction waits for its answer."""

    port: object
    asking: AsyncSession
    lost: set[str] = field(default_factory=set)

    def __getattr__(self, name: str) -> Ask:
        async def ask(*args: object, **named: object) -> object:
            assert not isinstance(self.asking.info.get("scope"), Scope), f"{name} inside a transaction"
            if name in self.lost:
                raise Lost(retry_after=1)
            return await getattr(self.port, name)(*args, **named)

        return ask


class Apart:
    """A booking service whose three neighbours are elsewhere."""

    def __init__(self, wired: Wiring, db: AsyncSession, theirs: AsyncSession, *lost: str) -> None:
        self.wired = wired
        others = (wired.inventory(theirs), wired.pricing(theirs), wired.orders(theirs))
        inventory, pricing, payments = (cast(Any, Elsewhere(each, db, set(lost))) for each in others)
        self.service = BookingService(db, inventory, pricing, payments, apart=True)

    async def create(self, *asked: Asked) -> list[Outcome]:
        return await self.service.create_many(asked, pending_ttl=timedelta(minutes=15), now=self.wired.clock.now())


@pytest.fixture
async def apart(wired: Wiring) -> AsyncIterator[Apart]:
    async with wired.session(ANONYMOUS) as db, wired.sessions() as theirs:
        yield Apart(wired, db, theirs)


def asked(resource: Json, actor: Actor = STAFF, **fields: object) -> Asked:
    return Asked(BookingDraft.model_validate(wish(resource, **fields)), actor)


def view(outcome: Outcome) -> BookingView:
    assert isinstance(outcome, Answer), outcome
    return outcome.view


def shown(made: BookingView) -> Json:
    return made.model_dump(mode="json")


async def test_what_is_free_is_confirmed_once_its_claim_is_committed(
    house: House, wired: Wiring, apart: Apart
) -> None:
    each = asked(await house.table(), idempotency_key="once")
    (outcome,) = await apart.create(each)
    made = view(outcome)
    assert (made.status, made.lifecycle_status, made.version) == ("CONFIRMED", "supplier_confirmed", 2)
    assert await claim_of(wired, shown(made)) == ["committed"]
    assert await told(wired, shown(made)) == FREE
    (again,) = await apart.create(each)
    assert view(again) == made
    assert await broken(wired) == []


async def test_what_is_due_is_pending_with_a_way_to_pay(house: House, wired: Wiring, apart: Apart) -> None:
    table = await house.table()
    await house.rate(table)
    each = asked(table, CUSTOMER, idempotency_key="once")
    (outcome,) = await apart.create(each)
    made = view(outcome)
    assert (made.status, made.version) == ("PENDING", 1)
    assert made.payment is not None
    assert await claim_of(wired, shown(made)) == ["held"]
    (again,) = await apart.create(each)
    assert view(again) == made
    assert await broken(wired) == []


async def test_a_claim_that_cannot_be_committed_leaves_a_booking_that_expires(house: House, wired: Wiring) -> None:
    each = asked(await house.table(), CUSTOMER, idempotency_key="once")
    async with wired.session(ANONYMOUS) as db, wired.sessions() as theirs:
        with pytest.raises(Lost):
            await Apart(wired, db, theirs, "commit_many").create(each)
        (again,) = await Apart(wired, db, theirs).create(each)
    made = view(again)
    assert isinstance(again, Answer)
    assert again.replayed
    assert (made.status, made.version) == ("PENDING", 1)
    assert await claim_of(wired, shown(made)) == ["held"]
    assert await broken(wired) == []


async def test_what_cannot_be_priced_holds_nothing(house: House, wired: Wiring, apart: Apart) -> None:
    priced, other = await house.table(), await house.table(name="Table 2")
    await house.rate(priced, valid_to="2029-12-31")
    refused, fine = await apart.create(asked(priced), asked(other))
    assert isinstance(refused, Refusal)
    assert refused.problem_type() == "no-rate-for-date"
    assert view(fine).status == "CONFIRMED"
    assert await column(wired, "SELECT status FROM inventory.allocations ORDER BY status") == [
        "committed",
        "released",
    ]


async def test_two_at_once_under_one_key_make_one_booking(house: House, wired: Wiring) -> None:
    """Neither has the key while the inventory is asked; who comes second gives back what it held."""
    pool = await house.pool(100)
    each = asked(pool, idempotency_key="once")

    async def one() -> Outcome:
        async with wired.session(ANONYMOUS) as db, wired.sessions() as theirs:
            return (await Apart(wired, db, theirs).create(each))[0]

    outcomes = await rush(*(one() for _ in range(8)))
    made = {outcome.view.id for outcome in outcomes if isinstance(outcome, Answer)}
    refused = {outcome.problem_type() for outcome in outcomes if isinstance(outcome, Refusal)}
    assert len(made) == 1
    assert refused <= {"request-in-flight"}
    assert await scalar(wired, "SELECT count(*) FROM booking.bookings") == 1
    live = "SELECT booking_id FROM inventory.allocations WHERE status <> 'released'"
    assert set(await column(wired, live)) == made
    assert await broken(wired) == []
