"""How an intent moves on with what its provider says, in whatever order that comes.

                     open   processing   succeeded   failed   cancelled
requires_action       -     processing   succeeded   failed   cancelled
processing            -         -        succeeded   failed   cancelled
failed, cancelled     -         -        succeeded     -          -
succeeded, partially_refunded, refunded: whatever comes, the money was taken

A refund that succeeds leads to partially_refunded, and to refunded once all of it is back.
"""

from collections.abc import Mapping

from holdfast.contracts.payment import IntentStatus
from holdfast.domains.payment.ports import Stage

OPEN = frozenset({IntentStatus.REQUIRES_ACTION, IntentStatus.PROCESSING})
PAID = frozenset({IntentStatus.SUCCEEDED, IntentStatus.PARTIALLY_REFUNDED, IntentStatus.REFUNDED})

ENDS: Mapping[Stage, IntentStatus] = {
    Stage.SUCCEEDED: IntentStatus.SUCCEEDED,
    Stage.FAILED: IntentStatus.FAILED,
    Stage.CANCELLED: IntentStatus.CANCELLED,
}
EDGES: Mapping[IntentStatus, Mapping[Stage, IntentStatus]] = {
    IntentStatus.REQUIRES_ACTION: {**ENDS, Stage.PROCESSING: IntentStatus.PROCESSING},
    IntentStatus.PROCESSING: ENDS,
    IntentStatus.FAILED: {Stage.SUCCEEDED: IntentStatus.SUCCEEDED},
    IntentStatus.CANCELLED: {Stage.SUCCEEDED: IntentStatus.SUCCEEDED},
    **{status: {} for status in PAID},
}


def after(status: IntentStatus, stage: Stage) -> IntentStatus:
    """Where the news leads; the same status where they change nothing."""
    return EDGES[status].get(stage, status)
