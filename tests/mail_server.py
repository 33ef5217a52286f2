"""A real mail server that does as it is told: TLS, AUTH, refusals, silence, and leaving in the middle."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self, cast
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
USERNAME, PASSWORD = "holdfast@example.org", "p@ss/word:?#"
TAKEN = "250 2.0.0 taken"
# what a server can do instead of answering
SILENCE = "silence"
LEAVE = "leave"
TAKE_AND_LEAVE = "take and leave"


class Authority:
    """A certificate authority of one's own, and its certificate for one server."""

    def __init__(self, folder: Path, *, name: str = HOST) -> None:
        folder.mkdir(exist_ok=True)
        now = datetime.now(UTC)
        ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tests")])
        base = x509.CertificateBuilder().not_valid_before(now - timedelta(hours=1))
        base = base.not_valid_after(now + timedelta(hours=1)).issuer_name(ca_name)
        ca = (
            base.subject_name(ca_name)
            .public_key(ca_key.public_key())
            .serial_number(x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        names: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
        ]
        certificate = (
            base.subject_name(x509.Name([]))
            .public_key(server_key.public_key())
            .serial_number(x509.random_serial_number())
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        chain = folder / "server.pem"
        key = server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain.write_bytes(key + certificate.public_bytes(serialization.Encoding.PEM))
        self.server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.server_context.load_cert_chain(chain)


@dataclass
class Received:
    """A message that the server has taken responsibility for."""

    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    def part(self, subtype: str) -> str:
        part = self.message.get_body((subtype,))
        assert part is not None
        return str(part.get_content())


@dataclass
class MailServer:
    """Listens while the block lasts. `to_recipient` and `to_data` are answered first, one to each message."""

    scheme: str = "smtp"
    authority: Authority | None = None
    needs_auth: bool = False
    offers_starttls: bool = True
    takes_utf8: bool = True
    to_recipient: list[str] = field(default_factory=list)
    to_data: list[str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    port: int = 0

    def url(self, *, password: str = PASSWORD) -> str:
        account = f"{quote(USERNAME, safe='')}:{quote(password, safe='')}@" if self.needs_auth else ""
        return f"{self.scheme}://{account}{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        self.transports: set[asyncio.BaseTransport] = set()
        context = self.authority.server_context if self.authority and self.scheme == "smtps" else None
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self.protocol, HOST, self.port, ssl=context)
        self.port = cast(int, self.server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.server.close()
        await asyncio.sleep(0)

    def protocol(self) -> SMTP:
        starttls = self.scheme == "smtp+starttls" and self.offers_starttls
        return SMTP(
            self,
            hostname="mail.example.org",
            enable_SMTPUTF8=self.takes_utf8,
            tls_context=self.authority.server_context if self.authority and starttls else None,
            require_starttls=starttls,
            auth_required=self.needs_auth,
            auth_require_tls=starttls,
            authenticator=self.authenticate,
            loop=asyncio.get_running_loop(),
        )

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, login: object
    ) -> AuthResult:
        assert isinstance(login, LoginPassword)
        right = (login.login, login.password) == (USERNAME.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        answer = self.to_recipient.pop(0) if self.to_recipient else "250 2.1.5 fine"
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return await self.given(answer, server)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.to_data.pop(0) if self.to_data else TAKEN
        if answer in (TAKEN, TAKE_AND_LEAVE):
            raw = cast(bytes, envelope.original_content)
            self.received.append(Received(envelope.mail_from or "", list(envelope.rcpt_tos), raw))
        return await self.given(answer, server)

    async def given(self, answer: str, server: SMTP) -> str:
        if answer == SILENCE:
            await asyncio.sleep(3600)
        if answer in (LEAVE, TAKE_AND_LEAVE):
            cast(asyncio.Transport, server.transport).abort()
        return answer
