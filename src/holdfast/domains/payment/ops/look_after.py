"""Intents that nobody brings news of: what became of them is asked of their providers.

open        ask how it stands; half a minute after it was opened, then less and less often
            one that was opened while its booking was given up is closed first
cancelled   have the provider take no money for it, until it says that it will not, or that it has
"""

from dataclasses import replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, Status
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.payment import IntentStatus
from holdfast.domains.payment.ops.verify import VerifyPayment
from holdfast.domains.payment.ports import Bookings, Reading, Stage
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents
from holdfast.domains.payment.records import IntentRecord
from holdfast.domains.payment.rules.pauses import CLAIM, pause
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import give_back, transaction
from holdfast.kernel.errors import Refusal

BATCH = 10
GIVEN_UP = frozenset({Status.CANCELLED, Status.EXPIRED, Status.FAILED, Status.NO_SHOW})
UNENDED = frozenset({Stage.OPEN, Stage.PROCESSING})

log = structlog.get_logger()


class LookAfterIntents:
    """Ask the providers about the intents that are due to be looked at; how many were."""

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(self, *, clock: Clock) -> int:
        for looked in range(BATCH):
            now = clock.now()
            async with transaction(self.db):  # one by one: a claim lasts as long as one provider may take
                due = await intents.claim_looks(self.db, now=now, until=now + CLAIM, limit=1)
            if not due:
                return looked
            await self.one(due[0], now=clock.now())
        return BATCH

    async def one(self, intent: IntentRecord, *, now: datetime) -> None:
        ended = False  # what could not be written down is asked once more
        try:
            intent = await self.still_wanted(intent, now=now)
            reading = await self.ask(intent)
            await VerifyPayment(self.db).execute(intent.id, reading, now=now, actor=SYSTEM)
            ended = reading.stage not in UNENDED and not intent.is_open
        except Refusal as refusal:
            log.warning("a provider could not be asked", intent_id=str(intent.id), refusal=repr(refusal))
        except Exception:  # one intent's defect must not hold up the others
            log.exception("an intent could not be looked after", intent_id=str(intent.id))
        async with transaction(self.db):
            await intents.look_later(self.db, intent.id, at=None if ended else now + pause(intent.looks))

    async def still_wanted(self, intent: IntentRecord, *, now: datetime) -> IntentRecord:
        """The intent, closed where its booking was given up."""
        if not intent.is_open:
            return intent
        booking = await self.bookings.get(intent.booking_id, actor=SYSTEM)
        if booking.status not in GIVEN_UP:
            return intent
        await CancelOpenIntents(self.db).execute(intent.booking_id, now=now)
        return replace(intent, status=IntentStatus.CANCELLED)

    async def ask(self, intent: IntentRecord) -> Reading:
        assert intent.ref is not None
        provider = self.providers.get(intent.provider)
        await give_back(self.db)
        return await (provider.read(intent.ref) if intent.is_open else provider.cancel(intent.ref))


class CancelOpenIntents:
    """No money is asked for this booking any more; providers are told by `LookAfterIntents`."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, booking_id: BookingId, *, now: datetime) -> None:
        async with transaction(self.db):
            await intents.close_open(self.db, [booking_id], now=now)
