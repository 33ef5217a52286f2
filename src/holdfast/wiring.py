"""The composition root: engine, facades, reactions and jobs. The only file that knows every domain."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, cached_property, wraps
from pathlib import Path
from typing import ClassVar
from uuid import UUID

import structlog
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.contracts.identity import SYSTEM, Actor
from holdfast.domains.booking import reactions as money
from holdfast.domains.booking.services import BookingService
from holdfast.domains.document import reactions as paperwork
from holdfast.domains.document import templates
from holdfast.domains.document.services import CheckInCodes, Desk, DocumentService, Links, PrintShop
from holdfast.domains.identity.services import (
    AccountService,
    ApiKeyService,
    IdentityService,
    Outside,
    Passwords,
    People,
    Vault,
)
from holdfast.domains.inventory.services import InventoryService
from holdfast.domains.notification import reactions as mail
from holdfast.domains.notification.letters import Letterhead
from holdfast.domains.notification.office import Office
from holdfast.domains.notification.services import NotificationService, TemplateService
from holdfast.domains.notification.telling import Sources
from holdfast.domains.payment import reactions as cashier
from holdfast.domains.payment.ports import Provider
from holdfast.domains.payment.services import (
    LedgerService,
    OrderService,
    PaymentService,
    PaymentWork,
    Providers,
)
from holdfast.domains.pricing.services import PricingService
from holdfast.domains.realtime import reactions as live
from holdfast.domains.realtime.services import RealtimeService
from holdfast.domains.sandbox.services import SandboxService
from holdfast.domains.webhook import reactions as hooks
from holdfast.domains.webhook.courier import Courier
from holdfast.domains.webhook.keyring import Keyring
from holdfast.domains.webhook.rules.targets import TargetRules
from holdfast.domains.webhook.services import WebhookService
from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.gateways.events import EventsRoute
from holdfast.gateways.issuers import Issuers, IssuerTerms
from holdfast.gateways.mail import MailKeys, MailRoute
from holdfast.gateways.mail_catcher import MailFolder
from holdfast.gateways.mail_domains import DnsMailDomains
from holdfast.gateways.oidc import OpenIdProvider
from holdfast.gateways.payments.absent import AbsentProvider
from holdfast.gateways.payments.generic import GenericProvider
from holdfast.gateways.payments.registry import providers
from holdfast.gateways.payments.sandbox import SandboxProvider, WebhookCourier
from holdfast.gateways.payments.terms import PaypalTerms, RazorpayTerms, StripeTerms, WebhookTerms
from holdfast.gateways.quotas import Quotas
from holdfast.gateways.secret_file import kept_secret
from holdfast.gateways.sigv4 import AwsKey
from holdfast.gateways.sms import SmsGateway
from holdfast.gateways.storage import storage_at
from holdfast.gateways.typesetting import Look, TypstPress
from holdfast.gateways.webhook_sender import WebhookSender
from holdfast.kernel.access import APPLICATION_ROLE
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.database import create_engine, session_factory, snapshot
from holdfast.kernel.invariants import OUTBOX, Finding, check
from holdfast.kernel.keys import derived_key
from holdfast.kernel.relay import MAX_ATTEMPTS, Delivery, Listener, Reaction, Relay
from holdfast.settings import PaypalSettings, RazorpaySettings, Settings, StripeSettings

# wire name -> who answers it, bound to what it asks by `Wiring.reactions`; each reaction is a sentence
BOOKING_REACTIONS = money.REACTIONS
PAYMENT_REACTIONS = cashier.REACTIONS
MAIL_REACTIONS = mail.REACTIONS
PAPER_REACTIONS = paperwork.REACTIONS


def choreography() -> dict[str, list[str]]:
    """Every event that something answers, and the names of what does, in the order of their running."""
    told: dict[str, list[str]] = defaultdict(list)
    tables: Sequence[Mapping[str, Sequence[Callable[..., object]]]] = (
        BOOKING_REACTIONS, PAYMENT_REACTIONS, PAPER_REACTIONS, MAIL_REACTIONS, hooks.REACTIONS, live.REACTIONS,
    )  # fmt: skip
    for table in tables:
        for wire_name, answers in table.items():
            told[wire_name] += [answer.__name__ for answer in answers]
    return dict(sorted(told.items()))


def join_database(settings: Settings) -> str:
    """The URL of the database in use, after starting or joining the embedded server where none is configured.

    The server is shared by every process that joined it and stops after the last of them.
    """
    url = settings.database.url
    if url is not None:
        return url.get_secret_value()
    return embedded(settings.database.data_dir.resolve()).start()


class NoDatabase(RuntimeError):
    """There is no database here yet; `holdfast demo`, `serve` or `migrate` makes one."""


def existing_database(settings: Settings) -> str:
    """`join_database` for those that only look: NoDatabase in a folder without one, where nothing is made."""
    if settings.database.url is None and not embedded(settings.database.data_dir.resolve()).exists():
        raise NoDatabase(f"there is no database in {settings.database.data_dir}; `holdfast migrate` makes one")
    return join_database(settings)


@cache
def embedded(data_dir: Path) -> EmbeddedPostgres:
    """This process's one part in that folder's server: starting it again brings a killed server back."""
    return EmbeddedPostgres(data_dir)


def master_secret(settings: Settings) -> SecretStr:
    """HOLDFAST_SECRET, or the one that this installation made for itself in its data folder.

    Processes on several machines must be given the same one.
    """
    return settings.security.secret or kept_secret(settings.database.data_dir / "secret")


def stripe_terms(said: StripeSettings) -> StripeTerms | None:
    if said.secret_key is None:
        return None
    return StripeTerms(said.secret_key, said.publishable_key, said.webhook_secret, said.api_base.rstrip("/"))


def razorpay_terms(said: RazorpaySettings) -> RazorpayTerms | None:
    if said.key_id is None or said.key_secret is None:
        return None
    return RazorpayTerms(said.key_id, said.key_secret, said.webhook_secret, said.api_base.rstrip("/"))


def paypal_terms(said: PaypalSettings) -> PaypalTerms | None:
    if said.client_id is None or said.client_secret is None:
        return None
    return PaypalTerms(said.client_id, said.client_secret, said.webhook_id, said.api_base.rstrip("/"))


def webhook_terms(said: Settings) -> WebhookTerms:
    return WebhookTerms(
        stripe=said.stripe.webhook_secret,
        razorpay=said.razorpay.webhook_secret,
        paypal=said.paypal.webhook_id,
        generic=said.payment.webhook_secret,
    )


# the relay tries ten times in 17 minutes before it parks an event
STUCK_AFTER = timedelta(minutes=30)

log = structlog.get_logger()


@dataclass(frozen=True)
class Wiring:
    """One process's collaborators. In one process the facades share a session, so their transactions join."""

    settings: Settings
    database_url: str
    clock: Clock = field(default_factory=SystemClock)
    # a caller waits: some 20 ms as a rule, this long at most
    nudge_seconds: ClassVar[float] = 5.0

    @cached_property
    def secret(self) -> SecretStr:
        return master_secret(self.settings)

    @cached_property
    def engine(self) -> AsyncEngine:
        """Connections act as a role that owns no table, so that row-level security binds them."""
        database = self.settings.database
        return create_engine(
            self.database_url,
            role=APPLICATION_ROLE,
            pool_size=database.pool_size,
            max_overflow=database.max_overflow,
            pool_timeout=timedelta(seconds=database.pool_timeout_seconds),
            lock_timeout=timedelta(seconds=database.lock_timeout_seconds),
        )

    @cached_property
    def quotas(self) -> Quotas:
        limits = self.settings.rate_limits
        url = limits.redis_url.get_secret_value() if limits.enabled and limits.redis_url else None
        return Quotas(url, patience=limits.redis_patience_ms / 1000)

    @cached_property
    def sessions(self) -> async_sessionmaker[AsyncSession]:
        """Sessions of the system itself: sweeps, relay, audit, and what must look across people."""
        return session_factory(self.engine, caller=SYSTEM.access)

    def session(self, actor: Actor) -> AsyncSession:
        """A session that the database takes for this actor's."""
        return self.sessions(info={"caller": actor.access})

    @cached_property
    def vault(self) -> Vault:
        """This process's keys and hashers; one for all sessions."""
        settings = self.settings.accounts
        passwords = Passwords(time_cost=settings.password_time_cost, memory_kib=settings.password_memory_kib)
        return Vault(self.secret, settings.public_url, settings.audience, passwords)

    def identity(self, db: AsyncSession) -> IdentityService:
        """Wants a session of the system: it looks accounts up by what strangers say."""
        return IdentityService(db, self.notification(db), self.vault, self.outside)

    @cached_property
    def outside(self) -> Outside:
        """Whose word is taken besides ours, with what this process remembers of their keys."""
        google, issuers = self.settings.google, self.settings.external.issuers
        provider = None
        if google.client_id is not None and google.client_secret is not None:
            provider = OpenIdProvider(
                discovery_url=google.discovery_url,
                client_id=google.client_id,
                client_secret=google.client_secret,
            )
        terms = [
            IssuerTerms(
                each.issuer, each.jwks_url, each.audience, each.role_claim, each.roles, each.emails_verified
            )
            for each in issuers
        ]
        return Outside(google=provider, issuers=Issuers(terms) if terms else None)

    def api_keys(self, db: AsyncSession) -> ApiKeyService:
        """Wants the caller's session: the database lets nobody make or delete another's keys."""
        return ApiKeyService(db, self.vault)

    def accounts(self, db: AsyncSession) -> AccountService:
        """The caller's session reads and changes their own part; bans and roles want one of the system."""
        return AccountService(db, self.notification(db), self.vault)

    def inventory(self, db: AsyncSession) -> InventoryService:
        return InventoryService(db)

    def pricing(self, db: AsyncSession) -> PricingService:
        return PricingService(db, self.inventory(db))

    def booking(self, db: AsyncSession) -> BookingService:
        return BookingService(db, self.inventory(db), self.pricing(db), self.orders(db))

    def notification(self, db: AsyncSession) -> NotificationService:
        return NotificationService(db, People(db), self.office)

    def templates(self, db: AsyncSession) -> TemplateService:
        return TemplateService(db, self.letterhead)

    @cached_property
    def office(self) -> Office:
        settings = self.settings.notification
        key = derived_key(self.secret, "notification secrets")
        return Office(
            key,
            language=settings.language,
            texts=settings.sms_url is not None,
            reminder_hours=settings.reminder_hours,
            balance_hours=settings.balance_hours,
        )

    @cached_property
    def till(self) -> Providers:
        """The providers there are here, and the one that takes the money where nobody says."""
        closed = [
            name for name, each in self.providers.items() if isinstance(each, AbsentProvider | GenericProvider)
        ]
        return Providers(
            self.providers,
            default=self.settings.payment_provider,
            public_url=self.settings.accounts.public_url,
            closed=frozenset(closed),
        )

    def orders(self, db: AsyncSession) -> OrderService:
        """In the session of whoever books: what it writes commits with the booking."""
        return OrderService(db, self.till)

    def payment(self, db: AsyncSession) -> PaymentService:
        """Wants a session of the system, as do the next two: nobody else may change payments."""
        return PaymentService(db, self.booking(db), self.till)

    def payment_work(self, db: AsyncSession) -> PaymentWork:
        return PaymentWork(db, self.booking(db), self.till)

    def ledger(self, db: AsyncSession) -> LedgerService:
        return LedgerService(db)

    def document(self, db: AsyncSession) -> DocumentService:
        return DocumentService(db, self.booking(db), self.inventory(db), desk=self.desk, shop=self.print_shop)

    @cached_property
    def desk(self) -> Desk:
        return Desk(self.settings.mail.brand, CheckInCodes(derived_key(self.secret, "check-in")))

    @cached_property
    def document_links(self) -> Links:
        return Links(derived_key(self.secret, "document link"))

    @cached_property
    def print_shop(self) -> PrintShop:
        url = self.settings.document.storage_url
        folder = self.settings.database.data_dir / "documents"
        return PrintShop(self.press, storage_at(url.get_secret_value() if url else None, folder=folder))

    @cached_property
    def press(self) -> TypstPress:
        settings = self.settings.document
        look = Look(self.settings.mail.brand, settings.colour, settings.logo, settings.font, settings.font_dir)
        return TypstPress(templates.FOLDER, look)

    def sandbox(self, db: AsyncSession) -> SandboxService:
        """Wants a session of the system: a payment provider is nobody's to look into."""
        return SandboxService(db)

    @cached_property
    def sandbox_secret(self) -> SecretStr:
        """What the sandbox signs its webhooks with."""
        set_ = self.settings.payment.sandbox_webhook_secret
        return set_ or SecretStr(derived_key(self.secret, "sandbox-webhook").hex())

    @cached_property
    def sandbox_courier(self) -> WebhookCourier:
        url = f"{self.settings.accounts.public_url}/api/payments/webhook?provider=sandbox"
        return WebhookCourier(self.clock, url=url, secret=self.sandbox_secret)

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        """Those who take money here, by name; ones that are known but not set up say so when they are asked."""
        settings = self.settings
        url = settings.accounts.public_url
        sandbox = SandboxProvider(self.sessions, self.clock, public_url=url, secret=self.sandbox_secret)
        return providers(
            sandbox=sandbox if settings.payment_sandbox else None,
            stripe=stripe_terms(settings.stripe),
            razorpay=razorpay_terms(settings.razorpay),
            paypal=paypal_terms(settings.paypal),
            webhooks=webhook_terms(settings),
            patience=settings.payment.timeout_seconds,
        )

    def webhook(self, db: AsyncSession) -> WebhookService:
        return WebhookService(db, self.keyring, self.webhook_targets)

    def realtime(self, db: AsyncSession) -> RealtimeService:
        """Wants a transaction of the system's."""
        return RealtimeService(db)

    @cached_property
    def keyring(self) -> Keyring:
        return Keyring(derived_key(self.secret, "webhook secrets"))

    @cached_property
    def webhook_targets(self) -> TargetRules:
        settings = self.settings.webhooks
        return TargetRules(
            plain_http=settings.plain_http or self.settings.database.url is None,
            ports=settings.ports,
            networks=settings.allowed_networks,
        )

    def courier(self) -> Courier:
        """What this process sends webhooks with."""
        return Courier(self.sessions, self.webhook, WebhookSender(self.webhook_targets), self.clock)

    @cached_property
    def letterhead(self) -> Letterhead:
        return Letterhead(brand=self.settings.mail.brand)

    @cached_property
    def mail_folder(self) -> MailFolder:
        return MailFolder(self.settings.database.data_dir / "mail")

    @property
    def catches_mail(self) -> bool:
        """The embedded mode keeps its own mail, unless it has a mail server."""
        return (
            self.settings.database.url is None
            and self.settings.mail.smtp_url is None
            and self.settings.mail.transport is None
        )

    @property
    def mail_route(self) -> MailRoute:
        settings = self.settings.mail
        return MailRoute(
            smtp_url=settings.smtp_url.get_secret_value() if settings.smtp_url else None,
            catch_in=self.mail_folder if self.catches_mail else None,
            sender=settings.sender,
            brand=settings.brand,
            timeout_seconds=settings.smtp_timeout_seconds,
            ca_file=settings.smtp_ca_file,
            transport=settings.transport,
            keys=self.mail_keys,
            clock=self.clock,
        )

    @property
    def mail_keys(self) -> MailKeys:
        settings = self.settings.mail
        aws = None
        if settings.ses_access_key_id is not None and settings.ses_secret_access_key is not None:
            token = settings.ses_session_token.get_secret_value() if settings.ses_session_token else None
            aws = AwsKey(settings.ses_access_key_id, settings.ses_secret_access_key.get_secret_value(), token)
        sendgrid = settings.sendgrid_api_key
        return MailKeys(aws=aws, sendgrid=sendgrid.get_secret_value() if sendgrid else None)

    @property
    def mail_domains(self) -> DnsMailDomains:
        return DnsMailDomains()

    @property
    def sms_gateway(self) -> SmsGateway | None:
        settings = self.settings.notification
        if settings.sms_url is None:
            return None
        token = settings.sms_token.get_secret_value() if settings.sms_token else None
        return SmsGateway(settings.sms_url, token, settings.sms_sender, settings.sms_timeout_seconds)

    @property
    def events_route(self) -> EventsRoute:
        url = self.settings.events.url
        source = self.settings.accounts.public_url
        return EventsRoute(url.get_secret_value() if url else None, source)

    @cached_property
    def reactions(self) -> Mapping[str, Sequence[Reaction]]:
        """They run in the relay's sessions, which are the system's: events carry no personal data to go by."""
        bound: dict[str, list[Reaction]] = defaultdict(list)
        for wire_name, movers in BOOKING_REACTIONS.items():
            bound[wire_name] += [self.moving(answer) for answer in movers]
        for wire_name, cashiers in PAYMENT_REACTIONS.items():
            bound[wire_name] += [self.paying(answer) for answer in cashiers]
        for wire_name, makers in PAPER_REACTIONS.items():
            bound[wire_name] += [self.papering(answer) for answer in makers]
        for wire_name, answers in MAIL_REACTIONS.items():
            bound[wire_name] += [self.asking(answer) for answer in answers]
        for wire_name, replies in hooks.REACTIONS.items():
            bound[wire_name] += [self.hooked(answer) for answer in replies]
        for wire_name, tellers in live.REACTIONS.items():
            bound[wire_name] += tellers
        return dict(bound)

    def moving(self, answer: money.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(self.booking(db), event, self.clock.now())

        return reaction

    def paying(self, answer: cashier.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(db, event, cashier.Desk(self.booking(db), self.orders(db), self.ledger(db)))

        return reaction

    def papering(self, answer: paperwork.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(self.document(db), event, self.clock.now())

        return reaction

    def asking(self, answer: mail.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            sources = Sources(self.booking(db), self.inventory(db), People(db), self.office, self.document(db))
            await answer(db, event, sources)

        return reaction

    def hooked(self, answer: hooks.Answer) -> Reaction:
        @wraps(answer)
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(db, event, hooks.Sources(self.booking(db), self.inventory(db)))

        return reaction

    @cached_property
    def listeners(self) -> Sequence[Listener]:
        """What hears of every event: webhooks while there are endpoints, `/socket.io` while somebody looks."""
        return [
            Listener(self.hooked(hooks.queue_messages_when_anything_happened), hooks.WANTED),
            Listener(live.pulse_when_booking_moved, live.WANTED),
        ]

    def relay(self) -> Relay:
        return Relay(
            self.sessions,
            self.reactions,
            self.clock,
            self.listeners,
            lanes=self.settings.worker.relay_lanes,
            outside=self.settings.events.url is not None,
        )

    async def nudge(self, *aggregate_ids: UUID) -> None:
        """Have what waits about these told at once, so that who caused it sees what follows from it. It takes
        `nudge_seconds` at most and never fails: the relay tells what is left."""
        try:
            async with asyncio.timeout(self.nudge_seconds):
                await self.relay().deliver_about(*aggregate_ids)
        except TimeoutError:
            log.info("told later", aggregate_ids=[str(each) for each in aggregate_ids])
        except Exception as error:
            log.warning("told later", aggregate_ids=[str(each) for each in aggregate_ids], error=repr(error))

    async def authenticate(self, token: str) -> Actor:
        """Who holds this access token or API key now; looked up by the system, since nobody is known yet."""
        async with self.sessions() as db:
            return await self.identity(db).authenticate(token, now=self.clock.now())

    async def audit(self) -> list[Finding]:
        """Every invariant of every domain, checked on the live data as it is at one instant."""
        now = self.clock.now()
        async with self.sessions() as db, snapshot(db):
            return [
                *await self.inventory(db).audit(),
                *await self.booking(db).audit(now=now),
                *await self.document(db).audit(),
                *await self.notification(db).audit(now=now),
                *await self.payment_work(db).audit(now=now),
                *await check(db, OUTBOX, stuck_since=now - STUCK_AFTER, most_attempts=MAX_ATTEMPTS),
            ]
