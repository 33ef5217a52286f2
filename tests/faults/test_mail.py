"""Mail against a real server that refuses, waits, lies and leaves: it arrives once, later, or is seen given up."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from holdfast.contracts.notification import MessageDraft, MessageId, MessageStatus, MessageView, Template
from holdfast.domains.notification.ports import Letter, Mailer
from holdfast.domains.notification.rules import LONGEST_PAUSE, MAX_ATTEMPTS
from holdfast.gateways.mail import MailRoute
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import PageRequest
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import STAFF, wiring
from tests.mail_server import (
    LEAVE,
    SILENCE,
    TAKE_AND_LEAVE,
    Authority,
    MailServer,
)

CODE = MessageDraft(
    to="ada@example.org",
    to_name="Ada Lovelace",
    template=Template.VERIFY_ADDRESS,
    values={"valid_minutes": "10"},
    secrets={"otp": "493817", "link": "https://example.org/verify?token=s3cret"},
)
NEWS = MessageDraft(
    to="ada@example.org", template=Template.PASSWORD_CHANGED, values={"changed_at": "7 January 2030, 08:00 UTC"}
)


@dataclass
class Post:
    """The notification service of one installation, with its clock."""

    wired: Wiring
    clock: SettableClock

    async def queue(self, draft: MessageDraft = CODE) -> MessageId:
        async with self.wired.sessions() as db:
            message_id = await self.wired.notification(db).queue(draft, now=self.clock.now())
        assert message_id is not None
        return message_id

    async def send(self, server: MailServer, **settings: object) -> int:
        """One pass of a worker; how many messages were tried."""
        async with route(server, **settings).open() as mailer:
            assert mailer is not None
            return await self.send_with(mailer)

    async def send_with(self, mailer: Mailer) -> int:
        async with self.wired.sessions() as db:
            return await self.wired.notification(db).send_due(mailer, self.wired.letterhead, clock=self.clock)

    async def messages(self) -> list[MessageView]:
        async with self.wired.sessions() as db:
            page = await self.wired.notification(db).list_messages(PageRequest(), actor=STAFF)
        return page.items

    async def only(self) -> MessageView:
        (message,) = await self.messages()
        return message

    async def secrets(self) -> int:
        async with self.wired.sessions() as db:
            return await db.scalar(text("SELECT count(*) FROM notification.secrets")) or 0

    def later(self) -> None:
        self.clock.advance(LONGEST_PAUSE)


def route(server: MailServer, **settings: object) -> MailRoute:
    plain = MailRoute(
        smtp_url=server.url(),
        catch_in=None,
        sender="Strandhaus Café <bookings@strandhäuser.example>",
        brand="Strandhaus",
        timeout_seconds=30,
        ca_file=server.authority.ca_file if server.authority else None,
    )
    return replace(plain, **settings)  # type: ignore[arg-type]


@pytest.fixture
async def post(database_url: str, clock: SettableClock) -> AsyncIterator[Post]:
    wired = wiring(database_url, clock)
    yield Post(wired, clock)
    await wired.engine.dispose()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def arrives_later(post: Post, server: MailServer, *, said: str, **settings: object) -> None:
    """This time it does not and waits, with its secrets; later it arrives, once, and they are wiped."""
    await post.queue()
    assert await post.send(server, **settings) == 1
    waiting = await post.only()
    assert (waiting.status, waiting.attempts, waiting.sent_at) == (MessageStatus.QUEUED, 1, None)
    assert waiting.last_error is not None
    assert said in waiting.last_error
    assert waiting.next_attempt_at is not None
    assert waiting.next_attempt_at > post.clock.now()
    assert await post.secrets() == 1
    assert await post.send(server) == 0, "not before its time"
    post.later()
    assert await post.send(server) == 1
    assert (await post.only()).status is MessageStatus.SENT
    assert await post.secrets() == 0
    post.later()
    assert await post.send(server) == 0


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
async def test_a_message_arrives_once_with_tls_and_auth(post: Post, authority: Authority, scheme: str) -> None:
    async with MailServer(scheme, authority, needs_auth=True) as server:
        message_id = await post.queue()
        written_at = post.clock.now()
        post.clock.advance(timedelta(minutes=1))
        assert await post.send(server) == 1
        assert await post.send(server) == 0
    sent = await post.only()
    assert (sent.status, sent.attempts, sent.sent_at) == (MessageStatus.SENT, 1, post.clock.now())
    assert await post.secrets() == 0

    (mail,) = server.received
    assert (mail.sender, mail.recipients) == ("bookings@xn--strandhuser-r8a.example", ["ada@example.org"])
    message = mail.message
    assert message["from"].addresses[0].display_name == "Strandhaus Café"
    assert message["to"] == "Ada Lovelace <ada@example.org>"
    assert message["subject"] == "493817 is your Holdfast code"
    assert message["message-id"] == f"<{message_id}@xn--strandhuser-r8a.example>"
    assert parsedate_to_datetime(message["date"]) == written_at
    assert message["auto-submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    for subtype in ("plain", "html"):
        assert "493817" in mail.part(subtype)
        assert "https://example.org/verify?token=s3cret" in mail.part(subtype)


async def test_nothing_secret_is_left_anywhere_once_sent(post: Post) -> None:
    async with MailServer() as server:
        await post.queue()
        await post.send(server)
    async with post.wired.sessions() as db:
        rows = await db.scalars(
            text("SELECT m::text || coalesce(s::text, '') FROM notification.messages m, notification.secrets s")
        )
        dump = str(rows.all()) + str((await db.execute(text("SELECT * FROM notification.messages"))).all())
    assert "493817" not in dump
    assert "s3cret" not in dump


async def test_a_wrong_password_is_mended_later(post: Post, authority: Authority) -> None:
    async with MailServer("smtp+starttls", authority, needs_auth=True) as server:
        await arrives_later(post, server, said="535", smtp_url=server.url(password="guessed"))
    assert len(server.received) == 1
    assert "guessed" not in ((await post.only()).last_error or "")


@pytest.mark.parametrize(
    ("refusal", "said"),
    [
        ({"to_recipient": ["451 4.7.1 greylisted"]}, "451 4.7.1 greylisted"),
        ({"to_data": ["452 4.3.1 no space"]}, "452"),
        ({"to_recipient": [LEAVE]}, "connection lost"),
        ({"to_data": [LEAVE]}, "connection lost"),
    ],
)
async def test_what_is_refused_for_now_arrives_once_later(
    post: Post, refusal: dict[str, list[str]], said: str
) -> None:
    async with MailServer(**refusal) as server:  # type: ignore[arg-type]
        await arrives_later(post, server, said=said)
    assert len(server.received) == 1


@pytest.mark.parametrize("silent", ["to_recipient", "to_data"])
async def test_a_silent_server_is_not_waited_for(post: Post, silent: str) -> None:
    async with MailServer(**{silent: [SILENCE]}) as server:  # type: ignore[arg-type]
        await arrives_later(post, server, said="no answer", timeout_seconds=1)
    assert len(server.received) == 1


async def test_a_server_that_is_down_gets_it_when_it_is_up(post: Post) -> None:
    async with MailServer() as gone:
        pass
    async with MailServer() as server:
        await arrives_later(post, server, said="not connected", smtp_url=gone.url())
    assert len(server.received) == 1


async def test_a_connection_lost_after_the_message_repeats_it_under_the_same_id(post: Post) -> None:
    """The one case that nobody can tell from a message lost: both copies say that they are one."""
    async with MailServer(to_data=[TAKE_AND_LEAVE]) as server:
        await arrives_later(post, server, said="connection lost")
    first, second = (mail.message for mail in server.received)
    assert first["message-id"] == second["message-id"]
    assert first["date"] == second["date"]


@pytest.mark.parametrize("refusal", [{"to_recipient": ["550 5.1.1 unknown"]}, {"to_data": ["554 5.6.0 spam"]}])
async def test_what_is_refused_for_good_is_given_up_at_once(post: Post, refusal: dict[str, list[str]]) -> None:
    before = outcome("failed")
    async with MailServer(**refusal) as server:  # type: ignore[arg-type]
        await post.queue()
        assert await post.send(server) == 1
        given_up = await post.only()
        assert (given_up.status, given_up.attempts) == (MessageStatus.FAILED, 1)
        assert given_up.last_error is not None
        assert given_up.last_error.removeprefix("recipient refused: ").startswith("55")
        assert await post.secrets() == 0
        post.later()
        assert await post.send(server) == 0
    assert server.received == []
    assert outcome("failed") == before + 1


async def test_given_up_after_the_last_try(post: Post) -> None:
    async with MailServer(to_recipient=["450 4.2.1 full"] * (MAX_ATTEMPTS + 5)) as server:
        await post.queue()
        tried = 0
        for _ in range(MAX_ATTEMPTS + 5):
            tried += await post.send(server)
            post.later()
    assert tried == MAX_ATTEMPTS
    given_up = await post.only()
    assert (given_up.status, given_up.next_attempt_at) == (MessageStatus.FAILED, None)
    assert "450 4.2.1 full" in str(given_up.last_error)
    assert await post.secrets() == 0


async def test_a_certificate_of_nobody_we_trust_is_refused(post: Post, authority: Authority) -> None:
    for scheme in ("smtp+starttls", "smtps"):
        async with MailServer(scheme, authority, needs_auth=True) as server:
            await post.queue()
            await post.send(server, ca_file=None)
        assert server.received == []
    assert all("certificate verify failed" in str(message.last_error).lower() for message in await post.messages())


async def test_a_certificate_for_another_name_is_refused(post: Post, tmp_path: Path) -> None:
    async with MailServer("smtps", Authority(tmp_path, name="elsewhere.example")) as server:
        await post.queue()
        await post.send(server)
    assert server.received == []
    assert "mismatch" in str((await post.only()).last_error)


async def test_an_offer_of_starttls_that_was_taken_away_ends_it(post: Post, authority: Authority) -> None:
    async with MailServer("smtp+starttls", authority, offers_starttls=False) as server:
        await post.queue()
        await post.send(server)
    assert server.received == []
    assert "STARTTLS" in str((await post.only()).last_error)


async def test_two_workers_send_each_message_once(post: Post, clock: SettableClock) -> None:
    other = Post(wiring(post.wired.database_url, clock), clock)
    async with MailServer() as server:
        expected = {str(await post.queue()) for _ in range(60)}

        async def work(worker: Post) -> int:
            done = 0
            while sent := await worker.send(server):
                done += sent
            return done

        shares = await asyncio.gather(work(post), work(other), work(post), work(other))
    await other.wired.engine.dispose()
    assert sum(shares) == 60
    assert all(shares[:2]), "both had a part in it"
    assert sorted(mail.message["message-id"].strip("<>").partition("@")[0] for mail in server.received) == sorted(
        expected
    )


@dataclass
class Recorder:
    """A mailer that takes everything, after something has happened."""

    meanwhile: Callable[[], Awaitable[object]]
    taken: list[Letter]

    async def send(self, letter: Letter) -> None:
        self.taken.append(letter)
        await self.meanwhile()


async def test_who_slept_past_its_claim_changes_nothing(post: Post) -> None:
    """With the claim's end in the way of nobody both senders send: this is what the claim prevents."""
    second = Recorder(nothing, [])

    async def oversleep() -> None:
        post.clock.advance(timedelta(minutes=6))
        assert await post.send_with(second) == 1

    first = Recorder(oversleep, [])
    await post.queue()
    await post.send_with(first)
    assert [letter.id for letter in first.taken] == [letter.id for letter in second.taken]
    message = await post.only()
    assert (message.status, message.attempts) == (MessageStatus.SENT, 2)


