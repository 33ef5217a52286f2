"""What must be true of live data at every moment, as statements that find where it is not."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.contract import Contract

# enough to see what is going on; a broken guard may break a million rows
BREACHES_SHOWN = 100


class Breach(Contract):
    """One thing that breaks an invariant, and how."""

    subject: UUID
    detail: str


class Finding(Contract):
    """An invariant and what breaks it: nothing, as a rule."""

    invariant: str
    breaches: list[Breach]


async def check(db: AsyncSession, invariants: Mapping[str, TextClause], **parameters: object) -> list[Finding]:
    """Run each statement, which selects (subject, detail) of every breach; at most 100 of each are kept."""
    findings = []
    for invariant, statement in invariants.items():
        rows = (await db.execute(statement, parameters)).fetchmany(BREACHES_SHOWN)
        breaches = [Breach(subject=row.subject, detail=row.detail) for row in rows]
        findings.append(Finding(invariant=invariant, breaches=breaches))
    return findings


OUTBOX = {
    "no event is stuck": text(
        """
        SELECT event_id AS subject,
               type || CASE WHEN parked_at IS NULL THEN ' waits since ' || occurred_at
                            ELSE ' was parked: ' || coalesce(last_error, '') END AS detail
        FROM kernel.outbox
        WHERE delivered_at IS NULL
          AND (parked_at IS NOT NULL OR occurred_at < :stuck_since OR publish_attempts >= :most_attempts)
        """
    ),
}
