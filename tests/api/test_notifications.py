"""The inbox in the app, what people chose to be told, and the log of every try."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.contracts.document import AttachmentRef, DocumentFile, DocumentId
from holdfast.contracts.identity import ANONYMOUS, Actor, ActorType, Role, UserId
from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.notification.exceptions import Deferred, Rejected
from holdfast.domains.notification.kinds import KINDS
from holdfast.domains.notification.ports import Enclosure, Letter
from holdfast.kernel.errors import Busy, NotFound, Refusal
from holdfast.kernel.paging import PageRequest
from holdfast.kernel.relay import Relay
from holdfast.wiring import Wiring
from tests.accounts import account, signed_in
from tests.clock import SettableClock
from tests.house import STAFF, STRANGER, House, Json, at, bearer
from tests.people import EMAIL

INBOX = "/api/v1/notifications"
PREFERENCES = "/api/v1/users/me/preferences"


@dataclass
class Guest:
    """Somebody with an account, who books through the house."""

    id: UserId
    header: dict[str, str]
    house: House
    relay: Relay
    booked: int = 0

    async def book(self) -> Json:
        """Confirmed at once, on a table of its own time; told to whom it concerns."""
        table = await self.house.table(name=f"Table {self.booked}")
        guest = {"id": str(self.id), "name": "Ann", "email": EMAIL, "phone": "+49 30 1234567"}
        booking = await self.house.booked(table, start_at=at(self.booked), guest=guest)
        self.booked += 1
        await self.relay.drain()
        return booking

    async def inbox(self, **params: object) -> Json:
        answer = await self.house.client.get(INBOX, params=params, headers=self.header)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def prefer(self, **messages: Json) -> None:
        answer = await self.house.client.put(PREFERENCES, json={"messages": messages}, headers=self.header)
        assert answer.status_code == 200, answer.text

    async def ways(self) -> list[str]:
        """By which ways messages were written so far."""
        listed = await self.house.client.get("/api/v1/admin/messages")
        notices = (await self.inbox())["total"]
        return sorted([*(each["channel"] for each in listed.json()["items"]), *["in_app"] * notices])


@pytest.fixture
def wired(wired: Wiring) -> Wiring:
    """With a gateway for text messages, which nothing is sent to here."""
    notification = wired.settings.notification.model_copy(update={"sms_url": "http://localhost:9/messages"})
    return replace(wired, settings=wired.settings.model_copy(update={"notification": notification}))


@pytest.fixture
async def guest(wired: Wiring, house: House, clock: SettableClock) -> Guest:
    user_id = await account(wired, Role.CUSTOMER)
    relay = Relay(wired.sessions, wired.reactions, clock)
    return Guest(user_id, await signed_in(house.client), house, relay)


async def test_a_guest_reads_what_the_house_told(guest: Guest, clock: SettableClock) -> None:
    first, second = await guest.book(), await guest.book()
    inbox = await guest.inbox()
    assert inbox["total"] == 2
    assert [each["booking_id"] for each in inbox["items"]] == [second["id"], first["id"]]
    newest = inbox["items"][0]
    assert newest["title"] == f"Confirmed: Seaview, {second['reference']}"
    assert newest["body"].startswith("Seaview, Tuesday, 8 January 2030, 13:00 (UTC), for 2 people.")
    assert (newest["category"], newest["language"], newest["read_at"]) == ("transactional", "en", None)

    client, path = guest.house.client, f"{INBOX}/{newest['id']}/read"
    read = (await client.post(path, headers=guest.header)).json()
    read_at = clock.now().isoformat().replace("+00:00", "Z")
    assert read == {**newest, "read_at": read_at}
    clock.advance(timedelta(minutes=1))
    assert (await client.post(path, headers=guest.header)).json()["read_at"] == read_at
    assert [each["booking_id"] for each in (await guest.inbox(unread=True))["items"]] == [first["id"]]
    assert (await client.post(f"{INBOX}/read-all", headers=guest.header)).json() == {"read": 1}
    assert (await client.post(f"{INBOX}/read-all", headers=guest.header)).json() == {"read": 0}
    assert (await guest.inbox(unread=True))["total"] == 0
    assert (await guest.inbox())["total"] == 2


@pytest.mark.parametrize("who", ["stranger", "staff", "admin"])
async def test_nobody_else_reads_it(guest: Guest, wired: Wiring, who: str) -> None:
    await guest.book()
    notice_id = (await guest.inbox())["items"][0]["id"]
    client = guest.house.client
    answer = await client.post(f"{INBOX}/{notice_id}/read", headers=bearer(who))
    assert (answer.status_code, answer.json()["type"]) == (404, "notice-not-found")
    assert (await client.get(INBOX, headers=bearer(who))).json()["total"] == 0
    assert (await client.post(f"{INBOX}/read-all", headers=bearer(who))).json() == {"read": 0}
    assert (await guest.inbox(unread=True))["total"] == 1
    for actor in (STRANGER, STAFF, ANONYMOUS, Actor(type=ActorType.GUEST, booking_id=UUID(int=9))):
        async with wired.session(actor) as db:
            assert await db.scalar(text("SELECT count(*) FROM notification.notices")) == 0
            changed = await db.execute(text("UPDATE notification.notices SET read_at = now()"))
            assert changed.rowcount == 0  # type: ignore[attr-defined]


async def test_messages_go_by_the_ways_that_were_chosen(guest: Guest) -> None:
    nothing = {"email": False, "sms": False, "in_app": False}
    told = []
    for ways in (None, {"email": True, "sms": True, "in_app": True}, nothing):
        if ways is not None:
            await guest.prefer(transactional=ways)
        before = await guest.ways()
        await guest.book()
        after = await guest.ways()
        told.append([way for way in ("email", "in_app", "sms") if after.count(way) > before.count(way)])
    assert told == [["email", "in_app"], ["email", "in_app", "sms"], ["email"]], (
        "mail about a booking always comes"
    )


async def test_a_guest_without_an_account_gets_mail_alone(guest: Guest) -> None:
    await guest.house.booked(await guest.house.table())
    await guest.relay.drain()
    assert set(await guest.ways()) == {"email"}


class Moody:
    """A mailer that answers as it is told, one after the other."""

    def __init__(self, clock: SettableClock, *moods: Exception | str) -> None:
        self.clock = clock
        self.moods = list(moods)

    async def send(self, letter: Letter) -> str:
        self.clock.advance(timedelta(milliseconds=250))
        mood = self.moods.pop(0)
        if isinstance(mood, Exception):
            raise mood
        return mood


async def test_staff_sees_every_try_of_a_message(
    wired: Wiring, client: httpx.AsyncClient, clock: SettableClock
) -> None:
    draft = MessageDraft(
        to="ada@example.org",
        template=Template.VERIFY_ADDRESS,
        values={"valid_minutes": "10"},
        secrets={"otp": "493817", "link": "https://example.org/v?token=s3cret"},
    )
    mailer = Moody(clock, Deferred("450 4.2.1 full"), ValueError("broken"), "250 2.0.0 taken as 7F3A")
    async with wired.sessions() as db:
        message_id = await wired.notification(db).queue(draft, now=clock.now())
        for _ in range(3):
            assert await wired.notification(db).send_due(mailer, wired.letterhead, clock=clock) == 1
            clock.advance(timedelta(hours=4))
    answer = await client.get(f"/api/v1/admin/messages/{message_id}/attempts")
    tries = answer.json()["items"]
    assert [(each["number"], each["outcome"], each["answer"], each["duration_ms"]) for each in tries] == [
        (1, "deferred", "450 4.2.1 full", 250),
        (2, "deferred", "ValueError('broken')", 250),
        (3, "sent", "250 2.0.0 taken as 7F3A", 250),
    ]
    assert "s3cret" not in answer.text
    unknown = await client.get(f"/api/v1/admin/messages/{UUID(int=1)}/attempts")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "message-not-found")


async def test_what_is_secret_lies_sealed(wired: Wiring, clock: SettableClock, engine: AsyncEngine) -> None:
    """And another installation's key opens nothing; a row that an older version queued in clear is still sent."""
    draft = MessageDraft(
        to="ada@example.org",
        template=Template.RESET_PASSWORD,
        values={"valid_minutes": "60"},
        secrets={"link": "https://example.org/reset?token=s3cret"},
    )
    sent: list[str] = []

    class Keeper:
        async def send(self, letter: Letter) -> None:
            sent.append(letter.text)

    async with wired.sessions() as db:
        service = wired.notification(db)
        await service.queue(draft, now=clock.now())
        box = await db.scalar(text("SELECT sealed FROM notification.secrets WHERE data IS NULL"))
        assert b"s3cret" not in bytes(box)
        service.office = replace(service.office, sealing_key=b"x" * 32)
        await service.send_due(Keeper(), wired.letterhead, clock=clock)
        assert sent == []
        error = await db.scalar(text("SELECT last_error FROM notification.messages"))
        assert error == "The message's secrets were sealed with another HOLDFAST_SECRET than this process has."
        clock.advance(timedelta(hours=4))
        assert await wired.notification(db).send_due(Keeper(), wired.letterhead, clock=clock) == 1
        assert "s3cret" in sent[0]

        await wired.notification(db).queue(draft, now=clock.now())
    async with engine.connect() as owner:  # the application's role changes no secret
        await owner.execute(
            text("UPDATE notification.secrets SET sealed = NULL, data = jsonb_build_object('link', 'in-clear')")
        )
    async with wired.sessions() as db:
        assert await wired.notification(db).send_due(Keeper(), wired.letterhead, clock=clock) == 1
    assert "in-clear" in sent[1]


