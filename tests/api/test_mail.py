"""Mail as the house and its guests meet it: after a booking, in the admin list, and at `/dev/mail`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from email import policy
from email.parser import BytesParser
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.notification.exceptions import Rejected
from holdfast.domains.notification.ports import Letter
from holdfast.kernel.relay import Relay
from holdfast.main import create_app
from holdfast.settings import MailSettings
from holdfast.wiring import Wiring
from holdfast.worker import Worker
from tests.clock import SettableClock
from tests.house import House, bearer, holder, wiring

NEWS = MessageDraft(
    to="ada@example.org", template=Template.PASSWORD_CHANGED, values={"changed_at": "7 January 2030, 08:00 UTC"}
)
CODE = MessageDraft(
    to="ada@example.org",
    template=Template.RESET_PASSWORD,
    values={"valid_minutes": "60"},
    secrets={"link": "https://example.org/reset?token=s3cret"},
)


@pytest.fixture
def wired(database_url: str, clock: SettableClock, tmp_path: Path) -> Wiring:
    """Embedded, as far as mail is concerned, with a data folder of its own."""
    plain = wiring(database_url, clock)
    database = plain.settings.database.model_copy(update={"data_dir": tmp_path})
    return replace(plain, settings=plain.settings.model_copy(update={"database": database}))


@asynccontextmanager
async def browser(
    wired: Wiring, *, host: str = "localhost", peer: str = "127.0.0.1"
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(wired, holder(wired)), client=(peer, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}:8000") as client:
        yield client


class Refusing:
    """A mailer whose server wants nothing."""

    async def send(self, letter: Letter) -> None:
        raise Rejected("550 5.1.1 unknown")


async def queue(wired: Wiring, draft: MessageDraft) -> None:
    async with wired.sessions() as db:
        await wired.notification(db).queue(draft, now=wired.clock.now())


def subjects(folder: Path) -> list[str]:
    parser = BytesParser(policy=policy.default)
    return [str(parser.parsebytes(path.read_bytes())["subject"]) for path in sorted(folder.glob("*.eml"))]


async def test_a_guest_hears_what_became_of_the_booking(
    wired: Wiring, clock: SettableClock, house: House, tmp_path: Path
) -> None:
    await house.open(name="Seaview", timezone="Europe/Berlin")
    free, dear = await house.table(), await house.table(name="Table 2")
    await house.rate(dear)
    confirmed = await house.booked(free, guest={"name": "Ada Lovelace", "email": "ada@example.org"})
    pending = await house.booked(dear)
    await house.client.post(f"/api/v1/bookings/{confirmed['id']}/cancel", json={"reason": "rain"})
    clock.advance(timedelta(hours=1))
    worker = Worker(wired)
    await worker.run_once()
    await worker.run_once()

    references = confirmed["reference"], pending["reference"]
    assert sorted(subjects(tmp_path / "mail")) == [
        f"Cancelled: Seaview, {references[0]}",
        f"Confirmed: Seaview, {references[0]}",
        f"Not completed: Seaview, {references[1]}",
    ]
    newest = [mail for mail in wired.mail_folder.newest(10) if "Confirmed" in mail.header("subject")]
    words = newest[0].body("plain")
    assert newest[0].header("to") == "Ada Lovelace <ada@example.org>"
    assert "Hello Ada Lovelace," in words
    assert "Tuesday, 8 January 2030, 13:00 (Europe/Berlin)" in words
    assert "2 people" in words
    assert "Total" not in words


async def test_an_event_told_twice_is_one_message(wired: Wiring, house: House, clock: SettableClock) -> None:
    await house.booked(await house.table())
    relay = Relay(wired.sessions, wired.reactions, clock)
    await relay.drain()
    async with wired.sessions() as db:
        await db.execute(text("UPDATE kernel.outbox SET delivered_at = NULL, reacted_at = NULL"))
        await relay.drain()
        told = text("SELECT template, count(*) FROM notification.messages GROUP BY template ORDER BY template")
        assert [tuple(row) for row in await db.execute(told)] == [("booking_confirmed", 1), ("documents_ready", 1)]
        # the guard off: without the receipt the same event makes another
        await db.execute(text("DELETE FROM kernel.inbox"))
        await db.execute(text("UPDATE kernel.outbox SET delivered_at = NULL, reacted_at = NULL"))
        await relay.drain()
        assert await db.scalar(text("SELECT count(*) FROM notification.messages")) == 4


async def test_staff_sees_what_was_given_up_and_sends_it_again(wired: Wiring, client: httpx.AsyncClient) -> None:
    await queue(wired, NEWS)
    async with wired.sessions() as db:
        await wired.notification(db).send_due(Refusing(), wired.letterhead, clock=wired.clock)
    failed = (await client.get("/api/v1/admin/messages", params={"status": "failed"})).json()
    assert failed["total"] == 1
    message = failed["items"][0]
    assert (message["to"], message["last_error"]) == ("ada@example.org", "550 5.1.1 unknown")
    assert "values" not in message

    path = f"/api/v1/admin/messages/{message['id']}/retry"
    again = await client.post(path)
    assert (again.status_code, again.json()["status"], again.json()["attempts"]) == (200, "queued", 0)
    twice = await client.post(path)
    assert (twice.status_code, twice.json()["type"]) == (409, "message-not-failed")
    assert (await client.post(f"/api/v1/admin/messages/{uuid4()}/retry")).status_code == 404
    async with wired.sessions() as db:
        acts = (await db.execute(text("SELECT action, subject_id::text FROM kernel.audit_log"))).all()
    assert [tuple(act) for act in acts] == [("message.retried", message["id"])]


async def test_a_message_whose_secrets_are_wiped_is_not_sent_again(
    wired: Wiring, client: httpx.AsyncClient
) -> None:
    await queue(wired, CODE)
    async with wired.sessions() as db:
        await wired.notification(db).send_due(Refusing(), wired.letterhead, clock=wired.clock)
    message = (await client.get("/api/v1/admin/messages")).json()["items"][0]
    answer = await client.post(f"/api/v1/admin/messages/{message['id']}/retry")
    assert (answer.status_code, answer.json()["type"]) == (409, "secrets-wiped")


@pytest.mark.parametrize(("who", "status"), [("anonymous", 401), ("customer", 403), ("supplier", 403)])
async def test_messages_are_for_the_house(client: httpx.AsyncClient, who: str, status: int) -> None:
    client.headers.pop("Authorization")
    assert (await client.get("/api/v1/admin/messages", headers=bearer(who))).status_code == status
    retry = await client.post(f"/api/v1/admin/messages/{uuid4()}/retry", headers=bearer(who))
    assert retry.status_code == status


async def test_caught_mail_can_be_read_in_a_browser(wired: Wiring) -> None:
    await queue(wired, CODE)
    await Worker(wired).run_once()
    async with browser(wired) as client:
        index = await client.get("/dev/mail")
        assert index.status_code == 200
        assert "Choose a new Holdfast password" in index.text
        (mail,) = wired.mail_folder.newest(10)
        path = f"/dev/mail/{mail.id}"
        assert path in index.text
        page, html, raw = [await client.get(path + part) for part in ("", "/html", "/raw")]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page.text
    assert 'href="https://example.org/reset?token=s3cret"' in page.text
    assert 'href="https://example.org/reset?token=s3cret"' in html.text
    assert html.headers["content-security-policy"].startswith("sandbox allow-popups")
    assert "script-src" not in html.headers["content-security-policy"]
    assert "default-src 'none'" in html.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert raw.headers["content-type"] == "text/plain; charset=utf-8"
    assert raw.content.startswith(b"Return-Path: <mail@holdfast.localhost>\r\nDelivered-To: ada@example.org\r\n")
    assert raw.headers["x-content-type-options"] == "nosniff"
    for answer in (index, page, html, raw):
        assert answer.headers["cache-control"] == "no-store"


async def test_a_hostile_message_is_only_shown(wired: Wiring) -> None:
    evil = "<script>alert(1)</script>"
    content = f"Subject: {evil}\r\nTo: {evil}\r\n\r\n{evil} javascript:alert(1)\r\n".encode() + b"\xff\xfe"
    mail_id = wired.mail_folder.keep(content)
    async with browser(wired) as client:
        for path in ("/dev/mail", f"/dev/mail/{mail_id}"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert evil not in answer.text
            assert 'href="javascript:' not in answer.text


async def test_only_its_owner_can_read_a_kept_mail(wired: Wiring) -> None:
    path = wired.mail_folder.path(wired.mail_folder.keep(b"Subject: x\r\n\r\n"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("place", "headers"),
    [
        ({"peer": "192.0.2.7"}, {}),
        ({"peer": "not an address"}, {}),
        ({"host": "attacker.example"}, {}),
        ({"host": "localhost.attacker.example"}, {}),
        ({}, {"X-Forwarded-For": "192.0.2.7"}),
        ({}, {"Forwarded": "for=192.0.2.7"}),
    ],
)
async def test_mail_is_shown_on_this_machine_only(
    wired: Wiring, place: dict[str, str], headers: dict[str, str]
) -> None:
    mail_id = wired.mail_folder.keep(b"Subject: x\r\n\r\n")
    async with browser(wired, **place) as client:
        for path in ("", f"/{mail_id}", f"/{mail_id}/html", f"/{mail_id}/raw"):
            assert (await client.get(f"/dev/mail{path}", headers=headers)).status_code == 404


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.0.0.53", "::1", "::ffff:127.0.0.1"])
async def test_every_loopback_peer_is_this_machine(wired: Wiring, peer: str) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        async with browser(wired, peer=peer, host=host) as client:
            assert (await client.get("/dev/mail")).status_code == 200
            assert (await client.get(f"/dev/mail/{uuid4()}")).status_code == 404


@pytest.mark.parametrize(
    "elsewhere",
    [{"database": {"url": SecretStr("postgresql://db")}}, {"mail": {"smtp_url": SecretStr("smtp://mx")}}],
)
async def test_there_is_no_such_page_outside_the_embedded_mode(
    wired: Wiring, elsewhere: dict[str, dict[str, object]]
) -> None:
    changed = {
        group: getattr(wired.settings, group).model_copy(update=values) for group, values in elsewhere.items()
    }
    there = replace(wired, settings=wired.settings.model_copy(update=changed))
    async with browser(there) as client:
        assert (await client.get("/dev/mail")).status_code == 404
        assert not any("/dev/mail" in path for path in create_app(there).openapi()["paths"])


async def test_the_background_work_sends_by_itself(wired: Wiring, tmp_path: Path) -> None:
    await queue(wired, NEWS)
    work = asyncio.create_task(Worker(wired).run())
    try:
        for _ in range(400):  # 20 s
            if list((tmp_path / "mail").glob("*.eml")):
                break
            await asyncio.sleep(0.05)
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert subjects(tmp_path / "mail") == ["Your Holdfast password was changed"]


async def test_without_a_way_out_messages_wait(wired: Wiring, tmp_path: Path) -> None:
    database = wired.settings.database.model_copy(update={"url": SecretStr("postgresql://db")})
    served = replace(wired, settings=wired.settings.model_copy(update={"database": database}))
    await queue(served, NEWS)
    await Worker(served).run_once()
    async with served.sessions() as db:
        assert await db.scalar(text("SELECT status || attempts FROM notification.messages")) == "queued0"
    await served.engine.dispose()
    assert not (tmp_path / "mail").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (MailSettings(smtp_url=SecretStr("mailto:x")), "smtp://"),
        (MailSettings(smtp_url=SecretStr("smtp://mail.example.org")), "HOLDFAST_MAIL_FROM"),
        (MailSettings(smtp_url=SecretStr("smtp://u:p@mail.example.org"), sender="a@b.example"), "in the clear"),
        (MailSettings(smtp_url=SecretStr("smtps://h"), sender="nobody"), "HOLDFAST_MAIL_FROM takes"),
        (
            MailSettings(smtp_url=SecretStr("smtps://h"), sender="a@b.example", smtp_ca_file=Path("/nowhere")),
            "HOLDFAST_SMTP_CA_FILE",
        ),
    ],
)
async def test_wrong_settings_stop_the_start(wired: Wiring, settings: MailSettings, said: str) -> None:
    wrong = replace(wired, settings=wired.settings.model_copy(update={"mail": settings}))
    with pytest.raises(ValueError, match=said):
        Worker(wrong)
    await wrong.engine.dispose()
