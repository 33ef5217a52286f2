"""Everything that can be set from outside: `HOLDFAST_…` environment variables, or the same names in `.env`.

The only place that reads the environment. Names without the prefix are the source documents' own.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal, Self

from limits import parse
from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from holdfast.contracts.identity import LanguageTag, Role

SERVICES = (
    "identity",
    "inventory",
    "pricing",
    "booking",
    "payment",
    "notification",
    "document",
    "webhook",
    "realtime",
)


def named(*names: str) -> AliasChoices:
    return AliasChoices(*names)


def listed(value: object) -> object:
    """`a,b` as a list."""
    return [each.strip() for each in value.split(",") if each.strip()] if isinstance(value, str) else value


def picture(path: Path) -> Path:
    if path.suffix.lower() not in (".svg", ".png", ".jpg", ".jpeg"):
        raise ValueError("a logo is an SVG, PNG or JPEG file")
    return path


class Group(BaseSettings):
    """One concern's settings, frozen. An empty variable, as compose passes on what it does not know, is unset."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,  # a wrong URL may hold a password
    )


class DatabaseSettings(Group):
    """Without a URL the embedded PostgreSQL in `data_dir` is used."""

    url: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_DATABASE_URL", "DATABASE_URL"))
    data_dir: Path = Field(Path(".holdfast"), validation_alias=named("HOLDFAST_DATA_DIR"))
    pool_size: Annotated[int, Field(ge=1, le=500)] = Field(
        15, validation_alias=named("HOLDFAST_DATABASE_POOL_SIZE")
    )
    max_overflow: Annotated[int, Field(ge=0, le=500)] = Field(
        0, validation_alias=named("HOLDFAST_DATABASE_MAX_OVERFLOW")
    )
    pool_timeout_seconds: Annotated[float, Field(ge=0.05, le=600)] = Field(
        10.0, validation_alias=named("HOLDFAST_DATABASE_POOL_TIMEOUT_SECONDS")
    )
    lock_timeout_seconds: Annotated[float, Field(ge=0.05, le=60)] = Field(
        3.0, validation_alias=named("HOLDFAST_LOCK_TIMEOUT_SECONDS")
    )
    migrate_on_start: bool = Field(True, validation_alias=named("HOLDFAST_MIGRATE_ON_START"))


class SecuritySettings(Group):
    """`secret` is the master secret; without one the embedded mode makes its own, any other refuses to start."""

    secret: Annotated[SecretStr, Field(min_length=32)] | None = Field(
        None, validation_alias=named("HOLDFAST_SECRET")
    )


def notation(text: str) -> str:
    """`120/minute`, `10 per 30 seconds`: refused where it cannot be read."""
    parse(text)
    return text


Limit = Annotated[str, AfterValidator(notation)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(listed)]


# keys and codes fetched without TLS are whoever's that sits between: only a machine itself may be asked so
SafeUrl = Annotated[str, Field(pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])([:/]|$)).*")]


class RateLimitSettings(Group):
    """Requests per class, each account by itself; who has none, and every `auth`, by address.

    `address` bounds all requests of one address (IPv6: of one /64), before anybody is recognised. Counted in Redis
    where `redis_url` is set, by all processes together, else by each process.
    """

    enabled: bool = Field(True, validation_alias=named("HOLDFAST_RATE_LIMITS"))
    redis_url: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_REDIS_URL"))
    redis_patience_ms: Annotated[int, Field(ge=1, le=10_000)] = Field(
        50, validation_alias=named("HOLDFAST_REDIS_PATIENCE_MS")
    )
    address: Limit = Field("3000/minute", validation_alias=named("HOLDFAST_RATE_LIMIT_ADDRESS"))
    auth: Limit = Field("10/minute", validation_alias=named("HOLDFAST_RATE_LIMIT_AUTH"))
    write: Limit = Field("120/minute", validation_alias=named("HOLDFAST_RATE_LIMIT_WRITE"))
    check: Limit = Field("300/minute", validation_alias=named("HOLDFAST_RATE_LIMIT_CHECK"))
    read: Limit = Field("600/minute", validation_alias=named("HOLDFAST_RATE_LIMIT_READ"))


class ProxySettings(Group):
    """Which peers may say for whom they ask, as networks (`10.0.0.0/8,::1/128`), and in which header.

    One header only: a proxy that writes one of them usually passes the other on as the client made it up.
    """

    trusted: Networks = Field((), validation_alias=named("HOLDFAST_TRUSTED_PROXIES"))
    header: Literal["x-forwarded-for", "forwarded"] = Field(
        "x-forwarded-for", validation_alias=named("HOLDFAST_PROXY_HEADER")
    )


