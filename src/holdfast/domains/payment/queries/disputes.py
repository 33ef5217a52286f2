"""Disputes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.payment import CaptureId, DisputeStatus
from holdfast.domains.payment.models import disputes
from holdfast.domains.payment.queries import columns_of
from holdfast.domains.payment.records import DisputeRecord


def dispute(row: RowMapping) -> DisputeRecord:
    return DisputeRecord(**{**row, "status": DisputeStatus(row["status"])})


async def of_capture(db: AsyncSession, capture_id: CaptureId) -> Sequence[DisputeRecord]:
    """The oldest first."""
    chosen = select(disputes).where(disputes.c.capture_id == capture_id).order_by(disputes.c.id)
    return [dispute(row) for row in (await db.execute(chosen)).mappings()]


async def insert_dispute(db: AsyncSession, record: DisputeRecord) -> None:
    await db.execute(insert(disputes).values(columns_of(record)))


async def move(db: AsyncSession, record: DisputeRecord, status: DisputeStatus, *, now: datetime) -> DisputeRecord:
    await db.execute(update(disputes).where(disputes.c.id == record.id).values(status=status, updated_at=now))
    return replace(record, status=status, updated_at=now)
