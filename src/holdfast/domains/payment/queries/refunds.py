"""Refunds."""

from datetime import datetime

from sqlalchemy import RowMapping, func, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.payment import CaptureId, IntentId, RefundId, RefundOrigin, RefundStatus
from holdfast.domains.payment.exceptions import RefundNotFound
from holdfast.domains.payment.models import refunds
from holdfast.domains.payment.queries import columns_of
from holdfast.domains.payment.records import RefundRecord


def refund(row: RowMapping) -> RefundRecord:
    return RefundRecord(
        **{**row, "status": RefundStatus(row["status"]), "origin": RefundOrigin(row["origin"])},
    )


async def insert_refund(db: AsyncSession, record: RefundRecord) -> bool:
    """False where there is one with this id already."""
    written = await db.execute(
        upsert(refunds)
        .values(columns_of(record))
        .on_conflict_do_nothing(index_elements=[refunds.c.id])
        .returning(refunds.c.id)
    )
    return written.one_or_none() is not None


async def find_refund(db: AsyncSession, refund_id: RefundId, *, lock: bool = False) -> RefundRecord | None:
    chosen = select(refunds).where(refunds.c.id == refund_id)
    row = (await db.execute(chosen.with_for_update() if lock else chosen)).mappings().one_or_none()
    return None if row is None else refund(row)


async def get_refund(db: AsyncSession, refund_id: RefundId) -> RefundRecord:
    """RefundNotFound."""
    found = await find_refund(db, refund_id)
    if found is None:
        raise RefundNotFound
    return found


async def find_by_ref(db: AsyncSession, provider: str, ref: str) -> RefundRecord | None:
    chosen = select(refunds).where(refunds.c.provider == provider, refunds.c.ref == ref)
    row = (await db.execute(chosen)).mappings().one_or_none()
    return None if row is None else refund(row)


async def is_unanswered(db: AsyncSession, capture_id: CaptureId, amount_minor: int) -> bool:
    """Whether a refund of this amount is on its way of which the provider's name is not known yet."""
    chosen = select(refunds.c.id).where(
        refunds.c.capture_id == capture_id,
        refunds.c.amount_minor == amount_minor,
        refunds.c.status == RefundStatus.PENDING,
        refunds.c.ref.is_(None),
        refunds.c.attempts > 0,
    )
    return await db.scalar(chosen.limit(1)) is not None


async def claim_due(db: AsyncSession, *, now: datetime, until: datetime, limit: int) -> list[RefundRecord]:
    """Refunds whose provider is to be asked, for this worker alone until its claim ends."""
    due = (
        select(refunds.c.id)
        .where(refunds.c.next_attempt_at <= now)
        .order_by(refunds.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = await db.execute(
        update(refunds)
        .where(refunds.c.id == due.c.id)
        .values(next_attempt_at=until, attempts=refunds.c.attempts + 1)
        .returning(refunds)
    )
    return [refund(row) for row in rows.mappings()]


async def postpone(
    db: AsyncSession, refund_id: RefundId, *, at: datetime, failure: str | None, ref: str | None = None
) -> None:
    """A refund that is still pending is looked at again then."""
    values: dict[str, object] = {"next_attempt_at": at, "failure": failure}
    if ref is not None:
        values["ref"] = ref
    pending = (refunds.c.id == refund_id, refunds.c.status == RefundStatus.PENDING)
    await db.execute(update(refunds).where(*pending).values(values))


async def end(
    db: AsyncSession,
    record: RefundRecord,
    status: RefundStatus,
    *,
    ref: str | None,
    failure: str | None,
    now: datetime,
) -> None:
    await db.execute(
        update(refunds)
        .where(refunds.c.id == record.id)
        .values(status=status, ref=ref or record.ref, failure=failure, next_attempt_at=null(), updated_at=now)
    )


async def returned_of(db: AsyncSession, intent_id: IntentId) -> int:
    """What has really gone back of an intent's money, in minor units."""
    done = select(func.sum(refunds.c.amount_minor)).where(
        refunds.c.intent_id == intent_id, refunds.c.status == RefundStatus.SUCCEEDED
    )
    return int(await db.scalar(done) or 0)
