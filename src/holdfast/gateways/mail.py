"""Which mailer an installation has: a provider's API, its mail server, the embedded mode's catcher, or none yet.

HOLDFAST_MAIL_TRANSPORT    ses://eu-central-1    sendgrid://
                           either with ?endpoint=https://… for another place that speaks the same
HOLDFAST_SMTP_URL          smtp…://
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from holdfast.domains.notification.ports import Mailer
from holdfast.gateways.mail_catcher import LOOPBACK, MailCatcher, MailFolder
from holdfast.gateways.mime import Mailbox, NotAnAddress
from holdfast.gateways.sendgrid import SendgridMailer
from holdfast.gateways.ses import SesMailer
from holdfast.gateways.sigv4 import AwsKey
from holdfast.gateways.smtp import MailMisconfigured, SmtpMailer, SmtpServer, is_loopback
from holdfast.kernel.clock import Clock, SystemClock

FORMS = "HOLDFAST_MAIL_TRANSPORT takes ses://region or sendgrid://, each with ?endpoint=https://… if need be"
# in reserved domains: what is caught goes nowhere
CATCHER_SENDER = "mail@holdfast.localhost"


@dataclass(frozen=True)
class MailKeys:
    """What the providers' APIs ask for; none of it is ever shown."""

    aws: AwsKey | None = field(default=None, repr=False)
    sendgrid: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MailRoute:
    """The way out: `transport` before `smtp_url` before `catch_in`, and None for all where there is no way yet."""

    smtp_url: str | None
    catch_in: MailFolder | None
    sender: str | None
    brand: str
    timeout_seconds: float
    ca_file: Path | None
    transport: str | None = None
    keys: MailKeys = MailKeys()
    clock: Clock = field(default_factory=SystemClock)

    def check(self) -> None:
        """MailMisconfigured where `open` would find the settings wrong."""
        if self.transport is not None:
            self.provider(self.transport)
        elif self.smtp_url is not None:
            self.mailer(SmtpServer.parse(self.smtp_url), self.mailbox())
        elif self.sender is not None:
            self.mailbox()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Mailer | None]:
        """The mailer while the block lasts; None where there is no way out."""
        if self.transport is not None:
            yield self.provider(self.transport)
        elif self.smtp_url is not None:
            yield self.mailer(SmtpServer.parse(self.smtp_url), self.mailbox())
        elif self.catch_in is not None:
            async with MailCatcher(self.catch_in) as catcher:
                yield self.mailer(SmtpServer(LOOPBACK, catcher.port), self.mailbox(CATCHER_SENDER))
        else:
            yield None

    def provider(self, transport: str) -> Mailer:
        """MailMisconfigured for a transport nobody knows, or one whose key is not there."""
        try:
            parts = urlsplit(transport)
            endpoint = parse_qs(parts.query).get("endpoint", [None])[0]
        except ValueError as error:
            raise MailMisconfigured(FORMS) from error
        if endpoint is not None and not is_safe(endpoint):
            raise MailMisconfigured("the endpoint in HOLDFAST_MAIL_TRANSPORT would be sent the mail in the clear")
        if parts.scheme == "ses" and parts.hostname:
            if self.keys.aws is None:
                raise MailMisconfigured(
                    "ses:// needs HOLDFAST_SES_ACCESS_KEY_ID and HOLDFAST_SES_SECRET_ACCESS_KEY"
                )
            return SesMailer(
                self.mailbox(),
                region=parts.hostname,
                key=self.keys.aws,
                clock=self.clock,
                timeout_seconds=self.timeout_seconds,
                endpoint=endpoint,
            )
        if parts.scheme == "sendgrid" and not parts.netloc:
            if self.keys.sendgrid is None:
                raise MailMisconfigured("sendgrid:// needs HOLDFAST_SENDGRID_API_KEY")
            return SendgridMailer(
                self.mailbox(), api_key=self.keys.sendgrid, timeout_seconds=self.timeout_seconds, endpoint=endpoint
            )
        raise MailMisconfigured(FORMS)

    def mailer(self, server: SmtpServer, sender: Mailbox) -> SmtpMailer:
        return SmtpMailer(server, sender, timeout_seconds=self.timeout_seconds, ca_file=self.ca_file)

    def mailbox(self, default: str | None = None) -> Mailbox:
        sender = self.sender or default
        if sender is None:
            setting = "HOLDFAST_SMTP_URL" if self.transport is None else "HOLDFAST_MAIL_TRANSPORT"
            raise MailMisconfigured(f"{setting} is set: set HOLDFAST_MAIL_FROM too, as Name <address>")
        try:
            return Mailbox.parse(sender, default_name=self.brand)
        except NotAnAddress as error:
            raise MailMisconfigured(f"HOLDFAST_MAIL_FROM takes Name <address>, not {sender!r}") from error


def is_safe(endpoint: str) -> bool:
    """Over TLS, or on this machine."""
    parts = urlsplit(endpoint)
    if not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
