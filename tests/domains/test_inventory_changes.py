"""Moves of reservations, and changes of venues and resources."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.inventory import (
    AvailabilityQuery,
    ReservationChange,
    ReservationId,
    ReservationView,
    ResourceId,
    ResourcePatch,
    SlotQuery,
    VenueDraft,
    VenueId,
    VenuePatch,
)
from holdfast.domains.inventory.exceptions import (
    CapacityBelowReserved,
    NotBookable,
    PartyTooLarge,
    ReservationExpired,
    ReservationNotFound,
    ReservationReleased,
    ResourceNotFound,
    RulesContradict,
    SlotTaken,
    VenueNotFound,
)
from holdfast.domains.inventory.services import InventoryService
from holdfast.kernel.errors import Refusal
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import PageRequest
from tests.clock import MONDAY
from tests.concurrency.crowd import broken
from tests.domains.places import DAY, HOLD_UNTIL, HOUR, TEN, claim, contents, held, resource, venue, why

MINUTE = timedelta(minutes=1)


def change(reservation: ReservationView, **changes: object) -> ReservationChange:
    same = reservation.model_dump(include={"reservation_id", "start_at", "end_at", "quantity"})
    return ReservationChange.model_validate(same | changes)


@pytest.mark.every_postgres
@pytest.mark.parametrize("rules", [{}, {"mode": "pooled", "capacity": 2}])
async def test_a_move_keeps_the_reservation_and_its_own_time_is_no_obstacle(
    db: AsyncSession, rules: dict[str, object]
) -> None:
    table = await resource(db, rules)
    (before,) = await held(db, claim(table, quantity=2))
    moved = await InventoryService(db).move(
        change(before, start_at=TEN + HOUR / 2, end_at=TEN + 2 * HOUR), now=MONDAY
    )
    assert moved == before.model_copy(update={"start_at": TEN + HOUR / 2, "end_at": TEN + 2 * HOUR})
    assert await broken(db) == []
    await held(db, claim(table, length=HOUR / 2, quantity=2))
    assert isinstance(await why(db, claim(table, start=TEN + HOUR * 1.5)), SlotTaken)


async def test_a_move_may_change_the_resource_and_its_mode(db: AsyncSession) -> None:
    table, bar = await resource(db), await resource(db, mode="pooled", capacity=3)
    (at_table,) = await held(db, claim(table, quantity=3, expires_at=None))
    inventory = InventoryService(db)
    at_bar = await inventory.move(change(at_table, resource_id=bar.id), now=MONDAY)
    assert (at_bar.resource_id, at_bar.units, at_bar.status) == (bar.id, 3, at_table.status)
    assert isinstance(await why(db, claim(bar)), SlotTaken)
    await held(db, claim(table, start=TEN - HOUR / 2))
    with pytest.raises(SlotTaken):
        await inventory.move(change(at_bar, resource_id=table.id), now=MONDAY)
    back = await inventory.move(change(at_bar, resource_id=table.id, start_at=TEN + HOUR / 2), now=MONDAY)
    assert (back.resource_id, back.units) == (table.id, 1)
    assert await broken(db) == []
    assert (await contents(db))[1] == []


async def test_a_refused_move_changes_nothing(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table = await resource(db, capacity=4, max_duration_minutes=120)
    room = await resource(db, mode="pooled", capacity=3)
    one, _, seated = await held(
        db, claim(table), claim(table, start=TEN + 2 * HOUR, expires_at=None), claim(room, quantity=2)
    )
    await held(db, claim(room, start=TEN + HOUR, quantity=2))
    (gone, late) = await held(db, claim(table, start=TEN + DAY), claim(table, start=TEN + DAY + HOUR))
    await inventory.release_many(reservation_ids=[gone.reservation_id], now=MONDAY)
    before = await contents(db)
    cases: list[tuple[ReservationChange, type[Refusal], str | None]] = [
        (change(one, start_at=TEN + HOUR, end_at=TEN + 2.5 * HOUR), SlotTaken, "taken"),
        (change(one, end_at=TEN + 2 * HOUR + MINUTE), NotBookable, "too_long"),
        (change(one, start_at=MONDAY - HOUR), NotBookable, "too_soon"),
        (change(one, quantity=5), PartyTooLarge, "capacity"),
        (change(seated, quantity=4), PartyTooLarge, "capacity"),
        (change(seated, end_at=TEN + 2 * HOUR), SlotTaken, "capacity"),
        (change(one, resource_id=uuid7()), ResourceNotFound, None),
        (change(one, reservation_id=ReservationId(uuid7())), ReservationNotFound, None),
        (change(gone, start_at=TEN + DAY + 5 * HOUR, end_at=TEN + DAY + 6 * HOUR), ReservationReleased, None),
    ]
    for wanted, refusal, reason in cases:
        with pytest.raises(refusal) as raised:
            await inventory.move(wanted, now=MONDAY)
        assert raised.value.facts.get("reason") == reason
    with pytest.raises(ReservationExpired):
        await inventory.move(change(late, quantity=2), now=HOLD_UNTIL)
    assert await contents(db) == before


async def test_a_stay_that_has_begun_can_grow_but_not_begin_again(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table = await resource(db, min_notice_minutes=120, capacity=4)
    (stay,) = await held(db, claim(table, expires_at=None))
    longer = await inventory.move(change(stay, end_at=TEN + 2 * HOUR), now=TEN + HOUR / 2)
    larger = await inventory.move(change(longer, quantity=4), now=TEN + HOUR / 2)
    assert (larger.end_at, larger.quantity) == (TEN + 2 * HOUR, 4)
    with pytest.raises(NotBookable):
        await inventory.move(change(larger, start_at=TEN + 10 * MINUTE), now=TEN + HOUR / 2)


async def test_a_move_takes_the_place_of_an_expired_hold(db: AsyncSession) -> None:
    table, room = await resource(db), await resource(db, mode="pooled", capacity=2)
    for place in (table, room):
        (standing, _) = await held(db, claim(place, expires_at=None), claim(place, start=TEN + HOUR, quantity=2))
        moved = await InventoryService(db).move(
            change(standing, start_at=TEN + HOUR, end_at=TEN + 2 * HOUR), now=HOLD_UNTIL
        )
        assert moved.start_at == TEN + HOUR
    assert await broken(db) == []


async def test_a_moved_party_takes_more_or_fewer_units(db: AsyncSession) -> None:
    rooms = await resource(db, mode="pooled", capacity=3, bucket_minutes="night", places_per_unit=2)
    (stay,) = await held(db, claim(rooms, length=3 * DAY, quantity=3))
    assert stay.units == 2
    moved = await InventoryService(db).move(change(stay, quantity=5, end_at=TEN + DAY), now=MONDAY)
    assert (moved.quantity, moved.units) == (5, 3)
    reserved = await db.scalars(text("SELECT reserved FROM inventory.buckets ORDER BY bucket_at"))
    assert list(reserved) == [3, 0, 0]


async def test_new_rules_leave_what_is_booked_alone(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table = await resource(db)
    await held(db, claim(table))
    before = await contents(db)
    patch = ResourcePatch.model_validate(
        {
            "opening_hours": [{"days": ["mon"], "opens": "09:00", "closes": "10:00"}],
            "buffer_after_minutes": 30,
            "name": "Window table",
        }
    )
    changed = await inventory.update_resource(table.id, patch, now=MONDAY + HOUR, actor=SYSTEM)
    assert (changed.name, changed.buffer_after_minutes, changed.updated_at) == ("Window table", 30, MONDAY + HOUR)
    assert changed.opening_hours == patch.opening_hours
    assert await contents(db) == before
    assert (await why(db, claim(table, start=TEN + 3 * HOUR))).facts["reason"] == "closed"
    closed = await inventory.update_resource(
        table.id, ResourcePatch(active=False, opening_hours=[]), now=MONDAY, actor=SYSTEM
    )
    assert not closed.active
    assert (await why(db, claim(table, start=TEN + 3 * HOUR))).facts["reason"] == "closed"


async def test_a_pools_capacity_follows_but_never_below_what_is_sold(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    room = await resource(db, mode="pooled", capacity=10)
    await held(db, claim(room, quantity=4))
    before = await contents(db)
    with pytest.raises(CapacityBelowReserved):
        await inventory.update_resource(room.id, ResourcePatch(capacity=3), now=MONDAY, actor=SYSTEM)
    assert (await inventory.get_resource(room.id)).capacity == 10
    assert await contents(db) == before
    await inventory.update_resource(room.id, ResourcePatch(capacity=4), now=MONDAY, actor=SYSTEM)
    assert (await why(db, claim(room))).facts["remaining"] == 0
    await inventory.update_resource(room.id, ResourcePatch(capacity=5), now=MONDAY, actor=SYSTEM)
    await held(db, claim(room))
    # what has passed keeps the capacity it had
    await inventory.update_resource(room.id, ResourcePatch(capacity=1), now=TEN + DAY, actor=SYSTEM)
    assert await broken(db) == []


async def test_rules_that_contradict_each_other_are_refused(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    table, room = await resource(db, max_duration_minutes=60), await resource(db, mode="pooled", capacity=1)
    with pytest.raises(RulesContradict):
        await inventory.update_resource(table.id, ResourcePatch(min_duration_minutes=61), now=MONDAY, actor=SYSTEM)
    with pytest.raises(RulesContradict):
        await inventory.update_resource(room.id, ResourcePatch(capacity=None), now=MONDAY, actor=SYSTEM)
    assert await inventory.get_resource(table.id) == table
    assert await inventory.get_resource(room.id) == room


async def test_venues_and_resources_are_listed_by_page(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    first, second = await venue(db), await venue(db, kind="clinic")
    rooms = [await resource(db, venue_id=second, name=f"Room {n}") for n in range(3)]
    await resource(db, venue_id=first)
    page = await inventory.list_resources(PageRequest(page=2, limit=2), venue_id=second)
    assert (page.items, page.page, page.limit, page.total) == ([rooms[2]], 2, 2, 3)
    assert (await inventory.list_resources(PageRequest())).total == 4
    assert [each.id for each in (await inventory.list_venues(PageRequest(), type_="clinic")).items] == [second]
    facts = await inventory.describe_many([rooms[0].id, ResourceId(uuid7())])
    assert list(facts) == [rooms[0].id]
    assert (facts[rooms[0].id].venue.type, facts[rooms[0].id].currency) == ("clinic", "EUR")


async def test_a_venue_is_changed_by_the_fields_given(db: AsyncSession) -> None:
    inventory = InventoryService(db)
    draft = VenueDraft(name="House", type="hotel", timezone="Asia/Kolkata", currency="INR", address="Here")
    before = await inventory.create_venue(draft, now=MONDAY, actor=SYSTEM)
    after = await inventory.update_venue(before.id, VenuePatch(name="Home"), now=MONDAY + HOUR, actor=SYSTEM)
    assert after == before.model_copy(update={"name": "Home", "updated_at": MONDAY + HOUR})
    assert (
        await inventory.update_venue(before.id, VenuePatch(address=None), now=MONDAY, actor=SYSTEM)
    ).address is None
    assert (await inventory.get_venue(before.id)).name == "Home"
    for missing in (
        inventory.get_venue(VenueId(uuid7())),
        inventory.update_venue(VenueId(uuid7()), VenuePatch(name="X"), now=MONDAY, actor=SYSTEM),
        resource(db, venue_id=VenueId(uuid7())),
    ):
        with pytest.raises(VenueNotFound):
            await missing
    with pytest.raises(ResourceNotFound):
        await inventory.update_resource(ResourceId(uuid7()), ResourcePatch(name="X"), now=MONDAY, actor=SYSTEM)


async def test_hot_statements_use_their_indexes(db: AsyncSession) -> None:
    """Beside 20,000 allocations no claim, granted or refused, reads the table through."""
    table, room = await resource(db), await resource(db, mode="pooled", capacity=5)
    await db.execute(
        text("""
            INSERT INTO inventory.allocations (id, booking_id, item, resource_id, period, during, exclusive, units,
                guests, status, made_by, created_at, released_at)
            SELECT gen_random_uuid(), gen_random_uuid(), 1,
                   CASE WHEN n % 2 = 0 THEN CAST(:table AS uuid) ELSE CAST(:room AS uuid) END,
                   span, span, n % 2 = 0, 1, 1,
                   CASE WHEN n % 3 = 0 THEN 'released' ELSE 'committed' END, 'booking', now(),
                   CASE WHEN n % 3 = 0 THEN now() END
            FROM generate_series(1, 20000) AS n,
                 LATERAL (SELECT timestamptz '2020-01-01Z' + n * interval '1 hour' AS at) AS time,
                 LATERAL (SELECT tstzrange(at, at + interval '1 hour') AS span) AS spans
        """).bindparams(table=table.id, room=room.id)
    )
    await db.execute(text("ANALYZE inventory.allocations"))
    await db.execute(text("SELECT pg_stat_reset()"))
    inventory = InventoryService(db)
    for place in (table, room):
        (got, *_) = await held(db, *(claim(place, start=TEN + n * DAY) for n in range(8)))
        await why(db, claim(place, quantity=5))
        await inventory.commit_many([got.reservation_id], now=MONDAY)
        await inventory.move(change(got, end_at=TEN + 2 * HOUR), now=MONDAY)
        query = AvailabilityQuery(resource_id=place.id, start_at=TEN, end_at=TEN + HOUR)
        await inventory.check_availability(query, now=MONDAY)
        await inventory.slots(place.id, SlotQuery(from_on=TEN.date(), to_on=TEN.date()), now=MONDAY)
        await inventory.release_many(booking_ids=[got.booking_id], now=MONDAY)
    await held(db, claim(venue_id=table.venue_id))
    await inventory.release_expired(now=HOLD_UNTIL, limit=5)
    assert await scans(db) == 0
    await db.execute(text("SELECT count(*) FROM inventory.allocations WHERE guests = 2"))
    assert await scans(db) == 1  # the count would have shown it


async def scans(db: AsyncSession) -> int:
    """How often allocations have been read through."""
    await db.execute(text("SELECT pg_stat_force_next_flush()"))
    found = await db.scalar(
        text("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'allocations' AND schemaname = 'inventory'")
    )
    return int(found or 0)
