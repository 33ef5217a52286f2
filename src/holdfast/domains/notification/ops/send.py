"""Claim, send, mark: no transaction is open while a mail server or an SMS gateway is talked to.

    queued ──claim──> sending ──taken──> sent      secrets wiped
      ^                  ├──deferred──> queued     later, and later still
      │                  └──rejected, or deferred for the last time──> failed   secrets wiped
      └── the claim ends with its sender dead (the row still says sending)

A message is sent once, with one exception that no sender can avoid: where it dies, or loses the connection, after
the server took the message and before that is marked here, it is sent again, with the same Message-ID, by which
mail programs tell the two for one. Every try is logged as it begins, and when it ends what the other side said.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.notification import AttemptOutcome, Channel
from holdfast.domains.notification import letters
from holdfast.domains.notification.enclosing import enclosures
from holdfast.domains.notification.exceptions import Deferred, MessageIncomplete, Rejected
from holdfast.domains.notification.letters import Letterhead, Script
from holdfast.domains.notification.office import Office
from holdfast.domains.notification.ports import Documents, Letter, Mailer
from holdfast.domains.notification.queries import messages, templates
from holdfast.domains.notification.queries.messages import Claimed
from holdfast.domains.notification.rules import MAX_ATTEMPTS, pause, spoken_name
from holdfast.domains.notification.sealing import SealedWithAnother, opened
from holdfast.kernel.clock import Clock
from holdfast.kernel.database import transaction
from holdfast.kernel.telemetry import MAIL, MAIL_WAITING
from holdfast.kernel.tracing import Kind, span

# longer than any mailer's own time limit (settings: at most 120 s), so that a living sender never loses its claim
CLAIM = timedelta(minutes=5)
# sent side by side, each on a connection of its own
BATCH = 10
ERROR_LENGTH = 500

log = structlog.get_logger()


@dataclass(frozen=True)
class Tried:
    """How a try ended: with a refusal, or with what was said as the message was taken."""

    refusal: Deferred | Rejected | None = None
    answer: str | None = None


class SendMessages:
    """Send what is due by one channel, a batch at most; how many messages were tried."""

    def __init__(
        self,
        db: AsyncSession,
        mailer: Mailer,
        letterhead: Letterhead,
        office: Office,
        documents: Documents | None,
    ) -> None:
        self.db = db
        self.documents = documents
        self.mailer = mailer
        self.letterhead = letterhead
        self.office = office
        self.marking = asyncio.Lock()  # a session runs one statement at a time, and so do the documents on it

    async def execute(self, channel: Channel, *, clock: Clock) -> int:
        now = clock.now()
        async with transaction(self.db):
            lost = await messages.give_up_lost(self.db, channel, now=now)
            await messages.wipe_secrets(self.db, lost)
            claimed = await messages.claim_due(self.db, channel, limit=BATCH, now=now, until=now + CLAIM)
            stored = await templates.scripts_in_use(self.db, channel, {message.template for message in claimed})
        tries = (self.send(message, stored[message.template], clock=clock) for message in claimed)
        ended = await asyncio.gather(*tries, return_exceptions=True)
        for failure in ended:
            if failure is not None:  # marking failed; the others have been marked
                raise failure
        MAIL_WAITING.set(await messages.count_waiting(self.db))
        return len(claimed)

    async def send(self, message: Claimed, stored: Sequence[Script], *, clock: Clock) -> None:
        with span(f"send {message.channel}", kind=Kind.PRODUCER, within=message.traceparent) as running:
            running.set("holdfast.template", message.template)
            running.set("holdfast.attempt", message.attempts)
            tried = await self.attempt(message, stored, now=clock.now())
            if tried.refusal is not None:
                running.failed(type(tried.refusal).__name__)
            async with self.marking:
                await self.mark(message, tried, clock=clock)

    async def attempt(self, message: Claimed, stored: Sequence[Script], *, now: datetime) -> Tried:
        try:
            async with self.marking:
                enclosed = await enclosures(message.attachments, self.documents, now=now)
            letter = replace(self.letter(message, stored), attachments=enclosed)
            return Tried(answer=await self.mailer.send(letter))
        except (Deferred, Rejected) as refusal:
            return Tried(refusal)
        except MessageIncomplete as error:  # its template has changed since it was queued
            return Tried(Rejected(str(error)))
        except SealedWithAnother as error:  # another process may have the right key
            return Tried(Deferred(str(error)))
        except Exception as error:  # one message's defect must not hold up the others
            log.exception("mailer failed", message_id=str(message.id))
            return Tried(Deferred(repr(error)))

    def letter(self, message: Claimed, stored: Sequence[Script]) -> Letter:
        secrets = dict(message.open_secrets)
        if message.sealed is not None:
            secrets |= opened(message.sealed, self.office.sealing_key, message_id=message.id)
        words = letters.write(
            message.template,
            values={**message.details, **secrets},
            language=message.language,
            channel=message.channel,
            letterhead=self.letterhead,
            stored=stored,
        )
        return Letter(
            id=message.id,
            to=message.recipient,
            to_name=spoken_name(message.recipient_name) or None,
            language=words.language,
            subject=words.subject,
            text=words.text,
            html=words.html,
            written_at=message.created_at,
        )

    async def mark(self, message: Claimed, tried: Tried, *, clock: Clock) -> None:
        now, refusal = clock.now(), tried.refusal
        outcome, answer = AttemptOutcome.SENT, clean(tried.answer)
        async with transaction(self.db):
            if refusal is None:
                ours = await messages.mark_sent(self.db, message, now=now)
            elif isinstance(refusal, Rejected) or message.attempts >= MAX_ATTEMPTS:
                outcome, answer = AttemptOutcome.FAILED, clean(str(refusal))
                ours = await messages.mark_failed(self.db, message, error=answer)
            else:
                wait = pause(message.attempts, chance=random.random())
                outcome, answer = AttemptOutcome.DEFERRED, clean(str(refusal))
                ours = await messages.mark_deferred(self.db, message, error=answer, again_at=now + wait)
            if ours and outcome is not AttemptOutcome.DEFERRED:
                await messages.wipe_secrets(self.db, [message.id])
            await messages.end_attempt(
                self.db, message, outcome=outcome, answer=answer or None, lasted=now - message.started_at
            )
        MAIL.labels(message.template, outcome).inc()
        if refusal is not None:
            log.warning("message not sent", message_id=str(message.id), outcome=outcome, error=answer)


def clean(said: str | None) -> str:
    """As PostgreSQL can keep it: a mail server may say anything."""
    return (said or "").replace("\0", "").encode(errors="replace").decode()[:ERROR_LENGTH]
