"""Access tokens of other issuers: whose are taken, for whom, with which roles, and which never."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey
from pydantic import ValidationError

from holdfast.contracts.identity import Role
from holdfast.settings import ExternalSettings, TrustedIssuer
from holdfast.wiring import Wiring
from tests.accounts import account, acts, ban, me, refused, signed_in, unproven_account, users
from tests.clock import SettableClock
from tests.house import Json, bearer, serving, wiring
from tests.openid import CLIENT_ID, OpenIdServer, openid_server, rsa_key
from tests.people import EMAIL


@pytest.fixture
def clock() -> SettableClock:
    """The provider lives by the wall clock."""
    return SettableClock(datetime.now(UTC))


def trusting(wired: Wiring, openid: OpenIdServer, **terms: object) -> Wiring:
    issuer = TrustedIssuer.model_validate(
        {
            "issuer": openid.issuer,
            "jwks_url": openid.jwks_url,
            "audience": CLIENT_ID,
            "roles": {"editor": "staff", "boss": "admin", "seller": "supplier"},
            **terms,
        }
    )
    external = ExternalSettings(issuers=(issuer,))
    return replace(wired, settings=wired.settings.model_copy(update={"external": external}))


@pytest.fixture
def wired(database_url: str, clock: SettableClock, openid: OpenIdServer) -> Wiring:
    return trusting(wiring(database_url, clock), openid)


@pytest.fixture
async def own_openid() -> AsyncIterator[OpenIdServer]:
    """A provider that may be stopped."""
    with openid_server() as server:
        yield server


async def test_a_real_token_of_the_issuer_is_taken(client: httpx.AsyncClient, openid: OpenIdServer) -> None:
    sub = openid.account(str(uuid4()), email=EMAIL)
    who = await me(client, openid.id_token(sub))
    assert who.status_code == 200, who.text
    assert who.json()["id"] == sub
    assert (who.json()["email"], who.json()["email_verified"], who.json()["roles"]) == (EMAIL, True, ["customer"])
    assert (await me(client, openid.id_token(sub))).json() == who.json()
    assert len(await acts(client, "user.created")) == 1


async def test_our_own_tokens_and_keys_are_taken_as_before(client: httpx.AsyncClient, wired: Wiring) -> None:
    await account(wired)
    assert (await client.get("/api/v1/users/me", headers=await signed_in(client))).status_code == 200


async def test_a_subject_that_is_no_uuid_gets_an_id_of_ours(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    token = openid.forged("auth0|42", now=clock.now(), email=EMAIL)
    first, second = await me(client, token), await me(client, token)
    assert first.json()["email"] == EMAIL
    assert UUID(first.json()["id"])
    assert first.json() == second.json()


@pytest.mark.parametrize("key", [rsa_key(), ECKey.generate_key("P-256"), OKPKey.generate_key("Ed25519")], ids=type)
async def test_each_algorithm_that_is_taken(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock, key: RSAKey | ECKey | OKPKey
) -> None:
    published = type(key).import_key({**key.as_dict(private=True), "kid": str(uuid4()), "use": "sig"})
    openid.publish(*openid.keys[:1], published)
    token = openid.forged(str(uuid4()), now=clock.now(), key=published)
    assert (await me(client, token)).status_code == 200


def unsigned(openid: OpenIdServer, now: datetime, algorithm: str) -> str:
    """A token with this algorithm, and for HMAC signed with the public key, which everybody has."""
    _, payload, _ = openid.forged(str(uuid4()), now=now).split(".")
    header = encoded(json.dumps({"alg": algorithm, "kid": openid.keys[0].kid, "typ": "JWT"}).encode())
    signed = f"{header}.{payload}"
    if algorithm.lower() == "none":
        return f"{signed}."
    public = openid.keys[0].as_pem(private=False)
    return f"{signed}.{encoded(hmac.digest(public, signed.encode(), hashlib.sha256))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256"])
async def test_a_token_that_anybody_could_have_made_is_refused(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock, algorithm: str
) -> None:
    refused(await me(client, unsigned(openid, clock.now(), algorithm)), 401, "token-invalid")
    assert await users(client) == []


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({"iss": "https://elsewhere.example.org"}, "token-invalid"),
        ({"aud": "somebody-else"}, "token-invalid"),
        ({"aud": None}, "token-invalid"),
        ({"exp": 1}, "token-expired"),
        ({"exp": None}, "token-invalid"),
        ({"nbf": 9_999_999_999}, "token-invalid"),
        ({"sub": None}, "token-invalid"),
        ({"sub": "x" * 256}, "token-invalid"),
        ({"sub": "a\x00b"}, "token-invalid"),
        ({"email_verified": False}, "address-unproven"),
        ({"email_verified": "true"}, "address-unproven"),
        ({"email_verified": None, "user_metadata": {"email_verified": True}}, "address-unproven"),
        ({"email": None}, "address-unproven"),
        ({"email": "not an address"}, "address-unproven"),
    ],
    ids=str,
)
async def test_a_token_that_says_the_wrong_thing_is_refused(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock, claims: Json, kind: str
) -> None:
    said: Json = {"sub": str(uuid4()), **claims}
    token = openid.forged(said.pop("sub") or "", now=clock.now(), **said)
    refused(await me(client, token), 403 if kind == "address-unproven" else 401, kind)
    assert await users(client) == []


async def test_a_token_expires(client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock) -> None:
    token = openid.forged(str(uuid4()), now=clock.now())
    assert (await me(client, token)).status_code == 200
    clock.advance(timedelta(minutes=11))
    refused(await me(client, token), 401, "token-expired")


async def test_an_unknown_key_is_refused_and_a_new_one_found(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    assert (await me(client, openid.forged(str(uuid4()), now=clock.now()))).status_code == 200
    new = rsa_key(str(uuid4()))
    token = openid.forged(str(uuid4()), now=clock.now(), key=new)
    clock.advance(timedelta(seconds=10))
    refused(await me(client, token), 401, "token-invalid")
    openid.publish(new)
    refused(await me(client, token), 401, "token-invalid")  # asked for a moment ago
    clock.advance(timedelta(seconds=10))
    assert (await me(client, token)).status_code == 200


async def test_a_key_taken_back_is_soon_trusted_no_more(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    old = openid.keys[0]
    token = openid.forged(str(uuid4()), now=clock.now(), exp=9_999_999_999)
    assert (await me(client, token)).status_code == 200
    openid.publish(rsa_key(str(uuid4())))
    assert old not in openid.keys
    clock.advance(timedelta(minutes=10))
    refused(await me(client, token), 401, "token-invalid")


async def test_known_keys_serve_while_the_issuer_is_down(
    wired: Wiring, own_openid: OpenIdServer, clock: SettableClock
) -> None:
    async with serving(trusting(wired, own_openid)) as client:
        token = own_openid.forged(str(uuid4()), now=clock.now(), exp=9_999_999_999)
        assert (await me(client, token)).status_code == 200
        own_openid.stop()
        for later in (timedelta(0), timedelta(hours=1), timedelta(hours=22)):
            clock.advance(later)
            assert (await me(client, token)).status_code == 200
        unknown = own_openid.forged(str(uuid4()), now=clock.now(), key=rsa_key("unheard-of"))
        clock.advance(timedelta(minutes=1))
        refused(await me(client, unknown), 503, "provider-unavailable")
        clock.advance(timedelta(hours=1))
        answer = await me(client, token)
        refused(answer, 503, "provider-unavailable")
        assert int(answer.headers["Retry-After"]) > 0


async def test_an_issuer_that_was_never_reached_is_unavailable(
    wired: Wiring, own_openid: OpenIdServer, clock: SettableClock
) -> None:
    token = own_openid.forged(str(uuid4()), now=clock.now())
    own_openid.stop()
    async with serving(trusting(wired, own_openid)) as client:
        refused(await me(client, token), 503, "provider-unavailable")
        assert await users(client) == []


async def test_fifty_at_once_ask_for_the_keys_once(
    database_url: str, openid: OpenIdServer, clock: SettableClock
) -> None:
    asked = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        keys = json.dumps({"keys": [openid.keys[0].as_dict(private=False)]}).encode()
        await asyncio.sleep(0.1)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: "
        writer.write(head + str(len(keys)).encode() + b"\r\n\r\n" + keys)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(counting, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    wired = trusting(wiring(database_url, clock), openid, jwks_url=f"http://127.0.0.1:{port}/jwks")
    token = openid.forged(str(uuid4()), now=clock.now())
    async with server, serving(wired) as client:
        answers = await asyncio.gather(*(me(client, token) for _ in range(50)))
        assert {answer.status_code for answer in answers} == {200}
        assert asked == 1
        clock.advance(timedelta(minutes=1))
        made_up = [ECKey.generate_key("P-256", {"kid": str(number)}) for number in range(20)]
        tokens = [openid.forged("x", now=clock.now(), key=key) for key in made_up]
        answers = await asyncio.gather(*(me(client, each) for each in tokens))
        assert {answer.status_code for answer in answers} == {401}
        assert asked == 2
        assert len(await users(client)) == 1


async def test_roles_follow_the_claim_up_and_down(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    sub = str(uuid4())
    seen = []
    for said in ("editor", "boss", "nobody knows this", ["seller", "editor"], None, "customer", {"role": "boss"}):
        token = openid.forged(sub, now=clock.now(), email=EMAIL, app_metadata={"role": said})
        seen.append((await me(client, token)).json()["roles"])
    nothing, both = ["customer"], ["staff", "supplier"]
    assert seen == [["staff"], ["admin"], nothing, both, nothing, nothing, nothing]
    assert [act["after"]["roles"] for act in await acts(client, "user.roles_changed")] == [
        nothing, both, nothing, ["admin"],
    ]  # fmt: skip


async def test_a_role_that_the_mapping_does_not_name_opens_no_door(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    """`admin` is our word, and not the issuer's for anything; nor does a claim of our own tokens count."""
    token = openid.forged(
        str(uuid4()), now=clock.now(), role="admin", roles=["admin"], app_metadata={"role": "admin"}
    )
    refused(await client.get("/api/v1/admin/audit", headers=bearer(token)), 403, "not-your-role")
    boss = openid.forged(str(uuid4()), now=clock.now(), app_metadata={"role": "boss"})
    assert (await client.get("/api/v1/admin/audit", headers=bearer(boss))).status_code == 200


