"""The two machines of a booking and how they move together. Pure: no I/O, `now` is given.

status                                              lifecycle_status it goes with
DRAFT      -> PENDING CANCELLED                     lead_created quotation_sent quotation_approved
PENDING    -> CONFIRMED CANCELLED EXPIRED FAILED    booking_created payment_pending
CONFIRMED  -> CHECKED_IN CANCELLED NO_SHOW          payment_confirmed supplier_confirmed documents_generated
CHECKED_IN -> COMPLETED CANCELLED                   the same three
COMPLETED                                           completed
CANCELLED, EXPIRED, FAILED, NO_SHOW                 cancelled
whatever it was                                     refunded

The system has one way more, for money that arrives when the booking was given up and its time is still free:
EXPIRED, FAILED -> CONFIRMED, and cancelled -> payment_confirmed. Nobody can ask for it.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from holdfast.contracts.booking import Lifecycle as L  # noqa: N817 - the tables below are read as tables
from holdfast.contracts.booking import Status as S  # noqa: N817
from holdfast.domains.booking.exceptions import TransitionNotAllowed

STATUS_EDGES: Mapping[S, tuple[S, ...]] = {
    S.DRAFT: (S.PENDING, S.CANCELLED),
    S.PENDING: (S.CONFIRMED, S.CANCELLED, S.EXPIRED, S.FAILED),
    S.CONFIRMED: (S.CHECKED_IN, S.CANCELLED, S.NO_SHOW),
    S.CHECKED_IN: (S.COMPLETED, S.CANCELLED),
    S.COMPLETED: (),
    S.CANCELLED: (),
    S.EXPIRED: (),
    S.FAILED: (),
    S.NO_SHOW: (),
}

LIFECYCLE_EDGES: Mapping[L, tuple[L, ...]] = {
    L.LEAD_CREATED: (L.QUOTATION_SENT, L.CANCELLED),
    L.QUOTATION_SENT: (L.QUOTATION_APPROVED, L.CANCELLED),
    L.QUOTATION_APPROVED: (L.BOOKING_CREATED, L.CANCELLED),
    L.BOOKING_CREATED: (L.PAYMENT_PENDING, L.CANCELLED),
    L.PAYMENT_PENDING: (L.PAYMENT_CONFIRMED, L.CANCELLED, L.REFUNDED),
    L.PAYMENT_CONFIRMED: (L.SUPPLIER_CONFIRMED, L.CANCELLED, L.REFUNDED),
    L.SUPPLIER_CONFIRMED: (L.DOCUMENTS_GENERATED, L.CANCELLED, L.REFUNDED),
    L.DOCUMENTS_GENERATED: (L.COMPLETED, L.CANCELLED, L.REFUNDED),
    L.COMPLETED: (L.REFUNDED,),
    L.CANCELLED: (L.REFUNDED,),
    L.REFUNDED: (),
}

ENDED = frozenset({S.COMPLETED, S.CANCELLED, S.EXPIRED, S.FAILED, S.NO_SHOW})
GIVEN_UP = ENDED - {S.COMPLETED}
CLAIMED = frozenset({S.CONFIRMED, S.CHECKED_IN, S.COMPLETED})
FOR_THE_SYSTEM_ALONE = frozenset({S.EXPIRED, S.FAILED})
SOLD = frozenset({L.PAYMENT_CONFIRMED, L.SUPPLIER_CONFIRMED, L.DOCUMENTS_GENERATED})

GOES_WITH: Mapping[S, frozenset[L]] = {
    S.DRAFT: frozenset({L.LEAD_CREATED, L.QUOTATION_SENT, L.QUOTATION_APPROVED}),
    S.PENDING: frozenset({L.BOOKING_CREATED, L.PAYMENT_PENDING}),
    S.CONFIRMED: SOLD,
    S.CHECKED_IN: SOLD,
    S.COMPLETED: frozenset({L.COMPLETED}),
    **{status: frozenset({L.CANCELLED}) for status in GIVEN_UP},
}

PASSED_THROUGH: Mapping[L, str] = {
    L.QUOTATION_SENT: "no quotation was asked for",
    L.QUOTATION_APPROVED: "no quotation was asked for",
    L.PAYMENT_PENDING: "payment stage entered",
    L.SUPPLIER_CONFIRMED: "own inventory confirms itself",
    L.DOCUMENTS_GENERATED: "no documents were owed",
}

# the system's alone, beside the edges that anybody may be allowed
WAYS_BACK: Mapping[S, S] = {S.EXPIRED: S.CONFIRMED, S.FAILED: S.CONFIRMED}

State = TypeVar("State", bound=StrEnum)


@dataclass(frozen=True)
class Machines:
    """Where a booking stands on both machines."""

    status: S
    lifecycle: L


@dataclass(frozen=True)
class Step:
    """One edge of either machine, or of both at once; `note` says why where nobody asked for it."""

    before: Machines
    after: Machines
    note: str | None = None


def agree(machines: Machines) -> bool:
    """Whether the two machines may stand like this together."""
    return machines.lifecycle is L.REFUNDED or machines.lifecycle in GOES_WITH[machines.status]


def to_status(now_at: Machines, target: S) -> tuple[Step, ...]:
    """The way to `target` over one edge of status, the lifecycle moving along; TransitionNotAllowed otherwise."""
    if target not in STATUS_EDGES[now_at.status]:
        raise not_allowed("status", now_at.status, target, STATUS_EDGES[now_at.status])
    if agree(Machines(target, now_at.lifecycle)):
        return (Step(now_at, Machines(target, now_at.lifecycle)),)
    avoided = {L.CANCELLED, L.REFUNDED} - GOES_WITH[target]
    way: list[L] | None = shortest(now_at.lifecycle, GOES_WITH[target], edges=LIFECYCLE_EDGES, avoided=avoided)
    if way is None:
        raise not_allowed("status", now_at.status, target, STATUS_EDGES[now_at.status])
    return (*walk(now_at, way[:-1]), last_step(now_at, way, status=target))


def to_confirmed(now_at: Machines) -> tuple[Step, ...]:
    """The way to CONFIRMED, and on to where the booking's own inventory takes the lifecycle by itself."""
    way = to_status(now_at, S.CONFIRMED)
    return (*way, *confirmed_by_own_inventory(way[-1].after))


