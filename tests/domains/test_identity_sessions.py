"""Signing in, staying in and being shown out, through the facade."""

import asyncio
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from holdfast.contracts.identity import (
    Actor,
    ActorType,
    ApiKeyDraft,
    Ban,
    EmailOnly,
    OtpCheck,
    PasswordReset,
    RefreshRequest,
    Scope,
    TokensView,
)
from holdfast.contracts.notification import Template
from holdfast.domains.identity.exceptions import (
    AccountBanned,
    AddressNotVerified,
    CredentialsWrong,
    LinkExpired,
    LinkInvalid,
    LinkSpent,
    PasswordWeak,
    RefreshTokenInvalid,
    RefreshTokenReused,
    SessionEnded,
    TooManyTries,
)
from holdfast.domains.identity.services import AccountService, ApiKeyService, IdentityService, Passwords, Vault
from holdfast.kernel.database import session_factory
from holdfast.kernel.errors import Refusal
from tests.clock import MONDAY
from tests.house import ADMIN
from tests.people import EMAIL, OTHER_PASSWORD, PASSWORD, Postbox, credentials, member, registration, signed_in

Sessions = async_sessionmaker[AsyncSession]

CLIENTS = 20


async def acts(db: AsyncSession) -> list[tuple[str, str | None]]:
    rows = await db.execute(text("SELECT action, reason FROM kernel.audit_log ORDER BY id"))
    return [(row.action, row.reason) for row in rows]


def refreshed(tokens: TokensView) -> RefreshRequest:
    return RefreshRequest(refresh_token=tokens.refresh_token)


async def test_a_token_says_who_it_is_and_a_logout_ends_it_at_once(
    identity: IdentityService, post: Postbox
) -> None:
    user = await member(identity, post, now=MONDAY)
    tokens = await identity.login(credentials(EMAIL.upper()), now=MONDAY)
    assert (tokens.token_type, tokens.expires_in) == ("bearer", 900)
    actor = await identity.authenticate(tokens.access_token, now=MONDAY)
    assert (actor.type, actor.id, actor.scopes) == (ActorType.CUSTOMER, user.id, None)

    await identity.logout(refreshed(tokens), now=MONDAY)
    with pytest.raises(SessionEnded):
        await identity.authenticate(tokens.access_token, now=MONDAY)
    with pytest.raises(RefreshTokenInvalid):
        await identity.refresh(refreshed(tokens), now=MONDAY)
    await identity.logout(RefreshRequest(refresh_token="hr_unknown"), now=MONDAY)


async def test_wrong_unknown_unproven_and_banned(
    identity: IdentityService, accounts: AccountService, post: Postbox, house_db: AsyncSession
) -> None:
    user = await member(identity, post, now=MONDAY)
    await accounts.ban(user.id, Ban(reason="spam"), now=MONDAY, actor=ADMIN)
    await identity.register(registration("ben@example.org"), now=MONDAY)
    for email, password, refusal in (
        ("nobody@example.org", PASSWORD, CredentialsWrong),
        ("ben@example.org", OTHER_PASSWORD, CredentialsWrong),
        ("ben@example.org", PASSWORD, AddressNotVerified),
        (EMAIL, OTHER_PASSWORD, CredentialsWrong),
        (EMAIL, PASSWORD, AccountBanned),
    ):
        with pytest.raises(refusal):
            await identity.login(credentials(email, password), now=MONDAY)
    assert await acts(house_db) == [
        ("user.banned", "spam"),
        ("user.sign_in_failed", "unknown address"),
        ("user.sign_in_failed", "wrong password"),
        ("user.sign_in_failed", "address not verified"),
        ("user.sign_in_failed", "wrong password"),
        ("user.sign_in_failed", "banned"),
    ]
    assert await house_db.scalar(text("SELECT count(*) FROM identity.sessions")) == 0


