"""The ledger: added to and read, nothing else."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.payment import EntryView, PostingView, RefundStatus
from holdfast.domains.payment.models import entries, journal, refunds
from holdfast.domains.payment.rules.postings import Balances, Posting
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.paging import Page, PageRequest


async def post(db: AsyncSession, posting: Posting, *, now: datetime) -> bool:
    """Add a posting, once for its kind and subject; False where it stands already, or there is nothing to post."""
    if not posting.entries:
        return False
    values = {
        "id": uuid7(),
        "kind": posting.kind,
        "subject": posting.subject,
        "booking_id": posting.booking_id,
        "note": posting.note,
        "at": now,
    }
    written = await db.scalar(
        upsert(journal)
        .values(values)
        .on_conflict_do_nothing(constraint="journal_kind_subject_key")
        .returning(journal.c.id)
    )
    if written is None:
        return False
    rows = [
        {"journal_id": written, "account": account, "currency": currency, "minor": minor}
        for (account, currency), minor in posting.entries.items()
    ]
    await db.execute(insert(entries), rows)
    return True


async def posted(db: AsyncSession, booking_id: BookingId, kinds: Sequence[str]) -> Balances:
    """What the accounts hold of these postings of a booking, however often it was restated."""
    rows = await db.execute(
        select(entries.c.account, entries.c.currency, func.sum(entries.c.minor).label("minor"))
        .join(journal, journal.c.id == entries.c.journal_id)
        .where(journal.c.booking_id == booking_id, journal.c.kind.in_(kinds))
        .group_by(entries.c.account, entries.c.currency)
    )
    return {(row.account, row.currency): int(row.minor) for row in rows}


async def returned(db: AsyncSession, booking_id: BookingId, currency: str) -> Money:
    """What providers have given back of a booking's money, whoever asked for it."""
    chosen = select(func.coalesce(func.sum(refunds.c.amount_minor), 0)).where(
        refunds.c.booking_id == booking_id,
        refunds.c.currency == currency,
        refunds.c.status == RefundStatus.SUCCEEDED,
    )
    return Money(int(await db.scalar(chosen) or 0), currency)


async def currency_of(db: AsyncSession, booking_id: BookingId) -> str | None:
    """The latest that was posted for a booking; None where nothing was."""
    latest = (
        select(entries.c.currency)
        .join(journal, journal.c.id == entries.c.journal_id)
        .where(journal.c.booking_id == booking_id)
        .order_by(entries.c.id.desc())
        .limit(1)
    )
    found: str | None = await db.scalar(latest)
    return found


async def posting_of(db: AsyncSession, subject: UUID) -> PostingView:
    line = (await db.execute(select(journal).where(journal.c.subject == subject))).mappings().one()
    of_line = await entries_of(db, [line["id"]])
    return PostingView(**line, entries=of_line[line["id"]])


async def page_of_postings(
    db: AsyncSession, page: PageRequest, *, booking_id: BookingId | None
) -> Page[PostingView]:
    """The newest first; of one booking in the order in which they were made."""
    chosen = select(journal)
    if booking_id is not None:
        chosen = chosen.where(journal.c.booking_id == booking_id)
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    ordered = chosen.order_by(journal.c.id if booking_id else journal.c.id.desc())
    lines = (await db.execute(ordered.limit(page.limit).offset(page.offset))).mappings().all()
    of_line = await entries_of(db, [line["id"] for line in lines])
    items = [PostingView(**line, entries=of_line.get(line["id"], [])) for line in lines]
    return Page(items=items, page=page.page, limit=page.limit, total=total)


async def entries_of(db: AsyncSession, journal_ids: Sequence[UUID]) -> dict[UUID, list[EntryView]]:
    rows = await db.execute(select(entries).where(entries.c.journal_id.in_(journal_ids)).order_by(entries.c.id))
    found: dict[UUID, list[EntryView]] = {}
    for row in rows:
        found.setdefault(row.journal_id, []).append(shown(row.account, row.minor, row.currency))
    return found


async def balances(db: AsyncSession) -> list[EntryView]:
    held = func.sum(entries.c.minor)
    rows = await db.execute(
        select(entries.c.account, entries.c.currency, held.label("minor"))
        .group_by(entries.c.account, entries.c.currency)
        .order_by(entries.c.account, entries.c.currency)
    )
    return [shown(row.account, int(row.minor), row.currency) for row in rows]


def shown(account: str, minor: int, currency: str) -> EntryView:
    return EntryView(account=account, amount=str(Money(minor, currency)), currency=currency)