class MailSettings(Group):
    """The mail server, as `smtp://`, `smtp+starttls://user:password@host:587` or `smtps://…`, and who writes.

    `transport` is a provider's API in its place: `ses://region` or `sendgrid://`. Without either the embedded mode
    catches its own mail; elsewhere messages wait until there is one.
    """

    transport: str | None = Field(None, validation_alias=named("HOLDFAST_MAIL_TRANSPORT"))
    ses_access_key_id: str | None = Field(None, validation_alias=named("HOLDFAST_SES_ACCESS_KEY_ID"))
    ses_secret_access_key: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_SES_SECRET_ACCESS_KEY"))
    ses_session_token: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_SES_SESSION_TOKEN"))
    sendgrid_api_key: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_SENDGRID_API_KEY"))

    smtp_url: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_SMTP_URL"))
    smtp_ca_file: Path | None = Field(None, validation_alias=named("HOLDFAST_SMTP_CA_FILE"))
    # for one message, from connecting to its acceptance; less than a sender's claim on it lasts
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = Field(
        30, validation_alias=named("HOLDFAST_SMTP_TIMEOUT_SECONDS")
    )
    sender: str | None = Field(None, validation_alias=named("HOLDFAST_MAIL_FROM"))
    brand: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        "Holdfast", validation_alias=named("HOLDFAST_BRAND")
    )


class NotificationSettings(Group):
    """`language` is for receivers who said none. Text messages go only where there is a gateway for them."""

    language: LanguageTag = Field("en", validation_alias=named("HOLDFAST_LANGUAGE"))
    sms_url: SafeUrl | None = Field(None, validation_alias=named("HOLDFAST_SMS_URL"))
    sms_token: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_SMS_TOKEN"))
    sms_sender: Annotated[str, Field(max_length=20)] | None = Field(
        None, validation_alias=named("HOLDFAST_SMS_SENDER")
    )
    sms_timeout_seconds: Annotated[float, Field(gt=0, le=120)] = Field(
        10, validation_alias=named("HOLDFAST_SMS_TIMEOUT_SECONDS")
    )
    reminder_hours: Annotated[int, Field(ge=0, le=24 * 90)] = Field(
        24, validation_alias=named("HOLDFAST_REMINDER_HOURS")
    )
    balance_hours: Annotated[int, Field(ge=0, le=24 * 90)] = Field(
        72, validation_alias=named("HOLDFAST_BALANCE_HOURS")
    )
    review_url: SafeUrl | None = Field(None, validation_alias=named("HOLDFAST_REVIEW_URL"))
    message_days: Annotated[int, Field(ge=1)] = Field(365, validation_alias=named("HOLDFAST_MESSAGE_DAYS"))


class DocumentSettings(Group):
    """How papers look, where they are kept (`s3://bucket/prefix?endpoint=…&region=…`, else a folder in the data
    folder), and how long a link to one is good. `logo` is an SVG, PNG or JPEG."""

    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] = Field(
        "#0f4c5c", validation_alias=named("HOLDFAST_BRAND_COLOUR")
    )
    logo: Annotated[Path, AfterValidator(picture)] | None = Field(
        None, validation_alias=named("HOLDFAST_BRAND_LOGO")
    )
    font: str | None = Field(None, validation_alias=named("HOLDFAST_BRAND_FONT"))
    font_dir: Path | None = Field(None, validation_alias=named("HOLDFAST_FONT_DIR"))
    storage_url: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_STORAGE_URL"))
    link_hours: Annotated[int, Field(ge=1, le=8_760)] = Field(
        168, validation_alias=named("HOLDFAST_DOCUMENT_LINK_HOURS")
    )


class AccountSettings(Group):
    """`public_url` is where people and token readers reach this installation: the issuer of its access tokens, and
    where mailed links lead. The costs are Argon2id's; accounts hashed with others are rehashed as they sign in."""

    public_url: Annotated[str, Field(pattern=r"^https?://[^/?#]+(/[^?#]*[^/?#])?$")] = Field(
        "http://127.0.0.1:8000", validation_alias=named("HOLDFAST_PUBLIC_URL")
    )
    audience: Annotated[str, Field(min_length=1)] = Field(
        "holdfast", validation_alias=named("HOLDFAST_TOKEN_AUDIENCE")
    )
    password_time_cost: Annotated[int, Field(ge=1)] = Field(
        2, validation_alias=named("HOLDFAST_PASSWORD_TIME_COST")
    )
    password_memory_kib: Annotated[int, Field(ge=32)] = Field(
        19_456, validation_alias=named("HOLDFAST_PASSWORD_MEMORY_KIB")
    )


