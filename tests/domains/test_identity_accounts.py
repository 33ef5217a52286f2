"""Profiles, preferences, roles and bans, through the facade and past it."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.contracts.identity import (
    ANONYMOUS,
    SYSTEM,
    Actor,
    ActorType,
    Ban,
    Preferences,
    ProfileChange,
    RefreshRequest,
    Role,
    RolesChange,
    UserId,
    UserView,
)
from holdfast.contracts.notification import Template
from holdfast.domains.identity.exceptions import (
    AddressTaken,
    AlreadyBanned,
    LastAdmin,
    NotBanned,
    NotYourself,
    RefreshTokenInvalid,
    SessionEnded,
    UserNotFound,
)
from holdfast.domains.identity.services import AccountService, IdentityService, Vault
from holdfast.kernel.database import session_factory
from holdfast.kernel.paging import PageRequest
from tests.clock import MONDAY
from tests.house import ADMIN, STAFF, STRANGER
from tests.people import EMAIL, Postbox, credentials, member, registration, signed_in

Sessions = async_sessionmaker[AsyncSession]

TABLES = (
    "users",
    "credentials",
    "preferences",
    "codes",
    "tries",
    "sessions",
    "refresh_tokens",
    "signing_keys",
)
SECRETS = set(TABLES) - {"users", "preferences"}


async def made(accounts: AccountService, email: str, *roles: Role) -> UserView:
    return await accounts.create(registration(email), roles, now=MONDAY, actor=SYSTEM)


def acting(user: UserView, kind: ActorType = ActorType.CUSTOMER) -> Actor:
    return Actor(type=kind, id=user.id)


async def last_act(db: AsyncSession) -> tuple[object, ...]:
    row = await db.execute(
        text(
            "SELECT action, actor_id, subject_id, reason, before, after FROM kernel.audit_log"
            " ORDER BY id DESC LIMIT 1"
        )
    )
    return tuple(row.one())


async def last_event(db: AsyncSession) -> str:
    return str(await db.scalar(text("SELECT type FROM kernel.outbox ORDER BY id DESC LIMIT 1")))


async def test_an_account_made_by_the_house_can_sign_in_at_once(
    identity: IdentityService, accounts: AccountService, house_db: AsyncSession
) -> None:
    user = await made(accounts, EMAIL, Role.CUSTOMER, Role.ADMIN)
    assert (user.email_verified, user.roles) == (True, [Role.ADMIN, Role.CUSTOMER])
    actor = await identity.authenticate((await identity.login(credentials(), now=MONDAY)).access_token, now=MONDAY)
    assert (actor.type, actor.id) == (ActorType.ADMIN, user.id)
    assert await last_act(house_db) == (
        "user.created",
        None,
        user.id,
        None,
        None,
        {"roles": ["admin", "customer"]},
    )
    with pytest.raises(AddressTaken):
        await made(accounts, EMAIL.upper(), Role.CUSTOMER)
    assert await accounts.find(EMAIL.upper()) == user


async def test_a_ban_ends_everything_at_once(
    identity: IdentityService, accounts: AccountService, post: Postbox, house_db: AsyncSession
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    user = await accounts.find(EMAIL)
    banned = await accounts.ban(user.id, Ban(reason="fraud"), now=MONDAY, actor=ADMIN)
    assert banned.banned_at == MONDAY
    with pytest.raises(SessionEnded):
        await identity.authenticate(tokens.access_token, now=MONDAY)
    with pytest.raises(RefreshTokenInvalid):
        await identity.refresh(RefreshRequest(refresh_token=tokens.refresh_token), now=MONDAY)
    assert await last_act(house_db) == (
        "user.banned",
        ADMIN.id,
        user.id,
        "fraud",
        {"banned_at": None},
        {"banned_at": MONDAY.isoformat(), "sessions_ended": 1},
    )
    assert await last_event(house_db) == "user.banned"
    assert (post.last.template, post.last.values) == (Template.ACCOUNT_BANNED, {"reason": "fraud"})
    with pytest.raises(AlreadyBanned):
        await accounts.ban(user.id, Ban(reason="again"), now=MONDAY, actor=ADMIN)

    assert (await accounts.unban(user.id, now=MONDAY, actor=ADMIN)).banned_at is None
    assert await last_event(house_db) == "user.unbanned"
    with pytest.raises(SessionEnded):
        await identity.authenticate(tokens.access_token, now=MONDAY)
    assert (await identity.login(credentials(), now=MONDAY)).access_token
    with pytest.raises(NotBanned):
        await accounts.unban(user.id, now=MONDAY, actor=ADMIN)


async def test_no_session_survives_a_ban_that_comes_while_people_sign_in(
    identity: IdentityService, accounts: AccountService, post: Postbox, vault: Vault, system: Sessions
) -> None:
    user = await member(identity, post, now=MONDAY)

    async def enter() -> object:
        async with system() as db:
            return await IdentityService(db, post, vault).login(credentials(), now=MONDAY)

    async def shut_out() -> object:
        async with system() as db:
            return await AccountService(db, post, vault).ban(user.id, Ban(reason="x"), now=MONDAY, actor=ADMIN)

    await asyncio.gather(
        *(enter() for _ in range(8)), shut_out(), *(enter() for _ in range(8)), return_exceptions=True
    )
    async with system() as db:
        assert await db.scalar(text("SELECT count(*) FROM identity.sessions WHERE ended_at IS NULL")) == 0


async def test_roles_count_from_the_next_request_on(
    identity: IdentityService, accounts: AccountService, post: Postbox, house_db: AsyncSession
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    user = await accounts.find(EMAIL)
    change = RolesChange(roles=[Role.CUSTOMER, Role.STAFF, Role.STAFF])
    changed = await accounts.set_roles(user.id, change, now=MONDAY, actor=ADMIN)
    assert changed.roles == [Role.STAFF, Role.CUSTOMER]
    assert (await identity.authenticate(tokens.access_token, now=MONDAY)).type is ActorType.STAFF
    before, after = {"roles": ["customer"]}, {"roles": ["staff", "customer"]}
    assert await last_act(house_db) == ("user.roles_changed", ADMIN.id, user.id, None, before, after)
    assert await last_event(house_db) == "user.roles_changed"


async def test_nobody_bans_themselves_nor_the_last_admin(accounts: AccountService, house_db: AsyncSession) -> None:
    admin = await made(accounts, EMAIL, Role.ADMIN)
    before = await last_act(house_db)
    with pytest.raises(NotYourself):
        await accounts.ban(admin.id, Ban(reason="x"), now=MONDAY, actor=acting(admin, ActorType.ADMIN))
    with pytest.raises(LastAdmin):
        await accounts.ban(admin.id, Ban(reason="x"), now=MONDAY, actor=SYSTEM)
    with pytest.raises(LastAdmin):
        await accounts.set_roles(admin.id, RolesChange(roles=[Role.STAFF]), now=MONDAY, actor=SYSTEM)
    assert (await accounts.get(admin.id), await last_act(house_db)) == (admin, before)
    with pytest.raises(UserNotFound):
        await accounts.ban(UserId(STRANGER.id or admin.id), Ban(reason="x"), now=MONDAY, actor=SYSTEM)


async def test_a_banned_admin_does_not_count(accounts: AccountService) -> None:
    first, second = [await made(accounts, f"{name}@example.org", Role.ADMIN) for name in ("ann", "ben")]
    await accounts.ban(second.id, Ban(reason="x"), now=MONDAY, actor=acting(first, ActorType.ADMIN))
    with pytest.raises(LastAdmin):
        await accounts.set_roles(first.id, RolesChange(roles=[Role.STAFF]), now=MONDAY, actor=SYSTEM)


async def test_admins_who_depose_each_other_leave_one(
    accounts: AccountService, post: Postbox, vault: Vault, system: Sessions
) -> None:
    admins = [await made(accounts, f"a{number}@example.org", Role.ADMIN) for number in range(6)]

    async def depose(user: UserView) -> object:
        async with system() as db:
            change = RolesChange(roles=[Role.CUSTOMER])
            return await AccountService(db, post, vault).set_roles(user.id, change, now=MONDAY, actor=SYSTEM)

    answers = await asyncio.gather(*map(depose, admins), return_exceptions=True)
    assert [type(answer) for answer in answers].count(LastAdmin) == 1
    assert (await accounts.list_users(PageRequest(), role=Role.ADMIN)).total == 1


async def test_users_are_found_by_part_of_their_address_and_by_role(accounts: AccountService) -> None:
    for email, role in (
        ("ann@example.org", Role.STAFF),
        ("ben@example.org", Role.CUSTOMER),
        ("a_n@x.org", Role.STAFF),
    ):
        await made(accounts, email, role)
    page = await accounts.list_users(PageRequest(limit=2))
    assert ([user.email for user in page.items], page.total) == (["a_n@x.org", "ben@example.org"], 3)
    found = [
        [user.email for user in (await accounts.list_users(PageRequest(), email=part, role=role)).items]
        for part, role in (
            ("EXAMPLE", None),
            ("a_n", None),
            ("%", None),
            ("ann", Role.CUSTOMER),
            (None, Role.STAFF),
        )
    ]
    assert found == [
        ["ben@example.org", "ann@example.org"], ["a_n@x.org"], [], [], ["a_n@x.org", "ann@example.org"],
    ]  # fmt: skip


async def test_people_change_their_own_profile_and_preferences(
    accounts: AccountService, app_engine: AsyncEngine, post: Postbox, vault: Vault
) -> None:
    user = await made(accounts, EMAIL, Role.CUSTOMER)
    async with session_factory(app_engine, caller=acting(user).access)() as db:
        own = AccountService(db, post, vault)
        changed = await own.change_profile(user.id, ProfileChange(phone="+49 30 1234567"), now=MONDAY)
        assert (changed.full_name, changed.phone) == (user.full_name, "+49 30 1234567")
        changed = await own.change_profile(user.id, ProfileChange(full_name="Ann B.", phone=None), now=MONDAY)
        assert (changed.full_name, changed.phone) == ("Ann B.", None)
        assert await own.change_profile(user.id, ProfileChange(), now=MONDAY) == changed

        assert await own.preferences(user.id) == Preferences()
        wanted = Preferences(language="de", timezone="Europe/Berlin", settings={"theme": "dark"})
        assert await own.set_preferences(user.id, wanted, now=MONDAY) == wanted
        assert await own.set_preferences(user.id, wanted, now=MONDAY) == await own.preferences(user.id) == wanted


@pytest.mark.every_postgres
@pytest.mark.parametrize(
    ("who", "seen"), [(ANONYMOUS, 0), (STRANGER, 0), (STAFF, 2), (ADMIN, 2), (SYSTEM, 2), (None, 1)], ids=str
)
async def test_the_database_itself_shows_rows_to_those_they_concern(
    identity: IdentityService,
    accounts: AccountService,
    post: Postbox,
    app_engine: AsyncEngine,
    who: Actor | None,
    seen: int,
) -> None:
    """Statements that ask for everything, as every caller; `None` is one of the two users."""
    await signed_in(identity, post, now=MONDAY)
    user = await made(accounts, "ben@example.org", Role.CUSTOMER)
    await accounts.set_preferences(user.id, Preferences(language="de"), now=MONDAY)
    caller = who or acting(user)
    async with session_factory(app_engine, caller=caller.access)() as db:
        counts = {
            each: int(await db.scalar(text(f"SELECT count(*) FROM identity.{each}")) or 0) for each in TABLES
        }
    assert counts["users"] == seen
    assert counts["preferences"] == int(caller in (SYSTEM, acting(user)))
    for table in SECRETS:
        assert (counts[table] > 0) == (caller is SYSTEM and table != "tries"), table


async def test_nobody_raises_themselves_even_with_their_own_statement(
    accounts: AccountService, app_engine: AsyncEngine
) -> None:
    user = await made(accounts, EMAIL, Role.CUSTOMER)
    async with session_factory(app_engine, caller=acting(user).access)() as db:
        for change in ("roles = '{admin}'", "email = 'x@example.org'", "banned_at = now(), ban_reason = 'x'"):
            with pytest.raises(Exception, match="only the system changes"):
                await db.execute(text(f"UPDATE identity.users SET {change}"))
            await db.rollback()
        await db.execute(text("UPDATE identity.users SET full_name = 'Mine'"))
        with pytest.raises(Exception, match="row-level security"):
            await db.execute(text("INSERT INTO identity.preferences VALUES (gen_random_uuid(), '{}', now())"))
        await db.rollback()
        with pytest.raises(Exception, match="permission denied"):
            await db.execute(text("DELETE FROM identity.users"))
    async with session_factory(app_engine, caller=STRANGER.access)() as db:
        await db.execute(text("UPDATE identity.users SET full_name = 'Theirs'"))
    assert (await accounts.get(user.id)).full_name == "Mine"