async def test_a_claim_may_have_dots_in_its_name(
    database_url: str, openid: OpenIdServer, clock: SettableClock
) -> None:
    wired = trusting(wiring(database_url, clock), openid, role_claim="https://example.org/roles")
    async with serving(wired) as client:
        said: Json = {"https://example.org/roles": ["editor"]}
        token = openid.forged(str(uuid4()), now=clock.now(), **said)
        assert (await me(client, token)).json()["roles"] == ["staff"]


async def test_a_local_ban_still_holds(
    client: httpx.AsyncClient, openid: OpenIdServer, clock: SettableClock
) -> None:
    sub = str(uuid4())
    token = openid.forged(sub, now=clock.now(), app_metadata={"role": "boss"})
    assert (await me(client, token)).status_code == 200
    another_boss = openid.forged(str(uuid4()), now=clock.now(), app_metadata={"role": "boss"})
    assert (await me(client, another_boss)).status_code == 200
    await ban(client, sub)
    refused(await me(client, token), 403, "account-banned")


async def test_an_account_is_linked_where_both_sides_have_proven_its_address(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring, clock: SettableClock
) -> None:
    user_id = await account(wired)
    who = await me(client, openid.forged(str(uuid4()), now=clock.now(), email=EMAIL))
    assert who.json()["id"] == str(user_id)


