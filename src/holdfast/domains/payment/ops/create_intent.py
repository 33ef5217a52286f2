"""Ask for what a booking owes, through one provider."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingView, Lifecycle
from holdfast.contracts.identity import Actor
from holdfast.contracts.payment import IntentDraft, IntentId, IntentStatus, IntentView, PaymentRequested
from holdfast.domains.payment.exceptions import VIOLATIONS, IdempotencyKeyRequired, NothingDue, PaymentUnderway
from holdfast.domains.payment.ops.read import shown
from holdfast.domains.payment.ops.sessions import OpenSession
from holdfast.domains.payment.ops.verify import VerifyPayment, told
from holdfast.domains.payment.ports import Bookings, Stage
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents
from holdfast.domains.payment.records import IntentRecord
from holdfast.domains.payment.rules.amounts import asked, due
from holdfast.kernel.database import give_back, transaction
from holdfast.kernel.idempotency import Answer, Once, keep, kept
from holdfast.kernel.ids import uuid7
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record


@dataclass(frozen=True)
class Choice:
    """The intent to pay with, or the one that is in the way of it and must be cancelled at its provider first."""

    intent: IntentRecord
    in_the_way: bool = False
    is_new: bool = False


class CreateIntent:
    """The open intent for this amount with this provider, or a new one, with the provider's session.

    An open intent with another provider or amount is cancelled, at its provider too; where it turns out to have
    been paid, that is settled and nothing new is asked. The row is committed before the provider is asked.

    Refusals: IdempotencyKeyRequired; the booking's NotFound for strangers; ProviderUnknown; ProviderNotConfigured;
    NothingDue; AmountAboveDue; PaymentUnderway; the provider's. A provider that is down leaves an open
    intent behind, which the next call goes on with.
    """

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(self, draft: IntentDraft, *, now: datetime, actor: Actor) -> Answer[IntentView]:
        if draft.idempotency_key is None:
            raise IdempotencyKeyRequired(pointer="/idempotency_key")
        key = Once.of(draft.idempotency_key, caller=actor.caller, operation="create-intent", payload=draft)
        provider = self.providers.taking(draft.provider)
        booking = await self.bookings.get(draft.booking_id, actor=actor)
        for _ in range(2):
            async with transaction(self.db, VIOLATIONS):
                if earlier := await kept(self.db, key, IntentView):
                    return earlier
                choice = await self.choose(booking, provider, draft, now=now)
            if not choice.in_the_way:
                break
            await self.clear(choice.intent, now=now, actor=actor)
        else:
            raise PaymentUnderway(retry_after=1)
        intent = await OpenSession(self.db, self.providers).execute(choice.intent.id, booking, now=now)
        async with transaction(self.db):
            if earlier := await kept(self.db, key, IntentView):
                return earlier
            view = await shown(self.db, intent, self.providers)
            if not choice.is_new and booking.lifecycle_status is Lifecycle.BOOKING_CREATED:
                # the intent came with the booking, and nobody had asked for it
                self.tell(intent, now=now)
            await keep(self.db, key, view, now=now)
        return Answer(view)

    async def choose(self, booking: BookingView, provider: str, draft: IntentDraft, *, now: datetime) -> Choice:
        siblings = await intents.siblings_for_update(self.db, booking.id)
        _, held = await intents.taken_and_kept(self.db, booking.id, booking.price.currency)
        amount = asked(draft.amount, due(booking, held, now=now))
        for intent in siblings:
            if intent.is_open and intent.provider == provider and intent.amount == amount:
                return Choice(intent)
            if intent.is_open and intent.ref is not None:
                return Choice(intent, in_the_way=True)
        await intents.close_open(self.db, [booking.id], now=now)
        made = self.intent(booking, provider, amount, now=now)
        await intents.insert_intents(self.db, [made])
        self.tell(made, now=now)
        return Choice(made, is_new=True)

    def tell(self, intent: IntentRecord, *, now: datetime) -> None:
        url = intent.checkout_url(self.providers.public_url)
        record(self.db, PaymentRequested(**told(intent, now), checkout_url=url))

    async def clear(self, intent: IntentRecord, *, now: datetime, actor: Actor) -> None:
        """Have the provider take no money for this intent any more. NothingDue where it already has,
        PaymentUnderway where that is still open."""
        assert intent.ref is not None
        await give_back(self.db)
        reading = await self.providers.get(intent.provider).cancel(intent.ref)
        await VerifyPayment(self.db).execute(intent.id, reading, now=now, actor=actor)
        if reading.stage is Stage.SUCCEEDED:
            raise NothingDue("an earlier payment has just been made")
        if reading.stage in (Stage.OPEN, Stage.PROCESSING):
            raise PaymentUnderway(retry_after=5)

    def intent(self, booking: BookingView, provider: str, amount: Money, *, now: datetime) -> IntentRecord:
        return IntentRecord(
            id=IntentId(uuid7()),
            booking_id=booking.id,
            reference=booking.reference,
            provider=provider,
            status=IntentStatus.REQUIRES_ACTION,
            amount_minor=amount.minor,
            currency=amount.currency,
            payload={},
            created_at=now,
            updated_at=now,
        )
