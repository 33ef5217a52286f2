"""What was taken, given back and noted in a time, both ends included; the oldest first."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.payment import DifferenceKind, IntentId, RefundStatus
from holdfast.domains.payment.models import captures, intents, refunds
from holdfast.domains.payment.queries.refunds import refund
from holdfast.domains.payment.records import Discrepancy, RefundRecord
from holdfast.kernel.money import Money

# a report for people; who wants more asks for less time
MOST = 5_000

# a provider names the payment of a refund as it named its session, or as it named what was taken
UNASKED = text(
    """
    SELECT DISTINCT ON (e.provider, e.news -> 'refund' ->> 'ref')
           e.provider, e.news -> 'refund' ->> 'ref' AS ref, paid.id AS intent_id, e.received_at,
           CAST(e.news -> 'refund' -> 'amount' ->> 'minor' AS bigint) AS minor,
           e.news -> 'refund' -> 'amount' ->> 'currency' AS currency, e.news -> 'refund' ->> 'status' AS status
    FROM payment.provider_events AS e
    JOIN LATERAL (
        SELECT i.id FROM payment.intents AS i
        WHERE i.provider = e.provider AND i.ref = e.news -> 'refund' ->> 'payment_ref'
        UNION
        SELECT c.intent_id FROM payment.captures AS c
        WHERE c.provider = e.provider AND c.ref = e.news -> 'refund' ->> 'payment_ref'
    ) AS paid ON true
    WHERE e.status = 'unmatched' AND e.received_at BETWEEN :since AND :until
      AND e.news -> 'refund' ->> 'status' <> 'failed'
      AND NOT EXISTS (
          SELECT FROM payment.refunds AS r
          WHERE r.provider = e.provider AND r.ref = e.news -> 'refund' ->> 'ref'
      )
    ORDER BY e.provider, e.news -> 'refund' ->> 'ref', e.received_at DESC
    LIMIT :most
    """
)


@dataclass(frozen=True)
class Taken:
    """A capture, and what is left of it; `ref` is the provider's name of the payment."""

    intent_id: IntentId
    booking_id: BookingId
    provider: str
    ref: str
    amount: Money
    left: Money
    at: datetime

    def with_more(self, left: Money) -> "Taken":
        return replace(self, left=self.left + left)


async def taken(db: AsyncSession, *, since: datetime, until: datetime) -> list[Taken]:
    rows = await db.execute(
        select(captures, func.coalesce(intents.c.ref, captures.c.ref).label("payment_ref"))
        .join(intents, intents.c.id == captures.c.intent_id)
        .where(captures.c.at.between(since, until))
        .order_by(captures.c.at)
        .limit(MOST)
    )
    return [
        Taken(
            IntentId(row.intent_id),
            BookingId(row.booking_id),
            row.provider,
            row.payment_ref,
            Money(row.amount_minor, row.currency),
            Money(row.amount_minor - row.refunded_minor, row.currency),
            row.at,
        )
        for row in rows
    ]


async def refunded(db: AsyncSession, *, since: datetime, until: datetime) -> dict[tuple[str, str], int]:
    """By provider and currency, in minor units."""
    rows = await db.execute(
        select(refunds.c.provider, refunds.c.currency, func.sum(refunds.c.amount_minor).label("minor"))
        .where(
            refunds.c.status == RefundStatus.SUCCEEDED,
            refunds.c.updated_at.between(since, until),
        )
        .group_by(refunds.c.provider, refunds.c.currency)
    )
    return {(row.provider, row.currency): int(row.minor) for row in rows}


async def returned(db: AsyncSession, *, since: datetime, until: datetime) -> list[RefundRecord]:
    """What was asked for in that time and has gone back."""
    chosen = select(refunds).where(
        refunds.c.status == RefundStatus.SUCCEEDED, refunds.c.created_at.between(since, until)
    )
    return [refund(row) for row in (await db.execute(chosen.limit(MOST))).mappings()]


async def unasked(db: AsyncSession, *, since: datetime, until: datetime) -> list[Discrepancy]:
    """What providers gave back of our payments and nobody here asked for: in their own dashboards, or taken back
    by the guest's bank."""
    rows = await db.execute(UNASKED, {"since": since, "until": until, "most": MOST})
    return [
        Discrepancy(
            kind=DifferenceKind.UNKNOWN_HERE,
            provider=row.provider,
            ref=row.ref,
            intent_id=IntentId(row.intent_id),
            expected="nothing given back",
            seen=f"{Money(row.minor, row.currency)} {row.currency} given back, {row.status}",
        )
        for row in rows
    ]


async def failed(db: AsyncSession, *, since: datetime, until: datetime) -> list[Discrepancy]:
    """Refunds that failed and still stand so."""
    rows = await db.execute(
        select(refunds).where(refunds.c.status == RefundStatus.FAILED, refunds.c.updated_at.between(since, until))
    )
    return [
        Discrepancy(
            kind=DifferenceKind.REFUND_FAILED,
            provider=row.provider,
            ref=str(row.id),
            intent_id=IntentId(row.intent_id),
            expected=f"{Money(row.amount_minor, row.currency)} {row.currency} given back",
            seen=row.failure or "failed",
        )
        for row in rows
    ]