async def test_a_sender_that_died_is_followed_by_another_and_not_sooner(post: Post) -> None:
    dying = Recorder(die, [])
    await post.queue()
    with suppress(asyncio.CancelledError):
        await post.send_with(dying)
    assert (await post.only()).status is MessageStatus.SENDING
    heir = Recorder(nothing, [])
    assert await post.send_with(heir) == 0
    post.clock.advance(timedelta(minutes=6))
    assert await post.send_with(heir) == 1
    assert [letter.id for letter in heir.taken] == [letter.id for letter in dying.taken]
    assert (await post.only()).status is MessageStatus.SENT


async def test_a_message_that_kills_every_sender_is_given_up(post: Post) -> None:
    dying = Recorder(die, [])
    await post.queue()
    for _ in range(MAX_ATTEMPTS + 2):
        with suppress(asyncio.CancelledError):
            await post.send_with(dying)
        post.later()
    assert len(dying.taken) == MAX_ATTEMPTS
    message = await post.only()
    assert (message.status, message.last_error) == (MessageStatus.FAILED, "the sender died while sending")
    assert await post.secrets() == 0


async def test_no_transaction_is_open_while_a_server_is_talked_to(post: Post) -> None:
    found: list[str] = []

    async def look() -> None:
        async with post.wired.sessions() as db:
            query = "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND xact_start < now()"
            found.extend(await db.scalars(text(query)))

    await post.queue()
    await post.send_with(Recorder(look, []))
    assert found == []