class GoogleSettings(Group):
    """Sign-in with Google, or with the OpenID provider of another discovery document; off without a client."""

    client_id: str | None = Field(None, validation_alias=named("HOLDFAST_GOOGLE_CLIENT_ID"))
    client_secret: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_GOOGLE_CLIENT_SECRET"))
    discovery_url: SafeUrl = Field(
        "https://accounts.google.com/.well-known/openid-configuration",
        validation_alias=named("HOLDFAST_GOOGLE_DISCOVERY_URL"),
    )

    @model_validator(mode="after")
    def both_or_none(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("HOLDFAST_GOOGLE_CLIENT_ID and HOLDFAST_GOOGLE_CLIENT_SECRET go together")
        return self


class TrustedIssuer(BaseModel):
    """An issuer whose access tokens are taken beside our own.

    `roles` says which value of `role_claim` (a name, or a path with dots) gives which role; all others are
    customers. `emails_verified` where it lets nobody in before their address is verified, and says so in no claim
    (Supabase with e-mail confirmation): its `user_metadata` is the user's own to write, and never believed.
    """

    model_config = {"frozen": True, "extra": "forbid"}

    issuer: Annotated[str, Field(min_length=1)]
    jwks_url: SafeUrl
    audience: Annotated[str, Field(min_length=1)]
    role_claim: Annotated[str, Field(min_length=1)] = "app_metadata.role"
    roles: dict[str, Role] = {}
    emails_verified: bool = False


class ExternalSettings(Group):
    """A JSON list of TrustedIssuer."""

    issuers: tuple[TrustedIssuer, ...] = Field((), validation_alias=named("HOLDFAST_ISSUERS"))

    @model_validator(mode="after")
    def each_once(self) -> Self:
        if len({each.issuer for each in self.issuers}) < len(self.issuers):
            raise ValueError("HOLDFAST_ISSUERS names an issuer twice")
        return self


class InventorySettings(Group):
    max_hold_seconds: Annotated[int, Field(ge=1, le=30 * 86_400)] = Field(
        86_400, validation_alias=named("HOLDFAST_MAX_HOLD_SECONDS")
    )


class BookingSettings(Group):
    pending_ttl_seconds: Annotated[int, Field(ge=1, le=30 * 86_400)] = Field(
        900, validation_alias=named("HOLDFAST_PENDING_TTL_SECONDS")
    )
    no_show_grace_seconds: Annotated[int, Field(ge=0, le=30 * 86_400)] = Field(
        7_200, validation_alias=named("HOLDFAST_NO_SHOW_GRACE_SECONDS")
    )
    # bookings that are made at once share a transaction
    batch_size: Annotated[int, Field(ge=1, le=1_000)] = Field(
        64, validation_alias=named("HOLDFAST_BOOKING_BATCH_SIZE")
    )
    batches: Annotated[int, Field(ge=1, le=100)] = Field(2, validation_alias=named("HOLDFAST_BOOKING_BATCHES"))
    queue: Annotated[int, Field(ge=1, le=100_000)] = Field(1_024, validation_alias=named("HOLDFAST_BOOKING_QUEUE"))


class PaymentSettings(Group):
    """Which provider takes the money where a booking names none, and how providers are asked.

    The sandbox takes none: it is the one, and on, where `provider` names no other, unless `sandbox` says so or the
    contrary.
    """

    provider: Literal["sandbox", "stripe", "razorpay", "paypal"] | None = Field(
        None, validation_alias=named("HOLDFAST_PAYMENT_PROVIDER")
    )
    sandbox: bool | None = Field(None, validation_alias=named("HOLDFAST_PAYMENT_SANDBOX"))
    sandbox_webhook_secret: SecretStr | None = Field(
        None, validation_alias=named("HOLDFAST_PAYMENT_SANDBOX_WEBHOOK_SECRET")
    )
    webhook_secret: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_PAYMENT_WEBHOOK_SECRET"))
    # providers tell again for days; who replays one later than this is heard anew
    event_days: Annotated[int, Field(ge=90)] = Field(400, validation_alias=named("HOLDFAST_PAYMENT_EVENT_DAYS"))
    # for one request to a provider, its retries included
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        20.0, validation_alias=named("HOLDFAST_PAYMENT_TIMEOUT_SECONDS")
    )

    @model_validator(mode="after")
    def sandbox_named_is_on(self) -> Self:
        if self.provider == "sandbox" and self.sandbox is False:
            raise ValueError("HOLDFAST_PAYMENT_SANDBOX=false excludes HOLDFAST_PAYMENT_PROVIDER=sandbox")
        return self


