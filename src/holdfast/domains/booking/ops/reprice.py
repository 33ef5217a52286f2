"""A booking at another price: what is due of it is asked for, and what was captured above it goes back."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import RefundCause, Status
from holdfast.contracts.identity import Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.ops.advance import Advance, Because, asked_back, refund_requested, updated
from holdfast.domains.booking.ops.offer import asks_for_balance, offer, withdrawn
from holdfast.domains.booking.ports import Inventory, Payments
from holdfast.domains.booking.records import BookingRecord
from holdfast.domains.booking.rules.guards import payment_due
from holdfast.domains.booking.rules.machines import to_confirmed
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record


class Reprice:
    """To be called while the booking's row is locked."""

    def __init__(self, db: AsyncSession, inventory: Inventory, payments: Payments | None) -> None:
        self.db = db
        self.inventory = inventory
        self.payments = payments

    async def asking(self, before: BookingRecord, after: BookingRecord, *, now: datetime) -> BookingRecord:
        """The booking at its new price: with an intent over what that leaves due, unless it shows that one; with
        none to pay by where nothing is owed any more."""
        if after.outstanding.minor <= 0:
            return withdrawn(after)
        same = before.currency == after.currency and asks_for_balance(after)
        if self.payments is None or after.balance.minor <= 0 or same or after.status is Status.DRAFT:
            return after
        return (await offer(self.payments, [after], now=now))[0]

    async def store(
        self,
        before: BookingRecord,
        after: BookingRecord,
        changed: list[str],
        *,
        cheaper: str,
        idempotency_key: str | None,
        now: datetime,
        actor: Actor,
    ) -> BookingRecord:
        """Write the booking's next version. One that waited for money and now owes none is confirmed on the way;
        what was captured above a cheaper total goes back, for the reason `cheaper`."""
        back = after.kept - after.total if after.kept > after.total else Money.zero(after.currency)
        after = asked_back(after, back)
        stored = replace(after, version=before.version + 1, updated_at=now)
        await queries.write(self.db, [stored], queries.DETAILS)
        record(self.db, updated(before, stored, changed, actor=actor, now=now))
        if back:
            request = refund_requested(
                stored, back, cause=RefundCause.CHEAPER, reason=cheaper, actor=actor, now=now
            )
            record(self.db, request)
        if after.status is not Status.PENDING or payment_due(after.facts, now) is not None:
            return stored
        way = to_confirmed(after.machines)
        because = Because(actor=actor, reason="nothing is due any more", idempotency_key=idempotency_key)
        return (await Advance(self.db, self.inventory).execute([(after, way)], because=because, now=now))[0]
