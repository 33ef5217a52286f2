"""The background work: the relay, the periodic jobs and the queued ones.

To add a job, write a function of the Wiring here and a line in one of the two tables. A periodic job runs on one
of many workers; one that is `shared` on all of them, because its rows are locked with SKIP LOCKED. A queued job is
a row that `kernel.jobs.enqueue` wrote in somebody's transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol, cast
from uuid import UUID

import structlog

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentId
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.inventory import ReservationId
from holdfast.contracts.notification import Channel
from holdfast.domains.booking.services import CONFIRM_FREE
from holdfast.domains.document.services import PRINT
from holdfast.domains.notification.ports import Mailer
from holdfast.gateways.postgres_cluster import ServerFailed
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import DatabaseError, DatabaseUnreachable, Refusal
from holdfast.kernel.event_log import measure
from holdfast.kernel.idempotency import forget_before
from holdfast.kernel.job_log import measure_jobs
from holdfast.kernel.jobs import Job, Queue, finish, forget_done
from holdfast.kernel.publisher import Publisher
from holdfast.kernel.subscriber import Subscriber
from holdfast.kernel.telemetry import SWEPT
from holdfast.kernel.turns import Turns
from holdfast.kernel.waiting import forget_told
from holdfast.kernel.wake import Wakes
from holdfast.settings import Settings
from holdfast.wiring import Wiring, join_database
from holdfast.wiring.peers import RELEASE, TELL

log = structlog.get_logger()

HOUR = 3600.0
# a guest sits in front of the sandbox's page
SANDBOX_SECONDS = 0.5
MEASURE_SECONDS = 15.0
HEAR_AGAIN_SECONDS = 1.0


# --- the jobs: how much they found to do; while that is more than nothing they are run again at once


async def expire_bookings(wired: Wiring) -> int:
    """Pending bookings whose time is over."""
    async with wired.sessions() as db:
        moved = await wired.booking(db).expire_pending(now=wired.clock.now())
    SWEPT.labels("EXPIRED").inc(moved)
    return moved


async def mark_no_shows(wired: Wiring) -> int:
    """Confirmed bookings that nobody came to, after the grace period."""
    now = wired.clock.now()
    grace = timedelta(seconds=wired.settings.booking.no_show_grace_seconds)
    async with wired.sessions() as db:
        moved = await wired.booking(db).mark_no_shows(started_by=now - grace, now=now)
    SWEPT.labels("NO_SHOW").inc(moved)
    return moved


async def tidy_holds(wired: Wiring) -> int:
    """Holds that ran out; nobody waits for this, a claim frees them by itself."""
    async with wired.sessions() as db:
        return await wired.inventory(db).release_expired(now=wired.clock.now())


async def process_provider_events(wired: Wiring) -> int:
    """Webhooks that were stored and could not be processed at once."""
    async with wired.sessions() as db:
        return await wired.payment_work(db).process_events(now=wired.clock.now())


async def carry_out_refunds(wired: Wiring) -> int:
    """Refunds that are promised and that their provider has not made yet."""
    async with wired.sessions() as db:
        return await wired.payment_work(db).carry_out_refunds(clock=wired.clock)


async def look_after_intents(wired: Wiring) -> int:
    """Payments that nobody brings news of, and those that a provider is to take no money for any more."""
    async with wired.sessions() as db:
        return await wired.payment_work(db).look_after_intents(clock=wired.clock)


async def reconcile_payments(wired: Wiring) -> int:
    """The last two days beside the providers' lists: settles what was lost, and sets the metrics."""
    now = wired.clock.now()
    async with wired.sessions() as db:
        await wired.payment_work(db).reconcile(since=now - timedelta(days=2), until=now, now=now)
    return 0


async def forget_proofs(wired: Wiring) -> int:
    """Codes, links and sessions that are past their end."""
    async with wired.sessions() as db:
        return await wired.identity(db).prune(now=wired.clock.now())


async def forget_answers(wired: Wiring) -> int:
    """Idempotent answers older than their retention."""
    oldest = wired.clock.now() - timedelta(hours=wired.settings.worker.idempotency_hours)
    async with wired.sessions() as db, transaction(db):
        return await forget_before(db, oldest)


async def forget_events(wired: Wiring) -> int:
    """Events that were told, receipts, and jobs that were done, older than their retention."""
    oldest = wired.clock.now() - timedelta(days=wired.settings.worker.outbox_days)
    async with wired.sessions() as db, transaction(db):
        return await forget_told(db, oldest) + await forget_done(db, oldest)


