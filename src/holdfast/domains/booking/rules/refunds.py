"""How much a cancellation gives back: the tier that covers the notice given, as a percent of what was captured
and did not go back before."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from holdfast.contracts.booking import CancellationPolicy, RefundCause, RefundDue, Status
from holdfast.kernel.money import Money, percent_of

CAUSES: Mapping[Status, RefundCause] = {
    Status.CANCELLED: RefundCause.POLICY,
    Status.NO_SHOW: RefundCause.NO_SHOW,
    Status.EXPIRED: RefundCause.EXPIRED,
    Status.FAILED: RefundCause.FAILED,
}


def percent_due(policy: CancellationPolicy, *, start_at: datetime, now: datetime) -> int:
    """The tier with the most hours among those whose notice was kept; nothing when none was."""
    notice = start_at - now
    kept = [tier for tier in policy.tiers if notice >= timedelta(hours=tier.hours_before_start)]
    return max(kept, key=lambda tier: tier.hours_before_start).percent if kept else 0


def refund_due(
    policy: CancellationPolicy,
    captured: Money,
    target: Status,
    *,
    start_at: datetime,
    now: datetime,
    void: bool = False,
) -> RefundDue | None:
    """What ending in `target` gives back; None where nothing was captured or the stay took place.

    A booking that expired, failed or was made `void` was never delivered: all of it comes back.
    """
    if captured.minor <= 0 or target not in CAUSES:
        return None
    if target is Status.CANCELLED and not void:
        percent = percent_due(policy, start_at=start_at, now=now)
    else:
        percent = policy.no_show_percent if target is Status.NO_SHOW else 100
    amount = percent_of(captured, Decimal(percent))
    return RefundDue(amount=str(amount), currency=amount.currency, percent=str(percent))
