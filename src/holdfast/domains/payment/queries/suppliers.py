"""What suppliers agreed to, are owed, and were paid."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.identity import UserId
from holdfast.contracts.payment import CommissionView, PayoutView, SupplierBalanceView
from holdfast.domains.payment.models import agreements, commissions, payouts
from holdfast.kernel.money import Money

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('payout ' || :supplier_id, 0))")
# credits are below zero; a payout is a debit
BALANCES = text(
    """
    SELECT CAST(split_part(e.account, ':', 2) AS uuid) AS supplier_id, e.currency,
           -sum(e.minor) FILTER (WHERE j.kind <> 'supplier_payout') AS earned,
           coalesce(sum(e.minor) FILTER (WHERE j.kind = 'supplier_payout'), 0) AS paid_out
    FROM payment.entries AS e JOIN payment.journal AS j ON j.id = e.journal_id
    WHERE starts_with(e.account, 'supplier_payable:')
      AND (CAST(:account AS text) IS NULL OR e.account = :account)
    GROUP BY 1, 2 ORDER BY 1, 2
    """
)


@dataclass(frozen=True)
class Agreement:
    """What the house keeps of one booking's money."""

    supplier_id: UserId
    percent: Decimal


async def set_terms(
    db: AsyncSession, supplier_id: UserId, percent: Decimal, *, now: datetime
) -> tuple[CommissionView, Decimal | None]:
    """The terms, and what they were before."""
    before = await terms_of(db, supplier_id, lock=True)
    said = {"percent": percent, "updated_at": now}
    await db.execute(
        upsert(commissions)
        .values(supplier_id=supplier_id, **said)
        .on_conflict_do_update(index_elements=[commissions.c.supplier_id], set_=said)
    )
    return CommissionView(supplier_id=supplier_id, percent=percent, updated_at=now), before


async def terms_of(db: AsyncSession, supplier_id: UserId, *, lock: bool = False) -> Decimal | None:
    chosen = select(commissions.c.percent).where(commissions.c.supplier_id == supplier_id)
    found: Decimal | None = await db.scalar(chosen.with_for_update() if lock else chosen)
    return found


async def agree(db: AsyncSession, booking_id: BookingId, supplier_id: UserId, *, now: datetime) -> None:
    """Keep the terms as they are now for this booking, once; nothing where there are none."""
    terms = await terms_of(db, supplier_id)
    if terms is not None:
        said = {"booking_id": booking_id, "supplier_id": supplier_id, "percent": terms, "at": now}
        await db.execute(upsert(agreements).values(said).on_conflict_do_nothing())


async def agreement_of(db: AsyncSession, booking_id: BookingId) -> Agreement | None:
    chosen = select(agreements.c.supplier_id, agreements.c.percent).where(agreements.c.booking_id == booking_id)
    row = (await db.execute(chosen)).one_or_none()
    return None if row is None else Agreement(UserId(row.supplier_id), row.percent)


async def lock(db: AsyncSession, supplier_id: UserId) -> None:
    """One payout to a supplier at a time."""
    await db.execute(LOCK, {"supplier_id": str(supplier_id)})


async def balances(db: AsyncSession, *, account: str | None = None) -> list[SupplierBalanceView]:
    rows = await db.execute(BALANCES, {"account": account})
    return [
        SupplierBalanceView(
            supplier_id=UserId(row.supplier_id),
            currency=row.currency,
            earned=str(Money(int(row.earned), row.currency)),
            paid_out=str(Money(int(row.paid_out), row.currency)),
            payable=str(Money(int(row.earned - row.paid_out), row.currency)),
        )
        for row in rows
    ]


async def insert_payout(db: AsyncSession, payout: PayoutView, amount: Money) -> None:
    said = payout.model_dump(exclude={"amount"})
    await db.execute(insert(payouts).values(**said, amount_minor=amount.minor))