@pytest.mark.parametrize("email", [EMAIL, "nobody@example.org"])
async def test_ten_failures_close_any_address_for_a_while(
    identity: IdentityService, post: Postbox, email: str
) -> None:
    await member(identity, post, now=MONDAY)
    for _ in range(10):
        with pytest.raises(CredentialsWrong):
            await identity.login(credentials(email, OTHER_PASSWORD), now=MONDAY)
    with pytest.raises(TooManyTries) as refused:
        await identity.login(credentials(email), now=MONDAY + timedelta(minutes=5))
    assert refused.value.retry_after == 600
    later = MONDAY + timedelta(minutes=15)
    if email == EMAIL:
        assert (await identity.login(credentials(email), now=later)).access_token
    else:
        with pytest.raises(CredentialsWrong):
            await identity.login(credentials(email), now=later)


async def test_guesses_at_once_are_judged_ten_times(
    identity: IdentityService, post: Postbox, vault: Vault, system: Sessions
) -> None:
    await member(identity, post, now=MONDAY)

    async def guess() -> object:
        async with system() as db:
            return await IdentityService(db, post, vault).login(credentials(password=OTHER_PASSWORD), now=MONDAY)

    answers = await asyncio.gather(*(guess() for _ in range(CLIENTS)), return_exceptions=True)
    kinds = [type(answer) for answer in answers]
    assert (kinds.count(CredentialsWrong), kinds.count(TooManyTries)) == (10, 10)


async def test_a_success_forgets_the_failures_before_it(identity: IdentityService, post: Postbox) -> None:
    await member(identity, post, now=MONDAY)
    for _ in range(3):
        for _ in range(9):
            with pytest.raises(CredentialsWrong):
                await identity.login(credentials(password=OTHER_PASSWORD), now=MONDAY)
        await identity.login(credentials(), now=MONDAY)


async def test_many_sign_in_at_once(
    identity: IdentityService, post: Postbox, vault: Vault, system: Sessions, house_db: AsyncSession
) -> None:
    await member(identity, post, now=MONDAY)

    async def enter() -> TokensView:
        async with system() as db:
            return await IdentityService(db, post, vault).login(credentials(), now=MONDAY)

    tokens = await asyncio.gather(*(enter() for _ in range(CLIENTS)))
    assert len({each.access_token for each in tokens}) == CLIENTS
    assert await house_db.scalar(text("SELECT count(*) FROM identity.signing_keys")) == 1


async def test_a_password_is_hashed_anew_when_the_costs_rise(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession
) -> None:
    await member(identity, post, now=MONDAY)
    dearer = Vault(vault.secret, vault.public_url, passwords=Passwords(time_cost=2, memory_kib=64, parallelism=1))
    stronger = IdentityService(house_db, post, dearer)
    kept = text("SELECT password_hash FROM identity.credentials")
    assert "m=32,t=1,p=1" in str(await house_db.scalar(kept))
    with pytest.raises(CredentialsWrong):
        await stronger.login(credentials(password=OTHER_PASSWORD), now=MONDAY)
    assert "m=32,t=1,p=1" in str(await house_db.scalar(kept))
    await stronger.login(credentials(), now=MONDAY)
    assert "m=64,t=2,p=1" in str(await house_db.scalar(kept))
    await stronger.login(credentials(), now=MONDAY)


async def test_refresh_tokens_rotate_and_the_old_one_ends_the_session(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    first = await signed_in(identity, post, now=MONDAY)
    other = await identity.login(credentials(), now=MONDAY)
    second = await identity.refresh(refreshed(first), now=MONDAY + timedelta(minutes=20))
    assert second.refresh_token != first.refresh_token
    await identity.authenticate(second.access_token, now=MONDAY + timedelta(minutes=20))

    with pytest.raises(RefreshTokenReused):
        await identity.refresh(refreshed(first), now=MONDAY + timedelta(minutes=21))
    with pytest.raises(RefreshTokenInvalid):
        await identity.refresh(refreshed(second), now=MONDAY + timedelta(minutes=21))
    with pytest.raises(SessionEnded):
        await identity.authenticate(second.access_token, now=MONDAY + timedelta(minutes=21))
    assert (await identity.authenticate(other.access_token, now=MONDAY)).id is not None, "another session stays"
    assert ("user.refresh_token_reused", None) in await acts(house_db)


async def test_of_twenty_refreshes_at_once_one_wins_and_the_session_ends(
    identity: IdentityService, post: Postbox, vault: Vault, system: Sessions
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)

    async def again() -> object:
        async with system() as db:
            return await IdentityService(db, post, vault).refresh(refreshed(tokens), now=MONDAY)

    answers = await asyncio.gather(*(again() for _ in range(CLIENTS)), return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, TokensView)]
    kinds = [type(answer) for answer in answers]
    assert (len(won), kinds.count(RefreshTokenReused), kinds.count(RefreshTokenInvalid)) == (1, 1, CLIENTS - 2)
    with pytest.raises(SessionEnded):
        await identity.authenticate(won[0].access_token, now=MONDAY)


