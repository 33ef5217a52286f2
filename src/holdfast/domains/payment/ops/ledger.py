"""The ledger: a booking's sale as it now is, what is written off, and what stands there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.identity import Actor, UserId
from holdfast.contracts.payment import BalancesView, PostingView, WriteOff
from holdfast.domains.payment.exceptions import BookingNotPaidHere
from holdfast.domains.payment.queries import intents, ledger, suppliers
from holdfast.domains.payment.rules.amounts import above_zero
from holdfast.domains.payment.rules.postings import (
    SALE,
    SALE_CHANGED,
    SALE_REVERSED,
    SALES,
    SUPPLIER_SHARE,
    Balances,
    Posting,
    gift,
    is_sold,
    of_write_off,
    restated,
    retained,
    share,
    sold,
)
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest


class RestateSale:
    """Post what a booking's sale lacks to be what the booking now is; nothing where it lacks nothing.

    `event_id`: what made somebody look; it posts once.
    """

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(
        self, booking: BookingView, *, supplier_id: UserId | None, event_id: UUID, now: datetime
    ) -> None:
        async with transaction(self.db):
            posted = await ledger.posted(self.db, booking.id, SALES)
            target = await self.target(booking)
            kind = SALE_REVERSED if not is_sold(booking) else SALE_CHANGED if posted else SALE
            posting = Posting(kind, event_id, booking.id, restated(target, posted), note=booking.reference)
            await ledger.post(self.db, posting, now=now)
            if kind == SALE and supplier_id is not None:
                await suppliers.agree(self.db, booking.id, supplier_id, now=now)
            await self.restate_share(booking, event_id=event_id, now=now)

    async def restate_share(self, booking: BookingView, *, event_id: UUID, now: datetime) -> None:
        """What its supplier has earned by it, where there were terms when it was sold."""
        agreed = await suppliers.agreement_of(self.db, booking.id)
        if agreed is None:
            return
        posted = await ledger.posted(self.db, booking.id, [SUPPLIER_SHARE])
        _, kept = await intents.taken_and_kept(self.db, booking.id, booking.price.currency)
        target = share(booking, kept, agreed.supplier_id, agreed.percent)
        posting = Posting(SUPPLIER_SHARE, event_id, booking.id, restated(target, posted), note=booking.reference)
        await ledger.post(self.db, posting, now=now)

    async def target(self, booking: BookingView) -> Balances:
        """The price of what is sold, less gifts; of what was given up, what the house keeps."""
        currency = booking.price.currency
        taken, kept = await intents.taken_and_kept(self.db, booking.id, currency)
        if is_sold(booking):
            returned = await ledger.returned(self.db, booking.id, currency)
            return sold(booking.price, given=gift(booking, taken - returned))
        return retained(booking, taken, kept)


class WriteOffDebt:
    """Give up what a guest owes. BookingNotPaidHere where nothing was ever posted for the booking."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, asked: WriteOff, *, now: datetime, actor: Actor) -> PostingView:
        async with transaction(self.db):
            currency = await ledger.currency_of(self.db, asked.booking_id)
            if currency is None:
                raise BookingNotPaidHere(pointer="/booking_id")
            amount = above_zero(asked.amount, currency)
            subject = uuid7()
            posting = of_write_off(subject, asked.booking_id, amount, asked.reason)
            await ledger.post(self.db, posting, now=now)
            act = Act(
                action="payment.written_off",
                actor_type=actor.type,
                actor_id=actor.id,
                subject_type="booking",
                subject_id=asked.booking_id,
                reason=asked.reason,
                after={"amount": str(amount), "currency": currency},
            )
            attest(self.db, act, now=now)
        return await ledger.posting_of(self.db, subject)


class ListPostings:
    """The journal, newest first; of one booking in the order in which it was posted."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, booking_id: BookingId | None) -> Page[PostingView]:
        return await ledger.page_of_postings(self.db, page, booking_id=booking_id)


class GetBalances:
    """What every account holds."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self) -> BalancesView:
        return BalancesView(items=await ledger.balances(self.db))
