"""The statements of the audit: each selects what breaks one invariant, and how."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.kernel.money import Money

NOBODY = "CAST('00000000-0000-0000-0000-000000000000' AS uuid)"

INVARIANTS = {
    "every posting balances": text(
        """
        SELECT j.id AS subject, j.kind || ' comes to ' || coalesce(sum(e.minor), 0)
               || ' in ' || count(e.id) || ' entries' AS detail
        FROM payment.journal AS j LEFT JOIN payment.entries AS e ON e.journal_id = j.id
        GROUP BY j.id, j.kind, e.currency HAVING count(e.id) < 2 OR sum(e.minor) <> 0
        """
    ),
    "the ledger comes to zero": text(
        f"""
        SELECT {NOBODY} AS subject, sum(minor) || ' ' || currency AS detail
        FROM payment.entries GROUP BY currency HAVING sum(minor) <> 0
        """
    ),
    "what providers hold is what was captured less what went back": text(
        f"""
        SELECT {NOBODY} AS subject, account || ': ' || sum(minor) || ' ' || currency || ' too much' AS detail
        FROM (
            SELECT account, currency, minor FROM payment.entries
            WHERE starts_with(account, 'clearing:') OR account IN ('refunds_payable', 'disputed', 'dispute_losses')
            UNION ALL SELECT CASE account WHEN 'bank' THEN account ELSE 'suppliers' END, currency, minor
            FROM payment.entries
            WHERE starts_with(account, 'supplier_payable:') OR account IN ('supplier_costs', 'bank')
            UNION ALL SELECT 'bank', currency, amount_minor FROM payment.payouts
            UNION ALL SELECT 'suppliers', currency, -amount_minor FROM payment.payouts
            UNION ALL SELECT 'clearing:' || provider, currency, -amount_minor FROM payment.captures
            UNION ALL SELECT 'clearing:' || provider, currency, amount_minor FROM payment.refunds
            WHERE status = 'succeeded'
            UNION ALL SELECT 'clearing:' || provider, currency, amount_minor FROM payment.disputes
            WHERE status IN ('withheld', 'lost')
            UNION ALL SELECT CASE status WHEN 'lost' THEN 'dispute_losses' ELSE 'disputed' END, currency,
                             -amount_minor
            FROM payment.disputes WHERE status IN ('withheld', 'lost')
            UNION ALL SELECT 'refunds_payable', currency, amount_minor FROM payment.refunds
            WHERE status = 'pending'
        ) AS held
        GROUP BY account, currency HAVING sum(minor) <> 0
        """
    ),
    "what was promised back is the sum of its refunds": text(
        """
        SELECT c.id AS subject, c.refunded_minor || ' promised, refunds of ' || coalesce(r.sum, 0) AS detail
        FROM payment.captures AS c
        LEFT JOIN (SELECT capture_id, sum(amount_minor) FROM payment.refunds WHERE status <> 'failed'
                   GROUP BY capture_id) AS r ON r.capture_id = c.id
        WHERE c.refunded_minor <> coalesce(r.sum, 0) OR c.refunded_minor > c.amount_minor
        """
    ),
    "an intent is paid where it has a capture, and nowhere else": text(
        """
        SELECT i.id AS subject, i.status || ', ' || coalesce(c.amount_minor, 0) || ' captured' AS detail
        FROM payment.intents AS i LEFT JOIN payment.captures AS c ON c.intent_id = i.id
        WHERE (c.id IS NOT NULL) <> (i.status IN ('succeeded', 'partially_refunded', 'refunded'))
           OR c.amount_minor <> i.amount_minor OR c.currency <> i.currency
        """
    ),
    "no payment is stuck": text(
        """
        SELECT id AS subject, 'refund pending since ' || created_at || ': ' || coalesce(failure, '') AS detail
        FROM payment.refunds
        WHERE status = 'pending' AND created_at < CAST(:now AS timestamptz) - interval '1 day'
        UNION ALL
        SELECT id, 'event of ' || provider || ' not processed since ' || received_at || ': ' || coalesce(error, '')
        FROM payment.provider_events
        WHERE status = 'received' AND received_at < CAST(:now AS timestamptz) - interval '1 hour'
        UNION ALL
        SELECT id, 'processing since ' || updated_at FROM payment.intents
        WHERE status = 'processing' AND updated_at < CAST(:now AS timestamptz) - interval '7 days'
        UNION ALL
        SELECT id, 'not cancelled at ' || provider || ' since ' || updated_at FROM payment.intents
        WHERE status = 'cancelled' AND next_look_at IS NOT NULL
          AND updated_at < CAST(:now AS timestamptz) - interval '1 day'
        """
    ),
}

# what is written off is owed all the same, by what the booking says
ACCOUNTS = text(
    """
    WITH batch AS (
        SELECT DISTINCT booking_id FROM payment.journal WHERE booking_id > :after ORDER BY booking_id LIMIT :limit
    )
    SELECT booking_id, currency, sum(taken) AS taken, sum(kept) AS kept, sum(owes) AS owes, max(at) AS at,
           bool_or(waits) AS waits
    FROM (
        SELECT booking_id, currency, amount_minor AS taken, amount_minor - refunded_minor AS kept, 0 AS owes, at,
               false AS waits
        FROM payment.captures JOIN batch USING (booking_id)
        UNION ALL
        SELECT booking_id, currency, 0, 0, 0, updated_at, status = 'pending'
        FROM payment.refunds JOIN batch USING (booking_id)
        UNION ALL
        SELECT booking_id, e.currency, 0, 0,
               CASE WHEN e.account = 'guest' AND j.kind <> 'written_off' THEN e.minor ELSE 0 END, j.at, false
        FROM payment.journal AS j JOIN batch USING (booking_id) JOIN payment.entries AS e ON e.journal_id = j.id
    ) AS moved
    GROUP BY booking_id, currency ORDER BY booking_id
    """
)


@dataclass(frozen=True)
class Held:
    """Money of a booking that is not promised back, of all that was taken for it in this currency."""

    booking_id: BookingId
    amount: Money
    taken: Money
    at: datetime


@dataclass(frozen=True)
class Account:
    """A booking's money and what its guest owes, below zero what is owed to them; `waits` for a refund's end."""

    held: Held
    owes: Money
    waits: bool


async def accounts_after(db: AsyncSession, after: UUID, *, limit: int) -> list[Account]:
    """Every booking that the ledger knows in the order of their ids, so many at a time, by currency."""
    rows = await db.execute(ACCOUNTS, {"after": after, "limit": limit})
    return [
        Account(
            Held(
                BookingId(row.booking_id),
                Money(int(row.kept), row.currency),
                Money(int(row.taken), row.currency),
                row.at,
            ),
            Money(int(row.owes), row.currency),
            row.waits,
        )
        for row in rows
    ]
