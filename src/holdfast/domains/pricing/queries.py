"""Every statement on pricing's tables. Amounts leave as decimal strings, as the contracts have them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from sqlalchemy import RowMapping, Select, Table, any_, bindparam, exists, func, insert, or_, select, true, update
from sqlalchemy.dialects.postgresql import ARRAY, DATE, TEXT, UUID
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import UserId
from holdfast.contracts.inventory import ResourceId
from holdfast.contracts.pricing import FeeRuleDraft, FeeRuleId, FeeRuleView, RateDraft, RateId, RateView
from holdfast.domains.pricing.models import fee_rules, rates
from holdfast.domains.pricing.rules.drafts import FeeAmounts
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.paging import Page, PageRequest


@dataclass(frozen=True)
class Coverage:
    """Which rate applies to a resource on a date, and whether it has any active rate at all."""

    rate: RateView | None
    is_priced: bool


async def insert_rate(
    db: AsyncSession, draft: RateDraft, *, supplier_id: UserId | None, now: datetime
) -> RateView:
    documents = draft.model_dump(mode="json", include={"adjustments", "taxes"}, exclude_none=True)
    values = {
        **draft.model_dump(exclude={"adjustments", "taxes"}),
        **documents,
        "id": uuid7(),
        "supplier_id": supplier_id,
        "amount": Money.parse(draft.amount, draft.currency).minor,
        "active": True,
        "created_at": now,
    }
    row = (await db.execute(insert(rates).values(values).returning(rates))).mappings().one()
    return rate_view(row)


async def supplier_of(db: AsyncSession, rate_id: RateId) -> UserId | None:
    """Whose resource the rate is for; null for the house's own, and for no such rate."""
    return cast(UserId | None, await db.scalar(select(rates.c.supplier_id).where(rates.c.id == rate_id)))


async def insert_fee_rule(
    db: AsyncSession, draft: FeeRuleDraft, amounts: FeeAmounts, *, now: datetime
) -> FeeRuleView:
    values = {
        **draft.model_dump(),
        "id": uuid7(),
        "fixed": amounts.fixed,
        "minimum": amounts.minimum,
        "maximum": amounts.maximum,
        "active": True,
        "created_at": now,
    }
    row = (await db.execute(insert(fee_rules).values(values).returning(fee_rules))).mappings().one()
    return fee_rule_view(row)


async def deactivate(db: AsyncSession, table: Table, row_id: RateId | FeeRuleId, *, now: datetime) -> bool:
    """Whether there is such a row; one that is already inactive keeps its first instant."""
    first = func.coalesce(table.c.deactivated_at, now)
    done = update(table).where(table.c.id == row_id).values(active=False, deactivated_at=first)
    return await db.scalar(done.returning(table.c.id)) is not None


def covering() -> Select[tuple[object, ...]]:
    asked = (
        func.unnest(bindparam("resource_ids", type_=ARRAY(UUID)), bindparam("days", type_=ARRAY(DATE)))
        .table_valued("resource_id", "day", with_ordinality="place")
        .render_derived(name="asked")
    )
    newest_valid = (
        select(rates)
        .where(
            rates.c.active,
            rates.c.resource_id == asked.c.resource_id,
            or_(rates.c.valid_from.is_(None), rates.c.valid_from <= asked.c.day),
            or_(rates.c.valid_to.is_(None), rates.c.valid_to >= asked.c.day),
        )
        .order_by(rates.c.created_at.desc(), rates.c.id.desc())
        .limit(1)
        .lateral("covering")
    )
    other = rates.alias("other")
    is_priced = exists().where(other.c.active, other.c.resource_id == asked.c.resource_id)
    return (
        select(newest_valid, is_priced.label("is_priced"))
        .select_from(asked.outerjoin(newest_valid, true()))
        .order_by(asked.c.place)
    )


# built once: making these per request cost a tenth of a booking
COVERING = covering()
MATCHING_FEES = (
    select(fee_rules)
    .where(
        fee_rules.c.active,
        or_(
            fee_rules.c.venue_type.is_(None),
            fee_rules.c.venue_type == any_(bindparam("venue_types", type_=ARRAY(TEXT))),
        ),
        or_(fee_rules.c.channel.is_(None), fee_rules.c.channel == any_(bindparam("channels", type_=ARRAY(TEXT)))),
    )
    .order_by(fee_rules.c.created_at, fee_rules.c.id)
)


async def rates_covering(db: AsyncSession, wanted: Sequence[tuple[ResourceId, date]]) -> list[Coverage]:
    """For each (resource, local start date) the newest active rate valid on it: one statement, in order."""
    asked = {"resource_ids": [each for each, _ in wanted], "days": [day for _, day in wanted]}
    rows = (await db.execute(COVERING, asked)).mappings()
    return [Coverage(rate_view(row) if row["id"] else None, row["is_priced"]) for row in rows]


async def active_fee_rules(
    db: AsyncSession, *, venue_types: Collection[str], channels: Collection[str]
) -> list[FeeRuleView]:
    """The active rules that these venue types and channels can meet, oldest first."""
    met = {"venue_types": list(venue_types), "channels": list(channels)}
    return [fee_rule_view(row) for row in (await db.execute(MATCHING_FEES, met)).mappings()]


async def page_of_rates(db: AsyncSession, page: PageRequest, *, resource_id: ResourceId | None) -> Page[RateView]:
    """Newest first, inactive ones included."""
    statement = select(rates)
    if resource_id is not None:
        statement = statement.where(rates.c.resource_id == resource_id)
    total, rows = await newest(db, statement, rates, page)
    return Page(items=[rate_view(row) for row in rows], page=page.page, limit=page.limit, total=total)


async def page_of_fee_rules(db: AsyncSession, page: PageRequest) -> Page[FeeRuleView]:
    """Newest first, inactive ones included."""
    total, rows = await newest(db, select(fee_rules), fee_rules, page)
    return Page(items=[fee_rule_view(row) for row in rows], page=page.page, limit=page.limit, total=total)


async def newest(
    db: AsyncSession, statement: Select[tuple[object, ...]], table: Table, page: PageRequest
) -> tuple[int, Sequence[RowMapping]]:
    total = await db.scalar(select(func.count()).select_from(statement.subquery())) or 0
    ordered = statement.order_by(table.c.created_at.desc(), table.c.id.desc())
    rows = (await db.execute(ordered.offset(page.offset).limit(page.limit))).mappings().all()
    return total, rows


def rate_view(row: RowMapping) -> RateView:
    known = {name: row[name] for name in RateView.model_fields}
    return RateView.model_validate({**known, "amount": str(Money(row["amount"], row["currency"]))})


def fee_rule_view(row: RowMapping) -> FeeRuleView:
    known = {name: row[name] for name in FeeRuleView.model_fields}
    amounts = {
        name: None if row[name] is None else str(Money(cast(int, row[name]), row["currency"]))
        for name in ("fixed", "minimum", "maximum")
    }
    return FeeRuleView.model_validate({**known, **amounts})