async def forget_messages(wired: Wiring) -> int:
    """Messages and notices older than their retention; what waits is kept."""
    oldest = wired.clock.now() - timedelta(days=wired.settings.notification.message_days)
    async with wired.sessions() as db:
        return await wired.notification(db).forget(before=oldest)


async def measure_waiting(wired: Wiring) -> int:
    """How many wait to be told, and how long; how many events and jobs were given up."""
    async with wired.sessions() as db:
        await measure(db, now=wired.clock.now(), outside=wired.settings.events.url is not None)
        await measure_jobs(db)
    return 0


async def send_mail(wired: Wiring, mailer: Mailer) -> int:
    """Messages that are due, in a session of the system: only it may read their secrets."""
    async with wired.sessions() as db:
        service, documents = wired.notification(db), wired.ask_document(db)
        return await service.send_due(mailer, wired.letterhead, documents=documents, clock=wired.clock)


async def forget_provider_events(wired: Wiring) -> int:
    """Webhooks of payment providers that were processed, older than their retention."""
    oldest = wired.clock.now() - timedelta(days=wired.settings.payment.event_days)
    async with wired.sessions() as db:
        return await wired.payment_work(db).forget_events(before=oldest)


async def forget_sandbox(wired: Wiring) -> int:
    """What the sandbox was asked, as long ago as the events of providers are kept."""
    oldest = wired.clock.now() - timedelta(days=wired.settings.payment.event_days)
    async with wired.sessions() as db:
        return await wired.sandbox(db).forget(before=oldest)


async def forget_webhooks(wired: Wiring) -> int:
    """Messages to endpoints that are settled, with their tries, older than their retention."""
    oldest = wired.clock.now() - timedelta(days=wired.settings.webhooks.log_days)
    async with wired.sessions() as db:
        return await wired.webhook(db).forget_before(oldest)


async def send_reminders(wired: Wiring) -> int:
    """Bookings that start soon, and those of which a part is still to be paid."""
    async with wired.sessions() as db:
        service = wired.notification(db)
        return await service.send_reminders(wired.ask_booking(db), wired.ask_inventory(db), now=wired.clock.now())


async def send_texts(wired: Wiring) -> int:
    """Text messages that are due, where there is a gateway for them."""
    gateway = wired.sms_gateway
    if gateway is None:
        return 0
    async with wired.sessions() as db:
        service = wired.notification(db)
        return await service.send_due(gateway, wired.letterhead, channel=Channel.SMS, clock=wired.clock)


async def settle_sandbox(wired: Wiring) -> int:
    """Payments with the sandbox's card that settles by itself."""
    if not wired.settings.payment_sandbox:
        return 0
    async with wired.sessions() as db:
        return await wired.sandbox(db).settle_pending(now=wired.clock.now())


async def send_sandbox_webhooks(wired: Wiring) -> int:
    """What the sandbox has to tell us, over HTTP as any provider's."""
    if not wired.settings.payment_sandbox:
        return 0
    async with wired.sessions() as db:
        return await wired.sandbox(db).send_webhooks(wired.sandbox_courier, clock=wired.clock)


async def print_document(wired: Wiring, job: Job) -> None:
    """Every file of a new document, before anybody asks for it. One that is printed already is only looked at."""
    document_id = DocumentId(UUID(str(job.payload["document_id"])))
    async with wired.sessions() as db:
        papers = wired.document(db)
        for form in (await papers.get(document_id, actor=SYSTEM)).formats:
            await papers.file(document_id, form, now=wired.clock.now())
        async with transaction(db):
            await finish(db, job, now=wired.clock.now())


async def release_holds(wired: Wiring, job: Job) -> None:
    """What given-up bookings and items that were taken off held, of an inventory that is elsewhere."""
    said = {name: [UUID(str(each)) for each in cast(list[str], ids)] for name, ids in job.payload.items()}
    bookings = [BookingId(each) for each in said["booking_ids"]]
    reservations = [ReservationId(each) for each in said.get("reservation_ids", ())]
    async with wired.sessions() as db:
        await wired.booking(db).release_given_up(bookings, reservations, now=wired.clock.now())


async def confirm_free(wired: Wiring, job: Job) -> None:
    """A booking that waits for no money."""
    async with wired.sessions() as db:
        booking_id = BookingId(UUID(str(job.payload["booking_id"])))
        await wired.booking(db).confirm_free(booking_id, now=wired.clock.now())


async def tell_peer(wired: Wiring, job: Job) -> None:
    await wired.peers.tell(job)