def to_lifecycle(now_at: Machines, target: L) -> tuple[Step, ...]:
    """The way to `target` over one edge of the lifecycle, the status moving along; TransitionNotAllowed otherwise.

    Where the status must pass through another (a confirmed stay that is completed was attended), it does so
    before the step that moves both.
    """
    allowed = LIFECYCLE_EDGES[now_at.lifecycle]
    if target not in allowed:
        raise not_allowed("lifecycle", now_at.lifecycle, target, allowed)
    if agree(Machines(now_at.status, target)):
        return (Step(now_at, Machines(now_at.status, target)),)
    goals = [status for status in S if target in GOES_WITH[status]]
    avoided = {*FOR_THE_SYSTEM_ALONE, S.NO_SHOW}
    way: list[S] | None = shortest(now_at.status, goals, edges=STATUS_EDGES, avoided=avoided)
    if way is None:
        raise not_allowed("lifecycle", now_at.lifecycle, target, allowed)
    steps = []
    for status in way[:-1]:
        steps.append(Step(now_at, Machines(status, now_at.lifecycle), "passed through on the way"))
        now_at = steps[-1].after
    return (*steps, Step(now_at, Machines(way[-1], target)))


def back_to_confirmed(now_at: Machines) -> tuple[Step, ...]:
    """The way back for a booking whose money came late; none where there is no such way."""
    target = WAYS_BACK.get(now_at.status)
    if target is None or now_at.lifecycle is not L.CANCELLED:
        return ()
    back = Step(now_at, Machines(target, L.PAYMENT_CONFIRMED), "the money came late, and the time was still free")
    return (back, *confirmed_by_own_inventory(back.after))


def to_refunded(now_at: Machines) -> tuple[Step, ...]:
    """The step to `refunded`, where the lifecycle has that edge; the status stays."""
    if L.REFUNDED not in LIFECYCLE_EDGES[now_at.lifecycle]:
        return ()
    return walk(now_at, [L.REFUNDED])


def confirmed_by_own_inventory(confirmed: Machines) -> tuple[Step, ...]:
    """A booking of own inventory needs no supplier's word: payment_confirmed goes on to supplier_confirmed."""
    if confirmed.lifecycle is not L.PAYMENT_CONFIRMED:
        return ()
    return walk(confirmed, [L.SUPPLIER_CONFIRMED])


def walk(start: Machines, lifecycles: Iterable[L]) -> tuple[Step, ...]:
    """Lifecycle steps that leave the status where it is."""
    steps = []
    for lifecycle in lifecycles:
        step = Step(start, Machines(start.status, lifecycle), PASSED_THROUGH.get(lifecycle))
        steps.append(step)
        start = step.after
    return tuple(steps)


def last_step(start: Machines, way: list[L], *, status: S) -> Step:
    """The step on which both machines move, after the lifecycle walked all of `way` but its end."""
    before = Machines(start.status, way[-2] if len(way) > 1 else start.lifecycle)
    return Step(before, Machines(status, way[-1]))


def shortest(
    start: State, goals: Iterable[State], *, edges: Mapping[State, tuple[State, ...]], avoided: Iterable[State]
) -> list[State] | None:
    """The states after `start` on the shortest way to one of `goals`; None when there is no way."""
    wanted, seen = set(goals), {start, *avoided}
    queue: deque[tuple[State, list[State]]] = deque([(start, [])])
    while queue:
        state, way = queue.popleft()
        if state in wanted:
            return way
        for neighbour in edges[state]:
            if neighbour not in seen:
                seen.add(neighbour)
                queue.append((neighbour, [*way, neighbour]))
    return None


def not_allowed(machine: str, from_: str, to: str, allowed: Iterable[str]) -> TransitionNotAllowed:
    options = [str(state) for state in allowed]
    detail = f"{from_} cannot become {to}; allowed: {', '.join(options) or 'nothing, it is final'}"
    ends: dict[str, object] = {"from": from_, "to": to, "allowed": options, "machine": machine}
    return TransitionNotAllowed(detail, **ends)  # type: ignore[arg-type] # `from` can only be a ** key
