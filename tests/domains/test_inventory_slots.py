"""What the slot list shows can be booked, whatever the resource, its zone and what others have."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from holdfast.contracts.inventory import (
    AvailabilityQuery,
    Claim,
    ReservationView,
    ResourceView,
    SlotQuery,
    SlotView,
    Wish,
)
from holdfast.domains.inventory.exceptions import ResourceNotFound, TooManySlots
from holdfast.domains.inventory.services import InventoryService
from holdfast.kernel.ids import uuid7
from tests.clock import MONDAY
from tests.domains.places import DAY, HOUR, TEN, claim, held, reserve, resource

MINUTE = timedelta(minutes=1)
DATE = date(2030, 1, 8)
LUNCH_AND_DINNER = [
    {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "opens": "12:00", "closes": "14:30"},
    {"days": ["tue", "fri", "sat"], "opens": "18:00", "closes": "01:00"},
]
SHAPES: dict[str, dict[str, object]] = {
    "always open": {},
    "grid": {"grid_minutes": 45, "min_duration_minutes": 90, "opening_hours": LUNCH_AND_DINNER},
    "buffers": {"buffer_before_minutes": 10, "buffer_after_minutes": 20, "opening_hours": LUNCH_AND_DINNER},
    "covers": {"mode": "pooled", "capacity": 4, "bucket_minutes": 15, "buffer_after_minutes": 5},
    "covers on a grid": {
        "mode": "pooled",
        "capacity": 4,
        "bucket_minutes": 30,
        "grid_minutes": 20,
        "opening_hours": LUNCH_AND_DINNER,
    },
    "nights": {"mode": "pooled", "capacity": 2, "bucket_minutes": "night", "max_advance_days": 400},
}
# the day of each zone's change of clocks, and one without
CHANGES = [
    ("Europe/Berlin", date(2030, 3, 31)),
    ("Europe/Berlin", date(2030, 10, 27)),
    ("America/New_York", date(2030, 3, 10)),
    ("America/New_York", date(2030, 11, 3)),
    ("America/Santiago", date(2030, 9, 8)),
    ("America/Santiago", date(2030, 4, 7)),
    ("Australia/Lord_Howe", date(2030, 10, 6)),
    ("Australia/Lord_Howe", date(2030, 4, 7)),
    ("Asia/Kolkata", date(2030, 3, 31)),
]


async def slots(
    db: AsyncSession,
    table: ResourceView,
    first: date,
    last: date | None = None,
    *,
    now: datetime = MONDAY,
    **more: int,
) -> list[SlotView]:
    query = SlotQuery(from_on=first, to_on=last or first, **more)
    return (await InventoryService(db).slots(table.id, query, now=now)).items


def wanted(table: ResourceView, slot: SlotView, *, quantity: int = 1) -> Claim:
    return claim(table, start=slot.start_at, length=slot.end_at - slot.start_at, quantity=quantity)


async def crowded(db: AsyncSession, table: ResourceView, chance: random.Random, around: datetime) -> None:
    """Some allocations at random times, a few of them expired; those that are refused do not matter."""
    for _ in range(12):
        start = around + chance.randrange(-1440, 2 * 1440, 5) * MINUTE
        length = chance.choice([30 * MINUTE, 90 * MINUTE, 3 * HOUR, 26 * HOUR])
        each = claim(table, start=start, length=length, quantity=chance.randint(1, 2))
        if chance.random() < 0.3:
            await reserve(db, each.model_copy(update={"expires_at": MONDAY}), now=MONDAY - HOUR)
        else:
            await reserve(db, each)


@pytest.mark.parametrize(("zone", "day"), CHANGES)
async def test_what_is_listed_can_be_booked(db: AsyncSession, zone: str, day: date) -> None:
    """Over the night before a change of clocks, the day itself and the one after; and no two times are one."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for shape, rules in SHAPES.items():
        chance = random.Random(f"{shape} {zone} {day}")
        table = await resource(db, rules, zone=zone)
        await crowded(db, table, chance, noon)
        listed = await slots(db, table, day - DAY, day + DAY)
        assert listed, shape
        assert len({slot.start_at for slot in listed}) == len(listed)
        for slot in chance.sample(listed, min(len(listed), 8)):
            await can_be_booked(db, table, slot)


