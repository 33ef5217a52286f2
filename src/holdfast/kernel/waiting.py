"""The outbox as a relay reads and writes it: what is due, taking it, and what became of it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    RowMapping,
    any_,
    case,
    delete,
    exists,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.tables import UNREACTED, inbox, outbox

Receipt = tuple[UUID, str]
MAX_ID = 2**63 - 1


def unreacted(table: FromClause = outbox) -> tuple[ColumnElement[bool], ...]:
    """Its reactions have not all had their effect, and are not given up."""
    return table.c.delivered_at.is_(None), table.c.reacted_at.is_(None), table.c.parked_at.is_(None)


def told(now: datetime, *, outside: bool) -> dict[str, object]:
    """What a row says once its reactions are done; where there is an `outside`, that must have been told too."""
    if not outside:
        return {"reacted_at": now, "delivered_at": now}
    return {"reacted_at": now, "delivered_at": case((outbox.c.published_at.is_not(None), now))}


async def due(
    db: AsyncSession,
    *,
    now: datetime,
    limit: int,
    about: Sequence[UUID] = (),
    flags: Mapping[str, ColumnElement[bool]],
) -> Sequence[RowMapping]:
    """The oldest waiting events (of these aggregates, where some are named), except those of an aggregate whose
    oldest one is to be tried later; oldest first. So of each aggregate they are its next, without a gap."""
    its = outbox.alias("its")
    # not NOT EXISTS: the planner may answer that for a million rows at once to return two hundred
    oldest = (
        select(its.c.next_attempt_at)
        .where(its.c.aggregate_id == outbox.c.aggregate_id, *unreacted(its))
        .order_by(its.c.id)
        .limit(1)
    )
    rows = await db.execute(
        select(outbox, *(flag.label(label) for label, flag in flags.items()))
        .where(
            *unreacted(),
            *([outbox.c.aggregate_id.in_(about)] if about else []),
            func.coalesce(oldest.scalar_subquery(), now) <= now,
        )
        .order_by(outbox.c.id)
        .limit(limit)
    )
    return rows.mappings().all()


# as text: put together anew for every lot, it would cost more than to send it; and no NOT EXISTS, as in `due`
TAKE = text(
    f"""
    WITH held AS (
        SELECT id, event_id, aggregate_id FROM kernel.outbox
        WHERE id = ANY(CAST(:ids AS bigint[])) AND {UNREACTED.text}
          AND (next_attempt_at IS NULL OR next_attempt_at <= CAST(:now AS timestamptz))
        ORDER BY id FOR UPDATE SKIP LOCKED
    ), ours AS (
        SELECT id, event_id FROM held WHERE id < coalesce(
            (SELECT min(its.id) FROM kernel.outbox AS its
             WHERE its.aggregate_id = held.aggregate_id AND {UNREACTED.text}
               AND its.id <> ALL(ARRAY(SELECT others.id FROM held AS others))),
            {MAX_ID}
        )
    ), wanted AS (
        SELECT * FROM unnest(CAST(:events AS uuid[]), CAST(:reactions AS text[])) AS wanted (event_id, reaction)
    ), written AS (
        INSERT INTO kernel.inbox (event_id, reaction)
        SELECT wanted.event_id, wanted.reaction FROM wanted JOIN ours USING (event_id)
        ON CONFLICT DO NOTHING
        RETURNING event_id, reaction
    ), marked AS (
        UPDATE kernel.outbox AS told SET
            reacted_at = CAST(:now AS timestamptz),
            delivered_at = CASE WHEN told.published_at IS NOT NULL OR NOT CAST(:outside AS boolean)
                           THEN CAST(:now AS timestamptz) END
        FROM ours WHERE told.id = ours.id
    )
    SELECT id, ARRAY(SELECT reaction FROM written WHERE written.event_id = ours.event_id) AS fresh FROM ours
    """
)


async def take(
    db: AsyncSession, ids: Sequence[int], receipts: Sequence[Receipt], *, now: datetime, outside: bool
) -> Mapping[int, Sequence[str]]:
    """Mark these as told and write their receipts, for the running transaction to make it true: of each row that
    is ours, which reactions had no receipt yet.

    Not ours is what another relay holds or has told, what is to be tried later, and what comes after such a row in
    its aggregate.
    """
    given = {
        "ids": list(ids),
        "events": [event_id for event_id, _ in receipts],
        "reactions": [reaction for _, reaction in receipts],
        "now": now,
        "outside": outside,
    }
    return {row.id: row.fresh for row in await db.execute(TAKE, given)}


async def first_time(db: AsyncSession, id_: UUID, effect: str) -> bool:
    """Write the receipt for this effect of what has that id, in its transaction; False when there is one."""
    written = await db.execute(
        insert(inbox).values(event_id=id_, reaction=effect).on_conflict_do_nothing().returning(inbox.c.event_id)
    )
    return written.one_or_none() is not None


async def take_back(db: AsyncSession, outbox_id: int, **values: object) -> None:
    """Not told after all."""
    untold = {"reacted_at": None, "delivered_at": None, **values}
    await db.execute(update(outbox).where(outbox.c.id == outbox_id).values(**untold))


async def pass_unanswered(
    db: AsyncSession, *, unanswered: ColumnElement[bool], limit: int, now: datetime, outside: bool
) -> Sequence[str]:
    """Mark in one statement what nothing answers, and the types of it: nobody can see in which order that
    happens."""
    chosen = (
        select(outbox.c.id)
        .where(*unreacted(), unanswered)
        .order_by(outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("unanswered")
    )
    marked = update(outbox).where(outbox.c.id == chosen.c.id).values(told(now, outside=outside))
    return list(await db.scalars(marked.returning(outbox.c.type)))


async def forget_told(db: AsyncSession, instant: datetime, *, limit: int = 5_000) -> int:
    """Delete one bounded batch of events delivered before `instant`, and of receipts whose event is gone.

    A parked event stays with its receipts, whatever its age: it may be told again by hand.
    """
    events = select(outbox.c.id).where(outbox.c.delivered_at < instant)
    old = events.order_by(outbox.c.delivered_at).limit(limit).with_for_update(skip_locked=True)
    gone = await db.execute(
        delete(outbox).where(outbox.c.id == any_(func.array(old.scalar_subquery()))).returning(outbox.c.id)
    )
    receipts = (
        select(inbox.c.event_id, inbox.c.reaction)
        .where(inbox.c.received_at < instant, ~exists().where(outbox.c.event_id == inbox.c.event_id))
        .order_by(inbox.c.received_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    forgotten = await db.execute(
        delete(inbox)
        .where(inbox.c.event_id == receipts.c.event_id, inbox.c.reaction == receipts.c.reaction)
        .returning(inbox.c.event_id)
    )
    return len(gone.all()) + len(forgotten.all())
