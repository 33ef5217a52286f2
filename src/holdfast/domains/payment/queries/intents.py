"""Intents and captures."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, case, func, insert, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.payment import IntentId, IntentStatus
from holdfast.domains.payment.exceptions import IntentNotFound
from holdfast.domains.payment.models import captures, intents
from holdfast.domains.payment.ports import Session
from holdfast.domains.payment.queries import columns_of
from holdfast.domains.payment.records import CaptureRecord, IntentRecord
from holdfast.domains.payment.rules.statuses import PAID
from holdfast.kernel.money import Money

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('payment ' || :booking_id, 0))")
CLOSE_OPEN = text("SELECT payment.close_open_intents(CAST(:booking_ids AS uuid[]), :now)")


def intent(row: RowMapping) -> IntentRecord:
    return IntentRecord(**{**row, "status": IntentStatus(row["status"])})


async def insert_intents(db: AsyncSession, records: Sequence[IntentRecord]) -> None:
    """Nothing is returned: most who order one may read none."""
    await db.execute(insert(intents).inline(), [columns_of(record) for record in records])


async def close_open(db: AsyncSession, booking_ids: Sequence[BookingId], *, now: datetime) -> None:
    """No intent of these bookings is open any more; providers who know of one are told later."""
    await db.execute(CLOSE_OPEN, {"booking_ids": list(booking_ids), "now": now})


async def find_intent(db: AsyncSession, condition: ColumnElement[bool]) -> IntentRecord | None:
    row = (await db.execute(select(intents).where(condition))).mappings().one_or_none()
    return None if row is None else intent(row)


async def get_intent(db: AsyncSession, intent_id: IntentId) -> IntentRecord:
    """IntentNotFound."""
    found = await find_by_id(db, intent_id)
    if found is None:
        raise IntentNotFound
    return found


async def find_by_id(db: AsyncSession, intent_id: IntentId) -> IntentRecord | None:
    return await find_intent(db, intents.c.id == intent_id)


async def find_by_ref(db: AsyncSession, provider: str, ref: str) -> IntentRecord | None:
    return await find_intent(db, (intents.c.provider == provider) & (intents.c.ref == ref))


async def siblings_for_update(db: AsyncSession, booking_id: BookingId) -> list[IntentRecord]:
    """Every intent of a booking, the oldest first; they are this transaction's to change, and to add to."""
    # the booking first: row locks alone would miss one that is added while they are waited for
    await db.execute(LOCK, {"booking_id": str(booking_id)})
    rows = await db.execute(
        select(intents)
        .where(intents.c.booking_id == booking_id)
        .order_by(intents.c.id)
        .with_for_update(key_share=True)  # a refund that is written meanwhile refers to its intent
    )
    return [intent(row) for row in rows.mappings()]


async def write_intent(db: AsyncSession, intent_id: IntentId, **values: object) -> None:
    await db.execute(update(intents).where(intents.c.id == intent_id).values(**values))


async def keep_session(
    db: AsyncSession, intent_id: IntentId, session: Session, *, now: datetime, look_at: datetime
) -> None:
    """The provider's session of an intent, the first time, or where only its name was known; of one that was
    closed meanwhile, to be cancelled. What was paid by then is looked at no more."""
    known = intents.c.ref.is_(None) | (intents.c.ref == session.ref)
    await db.execute(
        update(intents)
        .where(intents.c.id == intent_id, known)
        .values(
            ref=session.ref,
            hosted_url=session.checkout_url,
            payload=dict(session.payload),
            next_look_at=case((intents.c.status.in_(PAID), intents.c.next_look_at), else_=look_at),
            looks=0,
            updated_at=now,
        )
    )


async def claim_looks(db: AsyncSession, *, now: datetime, until: datetime, limit: int) -> list[IntentRecord]:
    """Intents whose provider is to be asked, for this worker alone until its claim ends."""
    due = (
        select(intents.c.id)
        .where(intents.c.next_look_at <= now)
        .order_by(intents.c.next_look_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    rows = await db.execute(
        update(intents)
        .where(intents.c.id == due.c.id)
        .values(next_look_at=until, looks=intents.c.looks + 1)
        .returning(intents)
    )
    return [intent(row) for row in rows.mappings()]


async def look_later(db: AsyncSession, intent_id: IntentId, *, at: datetime | None) -> None:
    """Once more at that time, or never; where nothing has ended the looking meanwhile."""
    await db.execute(
        update(intents)
        .where(intents.c.id == intent_id, intents.c.next_look_at.is_not(None))
        .values(next_look_at=null() if at is None else at)
    )


async def insert_capture(db: AsyncSession, record: CaptureRecord) -> None:
    await db.execute(insert(captures).values(columns_of(record)))


async def find_capture(db: AsyncSession, intent_id: IntentId, *, lock: bool = False) -> CaptureRecord | None:
    chosen = select(captures).where(captures.c.intent_id == intent_id)
    row = (await db.execute(chosen.with_for_update(key_share=True) if lock else chosen)).mappings().one_or_none()
    return None if row is None else CaptureRecord(**row)


async def find_capture_by_ref(db: AsyncSession, provider: str, ref: str) -> CaptureRecord | None:
    chosen = select(captures).where(captures.c.provider == provider, captures.c.ref == ref)
    row = (await db.execute(chosen)).mappings().one_or_none()
    return None if row is None else CaptureRecord(**row)


async def find_paid(db: AsyncSession, provider: str, ref: str) -> IntentRecord | None:
    """The intent of a payment that its provider names as its session, or as what was taken."""
    taken = select(captures.c.intent_id).where(captures.c.provider == provider, captures.c.ref == ref)
    named = (intents.c.provider == provider) & (intents.c.ref == ref)
    return await find_intent(db, named | intents.c.id.in_(taken))


async def captures_for_update(db: AsyncSession, booking_id: BookingId) -> list[CaptureRecord]:
    """Every capture of a booking, locked, the oldest first."""
    rows = await db.execute(
        select(captures)
        .where(captures.c.booking_id == booking_id)
        .order_by(captures.c.id)
        .with_for_update(key_share=True)
    )
    return [CaptureRecord(**row) for row in rows.mappings()]


async def set_aside(db: AsyncSession, capture: CaptureRecord, minor: int) -> None:
    """Promise so much of a capture back, or with a negative amount take the promise back; the constraint
    `captures_refunded_within_amount_check` refuses more than there is."""
    await db.execute(
        update(captures)
        .where(captures.c.id == capture.id)
        .values(refunded_minor=captures.c.refunded_minor + minor)
    )


async def taken_and_kept(db: AsyncSession, booking_id: BookingId, currency: str) -> tuple[Money, Money]:
    """What was taken for a booking in this currency, and what of it was not promised back."""
    sums = select(
        func.coalesce(func.sum(captures.c.amount_minor), 0),
        func.coalesce(func.sum(captures.c.amount_minor - captures.c.refunded_minor), 0),
    ).where(captures.c.booking_id == booking_id, captures.c.currency == currency)
    taken, kept = (await db.execute(sums)).one()
    return Money(int(taken), currency), Money(int(kept), currency)
