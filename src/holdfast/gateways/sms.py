"""Text messages, handed in at an HTTP gateway; docs/notifications.md has the JSON it is sent.

POST <url>    {"id", "to", "from"?, "text", "language"}    Authorization: Bearer …    Idempotency-Key: <id>
"""

import json
from dataclasses import dataclass

from holdfast.domains.notification.ports import Letter
from holdfast.gateways.handing_in import SHOWN, hand_in, taken


@dataclass(frozen=True)
class SmsGateway:
    """A `domains.notification.ports.Mailer` for telephones. `sender` is a number or up to eleven letters."""

    url: str
    token: str | None
    sender: str | None
    timeout_seconds: float

    async def send(self, letter: Letter) -> str:
        message = {"id": str(letter.id), "to": letter.to, "text": letter.text.strip(), "language": letter.language}
        if self.sender is not None:
            message["from"] = self.sender
        # the gateway tells a second try of the same message by its key
        headers = {"content-type": "application/json", "idempotency-key": str(letter.id)}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        body = json.dumps(message, ensure_ascii=False).encode()
        answer = await hand_in(self.url, body=body, headers=headers, timeout_seconds=self.timeout_seconds)
        taken(answer)
        return f"{answer.status_code} {' '.join(answer.text.split())[:SHOWN]}".strip()