async def test_old_messages_are_forgotten_and_waiting_ones_kept(wired: Wiring, clock: SettableClock) -> None:
    draft = MessageDraft(to="a@example.org", template=Template.PASSWORD_CHANGED, values={"changed_at": "now"})
    async with wired.sessions() as db:
        service = wired.notification(db)
        await service.queue(draft, now=clock.now())
        await service.send_due(Moody(clock, Rejected("550 no")), wired.letterhead, clock=clock)
        waiting = await service.queue(draft, now=clock.now())
        clock.advance(timedelta(days=366))
        recent = await service.queue(draft, now=clock.now())
        await service.send_due(Moody(clock, Deferred("later"), "taken"), wired.letterhead, clock=clock)
        assert await service.forget(before=clock.now() - timedelta(days=365)) == 1
        assert await service.forget(before=clock.now() - timedelta(days=365)) == 0
        kept = set(await db.scalars(text("SELECT id FROM notification.messages")))
        assert kept == {waiting, recent}
        assert await db.scalar(text("SELECT count(*) FROM notification.attempts")) == 2


async def test_a_stuck_message_breaks_an_invariant(wired: Wiring, clock: SettableClock) -> None:
    draft = MessageDraft(
        to="a@example.org", template=Template.PASSWORD_CHANGED, values={**KINDS[Template.PASSWORD_CHANGED].sample}
    )
    async with wired.sessions() as db:
        message_id = await wired.notification(db).queue(draft, now=clock.now())
    for days, broken in ((1, []), (1, [message_id])):
        clock.advance(timedelta(days=days))
        findings = {each.invariant: each.breaches for each in await wired.audit()}
        assert [breach.subject for breach in findings["no message is stuck"]] == broken