class StripeSettings(Group):
    secret_key: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_STRIPE_SECRET_KEY"))
    publishable_key: str | None = Field(None, validation_alias=named("HOLDFAST_STRIPE_PUBLISHABLE_KEY"))
    webhook_secret: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_STRIPE_WEBHOOK_SECRET"))
    api_base: SafeUrl = Field("https://api.stripe.com", validation_alias=named("HOLDFAST_STRIPE_API_BASE"))


class RazorpaySettings(Group):
    key_id: str | None = Field(None, validation_alias=named("HOLDFAST_RAZORPAY_KEY_ID"))
    key_secret: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_RAZORPAY_KEY_SECRET"))
    webhook_secret: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_RAZORPAY_WEBHOOK_SECRET"))
    api_base: SafeUrl = Field("https://api.razorpay.com", validation_alias=named("HOLDFAST_RAZORPAY_API_BASE"))

    @model_validator(mode="after")
    def both_or_none(self) -> Self:
        if (self.key_id is None) != (self.key_secret is None):
            raise ValueError("HOLDFAST_RAZORPAY_KEY_ID and HOLDFAST_RAZORPAY_KEY_SECRET go together")
        return self


class PaypalSettings(Group):
    client_id: str | None = Field(None, validation_alias=named("HOLDFAST_PAYPAL_CLIENT_ID"))
    client_secret: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_PAYPAL_CLIENT_SECRET"))
    webhook_id: str | None = Field(None, validation_alias=named("HOLDFAST_PAYPAL_WEBHOOK_ID"))
    api_base: SafeUrl = Field("https://api-m.paypal.com", validation_alias=named("HOLDFAST_PAYPAL_API_BASE"))

    @model_validator(mode="after")
    def both_or_none(self) -> Self:
        if (self.client_id is None) != (self.client_secret is None):
            raise ValueError("HOLDFAST_PAYPAL_CLIENT_ID and HOLDFAST_PAYPAL_CLIENT_SECRET go together")
        return self


def beginning(*schemes: str) -> AfterValidator:
    """A secret URL of one of these schemes; the message never shows it."""

    def check(url: SecretStr | None) -> SecretStr | None:
        if url is not None and url.get_secret_value().partition("://")[0] not in schemes:
            raise ValueError(f"it begins with one of {', '.join(f'{each}://' for each in schemes)}")
        return url

    return AfterValidator(check)


class EventsSettings(Group):
    """The broker that hears of every event: `amqp://…`, `amqps://…`, `kafka://host:9092,host:9092/topic` or
    `kafka+ssl://…`; the same for every process, since an event counts as told once all have been told."""

    url: Annotated[SecretStr | None, beginning("amqp", "amqps", "kafka", "kafka+ssl")] = Field(
        None, validation_alias=named("HOLDFAST_EVENTS_URL", "RABBITMQ_URL")
    )


