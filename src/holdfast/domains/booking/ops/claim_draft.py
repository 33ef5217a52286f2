"""Turn a draft into a booking that holds its time: claimed, priced and, where money is due, payable."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import ItemStatus, Status
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.pricing import PriceQuery, PriceView
from holdfast.domains.booking.exceptions import CurrencyChanged
from holdfast.domains.booking.ops.claims import ClaimAll
from holdfast.domains.booking.ops.offer import offer
from holdfast.domains.booking.ops.take_off import removed, taken_off
from holdfast.domains.booking.ports import Inventory, Payments, Pricing
from holdfast.domains.booking.queries import items as rows
from holdfast.domains.booking.records import BookingRecord
from holdfast.domains.booking.rules.items import with_items
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

# as long as anybody has to pay
PENDING_TTL = timedelta(minutes=15)


class ClaimDraft:
    """What DRAFT -> PENDING needs, to be called with the booking's row locked and written by the caller.

    Refusals: the inventory's (SlotTaken, NotBookable, PartyTooLarge) and those of pricing.
    """

    def __init__(
        self, db: AsyncSession, inventory: Inventory, pricing: Pricing, payments: Payments | None
    ) -> None:
        self.db = db
        self.claims = ClaimAll(db, inventory)
        self.pricing = pricing
        self.payments = payments

    async def execute(self, booking: BookingRecord, *, pending_ttl: timedelta, now: datetime) -> BookingRecord:
        expires_at = now + pending_ttl
        await leave_out_declined(self.db, booking, now=now)
        held = await self.claims.execute(booking, expires_at=expires_at, now=now)
        if isinstance(held, Refusal):
            raise held
        query = PriceQuery(
            resource_id=booking.resource_id,
            start_at=booking.start_at,
            end_at=booking.end_at,
            party_size=booking.party_size,
        )
        price = await price_with_items(self.db, booking, await self.pricing.calculate(query))
        claimed = replace(
            held,
            status=Status.PENDING,
            currency=price.currency,
            price=price.model_dump(mode="json"),
            due_now_minor=Money.parse(price.due_now, price.currency).minor,
            expires_at=expires_at,
        )
        if self.payments is not None and claimed.balance.minor > 0:
            (claimed,) = await offer(self.payments, [claimed], now=now)
        return replace(claimed, status=booking.status)


async def price_with_items(db: AsyncSession, booking: BookingRecord, price: PriceView) -> PriceView:
    """A new price of the booking's own resource, with its items; CurrencyChanged where they cannot be added."""
    found = [item for item in await rows.items_of(db, booking.id) if item.is_sold]
    if found and price.currency != booking.currency:
        raise CurrencyChanged(
            f"the items were priced in {booking.currency}, the new price is in {price.currency}",
            price_currency=price.currency,
        )
    return with_items(price, found)


async def leave_out_declined(db: AsyncSession, booking: BookingRecord, *, now: datetime) -> None:
    """What a supplier declined is not sold to anybody."""
    for item in await rows.items_of(db, booking.id):
        if item.status is ItemStatus.DECLINED:
            gone = removed(item, reason=item.reason or item.status, now=now)
            await rows.write_item(db, gone)
            record(db, taken_off(booking, item, gone, actor=SYSTEM, now=now))
