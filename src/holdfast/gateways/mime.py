"""A letter as the mail system takes it: headers, and the text beside the HTML (RFC 5322, 2046, 6531)."""

from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import idna

from holdfast.domains.notification.exceptions import Rejected
from holdfast.domains.notification.ports import Letter
from holdfast.domains.notification.rules import on_one_line


class NotAnAddress(ValueError):
    """This is not an e-mail address."""


@dataclass(frozen=True)
class Mailbox:
    """An address whose domain is in ASCII, and the name shown beside it."""

    name: str
    local: str
    domain: str

    @classmethod
    def of(cls, address: str, name: str | None = None) -> "Mailbox":
        """NotAnAddress for anything that could not stand in an envelope."""
        local, at, domain = address.rpartition("@")
        if not at or not local or any(char.isspace() or not char.isprintable() or char in '<>"' for char in local):
            raise NotAnAddress(address)
        try:
            return cls(on_one_line(name or ""), local, idna.encode(domain, uts46=True).decode())
        except idna.IDNAError as error:
            raise NotAnAddress(address) from error

    @classmethod
    def parse(cls, text: str, *, default_name: str) -> "Mailbox":
        """`Name <address>`, or an address alone."""
        name, address = parseaddr(text)
        return cls.of(address, name or default_name)

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def header(self) -> Address:
        return Address(self.name, self.local, self.domain)


@dataclass(frozen=True)
class Envelope:
    """`needs_utf8`: an address has letters outside ASCII before its @, which only some servers take."""

    sender: str
    recipient: str
    needs_utf8: bool
    content: bytes


def compose(letter: Letter, sender: Mailbox) -> Envelope:
    """The same letter makes the same Message-ID and Date every time. Rejected for an impossible address."""
    try:
        recipient = Mailbox.of(letter.to, letter.to_name)
    except NotAnAddress as error:
        raise Rejected(f"not an address: {letter.to!r}") from error
    needs_utf8 = not (sender.local.isascii() and recipient.local.isascii())
    message = EmailMessage(policy=policy.SMTPUTF8 if needs_utf8 else policy.SMTP)
    message["From"] = sender.header
    message["To"] = recipient.header
    message["Subject"] = on_one_line(letter.subject)
    message["Date"] = format_datetime(letter.written_at)
    message["Message-ID"] = f"<{letter.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    for each in letter.attachments:
        maintype, _, subtype = each.media_type.partition("/")
        message.add_attachment(
            each.content, maintype=maintype, subtype=subtype, filename=on_one_line(each.filename)
        )
    message["Content-Language"] = letter.language  # set_content drops the content headers before it
    return Envelope(sender.address, recipient.address, needs_utf8, message.as_bytes())
