"""Claims through the facade: every reason, idempotency, expiry, the venue's choice."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.inventory import (
    AvailabilityQuery,
    Reason,
    ReservationId,
    ReservationStatus,
    ReservationView,
    ReserveRequest,
    ResourceId,
    ResourcePatch,
    ResourceView,
    VenueId,
    VenueSearch,
    Wish,
)
from holdfast.domains.inventory.exceptions import (
    AnotherReservation,
    HoldInThePast,
    HoldTooLong,
    NotBookable,
    PartyTooLarge,
    ReservationExpired,
    ReservationNotFound,
    ReservationReleased,
    ResourceNotFound,
    SlotTaken,
    VenueNotFound,
)
from holdfast.domains.inventory.services import InventoryService
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from tests.clock import MONDAY
from tests.domains.places import DAY, HOLD_UNTIL, HOUR, TEN, claim, contents, held, reserve, resource, venue, why

MINUTE = timedelta(minutes=1)
AFTER_EXPIRY = HOLD_UNTIL
NINE_TO_FIVE = [{"days": ["mon", "tue", "wed", "thu", "fri"], "opens": "09:00", "closes": "17:00"}]


async def judged(
    db: AsyncSession, table: ResourceView, *, start: datetime = TEN, length: timedelta = HOUR
) -> Reason:
    query = AvailabilityQuery(resource_id=table.id, start_at=start, end_at=start + length)
    verdict = await InventoryService(db).check_availability(query, now=MONDAY)
    assert verdict.reason is not None
    return verdict.reason


@pytest.mark.every_postgres
async def test_a_claim_holds_its_time(db: AsyncSession) -> None:
    table = await resource(db, buffer_after_minutes=15)
    wanted = claim(table, quantity=2)
    (got,) = await held(db, wanted)
    assert got == ReservationView(
        reservation_id=got.reservation_id,
        booking_id=wanted.booking_id,
        item=1,
        resource_id=table.id,
        venue=got.venue,
        supplier_id=None,
        start_at=TEN,
        end_at=TEN + HOUR,
        quantity=2,
        units=1,
        status=ReservationStatus.HELD,
        expires_at=HOLD_UNTIL,
    )
    assert await broken(db) == []


@pytest.mark.parametrize(
    ("rules", "start", "length", "reason", "pointer"),
    [
        ({"opening_hours": NINE_TO_FIVE}, TEN.replace(hour=8), HOUR, "closed", "/start_at"),
        ({"min_notice_minutes": 60 * 48}, TEN, HOUR, "too_soon", "/start_at"),
        ({}, MONDAY - MINUTE, HOUR, "too_soon", "/start_at"),
        ({"max_advance_days": 1}, TEN + DAY, HOUR, "too_far", "/start_at"),
        ({"min_duration_minutes": 61}, TEN, HOUR, "too_short", "/end_at"),
        ({"max_duration_minutes": 59}, TEN, HOUR, "too_long", "/end_at"),
        ({"opening_hours": NINE_TO_FIVE, "grid_minutes": 45}, TEN, HOUR, "off_grid", "/start_at"),
    ],
)
async def test_the_rules_refuse_with_their_reason(
    db: AsyncSession, rules: dict[str, object], start: datetime, length: timedelta, reason: str, pointer: str
) -> None:
    table = await resource(db, rules)
    before = await contents(db)
    refusal = await why(db, claim(table, start=start, length=length))
    assert isinstance(refusal, NotBookable)
    assert (refusal.facts["reason"], refusal.pointer) == (reason, pointer)
    assert await judged(db, table, start=start, length=length) == reason
    assert await contents(db) == before


async def test_others_refuse_with_their_reason(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table = await resource(db, buffer_after_minutes=15)
    (first,) = await held(db, claim(table))
    before = await contents(db)

    refusal = await why(db, claim(table, start=TEN + HOUR / 2))
    assert isinstance(refusal, SlotTaken)
    assert refusal.facts == {
        "reason": "held",
        "resource_id": str(table.id),
        "remaining": 0,
        "held_until": HOLD_UNTIL,
    }
    assert (await why(db, claim(table, start=TEN + HOUR))).facts["reason"] == "buffer"
    assert await judged(db, table) == "held"
    assert await contents(db) == before

    await inventory.commit_many([first.reservation_id], now=MONDAY)
    refusal = await why(db, claim(table, start=TEN + HOUR / 2))
    assert isinstance(refusal, SlotTaken)
    assert refusal.facts == {"reason": "taken", "resource_id": str(table.id), "remaining": 0}
    await held(db, claim(table, start=TEN + HOUR + 15 * MINUTE))


async def test_a_full_pool_says_what_is_left(db: AsyncSession) -> None:
    room = await resource(db, mode="pooled", capacity=10, bucket_minutes=15)
    await held(db, claim(room, quantity=7))
    before = await contents(db)
    refusal = await why(db, claim(room, quantity=4, start=TEN + 45 * MINUTE))
    assert isinstance(refusal, SlotTaken)
    assert refusal.facts == {"reason": "capacity", "resource_id": str(room.id), "remaining": 3}
    refusal = await why(db, claim(room, quantity=11))
    assert isinstance(refusal, PartyTooLarge)
    assert (refusal.facts["reason"], refusal.facts["capacity"], refusal.pointer) == ("capacity", 10, "/quantity")
    assert await contents(db) == before
    await held(db, claim(room, quantity=3), claim(room, quantity=10, start=TEN + HOUR))


async def test_unknown_places_are_not_found(db: AsyncSession) -> None:
    table = await resource(db)
    stranger = table.model_copy(update={"id": ResourceId(uuid7())})
    assert isinstance(await why(db, claim(stranger)), ResourceNotFound)
    assert isinstance(await why(db, claim(venue_id=VenueId(uuid7()))), VenueNotFound)
    empty = await why(db, claim(venue_id=await venue(db)))
    assert isinstance(empty, SlotTaken)
    assert await contents(db) == ([], [])


async def test_one_refused_claim_refuses_only_itself(db: AsyncSession) -> None:
    table, room = await resource(db), await resource(db, mode="pooled", capacity=2)
    batch = [
        claim(table),
        claim(table),  # the first of a batch wins
        claim(table, start=TEN + HOUR),
        claim(table, start=MONDAY - HOUR),
        claim(room, quantity=2),
        claim(room, quantity=1),
    ]
    for part in (batch[:4], batch[4:]):
        answers = await reserve(db, *part)
        assert [isinstance(answer, ReservationView) for answer in answers] in (
            [True, False, True, False],
            [True, False],
        )
    mixed = [each.model_copy(update={"booking_id": uuid7()}) for each in batch]
    mixed = [
        each.model_copy(update={"start_at": each.start_at + DAY, "end_at": each.end_at + DAY}) for each in mixed
    ]
    answers = await reserve(db, *mixed)
    # the third from the end is now in the future
    assert [isinstance(answer, ReservationView) for answer in answers] == [True, False, True, True, True, False]


@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 1}])
async def test_the_same_claim_again_gives_the_same_reservation(db: AsyncSession, rules: dict[str, object]) -> None:
    table = await resource(db, rules)
    wanted = claim(table)
    (first,) = await held(db, wanted)
    before = await contents(db)
    again, twin = await held(db, wanted, wanted)
    assert again == twin == first
    assert await held(db, wanted.model_copy(update={"resource_id": None, "venue_id": table.venue_id})) == [first]

    other_time = wanted.model_copy(update={"start_at": TEN + 2 * HOUR, "end_at": TEN + 3 * HOUR})
    refusal = await why(db, other_time)
    assert isinstance(refusal, AnotherReservation)
    assert refusal.facts == {"reservation_id": str(first.reservation_id)}
    anywhere = other_time.model_copy(update={"resource_id": None, "venue_id": table.venue_id})
    assert isinstance(await why(db, anywhere), AnotherReservation)
    assert await contents(db) == before
    await held(db, other_time.model_copy(update={"item": 2}))
    await InventoryService(db).commit_many([first.reservation_id], now=MONDAY)
    (after,) = await held(db, wanted, now=TEN + MINUTE)
    assert after.reservation_id == first.reservation_id
    assert isinstance(await why(db, claim(table), now=TEN + MINUTE), NotBookable)


@pytest.mark.every_postgres
@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 1}])
async def test_an_expired_hold_is_in_nobodys_way(db: AsyncSession, rules: dict[str, object]) -> None:
    inventory = InventoryService(db)
    table = await resource(db, rules)
    (lapsed,) = await held(db, claim(table))
    query = AvailabilityQuery(resource_id=table.id, start_at=TEN, end_at=TEN + HOUR)
    assert not (await inventory.check_availability(query, now=AFTER_EXPIRY - MINUTE)).available
    assert (await inventory.check_availability(query, now=AFTER_EXPIRY)).available
    (taken,) = await held(db, claim(table, expires_at=None), now=AFTER_EXPIRY)
    assert taken.status is ReservationStatus.COMMITTED
    (refusal,) = await inventory.commit_many([lapsed.reservation_id], now=AFTER_EXPIRY)
    assert isinstance(refusal, ReservationReleased)
    assert await broken(db) == []


@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 1}])
async def test_an_expired_hold_does_not_bar_its_own_booking(db: AsyncSession, rules: dict[str, object]) -> None:
    table = await resource(db, rules)
    wanted = claim(table)
    (first,) = await held(db, wanted)
    later = wanted.model_copy(
        update={"start_at": TEN + 5 * HOUR, "end_at": TEN + 6 * HOUR, "expires_at": HOLD_UNTIL + HOUR}
    )
    (second,) = await held(db, later, now=AFTER_EXPIRY)
    assert second.reservation_id != first.reservation_id
    assert await broken(db) == []


async def test_a_hold_is_committed_once_and_stays(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table = await resource(db)
    first, second = await held(db, claim(table), claim(table, start=TEN + HOUR))
    unknown = ReservationId(uuid7())
    done, missing, again = await inventory.commit_many(
        [first.reservation_id, unknown, first.reservation_id], now=MONDAY
    )
    assert isinstance(done, ReservationView)
    assert (done.status, done.expires_at) == (ReservationStatus.COMMITTED, None)
    assert again == done
    assert isinstance(missing, ReservationNotFound)
    assert await inventory.commit_many([first.reservation_id], now=MONDAY + 30 * DAY) == [done]
    (late,) = await inventory.commit_many([second.reservation_id], now=AFTER_EXPIRY)
    assert isinstance(late, ReservationExpired)


async def test_releasing_is_idempotent_and_frees_everything(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table, room = await resource(db), await resource(db, mode="pooled", capacity=4)
    trip = uuid7()
    table_held, _ = await held(db, claim(table, booking_id=trip), claim(room, booking_id=trip, item=2, quantity=3))
    (other,) = await held(db, claim(room, quantity=1))
    assert await inventory.release_many(booking_ids=[trip], now=MONDAY) == 2
    assert (
        await inventory.release_many(booking_ids=[trip], reservation_ids=[table_held.reservation_id], now=MONDAY)
        == 0
    )
    assert await inventory.release_many(reservation_ids=[ReservationId(uuid7())], now=MONDAY) == 0
    assert await inventory.release_many(reservation_ids=[other.reservation_id], now=MONDAY) == 1
    assert (await contents(db))[1] == []
    assert await broken(db) == []
    await held(db, claim(table), claim(room, quantity=4))


async def test_tidying_releases_what_has_expired(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table, room = await resource(db), await resource(db, mode="pooled", capacity=4)
    await held(db, claim(table), claim(room, quantity=3), claim(room, quantity=1, expires_at=None))
    assert await inventory.release_expired(now=AFTER_EXPIRY - MINUTE) == 0
    assert await inventory.release_expired(now=AFTER_EXPIRY, limit=1) == 1
    assert await inventory.release_expired(now=AFTER_EXPIRY) == 1
    assert await inventory.release_expired(now=AFTER_EXPIRY) == 0
    assert await broken(db) == []


async def test_a_venue_gives_its_smallest_fitting_resource(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    house = await venue(db)
    sizes = {"any": None, "six": 6, "two": 2, "four": 4}
    tables = {
        name: (await resource(db, venue_id=house, name=name, capacity=capacity)).id
        for name, capacity in sizes.items()
    }
    got = await held(db, *(claim(venue_id=house, quantity=guests) for guests in (3, 2, 2, 2)))
    assert [each.resource_id for each in got] == [tables[name] for name in ("four", "two", "six", "any")]
    refusal = await why(db, claim(venue_id=house))
    assert isinstance(refusal, SlotTaken)
    assert refusal.facts["reason"] == "held"
    search = VenueSearch(venue_id=house, start_at=TEN + HOUR, end_at=TEN + 2 * HOUR, quantity=3)
    view = await inventory.check_venue(search, now=MONDAY)
    assert (view.available, view.remaining, view.resource_id) == (True, 3, tables["four"])
    await inventory.update_resource(tables["any"], ResourcePatch(active=False), now=MONDAY, actor=SYSTEM)
    too_large = await why(db, claim(venue_id=house, quantity=7, start=TEN + DAY))
    assert isinstance(too_large, NotBookable | PartyTooLarge)


async def test_a_venue_may_offer_tables_and_a_pool(db: AsyncSession) -> None:
    house = await venue(db)
    table = await resource(db, venue_id=house, capacity=2)
    bar = await resource(db, venue_id=house, name="Bar", mode="pooled", capacity=3)
    got = await held(db, *(claim(venue_id=house) for _ in range(4)))
    assert sorted(each.resource_id for each in got) == sorted([table.id, bar.id, bar.id, bar.id])
    assert isinstance(await why(db, claim(venue_id=house)), SlotTaken)
    assert await broken(db) == []


async def test_alternatives_are_the_nearest_that_can_be_had(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    house = await venue(db)
    table = await resource(db, venue_id=house, opening_hours=NINE_TO_FIVE)
    other = await resource(db, venue_id=house, name="Table 2")
    await resource(db, venue_id=house, name="Cellar", kind="room")
    await held(db, claim(table, length=2 * HOUR))
    wish = Wish(resource_id=table.id, start_at=TEN + HOUR / 2, end_at=TEN + HOUR * 1.5)
    found = await inventory.alternatives(wish, now=MONDAY, limit=4)
    assert [(each.resource_id, each.start_at) for each in found] == [
        (other.id, TEN + HOUR / 2),
        (table.id, TEN - HOUR),
        (table.id, TEN + 2 * HOUR),
        (table.id, TEN + 3 * HOUR),
    ]
    for each in found:
        query = AvailabilityQuery(resource_id=each.resource_id, start_at=each.start_at, end_at=each.end_at)
        assert (await inventory.check_availability(query, now=MONDAY)).available
    by_venue = await inventory.alternatives(
        Wish(venue_id=house, start_at=TEN, end_at=TEN + HOUR), now=MONDAY, limit=3
    )
    assert len(by_venue) == 3
    assert table.id not in {each.resource_id for each in by_venue if each.start_at == TEN}


async def test_a_reservation_by_http_is_a_batch_of_one(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table = await resource(db)
    request = ReserveRequest(
        booking_id=uuid7(), resource_id=table.id, start_at=TEN, end_at=TEN + HOUR, expires_at=HOLD_UNTIL
    )
    got = await inventory.reserve(request, max_hold=HOUR, now=MONDAY)
    assert got.status is ReservationStatus.HELD
    assert await inventory.reserve(request, max_hold=HOUR, now=MONDAY) == got
    cases: list[tuple[dict[str, object], type[Refusal]]] = [
        ({"booking_id": uuid7()}, SlotTaken),
        ({"expires_at": MONDAY}, HoldInThePast),
        ({"expires_at": MONDAY + HOUR + timedelta(microseconds=1)}, HoldTooLong),
    ]
    for changes, refusal in cases:
        with pytest.raises(refusal):
            await inventory.reserve(request.model_copy(update=changes), max_hold=HOUR, now=MONDAY)


async def test_the_audit_finds_what_no_guard_let_through(db: AsyncSession) -> None:
    table, room = await resource(db), await resource(db, mode="pooled", capacity=2)
    await held(db, claim(table), claim(room))
    assert await broken(db) == []
    for statement in (
        "ALTER TABLE inventory.allocations DROP CONSTRAINT allocations_no_overlap",
        "ALTER TABLE inventory.buckets DROP CONSTRAINT buckets_within_capacity",
        "UPDATE inventory.buckets SET reserved = 3",
        """INSERT INTO inventory.allocations (id, booking_id, item, resource_id, period, during, exclusive, units,
               guests, status, expires_at, made_by, created_at)
           SELECT gen_random_uuid(), gen_random_uuid(), item, resource_id, period, during, exclusive, units,
               guests, status, expires_at, made_by, created_at FROM inventory.allocations WHERE exclusive""",
    ):
        await db.execute(text(statement))
    assert await broken(db) == [
        "every bucket counts its live allocations",
        "no bucket holds more than its capacity",
        "no exclusive resource is held twice at a time",
    ]


async def broken(db: AsyncSession) -> list[str]:
    return sorted(finding.invariant for finding in await InventoryService(db).audit() if finding.breaches)
