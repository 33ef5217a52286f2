"""Webhooks: verified, stored, then processed exactly once; what fails is tried again, and can be by hand.

received -> processed | ignored | unmatched | mismatched
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor, ActorType
from holdfast.contracts.payment import DifferenceKind, IntentId, ProviderEventStatus, ProviderEventView
from holdfast.domains.payment.exceptions import VIOLATIONS, NotAnEvent
from holdfast.domains.payment.ops.discrepancies import note
from holdfast.domains.payment.ops.settle_refund import SettleRefund
from holdfast.domains.payment.ops.unasked import AdoptRefund, Heard, RecordDispute
from holdfast.domains.payment.ops.verify import Verdict, VerifyPayment
from holdfast.domains.payment.ports import DisputeReading, News, Reading, RefundReading, Stage
from holdfast.domains.payment.providers import GENERIC, Providers
from holdfast.domains.payment.queries import intents, notices, refunds
from holdfast.domains.payment.records import Discrepancy, IntentRecord, ProviderEventRecord
from holdfast.domains.payment.rules.pauses import pause
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import DatabaseError, Refusal
from holdfast.kernel.paging import Page, PageRequest
from holdfast.kernel.telemetry import PROVIDER_EVENTS

WEBHOOK = Actor(type=ActorType.WEBHOOK)
ERROR_LENGTH = 500
LONGEST_ID = 500
# an index takes 2,700 bytes, and a character up to four
LONGEST_NAME = 500

log = structlog.get_logger()


@dataclass(frozen=True)
class Received:
    """`intent_id`: the payment it was about, once it is processed."""

    seen_before: bool
    intent_id: IntentId | None = None


class ReceiveNotice:
    """Verify a webhook, store it, and process it. It counts as received once it is stored, whatever becomes of it.

    Refusals, after which nothing is stored: ProviderUnknown; BadSignature; NotAnEvent; WebhookNotConfigured;
    ProviderUnavailable.
    """

    def __init__(self, db: AsyncSession, providers: Providers) -> None:
        self.db = db
        self.providers = providers

    async def execute(self, provider: str, headers: dict[str, str], body: bytes, *, now: datetime) -> Received:
        notice = await self.providers.get(provider).notice(headers, body, now=now)
        if len(notice.event_id) > LONGEST_ID or not notice.event_id.isprintable():
            raise NotAnEvent("its id is none that can be kept")
        text = body.decode(errors="replace").replace("\0", "")
        async with transaction(self.db):
            row_id = await notices.store_notice(self.db, provider, notice, text, now=now)
        if row_id is None:
            PROVIDER_EVENTS.labels(provider, "seen_before").inc()
            return Received(seen_before=True)
        return Received(False, await ProcessEvents(self.db).one(row_id, now=now))


class ProcessEvents:
    """Process stored events that are due; how many were looked at."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, now: datetime, limit: int = 50) -> int:
        due = await notices.due_events(self.db, now=now, limit=limit)
        for row_id in due:
            await self.one(row_id, now=now)
        return len(due)

    async def one(self, row_id: UUID, *, now: datetime) -> IntentId | None:
        """The intent it was about. A failure is noted on the event, which is then due again later."""
        event: ProviderEventRecord | None = None
        try:
            async with transaction(self.db, VIOLATIONS):
                event = await notices.event_to_process(self.db, row_id)
                if event is None:
                    return None
                status, intent_id = await self.apply(event, now=now)
                await notices.finish_event(self.db, row_id, status, intent_id, now=now)
        except Exception as error:
            if event is None:
                raise
            if isinstance(error, Refusal | DatabaseError):
                log.warning("event not processed", row_id=str(row_id), error=repr(error.__cause__ or error))
            else:
                log.exception("event not processed", row_id=str(row_id))
            again_at = now + pause(event.attempts)
            async with transaction(self.db):
                said = repr(error)[:ERROR_LENGTH]
                await notices.postpone_event(self.db, event, at=again_at, error=said)
            return None
        PROVIDER_EVENTS.labels(event.provider, status).inc()
        return intent_id

    async def apply(
        self, event: ProviderEventRecord, *, now: datetime
    ) -> tuple[ProviderEventStatus, IntentId | None]:
        """What it was, and about which intent."""
        news = notices.unpacked(event.news)
        if news is None:
            return ProviderEventStatus.IGNORED, None
        if unkeepable := next((name for name in names_in(news) if len(name) > LONGEST_NAME), None):
            await note(self.db, nameless(event.provider, unkeepable), now=now, actor=WEBHOOK)
            return ProviderEventStatus.MISMATCHED, None
        if isinstance(news, RefundReading):
            return await self.apply_to_refund(event.provider, news, now=now)
        if isinstance(news, DisputeReading):
            return verdict_of(await RecordDispute(self.db).execute(event.provider, news, now=now, actor=WEBHOOK))
        intent = await self.intent_of(event.provider, news)
        if intent is None:
            return ProviderEventStatus.UNMATCHED, None
        own = event.provider == intent.provider
        verdict = await VerifyPayment(self.db).execute(intent.id, news, own=own, now=now, actor=WEBHOOK)
        if own and intent.is_open and news.stage is Stage.OPEN and news.ref == intent.ref:
            # something has happened there: PayPal's guests approve what is then to be captured
            await intents.write_intent(self.db, intent.id, next_look_at=now)
        mismatched = verdict is Verdict.MISMATCHED
        return ProviderEventStatus.MISMATCHED if mismatched else ProviderEventStatus.PROCESSED, intent.id

    async def intent_of(self, provider: str, news: Reading) -> IntentRecord | None:
        """By the provider's own name of it. By our id only where we know of no name yet, for others may write what
        a provider carries for us; never another provider's, except for who may speak for all."""
        found = await intents.find_by_ref(self.db, provider, news.ref)
        if found is not None or news.intent_id is None:
            return found
        meant = await intents.find_by_id(self.db, news.intent_id)
        if meant is None or provider == GENERIC:
            return meant
        return meant if meant.provider == provider and meant.ref in (None, news.ref) else None

    async def apply_to_refund(
        self, provider: str, news: RefundReading, *, now: datetime
    ) -> tuple[ProviderEventStatus, IntentId | None]:
        found = await refunds.find_refund(self.db, news.refund_id) if news.refund_id else None
        if found is None or provider not in (found.provider, GENERIC):
            found = await refunds.find_by_ref(self.db, provider, news.ref)
        if found is None:
            return verdict_of(await AdoptRefund(self.db).execute(provider, news, now=now, actor=WEBHOOK))
        await SettleRefund(self.db).execute(found.id, news, now=now, actor=WEBHOOK)
        return ProviderEventStatus.PROCESSED, found.intent_id