class WorkerSettings(Group):
    """How often the background work looks for something to do, and how long a job may take."""

    sweep_seconds: Annotated[float, Field(gt=0)] = Field(5.0, validation_alias=named("HOLDFAST_SWEEP_SECONDS"))
    mail_seconds: Annotated[float, Field(gt=0)] = Field(1.0, validation_alias=named("HOLDFAST_MAIL_SECONDS"))
    relay_seconds: Annotated[float, Field(gt=0)] = Field(1.0, validation_alias=named("HOLDFAST_RELAY_SECONDS"))
    # events of different aggregates that one process tells side by side, each on a connection of its own
    relay_lanes: Annotated[int, Field(ge=1, le=100)] = Field(4, validation_alias=named("HOLDFAST_RELAY_LANES"))
    # where queued and periodic jobs are handed out, redis:// or amqp://, and to how many processes of a worker
    broker_url: Annotated[SecretStr | None, beginning("redis", "rediss", "amqp", "amqps")] = Field(
        None, validation_alias=named("HOLDFAST_BROKER_URL")
    )
    job_processes: Annotated[int, Field(ge=1, le=256)] = Field(2, validation_alias=named("HOLDFAST_JOB_PROCESSES"))
    # host:port; `holdfast worker` serves no HTTP but this, and every worker of a machine needs a port of its own
    metrics: Annotated[str, Field(pattern=r"^[^:]+:[0-9]{1,5}$")] | None = Field(
        None, validation_alias=named("HOLDFAST_WORKER_METRICS")
    )
    # a dead worker's jobs are taken over after the lease; a living one prolongs it
    job_lease_seconds: Annotated[float, Field(ge=1, le=3600)] = Field(
        60.0, validation_alias=named("HOLDFAST_JOB_LEASE_SECONDS")
    )
    job_seconds: Annotated[int, Field(ge=1, le=86_400)] = Field(
        600, validation_alias=named("HOLDFAST_JOB_SECONDS")
    )
    idempotency_hours: Annotated[int, Field(ge=24)] = Field(
        72, validation_alias=named("HOLDFAST_IDEMPOTENCY_HOURS")
    )
    outbox_days: Annotated[int, Field(ge=1)] = Field(7, validation_alias=named("HOLDFAST_OUTBOX_DAYS"))


class WebhookSettings(Group):
    """Where messages to other people's programs may go: https, to public addresses at `ports`.

    `allowed_networks` may be reached besides, at any port, for tests, development, and receivers of one's own.
    `plain_http` allows http too, as the embedded mode does without being asked.
    """

    plain_http: bool = Field(False, validation_alias=named("HOLDFAST_WEBHOOK_PLAIN_HTTP"))
    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65_535)], ...], NoDecode, BeforeValidator(listed)] = (
        Field((443, 8443), validation_alias=named("HOLDFAST_WEBHOOK_PORTS"))
    )
    allowed_networks: Networks = Field((), validation_alias=named("HOLDFAST_WEBHOOK_ALLOWED_NETWORKS"))
    log_days: Annotated[int, Field(ge=4)] = Field(30, validation_alias=named("HOLDFAST_WEBHOOK_LOG_DAYS"))


class RealtimeSettings(Group):
    """Connections at `/socket.io` of one address: how many it makes, and how many it has to one process."""

    connects: Limit = Field("60/minute", validation_alias=named("HOLDFAST_REALTIME_CONNECTS"))
    per_address: Annotated[int, Field(ge=1)] = Field(100, validation_alias=named("HOLDFAST_REALTIME_PER_ADDRESS"))


Url = Annotated[str, Field(pattern=r"^https?://[^/?#]+(/[^?#]*)?$"), AfterValidator(lambda url: url.rstrip("/"))]


class PeerSettings(Group):
    """Where the services are that this process does not serve. One that is named here, and served elsewhere, is
    asked over HTTP and has its own database; without any, all share this process's."""

    identity: Url | None = Field(None, validation_alias=named("HOLDFAST_IDENTITY_URL"))
    inventory: Url | None = Field(None, validation_alias=named("HOLDFAST_INVENTORY_URL", "INVENTORY_SERVICE_URL"))
    pricing: Url | None = Field(None, validation_alias=named("HOLDFAST_PRICING_URL", "PRICING_SERVICE_URL"))
    booking: Url | None = Field(None, validation_alias=named("HOLDFAST_BOOKING_URL"))
    payment: Url | None = Field(None, validation_alias=named("HOLDFAST_PAYMENT_URL", "PAYMENT_SERVICE_URL"))
    notification: Url | None = Field(None, validation_alias=named("HOLDFAST_NOTIFICATION_URL"))
    document: Url | None = Field(None, validation_alias=named("HOLDFAST_DOCUMENT_URL"))
    # one question, all its tries together
    seconds: Annotated[float, Field(gt=0, le=60)] = Field(5.0, validation_alias=named("HOLDFAST_PEER_SECONDS"))


class ServerSettings(Group):
    services: Names = Field(SERVICES, validation_alias=named("HOLDFAST_SERVICES"))
    # a resource with a thousand exceptions is 80 kB; 1 MB of unknown fields took a second of the event loop
    max_body_bytes: Annotated[int, Field(ge=1_024)] = Field(
        262_144,
        validation_alias=named("HOLDFAST_MAX_BODY_BYTES"),
    )
    worker_in_process: bool = Field(True, validation_alias=named("HOLDFAST_WORKER_IN_PROCESS"))