async def can_be_booked(db: AsyncSession, table: ResourceView, slot: SlotView) -> None:
    """By a party as large as it says, and the check says the same; then it is given back."""
    inventory = InventoryService(db)
    query = AvailabilityQuery(resource_id=table.id, start_at=slot.start_at, end_at=slot.end_at)
    verdict = await inventory.check_availability(query, now=MONDAY)
    assert (verdict.available, verdict.remaining) == (True, slot.remaining)
    (got,) = await held(db, wanted(table, slot, quantity=slot.remaining))
    await inventory.release_many(reservation_ids=[got.reservation_id], now=MONDAY)


@pytest.mark.parametrize(
    ("zone", "day", "starts"),
    [
        ("Europe/Berlin", date(2030, 3, 31), 23),
        ("Europe/Berlin", date(2030, 10, 27), 25),
        ("America/Santiago", date(2030, 9, 8), 23),
        (
            "Australia/Lord_Howe",
            date(2030, 10, 6),
            24,
        ),  # 23.5 hours: the last start lies half an hour before midnight
        ("Australia/Lord_Howe", date(2030, 4, 7), 25),
        ("Asia/Kolkata", date(2030, 3, 31), 24),
    ],
)
async def test_a_day_lists_the_hours_it_has(db: AsyncSession, zone: str, day: date, starts: int) -> None:
    table = await resource(db, zone=zone, grid_minutes=60)
    assert len(await slots(db, table, day)) == starts


async def test_what_is_taken_is_not_listed_and_the_rest_is(db: AsyncSession) -> None:
    hours = [{"days": ["tue"], "opens": "09:00", "closes": "13:00"}]
    table = await resource(db, opening_hours=hours, grid_minutes=30, buffer_after_minutes=30)
    await held(db, claim(table))
    found = await slots(db, table, DATE, duration_minutes=30)
    at = [datetime(2030, 1, 8, hour, minute, tzinfo=UTC) for hour, minute in [(9, 0), (11, 30), (12, 0), (12, 30)]]
    assert [slot.start_at for slot in found] == at
    assert {slot.end_at - slot.start_at for slot in found} == {30 * MINUTE}


async def test_a_pool_lists_what_remains_for_the_party(db: AsyncSession) -> None:
    room = await resource(db, mode="pooled", capacity=4, bucket_minutes=60)
    await held(db, claim(room, quantity=3))
    found = {slot.start_at: slot.remaining for slot in await slots(db, room, DATE)}
    assert len(found) == 24
    assert (found[TEN - HOUR], found[TEN], found[TEN + HOUR]) == (4, 1, 4)
    assert TEN not in {slot.start_at for slot in await slots(db, room, DATE, quantity=2)}


async def test_nights_are_listed_one_a_date(db: AsyncSession) -> None:
    rooms = await resource(
        db,
        zone="Europe/Berlin",
        mode="pooled",
        capacity=2,
        bucket_minutes="night",
        places_per_unit=2,
        exceptions=[{"date": "2030-01-11", "closed": True}],
    )
    stay = claim(rooms, start=TEN, length=DAY, quantity=3)
    await held(db, stay)
    found = await slots(db, rooms, DATE, date(2030, 1, 12))
    # the 8th is sold out, the 11th closed; check-in is at 15:00 in Berlin
    assert [(slot.start_at, slot.end_at) for slot in found] == [
        (datetime(2030, 1, day, 14, tzinfo=UTC), datetime(2030, 1, day + 1, 14, tzinfo=UTC)) for day in (9, 10, 12)
    ]
    assert [
        slot.start_at.day for slot in await slots(db, rooms, DATE, date(2030, 1, 12), duration_minutes=2880)
    ] == [
        9,
        12,
    ]
    assert {slot.remaining for slot in found} == {2}


