"""What the facades work with: the settings, the database, keys, and the gateways to third parties."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.clients.tokens import ServiceTokens
from holdfast.contracts.identity import SYSTEM, Actor
from holdfast.domains.document import templates
from holdfast.domains.document.services import CheckInCodes, Desk, Links, PrintShop
from holdfast.domains.identity.services import Outside, Passwords, Vault
from holdfast.domains.notification.letters import Letterhead
from holdfast.domains.notification.office import Office
from holdfast.domains.payment.ports import Provider
from holdfast.domains.payment.services import Providers
from holdfast.domains.webhook.keyring import Keyring
from holdfast.domains.webhook.rules.targets import TargetRules
from holdfast.gateways.mail import MailRoute
from holdfast.gateways.mail_catcher import MailFolder
from holdfast.gateways.mail_domains import DnsMailDomains
from holdfast.gateways.payments.sandbox import SandboxProvider, WebhookCourier
from holdfast.gateways.quotas import Quotas
from holdfast.gateways.sms import SmsGateway
from holdfast.gateways.storage import storage_at
from holdfast.gateways.typesetting import Look, TypstPress
from holdfast.kernel.access import APPLICATION_ROLE
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.database import create_engine, session_factory
from holdfast.kernel.keys import derived_key
from holdfast.settings import Settings
from holdfast.wiring.database import master_secret
from holdfast.wiring.identity import outside_of
from holdfast.wiring.payments import closings, providers_of, till_of
from holdfast.wiring.peers import Peers
from holdfast.wiring.post import mail_route_of, sms_gateway_of


@dataclass(frozen=True)
class Tools:
    """One process's, made when they are first wanted."""

    settings: Settings
    database_url: str
    clock: Clock = field(default_factory=SystemClock)

    @cached_property
    def open_ends(self) -> AsyncExitStack:
        """What was opened and is to be closed, the last one first."""
        return AsyncExitStack()

    async def close(self) -> None:
        """Nothing is asked of it any more."""
        await self.open_ends.aclose()

    @cached_property
    def secret(self) -> SecretStr:
        return master_secret(self.settings)

    @cached_property
    def engine(self) -> AsyncEngine:
        """Connections act as a role that owns no table, so that row-level security binds them."""
        database = self.settings.database
        engine = create_engine(
            self.database_url,
            role=APPLICATION_ROLE,
            pool_size=database.pool_size,
            max_overflow=database.max_overflow,
            pool_timeout=timedelta(seconds=database.pool_timeout_seconds),
            lock_timeout=timedelta(seconds=database.lock_timeout_seconds),
        )
        self.open_ends.push_async_callback(engine.dispose)
        return engine

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

    @cached_property
    def split(self) -> bool:
        """Whether other services are elsewhere, each with its own data."""
        return bool(self.settings.elsewhere)

    @cached_property
    def service_tokens(self) -> ServiceTokens:
        return ServiceTokens.of(self.secret)

    @cached_property
    def peers(self) -> Peers:
        peers = Peers.of(self.settings, self.service_tokens, self.secret, self.clock)
        self.open_ends.push_async_callback(peers.close)
        return peers

    @cached_property
    def outside(self) -> Outside:
        """Whose word is taken besides ours, with what this process remembers of their keys."""
        return outside_of(self.settings)

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
            review_url=settings.review_url,
        )

    @cached_property
    def till(self) -> Providers:
        """The providers there are here, and the one that takes the money where nobody says."""
        return till_of(self.settings, self.providers)

    @cached_property
    def providers(self) -> Mapping[str, Provider]:
        url = self.settings.accounts.public_url
        sandbox = SandboxProvider(self.sessions, self.clock, public_url=url, secret=self.sandbox_secret)
        known = providers_of(self.settings, sandbox)
        for close in closings(known.values()):
            self.open_ends.push_async_callback(close)
        return known

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
    def desk(self) -> Desk:
        codes = CheckInCodes(derived_key(self.secret, "check-in"))
        return Desk(self.settings.mail.brand, codes, self.settings.notification.language)

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
        catch_in = self.mail_folder if self.catches_mail else None
        return mail_route_of(self.settings.mail, catch_in=catch_in, clock=self.clock)

    @property
    def mail_domains(self) -> DnsMailDomains:
        return DnsMailDomains()

    @property
    def sms_gateway(self) -> SmsGateway | None:
        return sms_gateway_of(self.settings.notification)
