"""What must hold before a booking moves, beyond the edges. Staff may override with a reason; edges never open."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.contracts.booking import Status
from holdfast.contracts.identity import Actor, ActorType
from holdfast.domains.booking.exceptions import (
    CheckInNotOpen,
    NotAllReturned,
    NotYetNoShow,
    OverrideNotYours,
    PaymentDue,
    ReservedForSystem,
    VersionConflict,
)
from holdfast.domains.booking.rules.machines import FOR_THE_SYSTEM_ALONE
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import Money

CHECK_IN_OPENS_BEFORE = timedelta(hours=24)


@dataclass(frozen=True)
class Facts:
    """What the guards look at."""

    start_at: datetime
    due_now: Money
    captured: Money


def payment_due(facts: Facts, now: datetime) -> Refusal | None:
    missing = facts.due_now.minor - facts.captured.minor
    if missing <= 0:
        return None
    due = Money(missing, facts.due_now.currency)
    return PaymentDue(amount=str(due), currency=due.currency)


def check_in_not_open(facts: Facts, now: datetime) -> Refusal | None:
    opens_at = facts.start_at - CHECK_IN_OPENS_BEFORE
    return None if now >= opens_at else CheckInNotOpen(opens_at=opens_at)


def not_started(facts: Facts, now: datetime) -> Refusal | None:
    return None if now >= facts.start_at else NotYetNoShow(start_at=facts.start_at)


Guard = Callable[[Facts, datetime], Refusal | None]

# money may have come due after confirmation, by a move to a dearer time
GUARDS: Mapping[Status, tuple[Guard, ...]] = {
    Status.CONFIRMED: (payment_due,),
    Status.CHECKED_IN: (check_in_not_open, payment_due),
    Status.NO_SHOW: (not_started,),
}


def admit(target: Status, facts: Facts, *, now: datetime, override: bool, actor: Actor) -> None:
    """Raise the first shut guard before `target`: PaymentDue, CheckInNotOpen, NotYetNoShow, ReservedForSystem.

    `override` opens every guard but the last one, for staff (OverrideNotYours for others).
    """
    if target in FOR_THE_SYSTEM_ALONE and actor.type is not ActorType.SYSTEM:
        raise ReservedForSystem
    if override and not actor.is_staff:
        raise OverrideNotYours
    for guard in () if override else GUARDS.get(target, ()):
        if refusal := guard(facts, now):
            raise refusal


def admit_refunded(*, captured: Money, returned_minor: int) -> None:
    """NotAllReturned unless money was captured and all of it went back."""
    if captured.minor == 0 or returned_minor < captured.minor:
        left = Money(captured.minor - returned_minor, captured.currency)
        said = f"{left} {left.currency} was captured and is not returned" if captured else "nothing was captured"
        raise NotAllReturned(said, amount=str(left), currency=left.currency)


def same_version(current: int, expected: int | None) -> None:
    """VersionConflict, with the current version, unless the caller saw this one (or did not say)."""
    if expected is not None and expected != current:
        raise VersionConflict(f"the booking is at version {current}", current_version=current)
