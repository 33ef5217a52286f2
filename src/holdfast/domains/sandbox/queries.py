"""Every statement on the sandbox's tables."""

import json
import secrets
from datetime import datetime

from pydantic import JsonValue
from sqlalchemy import RowMapping, Select, delete, exists, func, insert, null, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.sandbox import CheckoutOrder, CheckoutStage, CheckoutView, RefundWish, SandboxRefund
from holdfast.domains.sandbox.exceptions import CheckoutNotFound
from holdfast.domains.sandbox.models import checkouts, refunds, webhooks
from holdfast.domains.sandbox.ports import Webhook
from holdfast.domains.sandbox.rules import MAX_ATTEMPTS, Outcome


async def insert_checkout(db: AsyncSession, order: CheckoutOrder, *, now: datetime) -> None:
    """Nothing where the intent has one."""
    values = {**order.model_dump(), "stage": CheckoutStage.OPEN, "created_at": now, "updated_at": now}
    named = upsert(checkouts).values(ref=f"sbx_{secrets.token_hex(16)}", **values)
    await db.execute(named.on_conflict_do_nothing(index_elements=["intent_id"]))


async def checkout_of(db: AsyncSession, order: CheckoutOrder) -> CheckoutView:
    return await the_one(db, select(checkouts).where(checkouts.c.intent_id == order.intent_id))


async def get_checkout(db: AsyncSession, ref: str) -> CheckoutView:
    """CheckoutNotFound."""
    return await the_one(db, select(checkouts).where(checkouts.c.ref == ref))


async def lock_checkout(db: AsyncSession, ref: str) -> CheckoutView:
    """CheckoutNotFound."""
    return await the_one(db, select(checkouts).where(checkouts.c.ref == ref).with_for_update())


async def the_one(db: AsyncSession, chosen: Select[*tuple[object, ...]]) -> CheckoutView:
    row = (await db.execute(chosen)).mappings().one_or_none()
    if row is None:
        raise CheckoutNotFound
    return checkout_view(row)


async def move_checkout(db: AsyncSession, ref: str, outcome: Outcome, *, now: datetime) -> CheckoutView:
    after = outcome.settles_after
    moved = (
        update(checkouts)
        .where(checkouts.c.ref == ref)
        .values(
            stage=outcome.stage,
            failure=outcome.failure,
            wrong_codes=outcome.wrong_codes,
            settles_at=null() if after is None else now + after,
            updated_at=now,
        )
        .returning(checkouts)
    )
    return checkout_view((await db.execute(moved)).mappings().one())


async def settle_pending(
    db: AsyncSession, *, now: datetime, limit: int, ref: str | None = None
) -> list[CheckoutView]:
    """Checkouts whose time has come, of all or of the one; what others are settling is passed over."""
    due = select(checkouts.c.ref).where(checkouts.c.settles_at <= now)
    if ref is not None:
        due = due.where(checkouts.c.ref == ref)
    due = due.order_by(checkouts.c.settles_at).limit(limit).with_for_update(skip_locked=ref is None)
    settled = (
        update(checkouts)
        .where(checkouts.c.ref.in_(due))
        .values(stage=CheckoutStage.SUCCEEDED, settles_at=null(), updated_at=now)
        .returning(checkouts)
    )
    return [checkout_view(row) for row in (await db.execute(settled)).mappings()]


async def taken_between(db: AsyncSession, *, since: datetime, until: datetime) -> list[CheckoutView]:
    """Checkouts that were paid in that time."""
    chosen = select(checkouts).where(
        checkouts.c.stage == CheckoutStage.SUCCEEDED,
        checkouts.c.updated_at >= since,
        checkouts.c.updated_at < until,
    )
    return [checkout_view(row) for row in (await db.execute(chosen.order_by(checkouts.c.updated_at))).mappings()]


async def refunded_between(db: AsyncSession, *, since: datetime, until: datetime) -> list[SandboxRefund]:
    """Refunds that were made in that time."""
    chosen = (
        select(refunds, checkouts.c.currency)
        .join(checkouts, checkouts.c.ref == refunds.c.checkout_ref)
        .where(refunds.c.created_at >= since, refunds.c.created_at < until)
        .order_by(refunds.c.created_at)
    )
    return [refund_view(row, row["currency"]) for row in (await db.execute(chosen)).mappings()]


async def refund_of(db: AsyncSession, wish: RefundWish) -> SandboxRefund | None:
    chosen = select(refunds).where(refunds.c.refund_id == wish.refund_id)
    row = (await db.execute(chosen)).mappings().one_or_none()
    return None if row is None else refund_view(row, wish.currency)