@dataclass
class Cabinet:
    """Has one document of this size, or says why not."""

    content: bytes = b"%PDF-1.7"
    refusal: Refusal | None = None

    async def file(self, document_id: DocumentId, *, now: datetime) -> DocumentFile:
        if self.refusal is not None:
            raise self.refusal
        return DocumentFile(filename="stored.pdf", media_type="application/pdf", content=self.content)


@pytest.mark.parametrize(
    ("cabinet", "outcome", "said"),
    [
        (Cabinet(), "sent", None),
        (Cabinet(refusal=NotFound()), "failed", "invoice.pdf is gone: There is no such thing"),
        (Cabinet(refusal=Busy()), "queued", "invoice.pdf cannot be had: Others hold"),
        (
            Cabinet(content=b"x" * (5 * 1024 * 1024 + 1)),
            "failed",
            "what is enclosed is larger than 10485760 bytes",
        ),
    ],
    ids=["there", "gone", "not now", "too large"],
)
async def test_documents_go_along_as_they_are_then(
    wired: Wiring, clock: SettableClock, cabinet: Cabinet, outcome: str, said: str | None
) -> None:
    sent: list[Letter] = []

    class Keeper:
        async def send(self, letter: Letter) -> None:
            sent.append(letter)

    refs = [AttachmentRef(document_id=DocumentId(UUID(int=n)), filename="invoice.pdf") for n in (1, 2)]
    draft = MessageDraft(
        to="ada@example.org",
        template=Template.PASSWORD_CHANGED,
        values={**KINDS[Template.PASSWORD_CHANGED].sample},
        attachments=refs,
    )
    async with wired.sessions() as db:
        service = wired.notification(db)
        await service.queue(draft, now=clock.now())
        await service.send_due(Keeper(), wired.letterhead, documents=cabinet, clock=clock)
        (message,) = (await service.list_messages(PageRequest(), actor=STAFF)).items
    assert message.status == outcome
    if said is None:
        (letter,) = sent
        assert letter.attachments == (Enclosure("invoice.pdf", "application/pdf", b"%PDF-1.7"),) * 2
    else:
        assert sent == []
        assert str(message.last_error).startswith(said)
