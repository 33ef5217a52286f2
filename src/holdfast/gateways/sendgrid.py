"""Mail through SendGrid, by its API of version 3."""

import base64
import json

from holdfast.domains.notification.exceptions import Rejected
from holdfast.domains.notification.ports import Letter
from holdfast.domains.notification.rules import on_one_line
from holdfast.gateways.handing_in import hand_in, taken
from holdfast.gateways.mime import Mailbox, NotAnAddress

ENDPOINT = "https://api.sendgrid.com"
PATH = "/v3/mail/send"

Json = dict[str, object]


class SendgridMailer:
    """A `domains.notification.ports.Mailer`. Links stay as they are: what they prove is nobody's to count."""

    def __init__(
        self, sender: Mailbox, *, api_key: str, timeout_seconds: float, endpoint: str | None = None
    ) -> None:
        self.sender = sender
        self.api_key = api_key
        self.timeout_seconds = timeout_seconds
        self.url = (endpoint or ENDPOINT) + PATH

    async def send(self, letter: Letter) -> str:
        answer = await hand_in(
            self.url,
            body=json.dumps(payload(letter, self.sender)).encode(),
            headers={"authorization": f"Bearer {self.api_key}", "content-type": "application/json"},
            timeout_seconds=self.timeout_seconds,
        )
        taken(answer)
        return f"{answer.status_code} {answer.headers.get('x-message-id', '')}".strip()


def payload(letter: Letter, sender: Mailbox) -> Json:
    """Rejected for an impossible address."""
    try:
        recipient = Mailbox.of(letter.to, letter.to_name)
    except NotAnAddress as error:
        raise Rejected(f"not an address: {letter.to!r}") from error
    said: Json = {
        "personalizations": [{"to": [person(recipient)]}],
        "from": person(sender),
        "subject": on_one_line(letter.subject),
        "content": [
            {"type": "text/plain", "value": letter.text},
            {"type": "text/html", "value": letter.html},
        ],
        "headers": {
            "Message-ID": f"<{letter.id}@{sender.domain}>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": letter.language,
        },
        "custom_args": {"message_id": str(letter.id)},
        "tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}},
    }
    if letter.attachments:
        said["attachments"] = [
            {
                "content": base64.b64encode(each.content).decode(),
                "type": each.media_type,
                "filename": each.filename,
                "disposition": "attachment",
            }
            for each in letter.attachments
        ]
    return said


def person(mailbox: Mailbox) -> dict[str, str]:
    return {"email": mailbox.address, **({"name": mailbox.name} if mailbox.name else {})}