async def test_an_unproven_account_is_not_linked(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring, clock: SettableClock
) -> None:
    await unproven_account(wired)
    answer = await me(client, openid.forged(str(uuid4()), now=clock.now(), email=EMAIL))
    refused(answer, 409, "account-not-linked")


async def test_an_issuer_opens_no_account_that_may_do_more_than_it_can_give(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring, clock: SettableClock
) -> None:
    await account(wired, Role.ADMIN)
    for role in (None, "editor"):
        token = openid.forged(str(uuid4()), now=clock.now(), email=EMAIL, app_metadata={"role": role})
        refused(await me(client, token), 409, "account-not-linked")
    (user,) = await users(client)
    assert user["roles"] == ["admin"]


async def test_a_subject_that_is_the_id_of_somebody_else_opens_nothing(
    client: httpx.AsyncClient, openid: OpenIdServer, wired: Wiring, clock: SettableClock
) -> None:
    victim = await account(wired)
    token = openid.forged(str(victim), now=clock.now(), email="eve@example.org")
    refused(await me(client, token), 409, "account-not-linked")
    assert len(await users(client)) == 1


async def test_an_issuer_that_verifies_every_address_need_not_say_so(
    database_url: str, openid: OpenIdServer, clock: SettableClock
) -> None:
    wired = trusting(wiring(database_url, clock), openid, emails_verified=True)
    async with serving(wired) as client:
        token = openid.forged(str(uuid4()), now=clock.now(), email=EMAIL, email_verified=None)
        assert (await me(client, token)).json()["email"] == EMAIL


def test_issuers_are_read_from_json(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"issuer": "https://a.example", "jwks_url": "https://a.example/jwks", "audience": "us"}
    monkeypatch.setenv("HOLDFAST_ISSUERS", json.dumps([{**one, "roles": {"editor": "staff"}}]))
    (issuer,) = ExternalSettings().issuers
    assert (issuer.role_claim, issuer.roles) == ("app_metadata.role", {"editor": Role.STAFF})
    for wrong in (
        [one, one],
        [{**one, "roles": {"editor": "emperor"}}],
        [{**one, "jwks_url": "http://a.example/jwks"}],
        [{**one, "jwks_url": "http://localhost.evil.example/jwks"}],
        [{**one, "algorithm": "HS256"}],
    ):
        monkeypatch.setenv("HOLDFAST_ISSUERS", json.dumps(wrong))
        with pytest.raises(ValidationError):
            ExternalSettings()