async def get_refund(db: AsyncSession, ref: str) -> SandboxRefund | None:
    chosen = select(refunds, checkouts.c.currency).join(checkouts).where(refunds.c.ref == ref)
    row = (await db.execute(chosen)).mappings().one_or_none()
    return None if row is None else refund_view(row, row["currency"])


async def refunded_minor(db: AsyncSession, ref: str) -> int:
    chosen = select(func.coalesce(func.sum(refunds.c.minor), 0)).where(refunds.c.checkout_ref == ref)
    return int(await db.scalar(chosen) or 0)


async def insert_refund(db: AsyncSession, wish: RefundWish, *, now: datetime) -> SandboxRefund:
    made = (
        insert(refunds)
        .values(
            ref=f"sbr_{secrets.token_hex(16)}",
            refund_id=wish.refund_id,
            checkout_ref=wish.ref,
            minor=wish.minor,
            reason=wish.reason,
            created_at=now,
        )
        .returning(refunds)
    )
    return refund_view((await db.execute(made)).mappings().one(), wish.currency)


async def insert_webhook(db: AsyncSession, kind: str, data: dict[str, JsonValue], *, now: datetime) -> None:
    event_id = f"evt_{secrets.token_hex(12)}"
    told = {"id": event_id, "type": kind, "created": int(now.timestamp()), "data": data}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    await db.execute(insert(webhooks).values(id=event_id, body=body, created_at=now, next_attempt_at=now))


async def claim_webhooks(db: AsyncSession, *, limit: int, now: datetime, until: datetime) -> list[Webhook]:
    """Take webhooks whose time has come, or whose sender died; what others are taking is passed over."""
    due = (
        select(webhooks.c.id)
        .where(webhooks.c.next_attempt_at <= now)
        .order_by(webhooks.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(webhooks)
        .where(webhooks.c.id.in_(due))
        .values(attempts=webhooks.c.attempts + 1, next_attempt_at=until)
        .returning(webhooks.c.id, webhooks.c.body, webhooks.c.attempts)
    )
    return [Webhook(*row) for row in await db.execute(claimed)]


async def mark_taken(db: AsyncSession, webhook: Webhook, *, now: datetime) -> None:
    await mark(db, webhook, {"taken_at": now, "next_attempt_at": null(), "last_error": null()})


async def mark_not_taken(db: AsyncSession, webhook: Webhook, *, error: str, again_at: datetime) -> None:
    given_up = webhook.attempts >= MAX_ATTEMPTS
    await mark(db, webhook, {"last_error": error, "next_attempt_at": null() if given_up else again_at})


async def mark(db: AsyncSession, webhook: Webhook, values: dict[str, object]) -> None:
    """`attempts` is the claim's own number: a sender that slept past its claim changes nothing."""
    ours = (webhooks.c.id == webhook.id, webhooks.c.attempts == webhook.attempts)
    await db.execute(update(webhooks).where(*ours).values(values))


async def forget_before(db: AsyncSession, instant: datetime, *, limit: int = 5_000) -> int:
    """Delete one bounded batch of what ended before `instant`: webhooks that are taken or given up, then checkouts
    with their refunds."""
    sent = (
        select(webhooks.c.id)
        .where(webhooks.c.created_at < instant, webhooks.c.next_attempt_at.is_(None))
        .limit(limit)
    )
    gone = await db.execute(delete(webhooks).where(webhooks.c.id.in_(sent)).returning(webhooks.c.id))
    ended = (
        select(checkouts.c.ref)
        .where(checkouts.c.updated_at < instant, checkouts.c.settles_at.is_(None))
        .where(~exists().where(refunds.c.checkout_ref == checkouts.c.ref, refunds.c.created_at >= instant))
        .order_by(checkouts.c.updated_at)
        .limit(limit)
    )
    old = list(await db.scalars(ended.with_for_update(skip_locked=True)))
    await db.execute(delete(refunds).where(refunds.c.checkout_ref.in_(old)))
    await db.execute(delete(checkouts).where(checkouts.c.ref.in_(old)))
    return len(gone.all()) + len(old)


def checkout_view(row: RowMapping) -> CheckoutView:
    return CheckoutView.model_validate({name: row[name] for name in CheckoutView.model_fields})


def refund_view(row: RowMapping, currency: str) -> SandboxRefund:
    return SandboxRefund(
        ref=row["ref"],
        refund_id=row["refund_id"],
        checkout_ref=row["checkout_ref"],
        minor=row["minor"],
        currency=currency,
    )