class LogSettings(Group):
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", validation_alias=named("HOLDFAST_LOG_LEVEL")
    )
    format: Literal["auto", "json", "console"] = Field("auto", validation_alias=named("HOLDFAST_LOG_FORMAT"))


class ObservationSettings(Group):
    """Where traces and defects are told: nowhere, where nothing is set. OpenTelemetry's SDK reads variables of its
    own besides, such as how many traces are kept."""

    traces_url: str | None = Field(
        None, validation_alias=named("HOLDFAST_OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    )
    service_name: str | None = Field(None, validation_alias=named("HOLDFAST_SERVICE_NAME", "OTEL_SERVICE_NAME"))
    sentry_dsn: SecretStr | None = Field(None, validation_alias=named("HOLDFAST_SENTRY_DSN"))
    environment: str = Field("production", validation_alias=named("HOLDFAST_ENVIRONMENT"))


class Settings(Group):
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    security: SecuritySettings = Field(default_factory=SecuritySettings)
    accounts: AccountSettings = Field(default_factory=AccountSettings)
    google: GoogleSettings = Field(default_factory=GoogleSettings)
    external: ExternalSettings = Field(default_factory=ExternalSettings)
    inventory: InventorySettings = Field(default_factory=InventorySettings)
    booking: BookingSettings = Field(default_factory=BookingSettings)
    mail: MailSettings = Field(default_factory=MailSettings)
    payment: PaymentSettings = Field(default_factory=PaymentSettings)
    stripe: StripeSettings = Field(default_factory=StripeSettings)
    razorpay: RazorpaySettings = Field(default_factory=RazorpaySettings)
    paypal: PaypalSettings = Field(default_factory=PaypalSettings)
    notification: NotificationSettings = Field(default_factory=NotificationSettings)
    document: DocumentSettings = Field(default_factory=DocumentSettings)
    events: EventsSettings = Field(default_factory=EventsSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)
    realtime: RealtimeSettings = Field(default_factory=RealtimeSettings)
    server: ServerSettings = Field(default_factory=ServerSettings)
    peers: PeerSettings = Field(default_factory=PeerSettings)
    rate_limits: RateLimitSettings = Field(default_factory=RateLimitSettings)
    proxies: ProxySettings = Field(default_factory=ProxySettings)
    log: LogSettings = Field(default_factory=LogSettings)
    observation: ObservationSettings = Field(default_factory=ObservationSettings)

    @model_validator(mode="after")
    def one_takes_the_money(self) -> Self:
        """Without the sandbox nothing says which of several it is."""
        if self.payment.provider is None and self.payment.sandbox is False and len(self.real_providers) > 1:
            raise ValueError(
                f"HOLDFAST_PAYMENT_SANDBOX=false and keys of {' and '.join(self.real_providers)}: "
                "HOLDFAST_PAYMENT_PROVIDER must say who takes the money"
            )
        return self

    @property
    def elsewhere(self) -> Mapping[str, str]:
        """The services that another process has, with a database of their own, and where each is."""
        urls = {name: getattr(self.peers, name, None) for name in SERVICES}
        return {name: url for name, url in urls.items() if url and name not in self.server.services}

    @property
    def real_providers(self) -> list[str]:
        """Payment providers that take real money and are set up here."""
        configured = {
            "stripe": self.stripe.secret_key,
            "razorpay": self.razorpay.key_id,
            "paypal": self.paypal.client_id,
        }
        return [name for name, key in configured.items() if key is not None]

    @property
    def payment_sandbox(self) -> bool:
        """Whether the sandbox is on: where another is named, only on request."""
        if self.payment.sandbox is not None:
            return self.payment.sandbox
        return self.payment_provider == "sandbox"

    @property
    def payment_provider(self) -> str:
        """Who takes the money where nobody says: the one that is named, else the sandbox, whatever keys are set;
        where that is refused the one that is set up."""
        if self.payment.provider is not None:
            return self.payment.provider
        return next(iter(self.real_providers), "sandbox") if self.payment.sandbox is False else "sandbox"

    @property
    def overlooked_providers(self) -> list[str]:
        """Those that are set up while payments go to the sandbox, because nobody named one."""
        sandboxed = self.payment.provider is None and self.payment_provider == "sandbox"
        return self.real_providers if sandboxed else []

    def served_at(self, url: str) -> "Settings":
        """The same where a public URL is set; else reached where it is served."""
        if "public_url" in self.accounts.model_fields_set:
            return self
        return self.model_copy(update={"accounts": self.accounts.model_copy(update={"public_url": url})})
