"""What could not be agreed with is kept for a person, once, and is on the record; a person closes it."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.contracts.payment import DifferenceClosing, DifferenceId, DifferenceView
from holdfast.domains.payment.queries import discrepancies
from holdfast.domains.payment.records import Discrepancy
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import Page, PageRequest
from holdfast.kernel.telemetry import PAYMENT_DISCREPANCIES


async def note(
    db: AsyncSession, found: Discrepancy, *, said: bool = True, now: datetime, actor: Actor
) -> DifferenceView:
    """In the running transaction. `said`: by a provider, and not only found by comparing."""
    view, is_new = await discrepancies.keep(db, found, said=said, at=now)
    if is_new:
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
    return view


class CloseDiscrepancy:
    """Say what became of it; it is not reported any more, unless it changes. DiscrepancyNotFound,
    DiscrepancyClosed."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, difference_id: DifferenceId, closing: DifferenceClosing, *, now: datetime, actor: Actor
    ) -> DifferenceView:
        async with transaction(self.db):
            closed = await discrepancies.close(self.db, difference_id, closing.note, by=actor.id, now=now)
            act = Act(
                action="payment.discrepancy_closed",
                actor_type=actor.type,
                actor_id=actor.id,
                subject_type="discrepancy",
                subject_id=difference_id,
                reason=closing.note,
                before={"kind": closed.kind, "expected": closed.expected, "seen": closed.seen},
            )
            attest(self.db, act, now=now)
        return closed


class ListDiscrepancies:
    """Newest first."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, closed: bool | None) -> Page[DifferenceView]:
        return await discrepancies.page_of(self.db, page, closed=closed)
