"""Ways to pay for a batch of bookings, written with them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import PaymentSummary
from holdfast.contracts.payment import IntentId, IntentOrder, IntentStatus
from holdfast.domains.payment.exceptions import VIOLATIONS
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents
from holdfast.domains.payment.records import IntentRecord
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7


class OpenMany:
    """An intent for each order, in their order; an open one of the same booking ends with it. No provider is
    asked: whoever comes to pay opens its session.

    Runs in the session of whoever books. Refusals, for the whole batch: ProviderUnknown, ProviderNotConfigured.
    """

    def __init__(self, db: AsyncSession, providers: Providers) -> None:
        self.db = db
        self.providers = providers

    async def execute(self, orders: Sequence[IntentOrder], *, now: datetime) -> list[PaymentSummary]:
        made = [self.intent(order, now=now) for order in orders]
        if made:
            async with transaction(self.db, VIOLATIONS):
                await intents.close_open(self.db, [each.booking_id for each in made], now=now)
                await intents.insert_intents(self.db, made)
        return [each.summary(public_url=self.providers.public_url) for each in made]

    def intent(self, order: IntentOrder, *, now: datetime) -> IntentRecord:
        return IntentRecord(
            id=IntentId(uuid7()),
            booking_id=order.booking_id,
            reference=order.reference,
            provider=self.providers.taking(order.provider, pointer="/payment_provider"),
            status=IntentStatus.REQUIRES_ACTION,
            amount_minor=order.minor,
            currency=order.currency,
            payload={},
            created_at=now,
            updated_at=now,
        )
