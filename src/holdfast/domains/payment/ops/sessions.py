"""The provider's session of an intent: opened when somebody comes to pay."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingView
from holdfast.contracts.payment import IntentId
from holdfast.domains.payment.ports import Order
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents
from holdfast.domains.payment.records import IntentRecord
from holdfast.domains.payment.rules.pauses import pause
from holdfast.kernel.database import give_back, transaction


class OpenSession:
    """Have the provider begin to collect, once for an intent: its id is the provider's idempotency key, so that
    what a crash left half done is found again.

    Call it outside any transaction. Refusals: IntentNotFound, and the provider's own; then nothing has changed.
    """

    def __init__(self, db: AsyncSession, providers: Providers) -> None:
        self.db = db
        self.providers = providers

    async def execute(self, intent_id: IntentId, booking: BookingView, *, now: datetime) -> IntentRecord:
        intent = await intents.get_intent(self.db, intent_id)
        opened = intent.hosted_url is not None or bool(intent.payload)
        if opened or not intent.is_open:
            return intent
        await give_back(self.db)
        session = await self.providers.get(intent.provider).open(self.order(intent, booking))
        async with transaction(self.db):
            await intents.keep_session(self.db, intent_id, session, now=now, look_at=now + pause(0))
        return await intents.get_intent(self.db, intent_id)

    def order(self, intent: IntentRecord, booking: BookingView) -> Order:
        return Order(
            intent_id=intent.id,
            amount=intent.amount,
            reference=intent.reference,
            description=f"{booking.venue.name}, {booking.reference}",
            guest_name=booking.guest.name,
            guest_email=booking.guest.email,
            return_url=f"{intent.checkout_url(self.providers.public_url)}/return",
        )