async def test_tonight_can_be_booked_after_check_in_has_begun(db: AsyncSession) -> None:
    rooms = await resource(db, mode="pooled", capacity=2, bucket_minutes="night")
    evening = datetime(2030, 1, 7, 20, 10, tzinfo=UTC)
    (tonight,) = await slots(db, rooms, date(2030, 1, 7), now=evening)
    assert (tonight.start_at.hour, tonight.start_at.day, tonight.end_at.day) == (21, 7, 8)
    await held(db, wanted(rooms, tonight), now=evening - HOUR)


async def test_tonight_can_be_booked_in_its_last_hour(db: AsyncSession) -> None:
    rooms = await resource(db, mode="pooled", capacity=2, bucket_minutes="night", zone="Europe/Berlin")
    late = datetime(2030, 1, 7, 22, 20, 30, tzinfo=UTC)  # 23:20:30 in Berlin
    (tonight,) = await slots(db, rooms, date(2030, 1, 7), now=late)
    assert tonight.start_at == datetime(2030, 1, 7, 22, 21, tzinfo=UTC)
    assert tonight.end_at == datetime(2030, 1, 8, 14, tzinfo=UTC)
    (got,) = await held(db, wanted(rooms, tonight).model_copy(update={"expires_at": None}), now=late)
    assert got.start_at == tonight.start_at
    assert await slots(db, rooms, date(2030, 1, 7), now=late + 39 * MINUTE) == []


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
async def test_other_nights_keep_the_guests_own_hours(db: AsyncSession, zone: str) -> None:
    """Over a change of clocks too: from 15:00 to 11:00, on other dates."""
    rooms = await resource(db, mode="pooled", capacity=1, bucket_minutes="night", zone=zone)
    arrival = datetime(2030, 3, 30, 15, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    departure = datetime(2030, 3, 31, 11, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    await held(db, claim(rooms, start=arrival, length=departure - arrival))
    wish = Wish(resource_id=rooms.id, start_at=arrival, end_at=departure)
    found = await InventoryService(db).alternatives(wish, now=MONDAY, limit=4)
    local = [(each.start_at.astimezone(ZoneInfo(zone)), each.end_at.astimezone(ZoneInfo(zone))) for each in found]
    assert [(start.day, start.hour, end.hour) for start, end in local] == [
        (day, 15, 11) for day in ([31, 29, 1, 28] if zone == "Europe/Berlin" else [29, 31, 28, 1])
    ]


async def test_a_month_costs_two_statements(db: AsyncSession, engine: AsyncEngine) -> None:
    table = await resource(db, grid_minutes=60)
    sent: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    assert len(await slots(db, table, DATE, DATE + 30 * DAY)) == 31 * 24
    assert len([each for each in sent if "holdfast.kind" not in each]) == 2


async def test_a_fine_grid_lists_fewer_days_at_once(db: AsyncSession) -> None:
    table = await resource(db, grid_minutes=1)
    assert len(await slots(db, table, DATE, DATE + 2 * DAY)) == 3 * 1440
    with pytest.raises(TooManySlots):
        await slots(db, table, DATE, DATE + 3 * DAY)


async def test_unknown_resources_have_no_slots(db: AsyncSession) -> None:
    table = await resource(db)
    with pytest.raises(ResourceNotFound):
        await slots(db, table.model_copy(update={"id": uuid7()}), DATE)


@pytest.mark.parametrize(
    ("rules", "statements"),
    [
        ({}, 2),
        ({"mode": "pooled", "capacity": 100}, 5),
    ],
)
async def test_a_batch_costs_a_fixed_number_of_statements(
    db: AsyncSession, engine: AsyncEngine, rules: dict[str, object], statements: int
) -> None:
    tables = [await resource(db, rules) for _ in range(8)]
    sent: list[str] = []
    event.listen(engine.sync_engine, "before_cursor_execute", lambda *args: sent.append(args[2]))
    for count in (1, 8, 32):
        batch = [claim(tables[n % 8], start=TEN + count * DAY + (n // 8) * HOUR) for n in range(count)]
        sent.clear()
        answers = await InventoryService(db).reserve_many(batch, now=MONDAY)
        assert all(isinstance(answer, ReservationView) for answer in answers)
        assert len([each for each in sent if "holdfast.kind" not in each]) == statements