async def test_what_is_rolled_back_is_never_sent(post: Post) -> None:
    with suppress(ZeroDivisionError):
        async with post.wired.sessions() as db, transaction(db):
            await post.wired.notification(db).queue(CODE, now=post.clock.now())
            raise ZeroDivisionError
    recorder = Recorder(nothing, [])
    assert await post.send_with(recorder) == 0
    assert recorder.taken == []
    assert await post.secrets() == 0


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x85", "\x0b"])
async def test_no_name_makes_a_header(post: Post, break_: str) -> None:
    wired = post.wired
    evil = f"Ada{break_}Bcc: all{break_}{break_}body"
    draft = NEWS.model_copy(update={"to_name": evil})
    brand = wired.settings.mail.model_copy(update={"brand": f"House{break_}Bcc: all@example.org"})
    post.wired = replace(wired, settings=wired.settings.model_copy(update={"mail": brand}))
    async with MailServer() as server:
        await post.queue(draft)
        await post.send(server, sender="bookings@example.org", brand=brand.brand)
    await post.wired.engine.dispose()
    (mail,) = server.received
    assert mail.recipients == ["ada@example.org"]
    assert "bcc" not in mail.message
    head, _, _ = mail.raw.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"}
    assert names == {
        b"from",
        b"to",
        b"subject",
        b"date",
        b"message-id",
        b"auto-submitted",
        b"content-language",
        b"mime-version",
        b"content-type",
    }


