"""Prices and estimates through the facade."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.pricing import EstimateQuery, FeeRuleDraft, PriceQuery
from holdfast.domains.pricing.exceptions import (
    EstimateMixesCurrencies,
    NoRateForDate,
    ResourceNotFound,
    StayTooLong,
)
from holdfast.domains.pricing.services import PricingService
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from tests.domains.rates import NOW, ROOM, TABLE, UNKNOWN, KnownResources, rate, statements, stay


@pytest.fixture
def directory() -> KnownResources:
    return KnownResources()


@pytest.fixture
def pricing(db: AsyncSession, directory: KnownResources) -> PricingService:
    return PricingService(db, directory)


async def test_a_resource_without_a_rate_is_free(pricing: PricingService) -> None:
    await pricing.create_fee_rule(FeeRuleDraft(label="Service", fixed="1.00", currency="EUR"), now=NOW)
    euro, yen = await pricing.calculate(stay()), await pricing.calculate(stay(resource_id=TABLE))
    assert (euro.total, euro.currency, euro.terms, euro.lines) == ("0.00", "EUR", "none", [])
    assert (yen.total, yen.currency) == ("0", "JPY")


async def test_the_whole_price(pricing: PricingService) -> None:
    await pricing.create_rate(
        rate(
            terms="deposit",
            deposit_percent=30,
            adjustments=[{"kind": "weekday", "days": ["sat"], "percent": 20}],
            taxes=[{"label": "VAT", "percent": 7, "included": True}, {"label": "City", "percent": 5}],
        ),
        now=NOW,
        actor=SYSTEM,
    )
    for rule in (
        {"label": "Service", "percent": "2.5"},
        {"label": "Hotels", "fixed": "3.00", "currency": "EUR", "venue_type": "hotel"},
        {"label": "Restaurants", "fixed": "4.00", "currency": "EUR", "venue_type": "restaurant"},
        {"label": "Web", "percent": 10, "maximum": "5.00", "currency": "EUR", "channel": "web"},
        {"label": "Yen", "fixed": "500", "currency": "JPY"},
    ):
        await pricing.create_fee_rule(FeeRuleDraft.model_validate(rule), now=NOW)

    price = await pricing.calculate(stay("2026-06-05", 2, channel="web"))
    assert [(each.kind, each.label, each.quantity, each.unit_amount, each.amount) for each in price.lines] == [
        ("rate", "The hotel", "1", "100.00", "100.00"),
        ("rate", "The hotel", "1", "120.00", "120.00"),
        ("fee", "Service", "1", "5.50", "5.50"),
        ("fee", "Hotels", "1", "3.00", "3.00"),
        ("fee", "Web", "1", "5.00", "5.00"),
        ("tax", "City", "1", "11.68", "11.68"),
        ("tax", "VAT", "0", "15.28", "0.00"),
    ]
    assert (price.subtotal, price.fees, price.taxes) == ("220.00", "13.50", "26.96")
    assert (price.total, price.due_now, price.terms) == ("245.18", "73.55", "deposit")
    assert (await pricing.calculate(stay("2026-06-05", 2))).fees == "8.50"


async def test_the_newest_active_rate_valid_on_the_local_start_date_applies(pricing: PricingService) -> None:
    await pricing.create_rate(rate(amount="100.00"), now=NOW, actor=SYSTEM)
    summer = rate(amount="150.00", valid_from="2026-07-01", valid_to="2026-08-31")
    season = await pricing.create_rate(summer, now=NOW + timedelta(minutes=1), actor=SYSTEM)

    async def cost(first: str) -> str:
        return (await pricing.calculate(stay(first, 1))).total

    assert [await cost(day) for day in ("2026-06-30", "2026-07-01", "2026-08-31", "2026-09-01")] == [
        "100.00", "150.00", "150.00", "100.00",
    ]  # fmt: skip
    # 22:30 UTC on the last of June is the first of July in Berlin
    late = datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
    in_july = PriceQuery(resource_id=ROOM, start_at=late, end_at=late + timedelta(hours=12))
    assert (await pricing.calculate(in_july)).total == "150.00"

    await pricing.deactivate_rate(season.id, now=NOW + timedelta(minutes=2), actor=SYSTEM)
    assert await cost("2026-07-01") == "100.00"


async def test_a_gap_between_seasons_is_refused_not_given_away(pricing: PricingService) -> None:
    only = await pricing.create_rate(rate(valid_to="2026-06-30"), now=NOW, actor=SYSTEM)
    with pytest.raises(NoRateForDate) as refused:
        await pricing.calculate(stay("2026-07-01"))
    assert refused.value.pointer == "/start_at"
    await pricing.deactivate_rate(only.id, now=NOW, actor=SYSTEM)
    assert (await pricing.calculate(stay("2026-07-01"))).total == "0.00"


async def test_a_batch_is_answered_in_order_with_as_many_statements_as_one(
    pricing: PricingService, engine: AsyncEngine, directory: KnownResources
) -> None:
    await pricing.create_rate(rate(), now=NOW, actor=SYSTEM)
    await pricing.create_rate(
        rate(resource_id=TABLE, amount="900", currency="JPY", per="person"), now=NOW, actor=SYSTEM
    )
    batch = [stay(nights=n) if n % 2 else stay(resource_id=TABLE, party_size=n) for n in range(1, 33)]
    counts = []
    for asked in (batch[:1], batch):
        directory.asked = 0
        with statements(engine) as seen:
            prices = await pricing.calculate_many(asked)
        counts.append((len(seen), directory.asked))
    assert counts == [(2, 1), (2, 1)]
    totals = [getattr(price, "total", price) for price in prices]
    assert totals == [f"{n * 100}.00" if n % 2 else str(n * 900) for n in range(1, 33)]
    assert await pricing.calculate_many([]) == []


async def test_estimate_is_the_range_over_the_start_dates(
    pricing: PricingService, directory: KnownResources
) -> None:
    weekend = {"kind": "weekday", "days": ["fri", "sat"], "amount": "50.00"}
    await pricing.create_rate(rate(adjustments=[weekend], valid_to="2026-06-06"), now=NOW, actor=SYSTEM)

    async def estimate(first: str, last: str, **fields: Any) -> tuple[str, str, str]:
        asked = {"resource_id": ROOM, "from": first, "to": last, "nights": 2} | fields
        found = await pricing.estimate(EstimateQuery.model_validate(asked))
        return found.from_total, found.to_total, found.currency

    assert await estimate("2026-06-01", "2026-06-05") == ("200.00", "300.00", "EUR")
    assert await estimate("2026-06-01", "2026-06-02") == ("200.00", "200.00", "EUR")
    assert await estimate("2026-06-04", "2026-06-04") == ("250.00", "250.00", "EUR")
    # after the sixth no rate is valid: those dates are left out
    assert await estimate("2026-06-05", "2026-06-20") == ("250.00", "300.00", "EUR")
    # 25 hours are one night from the morning, two from the evening
    by_time = await estimate("2026-06-01", "2026-06-01", nights=None, duration_minutes=25 * 60)
    assert by_time == ("100.00", "200.00", "EUR")
    with pytest.raises(NoRateForDate):
        await estimate("2026-06-07", "2026-06-20")
    assert await estimate("2026-06-01", "2026-06-02", resource_id=TABLE) == ("0", "0", "JPY")

    await pricing.create_rate(rate(amount="90.00", currency="USD", valid_from="2026-06-04"), now=NOW, actor=SYSTEM)
    with pytest.raises(EstimateMixesCurrencies):
        await estimate("2026-06-01", "2026-06-05")


@pytest.mark.parametrize(
    ("query", "refusal", "pointer"),
    [
        (stay(resource_id=UNKNOWN), ResourceNotFound, "/resource_id"),
        (stay(nights=400), StayTooLong, "/end_at"),
    ],
)
async def test_what_cannot_be_priced_is_refused(
    pricing: PricingService, query: PriceQuery, refusal: type[Refusal], pointer: str
) -> None:
    with pytest.raises(refusal) as refused:
        await pricing.calculate(query)
    assert refused.value.pointer == pointer


async def test_the_choice_of_a_rate_reads_its_index_however_many_there_are(
    pricing: PricingService, db: AsyncSession, engine: AsyncEngine
) -> None:
    async with transaction(db):
        await db.execute(
            text(
                "INSERT INTO pricing.rates (id, resource_id, amount, currency, per, terms, adjustments, taxes, "
                "active, created_at) SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN :room ELSE "
                "gen_random_uuid() END, 1, 'EUR', 'night', 'full', '[]', '[]', true, "
                "timestamptz '2026-01-01' + n * interval '1 minute' FROM generate_series(1, 20000) n"
            ),
            {"room": ROOM},
        )
    await db.execute(text("ANALYZE pricing.rates"))
    with statements(engine) as seen:
        assert (await pricing.calculate(stay(nights=3))).total == "0.03"
    choice, parameters = next(each for each in seen if "pricing.rates" in each[0])
    async with engine.connect() as connection:
        lines = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS) {choice}", parameters)
        plan = "\n".join(lines.scalars())
    assert "Seq Scan" not in plan
    assert "Sort Key: rates.created_at" not in plan
    # the newest rate is valid, so a handful of pages answers it
    assert int(plan.split("shared hit=")[1].split()[0]) < 20


async def test_a_query_that_cannot_be_priced_refuses_only_itself(pricing: PricingService) -> None:
    await pricing.create_rate(rate(valid_to="2026-06-30"), now=NOW, actor=SYSTEM)
    asked = [stay(nights=400), stay("2026-06-30", 1), stay("2026-07-01"), stay(resource_id=UNKNOWN), stay()]
    outcomes = await pricing.calculate_many(asked)
    assert [getattr(each, "total", type(each)) for each in outcomes] == [
        StayTooLong, "100.00", NoRateForDate, ResourceNotFound, "200.00",
    ]  # fmt: skip
    with pytest.raises(StayTooLong):
        await pricing.calculate(asked[0])
