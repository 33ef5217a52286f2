"""Messages at the facade, and what the database itself shows of them to whom."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast.contracts.identity import ANONYMOUS, SYSTEM, Actor, ActorType
from holdfast.contracts.notification import MessageDraft, Template
from holdfast.domains.notification.exceptions import MessageIncomplete, MessageNotFound, MessagesAreForStaff
from holdfast.kernel.database import transaction
from holdfast.kernel.paging import PageRequest
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import ADMIN, CUSTOMER, STAFF, STRANGER, SUPPLIER, wiring

CODE = MessageDraft(
    to="ada@example.org",
    template=Template.RESET_PASSWORD,
    values={"valid_minutes": "60"},
    secrets={"link": "https://example.org/reset?token=s3cret"},
    user_id=CUSTOMER.id,
)
GUEST = Actor(type=ActorType.GUEST, booking_id=UUID(int=9))
COUNT = "SELECT count(*) FROM notification."


@pytest.fixture
async def wired(database_url: str, clock: SettableClock) -> AsyncIterator[Wiring]:
    wired = wiring(database_url, clock)
    yield wired
    await wired.engine.dispose()


async def queue(wired: Wiring, draft: MessageDraft, *, actor: Actor = SYSTEM) -> None:
    async with wired.session(actor) as db:
        await wired.notification(db).queue(draft, now=wired.clock.now())


async def seen(wired: Wiring, table: str, actor: Actor) -> int:
    async with wired.session(actor) as db:
        return await db.scalar(text(COUNT + table)) or 0


@pytest.mark.every_postgres
@pytest.mark.parametrize(
    ("actor", "messages", "secrets"),
    [
        (SYSTEM, 2, 1),
        (ADMIN, 2, 0),
        (STAFF, 2, 0),
        (CUSTOMER, 1, 0),
        (STRANGER, 0, 0),
        (SUPPLIER, 0, 0),
        (GUEST, 0, 0),
        (ANONYMOUS, 0, 0),
    ],
    ids=lambda value: value.type if isinstance(value, Actor) else str(value),
)
async def test_the_database_shows_messages_to_their_people(
    wired: Wiring, actor: Actor, messages: int, secrets: int
) -> None:
    await queue(wired, CODE)
    await queue(
        wired, MessageDraft(to="g@example.org", template=Template.PASSWORD_CHANGED, values={"changed_at": "now"})
    )
    assert await seen(wired, "messages", actor) == messages
    assert await seen(wired, "secrets", actor) == secrets


@pytest.mark.parametrize("actor", [CUSTOMER, ANONYMOUS, GUEST], ids=lambda actor: actor.type)
async def test_anybody_s_act_may_make_a_message_and_change_none(wired: Wiring, actor: Actor) -> None:
    await queue(wired, CODE, actor=actor)
    assert await seen(wired, "secrets", SYSTEM) == 1
    async with wired.session(actor) as db:
        done = await db.execute(text("UPDATE notification.messages SET recipient = 'eve@example.org'"))
        assert done.rowcount == 0  # type: ignore[attr-defined]
        await db.execute(text("DELETE FROM notification.secrets"))
    assert await seen(wired, "secrets", SYSTEM) == 1


async def test_nobody_makes_a_message_as_sent_or_deletes_one(wired: Wiring) -> None:
    await queue(wired, CODE)
    made = (
        "INSERT INTO notification.messages (id, recipient, template, language, details, has_secrets, status,"
        " created_at, sent_at) VALUES (gen_random_uuid(), 'x', 'x', 'en', '{}', false, 'sent', now(), now())"
    )
    async with wired.session(ADMIN) as db:
        with pytest.raises(DBAPIError, match=r"row-level security|permission denied"):
            await db.execute(text(made))
    async with wired.session(ADMIN) as db:
        await db.execute(text("DELETE FROM notification.messages"))
    assert await seen(wired, "messages", SYSTEM) == 1


async def test_an_incomplete_message_refuses_the_act(wired: Wiring) -> None:
    async with wired.sessions() as db:
        with pytest.raises(MessageIncomplete, match="link"):
            async with transaction(db):
                await db.execute(text("INSERT INTO kernel.inbox VALUES (gen_random_uuid(), 'x', now())"))
                await wired.notification(db).queue(CODE.model_copy(update={"secrets": {}}), now=wired.clock.now())
        assert await db.scalar(text("SELECT count(*) FROM kernel.inbox")) == 0
    assert await seen(wired, "messages", SYSTEM) == 0


@pytest.mark.parametrize("actor", [CUSTOMER, SUPPLIER, GUEST, ANONYMOUS], ids=lambda actor: actor.type)
async def test_only_the_house_looks_and_retries(wired: Wiring, actor: Actor) -> None:
    await queue(wired, CODE)
    async with wired.session(actor) as db:
        service = wired.notification(db)
        with pytest.raises(MessagesAreForStaff):
            await service.list_messages(PageRequest(), actor=actor)
        with pytest.raises(MessagesAreForStaff):
            await service.retry(UUID(int=1), now=wired.clock.now(), actor=actor)  # type: ignore[arg-type]
    async with wired.session(STAFF) as db:
        with pytest.raises(MessageNotFound):
            await wired.notification(db).retry(UUID(int=1), now=wired.clock.now(), actor=STAFF)  # type: ignore[arg-type]


async def test_the_sender_finds_its_work_by_an_index(wired: Wiring, engine: AsyncEngine) -> None:
    """However many messages were ever sent."""
    await queue(wired, CODE)
    history = """
        INSERT INTO notification.messages
            (id, recipient, template, language, details, has_secrets, status, created_at, sent_at)
        SELECT gen_random_uuid(), 'x', 'x', 'en', '{}', false, 'sent', now(), now()
        FROM generate_series(1, 20000)
    """
    async with engine.connect() as connection:
        await connection.execute(text(history))
        await connection.execute(text("ANALYZE notification.messages"))
        plan = await connection.scalars(
            text(
                "EXPLAIN SELECT id FROM notification.messages WHERE channel = 'email' AND next_attempt_at <= now()"
                " AND attempts < 14"
                " ORDER BY next_attempt_at LIMIT 10 FOR UPDATE SKIP LOCKED"
            )
        )
        assert "messages_due_idx" in "\n".join(plan)