def names_in(news: News) -> list[str]:
    """What the provider calls things, by which we would keep and find them."""
    paid = news.capture_ref if isinstance(news, Reading) else news.payment_ref
    return [name for name in (news.ref, paid) if name is not None]


def nameless(provider: str, name: str) -> Discrepancy:
    return Discrepancy(
        kind=DifferenceKind.UNKNOWN_HERE,
        provider=provider,
        ref=name,
        intent_id=None,
        expected=f"a name of at most {LONGEST_NAME} characters",
        seen=f"one of {len(name)}",
    )


def verdict_of(heard: Heard | None) -> tuple[ProviderEventStatus, IntentId | None]:
    if heard is None:
        return ProviderEventStatus.UNMATCHED, None
    return (ProviderEventStatus.PROCESSED if heard.agreed else ProviderEventStatus.MISMATCHED), heard.intent_id


class ForgetEvents:
    """Delete what was processed and came before; a batch of them. What was done about them stays."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, *, before: datetime) -> int:
        async with transaction(self.db):
            return await notices.forget_before(self.db, before)


class ListEvents:
    """Newest first."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, status: ProviderEventStatus | None) -> Page[ProviderEventView]:
        return await notices.page_of_events(self.db, page, status=status)


class ReplayEvent:
    """Process a stored event once more, which changes nothing that it changed already. ProviderEventNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, row_id: UUID, *, now: datetime, actor: Actor) -> ProviderEventView:
        async with transaction(self.db):
            before = await notices.queue_event(self.db, row_id, now=now)
            act = Act(
                action="payment.event_replayed",
                actor_type=actor.type,
                actor_id=actor.id,
                subject_type="provider_event",
                subject_id=row_id,
                before={"status": before},
            )
            attest(self.db, act, now=now)
        await ProcessEvents(self.db).one(row_id, now=now)
        return await notices.show_event(self.db, row_id)