@pytest.mark.parametrize(
    ("to", "envelope"),
    [
        ("ada@müller.example", "ada@xn--mller-kva.example"),
        ("ada@例え.jp", "ada@xn--r8jz45g.jp"),
        ("jürgen@müller.example", "jürgen@xn--mller-kva.example"),
    ],
)
async def test_addresses_in_any_script(post: Post, to: str, envelope: str) -> None:
    async with MailServer() as server:
        await post.queue(NEWS.model_copy(update={"to": to, "to_name": "Jürgen Müller 例え"}))
        await post.send(server)
    (mail,) = server.received
    assert mail.recipients == [envelope]
    # the parser takes headers for ASCII, though the last of these is UTF-8 (RFC 6532)
    shown = str(mail.message["to"]).encode(errors="surrogateescape").decode()
    assert shown == f"Jürgen Müller 例え <{envelope}>"


async def test_an_address_that_the_server_cannot_take_is_given_up(post: Post) -> None:
    async with MailServer(takes_utf8=False) as server:
        await post.queue(NEWS.model_copy(update={"to": "jürgen@example.org"}))
        await post.send(server)
    assert server.received == []
    message = await post.only()
    assert message.status is MessageStatus.FAILED
    assert "SMTPUTF8" in str(message.last_error)


async def nothing() -> None:
    pass


async def die() -> None:
    raise asyncio.CancelledError


def outcome(told: str) -> float:
    labels = {"template": Template.VERIFY_ADDRESS, "outcome": told}
    return REGISTRY.get_sample_value("holdfast_mail_total", labels) or 0.0
