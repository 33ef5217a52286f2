"""Pay: what a client hands over goes to the provider, and what the provider says is settled."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM, Actor
from holdfast.contracts.payment import Confirmation, IntentId, IntentView
from holdfast.domains.payment.exceptions import IntentClosed, NoHostedPage
from holdfast.domains.payment.ops.read import for_actor, shown
from holdfast.domains.payment.ops.sessions import OpenSession
from holdfast.domains.payment.ops.verify import VerifyPayment
from holdfast.domains.payment.ports import Bookings
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents
from holdfast.domains.payment.records import IntentRecord
from holdfast.domains.payment.rules.statuses import PAID
from holdfast.kernel.database import give_back


class ConfirmIntent:
    """Pay with a method, or with what the provider's checkout handed over; without either, ask how it stands.

    A payment that was made already is shown as it is. A refused card is no refusal of ours: the intent says
    `failed`, and why. Refusals: IntentNotFound; IntentClosed; the provider's, after which nothing has changed.
    """

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(
        self, intent_id: IntentId, confirmation: Confirmation, *, now: datetime, actor: Actor
    ) -> IntentView:
        intent, booking = await for_actor(self.db, self.bookings, intent_id, actor=actor)
        if intent.status not in PAID:
            if not intent.is_open:
                raise IntentClosed(f"it is {intent.status}", intent_status=intent.status)
            opened = await OpenSession(self.db, self.providers).execute(intent_id, booking, now=now)
            await self.settle(opened, confirmation, now=now, actor=actor)
        return await shown(self.db, await intents.get_intent(self.db, intent_id), self.providers)

    async def settle(
        self, intent: IntentRecord, confirmation: Confirmation, *, now: datetime, actor: Actor
    ) -> None:
        if intent.ref is None:  # it was closed while its session was opened
            return
        await give_back(self.db)
        reading = await self.providers.get(intent.provider).confirm(
            intent.ref, method=confirmation.payment_method, data=confirmation.provider_data
        )
        await VerifyPayment(self.db).execute(intent.id, reading, now=now, actor=actor)


class VisitCheckout:
    """The provider's page for an open intent, opened now where it was not; None once the intent has ended.

    For whoever has the link: it leads to a page where money can be given, and tells nothing else.
    IntentNotFound; NoHostedPage; the provider's refusals.
    """

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(self, intent_id: IntentId, *, now: datetime) -> str | None:
        intent, booking = await for_actor(self.db, self.bookings, intent_id, actor=SYSTEM)
        if not intent.is_open:
            return None
        intent = await OpenSession(self.db, self.providers).execute(intent_id, booking, now=now)
        if intent.hosted_url is None:
            raise NoHostedPage
        return intent.hosted_url


class ReturnFromCheckout:
    """A guest comes back from the provider's page: find out what they did there. IntentNotFound; the provider's
    refusals, after which nothing has changed."""

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(self, intent_id: IntentId, *, now: datetime) -> IntentView:
        intent = await intents.get_intent(self.db, intent_id)
        if intent.is_open and intent.ref is not None:
            pay = ConfirmIntent(self.db, self.bookings, self.providers)
            await pay.settle(intent, Confirmation(), now=now, actor=SYSTEM)
        return await shown(self.db, await intents.get_intent(self.db, intent_id), self.providers)
