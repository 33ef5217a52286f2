"""Both machines of a booking, every pair of states, and their coupling."""

from itertools import product

import pytest

from holdfast.contracts.booking import Lifecycle, Status
from holdfast.domains.booking.exceptions import TransitionNotAllowed
from holdfast.domains.booking.rules.machines import (
    ENDED,
    LIFECYCLE_EDGES,
    STATUS_EDGES,
    WAYS_BACK,
    Machines,
    Step,
    agree,
    back_to_confirmed,
    to_confirmed,
    to_lifecycle,
    to_refunded,
    to_status,
)

# written out once more, from the requirements rather than from the code
STATUS_TABLE = """
DRAFT      > PENDING CANCELLED
PENDING    > CONFIRMED CANCELLED EXPIRED FAILED
CONFIRMED  > CHECKED_IN CANCELLED NO_SHOW
CHECKED_IN > COMPLETED CANCELLED
"""
LIFECYCLE_TABLE = """
lead_created        > quotation_sent cancelled
quotation_sent      > quotation_approved cancelled
quotation_approved  > booking_created cancelled
booking_created     > payment_pending cancelled
payment_pending     > payment_confirmed cancelled refunded
payment_confirmed   > supplier_confirmed cancelled refunded
supplier_confirmed  > documents_generated cancelled refunded
documents_generated > completed cancelled refunded
completed           > refunded
cancelled           > refunded
"""
COUPLING = {
    "DRAFT": "lead_created quotation_sent quotation_approved",
    "PENDING": "booking_created payment_pending",
    "CONFIRMED": "payment_confirmed supplier_confirmed documents_generated",
    "CHECKED_IN": "payment_confirmed supplier_confirmed documents_generated",
    "COMPLETED": "completed",
    "CANCELLED": "cancelled",
    "EXPIRED": "cancelled",
    "FAILED": "cancelled",
    "NO_SHOW": "cancelled",
}


def edges(table: str) -> set[tuple[str, str]]:
    rows = (line.split(">") for line in table.strip().splitlines())
    return {(start.strip(), end) for start, ends in rows for end in ends.split()}


def together(status: Status, lifecycle: Lifecycle) -> bool:
    return lifecycle == "refunded" or lifecycle in COUPLING[status].split()


EVERY_STATE = [Machines(status, lifecycle) for status, lifecycle in product(Status, Lifecycle)]
POSSIBLE = [state for state in EVERY_STATE if together(state.status, state.lifecycle)]


def joined(start: Machines, steps: tuple[Step, ...]) -> bool:
    """Whether the steps hang together and each follows an edge, or stands, on each machine."""
    for step in steps:
        if step.before != start or step.after == step.before or not agree(step.after):
            return False
        status = (step.before.status, step.after.status)
        lifecycle = (step.before.lifecycle, step.after.lifecycle)
        if status[0] is not status[1] and status not in edges(STATUS_TABLE):
            return False
        if lifecycle[0] is not lifecycle[1] and lifecycle not in edges(LIFECYCLE_TABLE):
            return False
        start = step.after
    return True


def test_the_tables_hold_exactly_the_required_edges() -> None:
    assert {(start, end) for start, ends in STATUS_EDGES.items() for end in ends} == edges(STATUS_TABLE)
    assert {(start, end) for start, ends in LIFECYCLE_EDGES.items() for end in ends} == edges(LIFECYCLE_TABLE)


@pytest.mark.parametrize("state", EVERY_STATE, ids=str)
def test_machines_agree_exactly_where_the_coupling_says(state: Machines) -> None:
    assert agree(state) is together(state.status, state.lifecycle)


@pytest.mark.parametrize("target", Status)
@pytest.mark.parametrize("state", POSSIBLE, ids=str)
def test_every_status_from_every_possible_state(state: Machines, target: Status) -> None:
    if (state.status, target) not in edges(STATUS_TABLE):
        with pytest.raises(TransitionNotAllowed) as refused:
            to_status(state, target)
        allowed = {end for start, end in edges(STATUS_TABLE) if start == state.status}
        assert refused.value.facts["from"] == state.status
        assert refused.value.facts["to"] == target
        assert set(refused.value.facts["allowed"]) == allowed  # type: ignore[arg-type]
        return
    steps = to_status(state, target)
    assert joined(state, steps)
    assert steps[-1].after.status is target
    assert sum(step.before.status is not step.after.status for step in steps) == 1
    if state.lifecycle is Lifecycle.REFUNDED:
        assert steps[-1].after.lifecycle is Lifecycle.REFUNDED


def test_confirming_own_inventory_reaches_supplier_confirmed_and_says_so() -> None:
    steps = to_confirmed(Machines(Status.PENDING, Lifecycle.BOOKING_CREATED))
    assert [(step.after.status, step.after.lifecycle) for step in steps] == [
        (Status.PENDING, Lifecycle.PAYMENT_PENDING),
        (Status.CONFIRMED, Lifecycle.PAYMENT_CONFIRMED),
        (Status.CONFIRMED, Lifecycle.SUPPLIER_CONFIRMED),
    ]
    assert steps[-1].note == "own inventory confirms itself"


@pytest.mark.parametrize("target", Lifecycle)
@pytest.mark.parametrize("state", POSSIBLE, ids=str)
def test_every_stage_from_every_possible_state(state: Machines, target: Lifecycle) -> None:
    allowed = {end for start, end in edges(LIFECYCLE_TABLE) if start == state.lifecycle}
    if target not in allowed:
        with pytest.raises(TransitionNotAllowed) as refused:
            to_lifecycle(state, target)
        assert set(refused.value.facts["allowed"]) == allowed  # type: ignore[arg-type]
        assert (refused.value.facts["machine"], refused.value.facts["to"]) == ("lifecycle", target)
        return
    steps = to_lifecycle(state, target)
    assert joined(state, steps)
    assert steps[-1].after.lifecycle is target
    assert sum(step.before.lifecycle is not step.after.lifecycle for step in steps) == 1
    if together(state.status, target):
        assert steps[-1].after.status is state.status


@pytest.mark.parametrize("state", POSSIBLE, ids=str)
def test_the_system_s_way_back_leads_from_what_was_given_up_by_time_or_money(state: Machines) -> None:
    """Beside the public edges: both machines leave states that nobody else can."""
    steps = back_to_confirmed(state)
    if state.status not in ("EXPIRED", "FAILED") or state.lifecycle is Lifecycle.REFUNDED:
        assert steps == ()
        return
    assert set(WAYS_BACK) == {Status.EXPIRED, Status.FAILED}
    assert [(step.after.status, step.after.lifecycle) for step in steps] == [
        (Status.CONFIRMED, Lifecycle.PAYMENT_CONFIRMED),
        (Status.CONFIRMED, Lifecycle.SUPPLIER_CONFIRMED),
    ]
    assert steps[0].before == state
    assert (state.status, Status.CONFIRMED) not in edges(STATUS_TABLE)


@pytest.mark.parametrize("state", POSSIBLE, ids=str)
def test_refunded_is_reached_exactly_where_it_has_an_edge(state: Machines) -> None:
    has_edge = (state.lifecycle, "refunded") in edges(LIFECYCLE_TABLE)
    assert [step.after for step in to_refunded(state)] == (
        [Machines(state.status, Lifecycle.REFUNDED)] if has_edge else []
    )


@pytest.mark.parametrize("state", [state for state in POSSIBLE if state.status in ENDED], ids=str)
def test_what_has_ended_has_no_status_to_go_to(state: Machines) -> None:
    for target in Status:
        with pytest.raises(TransitionNotAllowed, match="final"):
            to_status(state, target)
