"""A mail server for the embedded mode: it takes every message and delivers it into a folder.

    <data_dir>/mail/<uuid7>.eml    one file per message, readable by its owner alone

Each process that sends mail has a catcher of its own on a free loopback port; the folder is what they share, and
what `/dev/mail` reads. A file appears under its name when it is complete.
"""

import asyncio
import os
import socket
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Self, cast
from uuid import UUID

from aiosmtpd.smtp import SMTP, Envelope, Session

from holdfast.kernel.ids import uuid7

LARGEST = 10 * 1024 * 1024
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class CaughtMail:
    """A message in the folder, parsed."""

    id: UUID
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    def header(self, name: str) -> str:
        """Decoded; the parser takes every header for ASCII, though SMTPUTF8 allows UTF-8 (RFC 6532)."""
        return str(self.message.get(name, "")).encode(errors="surrogateescape").decode(errors="replace")

    def body(self, subtype: str) -> str:
        """The `plain` or `html` part; empty where there is none."""
        part = self.message.get_body((subtype,))
        return str(part.get_content()).encode(errors="replace").decode() if part is not None else ""

    def attachments(self) -> list[str]:
        """The names of what is enclosed."""
        return [part.get_filename() or "" for part in self.message.iter_attachments()]


class MailFolder:
    """Where caught mail lies. Blocking: call it from a thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, raw: bytes) -> UUID:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mail_id = uuid7()
        path = self.path(mail_id)
        part = path.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(raw)
        part.rename(path)
        return mail_id

    def newest(self, limit: int) -> list[CaughtMail]:
        names = sorted((path.stem for path in self.folder.glob("*.eml")), reverse=True)
        found = (self.get(UUID(name)) for name in names[:limit])
        return [mail for mail in found if mail is not None]

    def get(self, mail_id: UUID) -> CaughtMail | None:
        try:
            return CaughtMail(mail_id, self.path(mail_id).read_bytes())
        except FileNotFoundError:
            return None

    def path(self, mail_id: UUID) -> Path:
        return self.folder / f"{mail_id}.eml"


class Delivery:
    """What aiosmtpd does with a message."""

    def __init__(self, folder: MailFolder) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = cast(bytes, envelope.content)
        trace = f"Return-Path: <{envelope.mail_from}>\r\nDelivered-To: {', '.join(envelope.rcpt_tos)}\r\n"
        await asyncio.to_thread(self.folder.keep, trace.encode() + content)
        return "250 2.0.0 kept"


class MailCatcher:
    """Listens while the block lasts."""

    def __init__(self, folder: MailFolder) -> None:
        self.folder = folder
        self.listener = socket.socket()

    @property
    def port(self) -> int:
        return cast(int, self.listener.getsockname()[1])

    async def __aenter__(self) -> Self:
        self.listener.bind((LOOPBACK, 0))
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(self.protocol, sock=self.listener)
        return self

    def protocol(self) -> SMTP:
        return SMTP(
            Delivery(self.folder),
            data_size_limit=LARGEST,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="Holdfast mail catcher",
            loop=asyncio.get_running_loop(),
        )

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.wait_closed()
