"""Signing in at an OpenID provider: a real one, with its real codes, keys and refusals."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from holdfast.settings import GoogleSettings
from holdfast.wiring import Wiring
from tests.accounts import account, acts, ban, me, refused, signed_in, unproven_account, users
from tests.clock import SettableClock
from tests.house import Json, serving, wiring
from tests.openid import (
    CLIENT_ID,
    CLIENT_SECRET,
    NONCE,
    OTHER_CLIENT_ID,
    REDIRECT_URI,
    VERIFIER,
    OpenIdServer,
    openid_server,
    rsa_key,
)
from tests.people import EMAIL

GOOGLE = "/api/v1/auth/google"


@pytest.fixture
def clock() -> SettableClock:
    """The provider lives by the wall clock."""
    return SettableClock(datetime.now(UTC))


def with_provider(wired: Wiring, openid: OpenIdServer, secret: str = CLIENT_SECRET) -> Wiring:
    google = GoogleSettings(
        client_id=CLIENT_ID, client_secret=SecretStr(secret), discovery_url=openid.discovery_url
    )
    return replace(wired, settings=wired.settings.model_copy(update={"google": google}))


@pytest.fixture
def wired(database_url: str, clock: SettableClock, openid: OpenIdServer) -> Wiring:
    return with_provider(wiring(database_url, clock), openid)


@pytest.fixture
async def own_openid() -> AsyncIterator[OpenIdServer]:
    """A provider that may be stopped."""
    with openid_server() as server:
        yield server


def body(code: str, **fields: object) -> Json:
    said = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER, "nonce": NONCE, **fields}
    return {name: value for name, value in said.items() if value is not None}


async def sign_in(client: httpx.AsyncClient, code: str, **fields: object) -> httpx.Response:
    return await client.post(GOOGLE, json=body(code, **fields))


async def test_a_first_sign_in_opens_an_account_and_the_next_finds_it(
    client: httpx.AsyncClient, openid: OpenIdServer
) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    first = await sign_in(client, openid.code(sub))
    assert first.status_code == 200, first.text
    assert set(first.json()) == {"access_token", "refresh_token", "token_type", "expires_in"}
    who = (await me(client, first.json()["access_token"])).json()
    assert (who["email"], who["full_name"], who["roles"]) == (EMAIL, "Ann Example", ["customer"])
    assert who["email_verified"] is True
    openid.account(sub, email="ann.moved@example.org")
    again = await sign_in(client, openid.code(sub))
    assert (await me(client, again.json()["access_token"])).json()["id"] == who["id"]
    assert len(await users(client)) == 1
    assert [act["subject_id"] for act in await acts(client, "user.created")] == [who["id"]]


async def test_what_start_says_is_all_that_a_client_needs(client: httpx.AsyncClient, openid: OpenIdServer) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    start = (await client.get(f"{GOOGLE}/start", params={"redirect_uri": REDIRECT_URI})).json()
    assert parse_qs(urlsplit(start["authorization_url"]).query)["code_challenge_method"] == ["S256"]
    came_back = openid.followed(f"{start['authorization_url']}&login_hint={sub}")
    assert came_back["state"] == [start["state"]]
    answer = await sign_in(
        client, came_back["code"][0], code_verifier=start["code_verifier"], nonce=start["nonce"]
    )
    assert answer.status_code == 200, answer.text


async def test_twenty_first_sign_ins_at_once_open_one_account(
    client: httpx.AsyncClient, openid: OpenIdServer
) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    codes = [openid.code(sub) for _ in range(20)]
    answers = await asyncio.gather(*(sign_in(client, code) for code in codes))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await users(client)) == 1


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"code_verifier": "w" * 64}, "code-refused"),
        ({"code_verifier": None}, "code-refused"),
        ({"redirect_uri": "https://evil.example.org/"}, "code-refused"),
        ({"nonce": "another"}, "id-token-invalid"),
        ({"nonce": None}, "id-token-invalid"),
    ],
)
async def test_what_was_not_there_at_the_start_is_refused(
    client: httpx.AsyncClient, openid: OpenIdServer, fields: Json, kind: str
) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    refused(await sign_in(client, openid.code(sub), **fields), 401, kind)
    assert await users(client) == []
    assert [act["reason"] for act in await acts(client, "user.sign_in_failed")] == [kind]


async def test_a_code_is_good_once(client: httpx.AsyncClient, openid: OpenIdServer) -> None:
    code = openid.code(openid.account(str(uuid4()), email=EMAIL))
    assert (await sign_in(client, code)).status_code == 200
    refused(await sign_in(client, code), 401, "code-refused")


async def test_a_code_of_another_client_is_refused(client: httpx.AsyncClient, openid: OpenIdServer) -> None:
    code = openid.code(openid.account(str(uuid4()), email=EMAIL), client_id=OTHER_CLIENT_ID)
    refused(await sign_in(client, code), 401, "code-refused")


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": OTHER_CLIENT_ID},
        {"aud": [CLIENT_ID, OTHER_CLIENT_ID], "azp": OTHER_CLIENT_ID},
        {"aud": [CLIENT_ID, OTHER_CLIENT_ID]},
        {"azp": OTHER_CLIENT_ID},
        {"iss": "https://accounts.example.org"},
        {"exp": 1},
        {"exp": None},
        {"nonce": "another"},
        {"sub": ""},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_for_this_sign_in_is_refused(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock, claims: Json
) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    openid.answer_with(openid.forged(sub, now=clock.now(), **{"nonce": NONCE, **claims}))
    refused(await sign_in(client, openid.code(sub)), 401, "id-token-invalid")
    assert await users(client) == []


async def test_the_answers_token_is_taken_when_nothing_is_wrong_with_it(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    """So the refusals above are for what each says."""
    sub = openid.account(str(uuid4()), email=EMAIL)
    openid.answer_with(openid.forged(sub, now=clock.now(), nonce=NONCE, aud=[CLIENT_ID, "x"], azp=CLIENT_ID))
    assert (await sign_in(client, openid.code(sub))).status_code == 200


async def test_an_id_token_signed_by_somebody_else_is_refused(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    impostor = rsa_key(str(openid.keys[0].kid))
    openid.answer_with(openid.forged(sub, now=clock.now(), key=impostor, nonce=NONCE))
    refused(await sign_in(client, openid.code(sub)), 401, "id-token-invalid")


async def test_a_rotated_key_is_found(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    assert (await sign_in(client, openid.code(sub))).status_code == 200
    openid.publish(rsa_key(str(uuid4())), *openid.keys)
    clock.advance(timedelta(seconds=10))
    assert (await sign_in(client, openid.code(sub))).status_code == 200


async def test_an_address_that_the_provider_has_not_verified_opens_nothing(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring
) -> None:
    """Whoever can write another's address into a profile elsewhere must not get their account here."""
    await account(wired)
    for unproven in (False, "true", 1, None):
        sub = openid.account(str(uuid4()), email=EMAIL, email_verified=unproven)
        refused(await sign_in(client, openid.code(sub)), 403, "address-unproven")
    assert len(await users(client)) == 1
    assert await acts(client, "user.identity_linked") == []


