"""Mail and text messages handed in over HTTP: signed, complete, and tried again or given up as the answer says."""

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from uuid import UUID

import pytest
from pydantic import SecretStr

from holdfast.contracts.identity import Role
from holdfast.contracts.notification import Channel, MessageDraft, MessageStatus, Template
from holdfast.domains.notification.exceptions import Deferred, Rejected
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.ports import Enclosure, Letter, Mailer
from holdfast.gateways.mail import MailKeys, MailRoute
from holdfast.gateways.sendgrid import payload
from holdfast.gateways.sigv4 import AwsKey, signed
from holdfast.gateways.sms import SmsGateway
from holdfast.gateways.smtp import MailMisconfigured
from holdfast.kernel.paging import PageRequest
from holdfast.wiring import Wiring
from holdfast.worker import send_texts
from tests.accounts import account
from tests.clock import SettableClock
from tests.house import STAFF, wiring
from tests.web_server import SILENCE, Said, WebServer

# of the test suite that is published for Signature Version 4
EXAMPLE = AwsKey("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
EXAMPLE_DAY = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
FORM = {"host": "example.amazonaws.com", "content-type": "application/x-www-form-urlencoded"}

LETTER = Letter(
    id=UUID(int=7),
    to="ada@example.org",
    to_name="Ada Lovelace",
    language="de",
    subject="Bestätigt",
    text="Guten Tag\n",
    html="<p>Guten Tag</p>\n",
    written_at=datetime(2030, 1, 7, 8, 0, tzinfo=UTC),
    attachments=(Enclosure("invoice.pdf", "application/pdf", b"%PDF-1.7"),),
)
KEYS = MailKeys(aws=AwsKey("the-key-id", "the-secret", "the-session"), sendgrid="the-api-key")
TAKEN = {
    "ses": Said(200, '{"MessageId": "0100-abc"}'),
    "sendgrid": Said(202, "", {"X-Message-Id": "sg-1"}),
    "sms": Said(201, '{"id": "sms-1"}'),
}
ANSWERS = {"ses": "200 0100-abc", "sendgrid": "202 sg-1", "sms": '201 {"id": "sms-1"}'}


@pytest.mark.parametrize(
    ("method", "headers", "body", "names", "signature"),
    [
        (
            "GET",
            {"host": "example.amazonaws.com"},
            b"",
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            {"host": "example.amazonaws.com"},
            b"",
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "POST",
            FORM,
            b"Param1=value1",
            "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
    ids=["get-vanilla", "post-vanilla", "post-x-www-form-urlencoded"],
)
def test_signatures_are_the_published_ones(
    method: str, headers: dict[str, str], body: bytes, names: str, signature: str
) -> None:
    made = signed(
        method,
        "/",
        headers=headers,
        body=body,
        region="us-east-1",
        service="service",
        key=EXAMPLE,
        now=EXAMPLE_DAY,
    )
    assert made["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        f" SignedHeaders={names}, Signature={signature}"
    )


def mailer(provider: str, server: WebServer, *, timeout_seconds: float = 5) -> Mailer:
    if provider == "sms":
        return SmsGateway(f"{server.url}/messages", "the-token", "Strandhaus", timeout_seconds)
    place = "eu-central-1" if provider == "ses" else ""
    return route(f"{provider}://{place}?endpoint={server.url}", timeout_seconds=timeout_seconds).provider(
        f"{provider}://{place}?endpoint={server.url}"
    )


def route(transport: str, **settings: object) -> MailRoute:
    plain = MailRoute(
        smtp_url=None,
        catch_in=None,
        sender="Strandhaus <bookings@strandhaus.example>",
        brand="Strandhaus",
        timeout_seconds=30,
        ca_file=None,
        transport=transport,
        keys=KEYS,
        clock=SettableClock(),
    )
    return replace(plain, **settings)  # type: ignore[arg-type]


async def test_amazon_gets_the_whole_letter_signed() -> None:
    async with WebServer(TAKEN["ses"]) as server:
        assert await mailer("ses", server).send(LETTER) == "200 0100-abc"
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v2/email/outbound-emails")
    assert asked.json["FromEmailAddress"] == "bookings@strandhaus.example"
    assert asked.json["Destination"] == {"ToAddresses": ["ada@example.org"]}
    raw = base64.b64decode(asked.json["Content"]["Raw"]["Data"])
    message = message_from_bytes(raw, policy=policy.default)
    assert (message["subject"], message["to"]) == ("Bestätigt", "Ada Lovelace <ada@example.org>")
    assert message["content-language"] == "de"
    assert [part.get_content_type() for part in message.walk() if not part.is_multipart()] == [
        "text/plain", "text/html", "application/pdf",
    ]  # fmt: skip
    (enclosed,) = message.iter_attachments()
    assert (enclosed.get_filename(), enclosed.get_content()) == ("invoice.pdf", b"%PDF-1.7")
    # what came is what was signed
    names = ("host", "content-type")
    again = signed(
        "POST",
        asked.path,
        headers={name: asked.headers[name] for name in names},
        body=asked.body,
        region="eu-central-1",
        service="ses",
        key=KEYS.aws or EXAMPLE,
        now=SettableClock().now(),
    )
    assert asked.headers["authorization"] == again["authorization"]
    assert asked.headers["x-amz-security-token"] == "the-session"
    assert "the-secret" not in str(asked.headers)


@pytest.mark.parametrize("body", ["", "yes", "[]", '{"MessageId": null}'])
async def test_a_yes_is_a_yes_in_any_words(body: str) -> None:
    """What is taken is not sent again because its receipt cannot be read."""
    async with WebServer(Said(200, body)) as server:
        told = await mailer("ses", server).send(LETTER)
        assert told is not None
        assert told.startswith("200")


async def test_sendgrid_gets_the_whole_letter() -> None:
    async with WebServer(TAKEN["sendgrid"]) as server:
        assert await mailer("sendgrid", server).send(LETTER) == "202 sg-1"
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v3/mail/send")
    assert asked.headers["authorization"] == "Bearer the-api-key"
    assert asked.json == {
        "personalizations": [{"to": [{"email": "ada@example.org", "name": "Ada Lovelace"}]}],
        "from": {"email": "bookings@strandhaus.example", "name": "Strandhaus"},
        "subject": "Bestätigt",
        "content": [
            {"type": "text/plain", "value": "Guten Tag\n"},
            {"type": "text/html", "value": "<p>Guten Tag</p>\n"},
        ],
        "headers": {
            "Message-ID": f"<{LETTER.id}@strandhaus.example>",
            "Auto-Submitted": "auto-generated",
            "Content-Language": "de",
        },
        "custom_args": {"message_id": str(LETTER.id)},
        "tracking_settings": {"click_tracking": {"enable": False}, "open_tracking": {"enable": False}},
        "attachments": [
            {
                "content": base64.b64encode(b"%PDF-1.7").decode(),
                "type": "application/pdf",
                "filename": "invoice.pdf",
                "disposition": "attachment",
            }
        ],
    }
    with pytest.raises(Rejected):
        payload(replace(LETTER, to="nobody"), route("sendgrid://").mailbox())


def ses_error(name: str, said: str = "no") -> Said:
    return Said(400, f'{{"message": "{said}"}}', {"x-amzn-ErrorType": f"{name}:http://internal.example/"})


EVERYWHERE: list[tuple[Said | str, type[Exception]]] = [
    (Said(429, "slow down"), Deferred),
    (Said(401, "who?"), Deferred),
    (Said(403, "not yours"), Deferred),
    (Said(500, "broken"), Deferred),
    (Said(503, "away"), Deferred),
    (Said(302, "", {"Location": "http://127.0.0.1:1/"}), Deferred),
    (SILENCE, Deferred),
    ("leave", Deferred),
    (Said(400, "bad"), Rejected),
    (Said(413, "too large"), Rejected),
]
CASES = [
    *((provider, said, outcome) for provider in TAKEN for said, outcome in EVERYWHERE),
    ("ses", ses_error("MessageRejected"), Rejected),
    ("ses", ses_error("MessageRejected", "Email address is not verified."), Deferred),
    ("ses", ses_error("SendingPausedException"), Deferred),
    ("ses", ses_error("LimitExceededException"), Deferred),
    ("ses", ses_error("BadRequestException"), Rejected),
]


@pytest.mark.parametrize(("provider", "said", "outcome"), CASES, ids=str)
async def test_what_is_for_good_and_what_is_not(provider: str, said: Said | str, outcome: type[Exception]) -> None:
    patience = 1 if said == SILENCE else 20
    async with WebServer(TAKEN[provider], answers=[said]) as server:
        handing_in = mailer(provider, server, timeout_seconds=patience)
        with pytest.raises(outcome) as refused:
            await handing_in.send(LETTER)
        assert isinstance(said, str) or str(said.status) in str(refused.value)
        assert await mailer(provider, server).send(LETTER) == ANSWERS[provider]
    assert len(server.asked) == 2, "and nobody was asked by a redirect"


@pytest.fixture
async def wired(database_url: str, clock: SettableClock) -> AsyncIterator[Wiring]:
    wired = wiring(database_url, clock)
    yield wired
    await wired.engine.dispose()


async def test_a_text_message_goes_to_the_gateway_once(wired: Wiring, clock: SettableClock) -> None:
    """And again under the same key, where the gateway left before it said that it has it."""
    user_id = await account(wired, Role.CUSTOMER)
    choice = {"messages": {"transactional": {"sms": True}}}
    async with WebServer(TAKEN["sms"], answers=["leave"]) as server:
        settings = wired.settings.notification.model_copy(
            update={
                "sms_url": f"{server.url}/messages",
                "sms_token": SecretStr("the-token"),
                "sms_sender": "Strandhaus",
            }
        )
        texting = replace(wired, settings=wired.settings.model_copy(update={"notification": settings}))
        async with texting.sessions() as db:
            preferences = (await texting.accounts(db).preferences(user_id)).model_validate(choice)
            await texting.accounts(db).set_preferences(user_id, preferences, now=clock.now())
            draft = MessageDraft(
                to="ada@example.org",
                phone="+49 30 1234567",
                template=Template.BOOKING_CANCELLED,
                values={**KINDS[Template.BOOKING_CANCELLED].sample},
                user_id=user_id,
            )
            await texting.notification(db).queue(draft, now=clock.now())
        assert await send_texts(texting) == 1
        clock.advance(timedelta(hours=4))
        assert await send_texts(texting) == 1
        assert await send_texts(texting) == 0
        async with texting.sessions() as db:
            messages = (await texting.notification(db).list_messages(PageRequest(), actor=STAFF)).items
        await texting.engine.dispose()
    assert await send_texts(wired) == 0, "without a gateway nothing is tried"
    (text,) = [message for message in messages if message.channel is Channel.SMS]
    assert (text.to, text.status, text.attempts) == ("+49301234567", MessageStatus.SENT, 2)
    first, second = server.asked
    assert (
        first.json
        == second.json
        == {
            "id": str(text.id),
            "to": "+49301234567",
            "from": "Strandhaus",
            "language": "en",
            "text": "Holdfast: booking K7QX2M at Seaview, Tuesday, 8 January 2030, 12:00 (Europe/Berlin), is"
            " cancelled. Refund: 60.00 EUR.",
        }
    )
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == str(text.id)
    assert first.headers["authorization"] == "Bearer the-token"


@pytest.mark.parametrize(
    ("transport", "settings", "said"),
    [
        ("ses://", {}, "HOLDFAST_MAIL_TRANSPORT takes"),
        ("mailgun://x", {}, "HOLDFAST_MAIL_TRANSPORT takes"),
        ("sendgrid://elsewhere.example", {}, "HOLDFAST_MAIL_TRANSPORT takes"),
        ("ses://eu-central-1", {"keys": MailKeys()}, "HOLDFAST_SES_ACCESS_KEY_ID"),
        ("sendgrid://", {"keys": MailKeys()}, "HOLDFAST_SENDGRID_API_KEY"),
        ("sendgrid://", {"sender": None}, "HOLDFAST_MAIL_FROM"),
        ("sendgrid://?endpoint=http://mail.example.org", {}, "in the clear"),
        ("ses://eu-central-1?endpoint=ftp://localhost", {}, "in the clear"),
    ],
)
def test_a_wrong_transport_stops_the_start(transport: str, settings: dict[str, object], said: str) -> None:
    with pytest.raises(MailMisconfigured, match=said):
        route(transport, **settings).check()
    assert "the-api-key" not in repr(route(transport))