@dataclass(frozen=True)
class Periodic:
    """A job that is looked at again and again; `every` in seconds, or the setting that says. It is done where its
    domain's data are."""

    name: str
    run: Callable[[Wiring], Awaitable[int]]
    every: float | Callable[[Settings], float]
    shared: bool = False
    domain: str | None = None

    def seconds(self, settings: Settings) -> float:
        return self.every(settings) if callable(self.every) else self.every


def sweeping(settings: Settings) -> float:
    return settings.worker.sweep_seconds


def mailing(settings: Settings) -> float:
    return settings.worker.mail_seconds


PERIODIC: Sequence[Periodic] = (
    Periodic("expire", expire_bookings, every=sweeping, domain="booking"),
    Periodic("no-show", mark_no_shows, every=sweeping, domain="booking"),
    Periodic("tidy holds", tidy_holds, every=sweeping, domain="inventory"),
    Periodic("settle sandbox", settle_sandbox, every=SANDBOX_SECONDS, shared=True, domain="payment"),
    Periodic("sandbox webhooks", send_sandbox_webhooks, every=SANDBOX_SECONDS, shared=True, domain="payment"),
    Periodic("provider events", process_provider_events, every=sweeping, domain="payment"),
    Periodic("refunds", carry_out_refunds, every=sweeping, shared=True, domain="payment"),
    Periodic("intents", look_after_intents, every=sweeping, shared=True, domain="payment"),
    Periodic("reconcile payments", reconcile_payments, every=HOUR, domain="payment"),
    Periodic("forget answers", forget_answers, every=HOUR),
    Periodic("forget proofs", forget_proofs, every=HOUR, domain="identity"),
    Periodic("forget events", forget_events, every=HOUR),
    Periodic("reminders", send_reminders, every=sweeping, shared=True, domain="notification"),
    Periodic("text messages", send_texts, every=mailing, shared=True, domain="notification"),
    Periodic("forget messages", forget_messages, every=HOUR, domain="notification"),
    Periodic("forget webhooks", forget_webhooks, every=HOUR, domain="webhook"),
    Periodic("forget provider events", forget_provider_events, every=HOUR, domain="payment"),
    Periodic("forget sandbox", forget_sandbox, every=HOUR, domain="payment"),
)

# the name that `enqueue` was given -> the function; `finish` belongs in the transaction of its effect
QUEUED: Mapping[str, Callable[[Wiring, Job], Awaitable[None]]] = {
    PRINT: print_document,
    CONFIRM_FREE: confirm_free,
    RELEASE: release_holds,
    TELL: tell_peer,
}


class Hands(Protocol):
    """Other processes that take jobs. A BrokenPipeError says that none can be reached now."""

    async def periodic(self, name: str, *, expires: float) -> None:
        """Run it if it is due and nobody runs it, unless that is taken up only so many seconds later."""

    async def queued(self, job_id: UUID) -> None:
        """Run this row of `kernel.jobs`, if it is due and nobody has it."""


