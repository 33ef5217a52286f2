"""An intent as it is shown, to whom its booking may be shown."""

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingView
from holdfast.contracts.identity import Actor
from holdfast.contracts.payment import IntentId, IntentView, RefundId, RefundView
from holdfast.domains.payment.exceptions import IntentNotFound
from holdfast.domains.payment.ports import Bookings
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents, refunds
from holdfast.domains.payment.records import IntentRecord
from holdfast.kernel.errors import NotFound


class GetIntent:
    """One intent; IntentNotFound for who may not see its booking."""

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(self, intent_id: IntentId, *, actor: Actor) -> IntentView:
        intent, _ = await for_actor(self.db, self.bookings, intent_id, actor=actor)
        return await shown(self.db, intent, self.providers)


class GetRefund:
    """One refund, or RefundNotFound; the route lets in the house alone."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, refund_id: RefundId) -> RefundView:
        return (await refunds.get_refund(self.db, refund_id)).view()


async def for_actor(
    db: AsyncSession, bookings: Bookings, intent_id: IntentId, *, actor: Actor
) -> tuple[IntentRecord, BookingView]:
    """The intent and its booking; IntentNotFound for who may not see that."""
    intent = await intents.get_intent(db, intent_id)
    try:
        return intent, await bookings.get(intent.booking_id, actor=actor)
    except NotFound as error:
        raise IntentNotFound from error


async def shown(db: AsyncSession, intent: IntentRecord, providers: Providers) -> IntentView:
    returned = await refunds.returned_of(db, intent.id)
    return intent.view(refunded_minor=returned, public_url=providers.public_url)
