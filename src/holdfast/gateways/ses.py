"""Mail through Amazon SES, by its API of version 2 (SendEmail with a raw message)."""

import base64
import json

import httpx

from holdfast.domains.notification.ports import Letter
from holdfast.gateways.handing_in import hand_in, taken
from holdfast.gateways.mime import Mailbox, compose
from holdfast.gateways.sigv4 import AwsKey, signed
from holdfast.kernel.clock import Clock

PATH = "/v2/email/outbound-emails"
# a 400 or 404 for what is wrong with the account, which somebody mends: the message waits
OURS = frozenset(
    {
        "AccountSuspendedException",
        "LimitExceededException",
        "MailFromDomainNotVerifiedException",
        "NotFoundException",
        "SendingPausedException",
        "TooManyRequestsException",
    }
)


class SesMailer:
    """A `domains.notification.ports.Mailer`. SES gives every message an id of its own, which the log keeps."""

    def __init__(
        self,
        sender: Mailbox,
        *,
        region: str,
        key: AwsKey,
        clock: Clock,
        timeout_seconds: float,
        endpoint: str | None = None,
    ) -> None:
        self.sender = sender
        self.region = region
        self.key = key
        self.clock = clock
        self.timeout_seconds = timeout_seconds
        self.endpoint = endpoint or f"https://email.{region}.amazonaws.com"

    async def send(self, letter: Letter) -> str:
        envelope = compose(letter, self.sender)
        body = json.dumps(
            {
                "FromEmailAddress": envelope.sender,
                "Destination": {"ToAddresses": [envelope.recipient]},
                "Content": {"Raw": {"Data": base64.b64encode(envelope.content).decode()}},
            }
        ).encode()
        url = httpx.URL(self.endpoint + PATH)
        headers = signed(
            "POST",
            url.path,
            headers={"host": url.netloc.decode(), "content-type": "application/json"},
            body=body,
            region=self.region,
            service="ses",
            key=self.key,
            now=self.clock.now(),
        )
        answer = await hand_in(str(url), body=body, headers=headers, timeout_seconds=self.timeout_seconds)
        taken(answer, for_good=False if about_us(answer) else None)
        return f"{answer.status_code} {message_id(answer)}".strip()


def message_id(answer: httpx.Response) -> str:
    """Empty where it says none: the message is taken all the same, and must not be sent again."""
    try:
        return str(answer.json()["MessageId"])
    except (ValueError, KeyError, TypeError):
        return ""


def about_us(answer: httpx.Response) -> bool:
    """Whether it was refused for the account's sake, or for a sender that nobody verified yet."""
    error = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    return error in OURS or (error == "MessageRejected" and "not verified" in answer.text)