async def test_a_refresh_token_lives_thirty_days_and_a_session_ninety(
    identity: IdentityService, post: Postbox
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    with pytest.raises(RefreshTokenInvalid):
        await identity.refresh(refreshed(tokens), now=MONDAY + timedelta(days=30))
    for days in (29, 58, 87):
        tokens = await identity.refresh(refreshed(tokens), now=MONDAY + timedelta(days=days))
    with pytest.raises(RefreshTokenInvalid):
        await identity.refresh(refreshed(tokens), now=MONDAY + timedelta(days=90))


async def test_a_forgotten_password_is_replaced_once_and_ends_every_session(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    await identity.forgot_password(EmailOnly(email=EMAIL), now=MONDAY)
    earlier = post.token
    await identity.forgot_password(EmailOnly(email=EMAIL), now=MONDAY)
    reset = PasswordReset(token=post.token, password=OTHER_PASSWORD)

    with pytest.raises(PasswordWeak):
        await identity.reset_password(PasswordReset(token=post.token, password="Short-1"), now=MONDAY)
    await identity.reset_password(reset, now=MONDAY)
    assert post.last.template is Template.PASSWORD_CHANGED
    with pytest.raises(SessionEnded):
        await identity.authenticate(tokens.access_token, now=MONDAY)
    with pytest.raises(RefreshTokenInvalid):
        await identity.refresh(refreshed(tokens), now=MONDAY)
    with pytest.raises(CredentialsWrong):
        await identity.login(credentials(), now=MONDAY)
    assert (await identity.login(credentials(password=OTHER_PASSWORD), now=MONDAY)).access_token
    for token in (reset.token, earlier):
        with pytest.raises(LinkSpent):
            await identity.reset_password(PasswordReset(token=token, password=PASSWORD), now=MONDAY)
    assert ("user.password_reset", None) in await acts(house_db)


async def test_of_twenty_resets_with_one_link_one_sets_the_password(
    identity: IdentityService, post: Postbox, vault: Vault, system: Sessions
) -> None:
    await member(identity, post, now=MONDAY)
    await identity.forgot_password(EmailOnly(email=EMAIL), now=MONDAY)
    token = post.token

    async def one(number: int) -> object:
        async with system() as db:
            reset = PasswordReset(token=token, password=f"{OTHER_PASSWORD}{number}")
            return await IdentityService(db, post, vault).reset_password(reset, now=MONDAY)

    answers = await asyncio.gather(*map(one, range(CLIENTS)), return_exceptions=True)
    assert sorted(isinstance(answer, LinkSpent) for answer in answers) == [False] + [True] * (CLIENTS - 1)
    assert post.templates.count(Template.PASSWORD_CHANGED) == 1


async def test_a_link_for_one_purpose_is_none_for_another(identity: IdentityService, post: Postbox) -> None:
    await identity.register(registration(), now=MONDAY)
    with pytest.raises(LinkInvalid):
        await identity.reset_password(PasswordReset(token=post.token, password=OTHER_PASSWORD), now=MONDAY)
    await identity.forgot_password(EmailOnly(email=EMAIL), now=MONDAY)
    reset = PasswordReset(token=post.token, password=OTHER_PASSWORD)
    with pytest.raises(LinkExpired):
        await identity.reset_password(reset, now=MONDAY + timedelta(hours=1, seconds=1))
    await identity.reset_password(reset, now=MONDAY)
    assert (await identity.login(credentials(password=OTHER_PASSWORD), now=MONDAY)).access_token, "proves it too"


async def test_links_of_another_secret_are_refused(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession
) -> None:
    await member(identity, post, now=MONDAY)
    foreign = IdentityService(
        house_db, post, Vault(SecretStr("another" * 5), vault.public_url, passwords=vault.passwords)
    )
    await foreign.forgot_password(EmailOnly(email=EMAIL), now=MONDAY)
    with pytest.raises(LinkInvalid):
        await identity.reset_password(PasswordReset(token=post.token, password=OTHER_PASSWORD), now=MONDAY)


async def test_a_forgotten_password_of_nobody_is_answered_alike_and_mails_nothing(
    identity: IdentityService, post: Postbox
) -> None:
    answer = await identity.forgot_password(EmailOnly(email="nobody@example.org"), now=MONDAY)
    assert post.drafts == []
    await member(identity, post, now=MONDAY)
    for _ in range(7):
        assert await identity.forgot_password(EmailOnly(email=EMAIL), now=MONDAY) == answer
    assert post.templates.count(Template.RESET_PASSWORD) == 5


async def test_ended_sessions_and_expired_keys_are_forgotten_after_a_month(
    identity: IdentityService, post: Postbox, vault: Vault, app_engine: AsyncEngine, house_db: AsyncSession
) -> None:
    user = await member(identity, post, now=MONDAY)
    ended, going_on = [await identity.login(credentials(), now=MONDAY) for _ in range(2)]
    await identity.logout(refreshed(ended), now=MONDAY)
    actor = Actor(type=ActorType.CUSTOMER, id=user.id)
    async with session_factory(app_engine, caller=actor.access)() as db:
        keys = ApiKeyService(db, vault)
        for expiry in (MONDAY + timedelta(hours=1), MONDAY + timedelta(hours=2), None):
            draft = ApiKeyDraft(name="Till", scopes=[Scope.READ], expires_at=expiry)
            await keys.create(draft, now=MONDAY, actor=actor)
    month = timedelta(days=30)
    await identity.prune(now=MONDAY + timedelta(days=1))
    assert await identity.prune(now=MONDAY + month - timedelta(seconds=1)) == 0
    assert await identity.prune(now=MONDAY + month) == 1  # the session that was ended
    assert await identity.prune(now=MONDAY + month + timedelta(hours=1)) == 1
    assert await house_db.scalar(text("SELECT count(*) FROM identity.api_keys")) == 2
    assert (await identity.refresh(refreshed(going_on), now=MONDAY + timedelta(days=29))).access_token


async def test_attempts_to_sign_in_are_counted_by_their_outcome(identity: IdentityService, post: Postbox) -> None:
    outcomes = ("ok", "credentials-wrong", "address-not-verified", "too-many-tries")

    def counts() -> list[float]:
        labels = [{"way": "password", "outcome": outcome} for outcome in outcomes]
        return [REGISTRY.get_sample_value("holdfast_sign_ins_total", each) or 0 for each in labels]

    before = counts()
    await identity.register(registration(), now=MONDAY)
    otp = post.otp
    for offered in [credentials(), *[credentials(password=OTHER_PASSWORD)] * 2]:
        with pytest.raises(Refusal):
            await identity.login(offered, now=MONDAY)
    await identity.verify_otp(OtpCheck(email=EMAIL, otp=otp), now=MONDAY)
    await identity.login(credentials(), now=MONDAY)
    for _ in range(11):
        with pytest.raises(Refusal):
            await identity.login(credentials(password=OTHER_PASSWORD), now=MONDAY)
    assert [after - was for after, was in zip(counts(), before, strict=True)] == [1, 12, 1, 1]


async def test_what_has_expired_is_forgotten_and_nothing_else(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    assert await identity.prune(now=MONDAY) == 0
    assert await identity.prune(now=MONDAY + timedelta(minutes=10)) == 1  # the code
    await identity.refresh(refreshed(tokens), now=MONDAY + timedelta(minutes=10))
    assert await identity.prune(now=MONDAY + timedelta(days=90)) == 1  # the session
    assert await house_db.scalar(text("SELECT count(*) FROM identity.refresh_tokens")) == 0
