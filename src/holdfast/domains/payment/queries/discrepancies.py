"""What could not be agreed with, and what staff said about it."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import case, func, literal_column, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.payment import DifferenceId, DifferenceView
from holdfast.domains.payment.exceptions import DiscrepancyClosed, DiscrepancyNotFound
from holdfast.domains.payment.models import discrepancies
from holdfast.domains.payment.records import Discrepancy
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

# a report for people; who wants more asks for less time
MOST = 5_000
# what providers say may be longer than an index takes (2.7 kB)
LONGEST = 500
SHOWN = tuple(discrepancies.c[name] for name in DifferenceView.model_fields)


async def keep(db: AsyncSession, found: Discrepancy, *, said: bool, at: datetime) -> tuple[DifferenceView, bool]:
    """It as it stands, and whether it is new. One that is closed is open again where something else is expected;
    what is newly seen of the same thing closes what was seen before."""
    short = {name: getattr(found, name)[:LONGEST] for name in ("ref", "expected", "seen")}
    row = upsert(discrepancies).values(id=uuid7(), at=at, said=said, **{**asdict(found), **short})
    same = row.excluded.expected == discrepancies.c.expected
    kept = {
        "expected": row.excluded.expected,
        **{name: case((same, discrepancies.c[name]), else_=null()) for name in ("closed_at", "closed_by", "note")},
    }
    written = (
        await db.execute(
            row.on_conflict_do_update(constraint="discrepancies_once_key", set_=kept).returning(
                *SHOWN, literal_column("xmax = 0").label("is_new")
            )
        )
    ).mappings()
    values = dict(written.one())
    is_new = bool(values.pop("is_new"))
    view = DifferenceView.model_validate(values)
    if is_new:
        await overtake(db, view.kind, view.provider, view.ref, by=view.id, now=at)
    return view, is_new


async def overtake(
    db: AsyncSession, kind: str, provider: str, ref: str, *, by: DifferenceId | None = None, now: datetime
) -> None:
    """Close what is open about the same thing, but for the newest."""
    same = (
        discrepancies.c.kind == kind,
        discrepancies.c.provider == provider,
        discrepancies.c.ref == ref,
        discrepancies.c.closed_at.is_(None),
    )
    others = same if by is None else (*same, discrepancies.c.id != by)
    await db.execute(update(discrepancies).where(*others).values(closed_at=now))


async def standing(db: AsyncSession, *, since: datetime, until: datetime) -> list[DifferenceView]:
    """What was said in that time and nobody has closed, the oldest first."""
    rows = await db.execute(
        select(*SHOWN)
        .where(
            discrepancies.c.said,
            discrepancies.c.closed_at.is_(None),
            discrepancies.c.at.between(since, until),
        )
        .order_by(discrepancies.c.at)
        .limit(MOST)
    )
    return [DifferenceView.model_validate(dict(row)) for row in rows.mappings()]


async def close(
    db: AsyncSession, difference_id: DifferenceId, note: str, *, by: UUID | None, now: datetime
) -> DifferenceView:
    """DiscrepancyNotFound, DiscrepancyClosed."""
    closed = (
        update(discrepancies)
        .where(discrepancies.c.id == difference_id, discrepancies.c.closed_at.is_(None))
        .values(closed_at=now, closed_by=by, note=note)
        .returning(*SHOWN)
    )
    row = (await db.execute(closed)).mappings().one_or_none()
    if row is not None:
        return DifferenceView.model_validate(dict(row))
    known = select(discrepancies.c.id).where(discrepancies.c.id == difference_id)
    raise DiscrepancyNotFound if await db.scalar(known) is None else DiscrepancyClosed


async def page_of(db: AsyncSession, page: PageRequest, *, closed: bool | None) -> Page[DifferenceView]:
    """Newest first."""
    chosen = select(*SHOWN)
    if closed is not None:
        chosen = chosen.where(discrepancies.c.closed_at.is_not(None) == closed)
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    newest = chosen.order_by(discrepancies.c.at.desc(), discrepancies.c.id.desc())
    rows = (await db.execute(newest.limit(page.limit).offset(page.offset))).mappings()
    items = [DifferenceView.model_validate(dict(row)) for row in rows]
    return Page(items=items, page=page.page, limit=page.limit, total=total)
