"""Negative controls of identity's races: with the guard taken away each is lost, so its test can fail."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.contracts.identity import SYSTEM, OtpCheck, RefreshRequest, Role, RolesChange
from holdfast.domains.identity.services import AccountService, IdentityService, Vault
from holdfast.kernel.access import APPLICATION_ROLE
from holdfast.kernel.paging import PageRequest
from tests.clock import MONDAY
from tests.people import EMAIL, Postbox, registration, signed_in, wrong

Sessions = async_sessionmaker[AsyncSession]
CLIENTS = 12


async def without_row_locks(db: AsyncSession, table: str, key: str) -> None:
    """What locks the rows of a view that reads a function, locks nothing; each reader waits a moment before it
    reads, so that all who ought to wait for each other read the same."""
    listed = text(
        "SELECT attname FROM pg_attribute WHERE attrelid = CAST(:name AS regclass) AND attnum > 0 ORDER BY attnum"
    )
    columns = (await db.scalars(listed, {"name": f"identity.{table}"})).all()
    written, given = ", ".join(columns), ", ".join(f"NEW.{name}" for name in columns)
    for statement in (
        f"ALTER TABLE identity.{table} RENAME TO kept",
        """CREATE FUNCTION identity.unlocked() RETURNS SETOF identity.kept LANGUAGE plpgsql AS $$
           BEGIN PERFORM pg_sleep(0.1); RETURN QUERY SELECT * FROM identity.kept; END $$""",
        f"CREATE VIEW identity.{table} WITH (security_invoker = true) AS SELECT * FROM identity.unlocked()",
        f"""CREATE FUNCTION identity.store() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                PERFORM pg_sleep(0.1);
                IF TG_OP = 'INSERT' THEN INSERT INTO identity.kept ({written}) VALUES ({given});
                ELSE UPDATE identity.kept SET ({written}) = ROW({given}) WHERE {key} = OLD.{key}; END IF;
                RETURN NEW;
            END $$""",
        f"""CREATE TRIGGER store INSTEAD OF INSERT OR UPDATE ON identity.{table}
            FOR EACH ROW EXECUTE FUNCTION identity.store()""",
        f"GRANT SELECT, INSERT, UPDATE ON identity.{table} TO {APPLICATION_ROLE}",
    ):
        await db.execute(text(statement))


async def outcomes(sessions: Sessions, act: Callable[[AsyncSession], Awaitable[object]]) -> Counter[str]:
    """What becomes of so many who do the same at once."""

    async def one() -> str:
        async with sessions() as db:
            try:
                return type(await act(db)).__name__
            except Exception as error:
                return type(error).__name__

    return Counter(await asyncio.gather(*(one() for _ in range(CLIENTS))))


async def test_where_tries_are_not_counted_every_guess_is_judged(
    identity: IdentityService, post: Postbox, vault: Vault, system: Sessions, db: AsyncSession
) -> None:
    """The statement that counts is the guard; the constraint behind it is not needed, and stands all the same."""
    await identity.register(registration(), now=MONDAY)
    guess = OtpCheck(email=EMAIL, otp=wrong(post.otp))

    async def guessed(session: AsyncSession) -> object:
        return await IdentityService(session, post, vault).verify_otp(guess, now=MONDAY)

    await db.execute(text("ALTER TABLE identity.codes DROP CONSTRAINT codes_few_tries_check"))
    assert await outcomes(system, guessed) == {"OtpWrong": 5, "TooManyTries": CLIENTS - 5}

    await db.execute(text("UPDATE identity.codes SET tries = 0"))
    for statement in (
        """CREATE FUNCTION identity.forget() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN NEW.tries := 0; RETURN NEW; END $$""",
        """CREATE TRIGGER forget BEFORE UPDATE ON identity.codes
           FOR EACH ROW EXECUTE FUNCTION identity.forget()""",
    ):
        await db.execute(text(statement))
    assert await outcomes(system, guessed) == {"OtpWrong": CLIENTS}


async def test_without_the_lock_of_its_row_a_refresh_token_serves_many(
    identity: IdentityService, post: Postbox, vault: Vault, system: Sessions, db: AsyncSession
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    asked = RefreshRequest(refresh_token=tokens.refresh_token)
    await without_row_locks(db, "refresh_tokens", "token_hash")

    async def again(session: AsyncSession) -> object:
        return await IdentityService(session, post, vault).refresh(asked, now=MONDAY)

    assert (await outcomes(system, again))["TokensView"] > 1


async def test_without_locks_on_admins_they_depose_each_other_to_the_last(
    accounts: AccountService, post: Postbox, vault: Vault, system: Sessions, db: AsyncSession
) -> None:
    made = [
        await accounts.create(registration(f"a{number}@example.org"), [Role.ADMIN], now=MONDAY, actor=SYSTEM)
        for number in range(3)
    ]
    await without_row_locks(db, "users", "id")
    waiting = iter(made)

    async def depose(session: AsyncSession) -> object:
        user = next(waiting, None)
        if user is None:
            return None
        change = RolesChange(roles=[Role.CUSTOMER])
        return await AccountService(session, post, vault).set_roles(user.id, change, now=MONDAY, actor=SYSTEM)

    assert (await outcomes(system, depose))["LastAdmin"] == 0
    assert (await accounts.list_users(PageRequest(), role=Role.ADMIN)).total == 0
