"""The one way a booking moves: both machines, its claim, its history and its events, for many bookings at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts import booking as told
from holdfast.contracts.booking import BookingEvent, BookingId, Lifecycle, RefundCause, RefundDue, Status
from holdfast.contracts.identity import SYSTEM, Actor
from holdfast.domains.booking import queries
from holdfast.domains.booking.ops.offer import withdrawn
from holdfast.domains.booking.ports import Inventory
from holdfast.domains.booking.queries import items
from holdfast.domains.booking.records import BookingRecord, HistoryRecord
from holdfast.domains.booking.rules.machines import (
    CLAIMED,
    ENDED,
    GIVEN_UP,
    PASSED_THROUGH,
    WAYS_BACK,
    Machines,
    Step,
)
from holdfast.domains.booking.rules.refunds import CAUSES, refund_due
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

# stages that say what the house does about a sale, and nothing new about the booking
ASIDE = frozenset({Lifecycle.PAYMENT_PENDING, Lifecycle.DOCUMENTS_GENERATED})

# what an act is called in the audit record
CANCELLED = "booking.cancelled"
VOIDED = "booking.voided"
OVERRIDE = "booking.override"

REACHED_AT = {
    Status.CONFIRMED: "confirmed_at",
    Status.CHECKED_IN: "checked_in_at",
    Status.COMPLETED: "completed_at",
    Status.CANCELLED: "cancelled_at",
}

ARRIVALS: Mapping[Status, type[BookingEvent]] = {
    Status.PENDING: told.BookingCreated,
    Status.CONFIRMED: told.BookingConfirmed,
    Status.CHECKED_IN: told.BookingCheckedIn,
    Status.COMPLETED: told.BookingCompleted,
    Status.CANCELLED: told.BookingCancelled,
    Status.EXPIRED: told.BookingExpired,
    Status.FAILED: told.BookingFailed,
    Status.NO_SHOW: told.BookingNoShow,
}


@dataclass(frozen=True)
class Claimed:
    """Whom a request names as its actor; nobody checked it."""

    actor_type: str | None = None
    actor_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Because:
    """Everything that came with a command, kept in each of its history rows. `note` stands on steps that have
    none of their own; a `void` cancellation gives everything back."""

    actor: Actor
    reason: str | None = None
    note: str | None = None
    override: bool = False
    void: bool = False
    claimed: Claimed = Claimed()
    idempotency_key: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)


class Advance:
    """Take bookings along steps that the rules have found; to be called while their rows are locked.

    Confirming commits the claim (the inventory's refusal leaves as it is when the hold is gone), giving up
    releases it. One statement per table, whatever the number of bookings.
    """

    def __init__(self, db: AsyncSession, inventory: Inventory) -> None:
        self.db = db
        self.inventory = inventory

    async def execute(
        self, moves: Sequence[tuple[BookingRecord, Sequence[Step]]], *, because: Because, now: datetime
    ) -> list[BookingRecord]:
        if not moves:
            return []
        moves = await self.waiting_for_suppliers(moves)
        arrived = [
            replace(
                arrive(booking, steps, because=because, now=now), version=version_after(booking, steps, because)
            )
            for booking, steps in moves
        ]
        await self.settle_claims([booking for booking, _ in moves], arrived, now=now)
        await queries.write(self.db, arrived, queries.MOVED)
        claimed = [new for (old, _), new in zip(moves, arrived, strict=True) if old.status is Status.DRAFT]
        if claimed:  # a draft may come with the price of its claim
            await queries.write(self.db, claimed, queries.DETAILS)
        entries = [
            entry
            for booking, (_, steps) in zip(arrived, moves, strict=True)
            for entry in history(booking, steps, because=because, now=now)
        ]
        await queries.insert_history(self.db, entries)
        for booking, (_, steps) in zip(arrived, moves, strict=True):
            record(self.db, *events(booking, steps, because=because, now=now))
            if due := newly_due(booking, steps):
                record(self.db, refund_after(booking, due, because=because, now=now))
            attest(self.db, *acts(booking, steps, because=because), now=now)
        return arrived

    async def waiting_for_suppliers(
        self, moves: Sequence[tuple[BookingRecord, Sequence[Step]]]
    ) -> Sequence[tuple[BookingRecord, Sequence[Step]]]:
        """The moves, without the last step of those where a supplier has still to confirm an item: only own
        inventory confirms itself."""
        by_itself = [booking.id for booking, steps in moves if confirms_itself(steps)]
        waiting = await items.waiting(self.db, by_itself) if by_itself else set[BookingId]()
        return [
            (booking, steps[:-1] if booking.id in waiting and confirms_itself(steps) else steps)
            for booking, steps in moves
        ]

    async def settle_claims(
        self, before: Sequence[BookingRecord], after: Sequence[BookingRecord], *, now: datetime
    ) -> None:
        pairs = list(zip(before, after, strict=True))
        confirmed = [new for old, new in pairs if old.status is Status.PENDING and new.status in CLAIMED]
        await commit_claims(self.inventory, confirmed, now=now)
        if newly := [new.id for old, new in pairs if new.status in CLAIMED and old.status not in CLAIMED]:
            await items.confirm_own(self.db, newly, now=now)
        if confirmed:
            await commit_items(self.db, self.inventory, confirmed, now=now)
        given_up = [new.id for old, new in pairs if new.status in GIVEN_UP and old.status not in GIVEN_UP]
        if given_up:
            await self.inventory.release_many(booking_ids=given_up, now=now)


def confirms_itself(steps: Sequence[Step]) -> bool:
    """Whether the last of several steps is the one by which own inventory confirms itself."""
    return len(steps) > 1 and steps[-1].note == PASSED_THROUGH[Lifecycle.SUPPLIER_CONFIRMED]


async def commit_items(
    db: AsyncSession, inventory: Inventory, bookings: Iterable[BookingRecord], *, now: datetime
) -> None:
    """`commit_claims` for what the bookings' items hold."""
    held = await items.holds_of(db, [booking.id for booking in bookings])
    holds = [hold for of_booking in held.values() for hold in of_booking]
    for outcome in await inventory.commit_many(holds, now=now) if holds else ():
        if isinstance(outcome, Refusal):
            raise outcome


async def commit_claims(inventory: Inventory, bookings: Iterable[BookingRecord], *, now: datetime) -> None:
    """Make the bookings' holds permanent; the inventory's refusal is raised where one is gone."""
    holds = [booking.reservation_id for booking in bookings if booking.reservation_id is not None]
    if not holds:
        return
    for outcome in await inventory.commit_many(holds, now=now):
        if isinstance(outcome, Refusal):
            raise outcome


def version_after(booking: BookingRecord, steps: Sequence[Step], because: Because) -> int:
    """One more; but that payment was asked for, or the house has made the papers, changes nothing that a guest may
    be about to change, and must not refuse them for what they could not know."""
    aside = because.actor == SYSTEM and all(step.after.lifecycle in ASIDE for step in steps)
    return booking.version + (0 if aside else 1)


def arrive(booking: BookingRecord, steps: Sequence[Step], *, because: Because, now: datetime) -> BookingRecord:
    """The booking at the end of its steps, with the instants and the refund that come with them."""
    end = steps[-1].after
    passed = [step.after.status for step in steps if step.after.status is not step.before.status]
    reached: dict[str, Any] = {REACHED_AT[status]: now for status in passed if status in REACHED_AT}
    due = refund_due(
        booking.refund_policy,
        booking.returnable,
        end.status,
        start_at=booking.start_at,
        now=now,
        void=because.void,
    )
    newly_ended = end.status in ENDED and booking.status not in ENDED
    if Status.CONFIRMED in passed:
        covered = 0 if because.override else booking.due_now_minor
        booking = replace(booking, confirmed_for_minor=covered, refund_due=None)
    if due and newly_ended:
        booking = asked_back(booking, Money.parse(due.amount, due.currency))
    if end.status in GIVEN_UP:
        booking = withdrawn(booking)
    return replace(
        booking,
        status=end.status,
        lifecycle_status=end.lifecycle,
        refund_due=due.model_dump(mode="json") if due and newly_ended else booking.refund_due,
        expires_at=booking.expires_at if end.status is Status.PENDING else None,
        updated_at=now,
        **reached,
    )


def history(
    booking: BookingRecord, steps: Sequence[Step], *, because: Because, now: datetime
) -> list[HistoryRecord]:
    return [
        HistoryRecord(
            booking_id=booking.id,
            version=booking.version,
            from_status=step.before.status,
            to_status=step.after.status,
            from_lifecycle_status=step.before.lifecycle,
            to_lifecycle_status=step.after.lifecycle,
            actor_type=because.actor.type,
            actor_id=because.actor.id,
            reason=because.reason,
            note=step.note or because.note,
            override=because.override,
            idempotency_key=because.idempotency_key,
            metadata=because.metadata,
            at=now,
            claimed_actor_type=because.claimed.actor_type,
            claimed_actor_id=because.claimed.actor_id,
        )
        for step in steps
    ]


def snapshot(booking: BookingRecord, *, actor: Actor, now: datetime) -> dict[str, Any]:
    """What every event of a booking tells."""
    return {
        "occurred_at": now,
        "booking_id": booking.id,
        "reference": booking.reference,
        "version": booking.version,
        "status": booking.status,
        "lifecycle_status": booking.lifecycle_status,
        "resource_id": booking.resource_id,
        "venue_id": booking.venue_id,
        "guest_id": booking.guest_id,
        "start_at": booking.start_at,
        "end_at": booking.end_at,
        "party_size": booking.party_size,
        "currency": booking.currency,
        "total": booking.price["total"],
        "actor_type": actor.type,
        "actor_id": actor.id,
    }


def asked_back(booking: BookingRecord, amount: Money) -> BookingRecord:
    """The booking with so much less to its name."""
    return replace(booking, asked_back_minor=booking.asked_back_minor + amount.minor)


def refund_requested(
    booking: BookingRecord,
    amount: Money,
    *,
    cause: RefundCause,
    reason: str,
    capture_id: UUID | None = None,
    actor: Actor,
    now: datetime,
) -> told.BookingRefundRequested:
    """Tell payment that so much is to go back; of one capture alone, where it is that one's money."""
    return told.BookingRefundRequested(
        **snapshot(booking, actor=actor, now=now),
        refund_amount=str(amount),
        refund_currency=amount.currency,
        capture_id=capture_id,
        reason=reason,
        cause=cause,
    )


def updated(
    before: BookingRecord, after: BookingRecord, changed: list[str], *, actor: Actor, now: datetime
) -> told.BookingUpdated:
    """The event of a change that moves neither machine."""
    return told.BookingUpdated(
        **snapshot(after, actor=actor, now=now),
        changed=changed,
        balance=str(after.balance),
        previous_start_at=before.start_at,
        previous_end_at=before.end_at,
        previous_total=before.price["total"],
        previous_currency=before.currency,
    )


def events(
    booking: BookingRecord, steps: Sequence[Step], *, because: Because, now: datetime
) -> list[BookingEvent]:
    """One `booking.status_changed` for the whole command, then one event for each status that was reached."""
    common = snapshot(booking, actor=because.actor, now=now)
    start = steps[0].before
    changed = told.BookingStatusChanged(
        **common,
        from_status=start.status,
        from_lifecycle_status=start.lifecycle,
        reason=because.reason,
        steps=[(step.after.status, step.after.lifecycle) for step in steps],
    )
    reached = [step.after.status for step in steps if step.after.status is not step.before.status]
    late = start.status in WAYS_BACK
    return [changed, *(arrival(status, booking, common, because.reason, late=late) for status in reached)]


def newly_due(booking: BookingRecord, steps: Sequence[Step]) -> RefundDue | None:
    """The refund that these steps brought about; None where nothing goes back."""
    ended = steps[-1].after.status in ENDED and steps[0].before.status not in ENDED
    if not ended or booking.refund_due is None:
        return None
    due = RefundDue.from_store(booking.refund_due)
    return due if Money.parse(due.amount, due.currency) else None


def refund_after(
    booking: BookingRecord, due: RefundDue, *, because: Because, now: datetime
) -> told.BookingRefundRequested:
    """The request for what a booking's end gives back."""
    return refund_requested(
        booking,
        Money.parse(due.amount, due.currency),
        cause=RefundCause.VOIDED if because.void else CAUSES[booking.status],
        reason=because.reason or booking.status,
        actor=because.actor,
        now=now,
    )


def acts(booking: BookingRecord, steps: Sequence[Step], *, because: Because) -> list[Act]:
    """What the audit record keeps of this: that it was cancelled, and that staff passed a guard."""
    start, end = steps[0].before, steps[-1].after
    actions = []
    if end.status is Status.CANCELLED and start.status is not Status.CANCELLED:
        actions.append(VOIDED if because.void else CANCELLED)
    if because.override:
        actions.append(OVERRIDE)
    return [
        Act(
            action=action,
            actor_type=because.actor.type,
            actor_id=because.actor.id,
            subject_type="booking",
            subject_id=booking.id,
            reason=because.reason,
            before=as_told(start),
            after=as_told(end),
        )
        for action in actions
    ]


def as_told(machines: Machines) -> dict[str, JsonValue]:
    return {"status": machines.status, "lifecycle_status": machines.lifecycle}


def arrival(
    status: Status, booking: BookingRecord, common: dict[str, Any], reason: str | None, *, late: bool
) -> BookingEvent:
    """The event of reaching a status; reason, refund and lateness go with those that tell them."""
    kind = ARRIVALS[status]
    refund = RefundDue.from_store(booking.refund_due) if booking.refund_due else None
    extras = {"reason": reason, "refund_due": refund, "late": late}
    return kind(**common, **{name: value for name, value in extras.items() if name in kind.model_fields})