async def test_an_account_is_linked_where_both_sides_have_proven_its_address(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring
) -> None:
    user_id = await account(wired)
    sub = openid.account(str(uuid4()), email=EMAIL.upper())
    answer = await sign_in(client, openid.code(sub))
    assert answer.status_code == 200, answer.text
    assert (await me(client, answer.json()["access_token"])).json()["id"] == str(user_id)
    (act,) = await acts(client, "user.identity_linked")
    assert (act["subject_id"], act["after"]["issuer"]) == (str(user_id), openid.issuer)
    await signed_in(client)


async def test_an_account_that_waits_for_its_owner_under_their_address_is_not_linked(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring
) -> None:
    """Somebody else may have registered the address, and know the password."""
    await unproven_account(wired)
    sub = openid.account(str(uuid4()), email=EMAIL)
    refused(await sign_in(client, openid.code(sub)), 409, "account-not-linked")
    (user,) = await users(client)
    assert user["email_verified"] is False


async def test_who_is_banned_does_not_come_in_by_another_door(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring
) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    assert (await sign_in(client, openid.code(sub))).status_code == 200
    (user,) = await users(client)
    await ban(client, user["id"])
    refused(await sign_in(client, openid.code(sub)), 403, "account-banned")
    # nor with another account there that has the same address
    other = openid.account(str(uuid4()), email=EMAIL)
    refused(await sign_in(client, openid.code(other)), 403, "account-banned")
    assert [act["reason"] for act in await acts(client, "user.sign_in_failed")] == ["banned", "banned"]
    assert await acts(client, "user.identity_linked") == []


async def test_a_provider_that_is_down_is_said_and_nothing_is_written(
    wired: Wiring, own_openid: OpenIdServer, clock: SettableClock
) -> None:
    code = own_openid.code(own_openid.account("ann", email=EMAIL))
    own_openid.stop()
    async with serving(with_provider(wired, own_openid)) as client:
        answer = await sign_in(client, code)
        refused(answer, 503, "provider-unavailable")
        assert int(answer.headers["Retry-After"]) > 0
        assert await users(client) == []
        assert await acts(client, "user.sign_in_failed") == []


async def test_a_provider_that_goes_down_after_its_discovery(
    wired: Wiring, own_openid: OpenIdServer, clock: SettableClock
) -> None:
    async with serving(with_provider(wired, own_openid)) as client:
        sub = own_openid.account("ann", email=EMAIL)
        assert (await sign_in(client, own_openid.code(sub))).status_code == 200
        code = own_openid.code(sub)
        own_openid.stop()
        refused(await sign_in(client, code), 503, "provider-unavailable")
        assert await acts(client, "user.sign_in_failed") == []


async def test_a_wrong_client_secret_is_our_fault_and_not_the_persons(wired: Wiring, openid: OpenIdServer) -> None:
    code = openid.code(openid.account(str(uuid4()), email=EMAIL))
    async with serving(with_provider(wired, openid, secret="wrong")) as client:
        refused(await sign_in(client, code), 503, "provider-unavailable")


async def test_without_a_client_this_way_in_is_closed(database_url: str, clock: SettableClock) -> None:
    async with serving(wiring(database_url, clock)) as client:
        refused(await sign_in(client, "code"), 503, "sign-in-not-configured")
        refused(
            await client.get(f"{GOOGLE}/start", params={"redirect_uri": REDIRECT_URI}),
            503,
            "sign-in-not-configured",
        )
