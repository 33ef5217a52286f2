"""An item that leaves its booking: what is kept of it, and what is told."""

from dataclasses import replace
from datetime import datetime

from holdfast.contracts.booking import BookingItemRemoved, ItemStatus
from holdfast.contracts.identity import Actor
from holdfast.domains.booking.ops.advance import snapshot
from holdfast.domains.booking.records import BookingRecord, ItemRecord


def removed(item: ItemRecord, *, reason: str, now: datetime) -> ItemRecord:
    """The item as it is kept for the record, holding nothing."""
    return replace(
        item,
        status=ItemStatus.REMOVED,
        reason=reason,
        confirmed_at=None,
        reservation_id=None,
        updated_at=now,
    )


def taken_off(
    booking: BookingRecord, item: ItemRecord, gone: ItemRecord, *, actor: Actor, now: datetime
) -> BookingItemRemoved:
    """The event of `item` having become `gone`."""
    return BookingItemRemoved(
        **snapshot(booking, actor=actor, now=now),
        **item.told(),
        item_status=item.status,
        reason=gone.reason or "",
    )
