"""Registration and the proof of an address, through the facade."""

import asyncio
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from holdfast.contracts.identity import EmailOnly, EmailVerification, OtpCheck, Role
from holdfast.contracts.notification import Template
from holdfast.domains.identity.exceptions import (
    AddressNotVerified,
    CredentialsWrong,
    LinkExpired,
    LinkInvalid,
    LinkSpent,
    OtpWrong,
    PasswordWeak,
    TooManyCodes,
    TooManyTries,
)
from holdfast.domains.identity.services import IdentityService, Vault
from holdfast.kernel.errors import Refusal
from tests.clock import MONDAY
from tests.people import EMAIL, OTHER_PASSWORD, Postbox, credentials, member, registration, wrong

CLIENTS = 20


async def told(db: AsyncSession) -> list[str]:
    return list(await db.scalars(text("SELECT type FROM kernel.outbox ORDER BY id")))


async def counted(db: AsyncSession, table: str) -> int:
    return int(await db.scalar(text(f"SELECT count(*) FROM identity.{table}")) or 0)


async def test_an_account_begins_unproven_and_is_proven_by_its_code(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    user = await identity.register(registration(), now=MONDAY)
    assert (user.email, user.email_verified, user.roles) == (EMAIL, False, [Role.CUSTOMER])
    assert (post.last.to, post.last.template) == (EMAIL, Template.VERIFY_ADDRESS)
    with pytest.raises(AddressNotVerified):
        await identity.login(credentials(), now=MONDAY)

    answer = await identity.verify_otp(OtpCheck(email=EMAIL.upper(), otp=post.otp), now=MONDAY)
    assert answer.email_verified
    assert (await identity.login(credentials(), now=MONDAY)).token_type == "bearer"
    assert await told(house_db) == ["user.otp_generated", "user.registered"]


async def test_no_secret_is_kept_in_clear(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    await identity.register(registration(), now=MONDAY)
    tables = ("users", "credentials", "codes", "sessions", "refresh_tokens", "signing_keys", "tries")
    rows = [str(await house_db.scalar(text(f"SELECT json_agg(t) FROM identity.{each} t"))) for each in tables]
    for secret in (post.otp, credentials().password, post.token):
        assert secret not in "".join(rows)


async def test_a_code_is_good_once(identity: IdentityService, post: Postbox, house_db: AsyncSession) -> None:
    await member(identity, post, now=MONDAY)
    with pytest.raises(OtpWrong):
        await identity.verify_otp(OtpCheck(email=EMAIL, otp=post.otp), now=MONDAY)
    assert await told(house_db) == ["user.otp_generated", "user.registered"]


async def test_a_code_is_good_for_ten_minutes(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    with pytest.raises(OtpWrong):
        await identity.verify_otp(OtpCheck(email=EMAIL, otp=post.otp), now=MONDAY + timedelta(minutes=10))
    with pytest.raises(AddressNotVerified):
        await identity.login(credentials(), now=MONDAY)


async def test_a_code_lives_until_its_last_second(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    moment = MONDAY + timedelta(minutes=9, seconds=59)
    assert (await identity.verify_otp(OtpCheck(email=EMAIL, otp=post.otp), now=moment)).email_verified


async def test_five_wrong_tries_void_the_right_code(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    for _ in range(5):
        with pytest.raises(OtpWrong):
            await identity.verify_otp(OtpCheck(email=EMAIL, otp=wrong(post.otp)), now=MONDAY)
    with pytest.raises(TooManyTries) as refused:
        await identity.verify_otp(OtpCheck(email=EMAIL, otp=post.otp), now=MONDAY)
    assert refused.value.retry_after == 600


async def test_the_fifth_try_may_be_the_right_one(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    for _ in range(4):
        with pytest.raises(OtpWrong):
            await identity.verify_otp(OtpCheck(email=EMAIL, otp=wrong(post.otp)), now=MONDAY)
    assert (await identity.verify_otp(OtpCheck(email=EMAIL, otp=post.otp), now=MONDAY)).email_verified


async def race(
    sessions: async_sessionmaker[AsyncSession], post: Postbox, vault: Vault, otps: list[str]
) -> list[object]:
    async def one(otp: str) -> object:
        async with sessions() as db:
            return await IdentityService(db, post, vault).verify_otp(OtpCheck(email=EMAIL, otp=otp), now=MONDAY)

    return await asyncio.gather(*map(one, otps), return_exceptions=True)


async def test_of_twenty_with_the_right_code_one_succeeds(
    identity: IdentityService,
    post: Postbox,
    vault: Vault,
    system: async_sessionmaker[AsyncSession],
    house_db: AsyncSession,
) -> None:
    await identity.register(registration(), now=MONDAY)
    answers = await race(system, post, vault, [post.otp] * CLIENTS)
    kinds = [type(answer).__name__ for answer in answers]
    assert (kinds.count("EmailVerifiedView"), kinds.count("OtpWrong"), kinds.count("TooManyTries")) == (1, 4, 15)
    assert await told(house_db) == ["user.otp_generated", "user.registered"]


async def test_of_twenty_guesses_at_once_five_are_judged(
    identity: IdentityService,
    post: Postbox,
    vault: Vault,
    system: async_sessionmaker[AsyncSession],
    house_db: AsyncSession,
) -> None:
    await identity.register(registration(), now=MONDAY)
    answers = await race(system, post, vault, [wrong(post.otp)] * CLIENTS)
    kinds = [type(answer).__name__ for answer in answers]
    assert (kinds.count("OtpWrong"), kinds.count("TooManyTries")) == (5, 15)
    assert await house_db.scalar(text("SELECT tries FROM identity.codes")) == 5


async def test_the_database_itself_counts_no_sixth_try(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    await identity.register(registration(), now=MONDAY)
    with pytest.raises(Exception, match="codes_few_tries_check"):
        await house_db.execute(text("UPDATE identity.codes SET tries = 6"))


async def test_a_new_code_voids_the_old_one(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    old = post.otp
    await identity.resend_otp(EmailOnly(email=EMAIL), now=MONDAY)
    if old != post.otp:
        with pytest.raises(OtpWrong):
            await identity.verify_otp(OtpCheck(email=EMAIL, otp=old), now=MONDAY)
    assert (await identity.verify_otp(OtpCheck(email=EMAIL, otp=post.otp), now=MONDAY)).email_verified


async def test_five_codes_an_hour_for_any_address(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    for email in (EMAIL, "nobody@example.org"):
        for _ in range(5):
            assert (await identity.resend_otp(EmailOnly(email=email), now=MONDAY)).status == "accepted"
        with pytest.raises(TooManyCodes) as refused:
            await identity.resend_otp(EmailOnly(email=email), now=MONDAY)
        assert refused.value.retry_after == 3600
    assert len(post.drafts) == 6
    await identity.resend_otp(EmailOnly(email=EMAIL), now=MONDAY + timedelta(hours=1))
    assert len(post.drafts) == 7


async def test_the_link_proves_the_address_once(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    await identity.register(registration(), now=MONDAY)
    proof = EmailVerification(token=post.token)
    assert (await identity.verify_email(proof, now=MONDAY)).email_verified
    with pytest.raises(LinkSpent):
        await identity.verify_email(proof, now=MONDAY)
    assert await told(house_db) == ["user.otp_generated", "user.registered"]


async def test_a_link_expires_and_cannot_be_altered(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    await identity.register(registration(), now=MONDAY)
    token = post.token
    with pytest.raises(LinkExpired):
        await identity.verify_email(EmailVerification(token=token), now=MONDAY + timedelta(hours=24, seconds=1))
    for forged in (token[:-2] + ("AA" if token[-2:] != "AA" else "BB"), "x" + token, "a.b.c", "nonsense"):
        with pytest.raises(LinkInvalid):
            await identity.verify_email(EmailVerification(token=forged), now=MONDAY)
    assert await counted(house_db, "spent_links") == 0
    assert await told(house_db) == ["user.otp_generated"]


async def test_a_known_address_gets_the_same_answer_and_a_mail_that_says_so(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    first = await member(identity, post, now=MONDAY)
    again = await identity.register(registration(EMAIL.upper(), OTHER_PASSWORD), now=MONDAY)
    assert again.model_dump(exclude={"id", "email"}) == first.model_dump(exclude={"id", "email"})
    assert post.templates == [Template.VERIFY_ADDRESS, Template.ADDRESS_KNOWN]
    assert post.last.secrets == {}
    assert await counted(house_db, "users") == 1
    assert await told(house_db) == ["user.otp_generated", "user.registered"]
    with pytest.raises(CredentialsWrong):
        await identity.login(credentials(password=OTHER_PASSWORD), now=MONDAY)


async def test_a_second_registration_puts_no_password_under_an_unproven_address(
    identity: IdentityService, post: Postbox
) -> None:
    await identity.register(registration(), now=MONDAY)
    otp = post.otp
    await identity.register(registration(password=OTHER_PASSWORD), now=MONDAY)
    await identity.verify_otp(OtpCheck(email=EMAIL, otp=otp), now=MONDAY)
    with pytest.raises(CredentialsWrong):
        await identity.login(credentials(password=OTHER_PASSWORD), now=MONDAY)
    assert (await identity.login(credentials(), now=MONDAY)).access_token


async def test_twenty_registrations_of_one_address_make_one_account(
    post: Postbox, vault: Vault, system: async_sessionmaker[AsyncSession], house_db: AsyncSession
) -> None:
    async def one(number: int) -> object:
        async with system() as db:
            email = EMAIL.upper() if number % 2 else EMAIL
            return await IdentityService(db, post, vault).register(registration(email), now=MONDAY)

    answers = await asyncio.gather(*map(one, range(CLIENTS)))
    assert len(answers) == CLIENTS
    assert (await counted(house_db, "users"), await counted(house_db, "credentials")) == (1, 1)
    assert post.templates.count(Template.VERIFY_ADDRESS) == 1
    assert await told(house_db) == ["user.otp_generated"]


async def test_a_weak_password_is_refused_with_what_it_lacks(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    with pytest.raises(PasswordWeak) as refused:
        await identity.register(registration(password="password"), now=MONDAY)
    assert refused.value.facts == {"reasons": ["too_short", "no_upper", "no_digit", "no_special", "common"]}
    assert (await counted(house_db, "users"), post.drafts, await told(house_db)) == (0, [], [])


async def test_codes_for_unknown_proven_and_unproven_addresses_are_refused_alike(
    identity: IdentityService, post: Postbox
) -> None:
    await member(identity, post, now=MONDAY)
    await identity.register(registration("ben@example.org"), now=MONDAY)
    guess = wrong(post.otp)
    seen = []
    for email in (EMAIL, "ben@example.org", "nobody@example.org"):
        await identity.resend_otp(EmailOnly(email=email), now=MONDAY)
        answers = []
        for _ in range(7):
            try:
                await identity.verify_otp(OtpCheck(email=email, otp=guess), now=MONDAY)
            except Refusal as refusal:
                answers.append((type(refusal), refusal.retry_after))
        seen.append(answers)
    assert all(one == other for one, other in pairwise(seen))
    assert [kind for kind, _ in seen[0]] == [OtpWrong] * 5 + [TooManyTries] * 2


async def test_registering_again_tells_nothing_to_who_tries_codes(
    identity: IdentityService, post: Postbox
) -> None:
    """Tries before and after a registration: of an address that is new, proven, or waits to be proven."""
    later = MONDAY + timedelta(hours=1)
    await member(identity, post, now=MONDAY)
    await identity.register(registration("ben@example.org"), now=MONDAY)
    guess = wrong(post.otp)

    async def tried(email: str, *, now: datetime) -> object:
        try:
            return await identity.verify_otp(OtpCheck(email=email, otp=guess), now=now)
        except Refusal as refusal:
            return type(refusal), refusal.retry_after

    for before in (0, 3, 6):
        seen = []
        for email in (EMAIL, "ben@example.org", f"new{before}@example.org"):
            answers = [await tried(email, now=later) for _ in range(before)]
            for minutes in (3, 6, 11):
                now = later + timedelta(minutes=minutes)
                await identity.register(registration(email, OTHER_PASSWORD), now=now)
                answers += [await tried(email, now=now) for _ in range(4)]
            seen.append(answers)
        assert seen[0] == seen[1] == seen[2], before
        later += timedelta(hours=1)


async def test_registering_again_buys_no_more_tries_at_a_code(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    otp = post.otp
    for _ in range(5):
        with pytest.raises(OtpWrong):
            await identity.verify_otp(OtpCheck(email=EMAIL, otp=wrong(otp)), now=MONDAY)
    await identity.register(registration(), now=MONDAY)
    with pytest.raises(TooManyTries):
        await identity.verify_otp(OtpCheck(email=EMAIL, otp=otp), now=MONDAY)


async def test_without_the_unique_index_the_race_makes_several_accounts(
    post: Postbox, vault: Vault, system: async_sessionmaker[AsyncSession], db: AsyncSession
) -> None:
    """The negative control of the race above: it is the index that decides."""
    await db.execute(text("DROP INDEX identity.users_email_key"))

    async def one() -> object:
        async with system() as session:
            return await IdentityService(session, post, vault).register(registration(), now=MONDAY)

    await asyncio.gather(*(one() for _ in range(CLIENTS)), return_exceptions=True)
    assert await counted(db, "users") > 1


async def test_without_its_primary_key_a_spent_link_works_again(
    identity: IdentityService, post: Postbox, db: AsyncSession
) -> None:
    """The negative control of links that work once."""
    await db.execute(text("ALTER TABLE identity.spent_links DROP CONSTRAINT spent_links_pkey"))
    await identity.register(registration(), now=MONDAY)
    proof = EmailVerification(token=post.token)
    for _ in range(2):
        assert (await identity.verify_email(proof, now=MONDAY)).email_verified