class Worker:
    """All of it in this process's event loop; with `hands`, they have the queued jobs and the unshared ones."""

    def __init__(
        self,
        wired: Wiring,
        *,
        periodic: Sequence[Periodic] = PERIODIC,
        queued: Mapping[str, Callable[[Wiring, Job], Awaitable[None]]] = QUEUED,
        hands: Hands | None = None,
    ) -> None:
        pace = wired.settings.worker
        lease = timedelta(seconds=pace.job_lease_seconds)
        self.wired = wired
        self.hands = hands
        self.periodic = {job.name: job for job in periodic if job.domain is None or wired.has(job.domain)}
        self.relay = wired.relay()
        self.courier = wired.courier()
        self.wakes = Wakes(wired.database_url, wired.sessions)
        self.turns = Turns(wired.sessions, lease)
        handlers = {name: partial(run, wired) for name, run in queued.items()}
        limit = timedelta(seconds=pace.job_seconds)
        self.queue = Queue(wired.sessions, handlers, wired.clock, lease, limit)
        wired.events_route.check()
        wired.mail_route.check()  # a wrong setting stops the start, not the first message

    async def run(self) -> None:
        """Until cancelled."""
        async with self.ways_out() as always, asyncio.TaskGroup() as group:
            group.create_task(self.wakes.listen())
            group.create_task(self.stop_sending())
            group.create_task(self.hear())
            for job in (*always, *self.periodic.values()):
                group.create_task(self.repeat(job))

    async def hear(self) -> None:
        """What services that are elsewhere say, as long as there are any; broken off, it is taken up again."""
        inlet = self.wired.events_route.inlet(self.wired.settings.server.services)
        subscriber = Subscriber(self.wired.sessions, self.wired.clock)
        me = asyncio.current_task()
        # a TaskGroup whose tasks fail in the moment in which it is cancelled tells only of their failures
        while inlet is not None and me is not None and not me.cancelling():
            try:
                await inlet.listen(subscriber.take)
            except* Exception as errors:  # each library has its own for a connection that ends under it
                log.warning("not hearing of other services", error=repr(errors.exceptions[0]))
            await asyncio.sleep(HEAR_AGAIN_SECONDS)

    async def stop_sending(self) -> None:
        """Once cancelled, break off what is on its way to webhooks: the next worker sends it."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.courier.stop()

    @asynccontextmanager
    async def ways_out(self) -> AsyncIterator[Sequence[Periodic]]:
        """What every worker does, whatever the tables say, with the mail server and the broker that it needs."""
        pace = self.wired.settings.worker
        always = [
            Periodic("relay", self.relay_events, pace.relay_seconds, shared=True),
            Periodic("queue", self.run_queued, pace.relay_seconds, shared=True),
            Periodic("measure", measure_waiting, MEASURE_SECONDS, shared=True),
        ]
        if self.wired.has("webhook"):
            always.append(Periodic("webhooks", lambda _: self.courier.dispatch(), pace.relay_seconds, shared=True))
        async with self.wired.mail_route.open() as mailer, self.wired.events_route.open() as transport:
            if transport is not None:
                publisher = Publisher(self.wired.sessions, transport, self.wired.clock)
                always.append(Periodic("publish", lambda _: publisher.drain(), pace.relay_seconds, shared=True))
            if not self.wired.has("notification"):
                yield always
                return
            if mailer is None:
                log.warning(
                    "no mail server: messages wait until HOLDFAST_SMTP_URL or HOLDFAST_MAIL_TRANSPORT is set"
                )
            else:
                always.append(Periodic("mail", partial(send_mail, mailer=mailer), pace.mail_seconds, shared=True))
            yield always

    async def relay_events(self, wired: Wiring) -> int:
        told = await self.relay.drain()
        if told:
            self.wakes.wake("publish")
        return told

    async def run_queued(self, wired: Wiring) -> int:
        if self.hands is not None:
            try:
                return await self.queue.hand_out(self.hands.queued)
            except BrokenPipeError as error:
                log.warning("the broker of jobs is away: they run here", error=str(error))
        return await self.queue.drain()

    async def repeat(self, job: Periodic) -> None:
        """Run the job, at once again while it finds work, else after a pause. A failure is logged, and tried
        again; where the embedded database was lost, it is brought back first."""
        every = job.seconds(self.wired.settings)
        while True:
            found = 0
            try:
                found = await self.once(job)
            except DatabaseUnreachable as error:
                log.warning("job failed", job=job.name, error=repr(error))
                await self.rejoin()
            except (Refusal, DatabaseError, OSError) as error:
                log.warning("job failed", job=job.name, error=repr(error))
            except Exception:
                log.exception("job failed", job=job.name)
            if job.name in self.wakes.channels:
                await self.wakes.wait(job.name, found=found, at_most=every)
            elif not found:
                await asyncio.sleep(every)

    async def once(self, job: Periodic) -> int:
        """One run, here or by other hands, if it is this worker's turn."""
        if job.shared:
            return await job.run(self.wired)
        seconds = job.seconds(self.wired.settings)
        if self.hands is not None:
            try:
                await self.hands.periodic(job.name, expires=seconds)
                return 0
            except BrokenPipeError as error:
                log.warning("the broker of jobs is away: they run here", error=str(error))
        return await self.take_turn(job)

    async def take_turn(self, job: Periodic) -> int:
        every = timedelta(seconds=job.seconds(self.wired.settings))
        return await self.turns.run(job.name, partial(job.run, self.wired), every=every)

    async def rejoin(self) -> None:
        """Bring a killed embedded server back; a server of one's own is left to those who run it."""
        if self.wired.settings.database.url is None:
            try:
                await asyncio.to_thread(join_database, self.wired.settings)
            except (ServerFailed, OSError):
                log.exception("the embedded database does not start")

    async def run_once(self) -> None:
        """Everything once, to its end, whosever turn it is."""
        async with self.ways_out() as always:
            for job in (*self.periodic.values(), *always):
                while await job.run(self.wired):
                    pass
