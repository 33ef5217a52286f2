"""Mail over SMTP: TLS from the start or by STARTTLS, always verified, and AUTH."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPHeloError, SMTPRecipientRefused, SMTPResponseException

from holdfast.domains.notification.exceptions import Deferred, Rejected
from holdfast.domains.notification.ports import Letter
from holdfast.gateways.mime import Envelope, Mailbox, compose

FORMS = "smtp://host, smtp+starttls://user:password@host:587 or smtps://user:password@host"
FIRST_PERMANENT = 500
# the message is delivered by then; a server that does not say goodbye holds nobody up
PARTING_SECONDS = 2


class MailMisconfigured(ValueError):
    """The mail settings cannot be used as they are."""


class Security(StrEnum):
    NONE = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


PORTS = {Security.NONE: 25, Security.STARTTLS: 587, Security.TLS: 465}


@dataclass(frozen=True)
class SmtpServer:
    """Where mail is handed in, and as whom."""

    host: str
    port: int
    security: Security = Security.NONE
    username: str | None = None
    password: str | None = None

    @classmethod
    def parse(cls, url: str) -> "SmtpServer":
        """MailMisconfigured says what is wrong, and never the password."""
        try:
            parts = urlsplit(url)
            security, port = Security(parts.scheme), parts.port
        except ValueError:
            raise MailMisconfigured(f"HOLDFAST_SMTP_URL takes {FORMS}") from None
        if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
            raise MailMisconfigured(f"HOLDFAST_SMTP_URL takes {FORMS}; escape / ? # @ in a password as %2F %3F …")
        username, password = credentials(parts)
        if username and security is Security.NONE and not is_loopback(parts.hostname):
            raise MailMisconfigured("HOLDFAST_SMTP_URL would send the password in the clear: use smtp+starttls://")
        return cls(parts.hostname, port or PORTS[security], security, username, password)


def credentials(parts: SplitResult) -> tuple[str | None, str | None]:
    if not parts.username:
        return None, None
    if not parts.password:
        raise MailMisconfigured("HOLDFAST_SMTP_URL names a user but no password")
    return unquote(parts.username), unquote(parts.password)


def is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


class SmtpMailer:
    """A `domains.notification.ports.Mailer`. Every letter has a connection of its own: none spoils another's."""

    def __init__(
        self, server: SmtpServer, sender: Mailbox, *, timeout_seconds: float, ca_file: Path | None = None
    ) -> None:
        """`ca_file`: trust the certificates in it, instead of the system's. MailMisconfigured if it is none."""
        self.server = server
        self.sender = sender
        self.timeout_seconds = timeout_seconds
        self.tls = trusting(ca_file)

    async def send(self, letter: Letter) -> str:
        envelope = compose(letter, self.sender)
        client = self.client()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                await self.connect(client)
                answer = await hand_over(client, envelope)
        except TimeoutError as error:
            client.close()
            raise Deferred(f"no answer within {self.timeout_seconds:g} s") from error
        except BaseException:
            client.close()
            raise
        await part(client)
        return answer

    def client(self) -> SMTP:
        server = self.server
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.security is Security.TLS,
            # never "if the server offers it": who stands between could have taken the offer away
            start_tls=server.security is Security.STARTTLS,
            tls_context=self.tls,
            timeout=self.timeout_seconds,
            local_hostname=self.sender.domain,
        )

    async def connect(self, client: SMTP) -> None:
        """With TLS and AUTH. Whatever fails here is between us and the server: no message's fault, so Deferred."""
        try:
            await client.connect()
            if client.is_ehlo_or_helo_needed:
                await greet(client)
        except SMTPResponseException as error:
            raise Deferred(f"{error.code} {error.message}") from error
        except TimeoutError as error:
            raise Deferred(f"no answer within {self.timeout_seconds:g} s") from error
        except (SMTPException, OSError) as error:
            raise Deferred(f"not connected: {error}") from error


async def greet(client: SMTP) -> None:
    """EHLO, and HELO for a server from before 1995."""
    try:
        await client.ehlo()
    except SMTPHeloError:
        await client.helo()


async def hand_over(client: SMTP, envelope: Envelope) -> str:
    """Returns what the server said when it has taken the message."""
    options, encoding = [], "ascii"
    if envelope.needs_utf8:
        if not client.supports_extension("smtputf8"):
            raise Rejected("the mail server does not take addresses outside ASCII (SMTPUTF8)")
        options, encoding = ["SMTPUTF8", "BODY=8BITMIME"], "utf-8"
    try:
        await client.mail(envelope.sender, options=options, encoding=encoding)
        await client.rcpt(envelope.recipient, encoding=encoding)
        said = await client.data(envelope.content)
    except SMTPResponseException as error:
        refused = f"{error.code} {error.message}"
        where = "recipient refused: " if isinstance(error, SMTPRecipientRefused) else ""
        raise (Rejected if error.code >= FIRST_PERMANENT else Deferred)(where + refused) from error
    except (SMTPException, OSError) as error:
        raise Deferred(f"connection lost: {error}") from error
    return f"{said.code} {said.message}"


async def part(client: SMTP) -> None:
    try:
        with suppress(SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(PARTING_SECONDS):
                await client.quit()
    finally:
        client.close()


def trusting(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise MailMisconfigured(f"HOLDFAST_SMTP_CA_FILE {ca_file} cannot be read: {error}") from error
