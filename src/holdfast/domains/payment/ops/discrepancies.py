"""What a provider says and we cannot agree with is kept for a person, once, and is on the record."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.domains.payment.queries import notices
from holdfast.domains.payment.records import Discrepancy
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.telemetry import PAYMENT_DISCREPANCIES


async def note(db: AsyncSession, found: Discrepancy, *, now: datetime, actor: Actor) -> None:
    """In the running transaction."""
    if not await notices.note_discrepancy(db, found, now=now):
        return
    PAYMENT_DISCREPANCIES.labels(found.kind, found.provider).inc()
    act = Act(
        action=f"payment.{found.kind}",
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="payment",
        subject_id=found.intent_id,
        before={"expected": found.expected},
        after={"seen": found.seen, "provider": found.provider, "ref": found.ref},
    )
    attest(db, act, now=now)
