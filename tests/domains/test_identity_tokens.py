"""Access tokens, the keys that sign them, and forgeries."""

import base64
import hmac
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import SYSTEM, RefreshRequest
from holdfast.domains.identity.exceptions import SessionEnded, TokenExpired, TokenInvalid
from holdfast.domains.identity.proofs.sealing import SecretMismatch
from holdfast.domains.identity.services import IdentityService, Vault
from tests.clock import MONDAY
from tests.people import Postbox, credentials, signed_in

Json = dict[str, object]


def encoded(document: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


def parts(token: str) -> tuple[Json, Json]:
    header, claims, _ = token.split(".")
    read = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims)]
    return read[0], read[1]


def hmac_signed(header: Json, claims: Json, key: bytes) -> str:
    """By hand: the library refuses to take a public key for a shared secret, as it should."""
    signing_input = f"{encoded(header)}.{encoded(claims)}"
    signature = hmac.digest(key, signing_input.encode(), "sha256")
    return f"{signing_input}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


SQL = "x' OR true --"


async def test_the_claims_and_the_published_key(identity: IdentityService, post: Postbox) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    header, claims = parts(tokens.access_token)
    keys = (await identity.key_set(now=MONDAY)).keys
    assert header == {"alg": "ES256", "kid": keys[0]["kid"], "typ": "at+jwt"}
    assert set(claims) == {"iss", "aud", "sub", "sid", "roles", "iat", "exp", "jti"}
    instant = int(MONDAY.timestamp())
    assert (claims["iss"], claims["aud"], claims["roles"]) == (
        "https://holdfast.example",
        "holdfast",
        ["customer"],
    )
    assert (claims["iat"], claims["exp"]) == (instant, instant + 900)

    assert set(keys[0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}, "no private part"
    key = ECKey.import_key({**keys[0]})
    assert jwt.decode(tokens.access_token, key, algorithms=["ES256"]).claims == claims


async def test_a_token_lives_fifteen_minutes(identity: IdentityService, post: Postbox) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    await identity.authenticate(tokens.access_token, now=MONDAY + timedelta(minutes=14, seconds=59))
    with pytest.raises(TokenExpired):
        await identity.authenticate(tokens.access_token, now=MONDAY + timedelta(minutes=15))


async def test_a_token_verified_before_is_known_by_every_byte_and_ends_with_its_session(
    identity: IdentityService, post: Postbox, vault: Vault
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    token = tokens.access_token
    holder = await identity.authenticate(token, now=MONDAY)
    assert vault.known_claims(token, now=MONDAY) is not None
    head, _, signature = token.rpartition(".")
    forged = f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    first, second, third = await identity.holders([token, forged, token], now=MONDAY)
    assert (first, type(second), third) == (holder, TokenInvalid, holder)
    await identity.logout(RefreshRequest(refresh_token=tokens.refresh_token), now=MONDAY)
    assert [type(each) for each in await identity.holders([token, forged], now=MONDAY)] == [
        SessionEnded,
        TokenInvalid,
    ]


async def test_forgeries_are_refused(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession
) -> None:
    token = (await signed_in(identity, post, now=MONDAY)).access_token
    header, claims = parts(token)
    head, body, signature = token.split(".")
    public: dict[str, str | list[str]] = {**(await identity.key_set(now=MONDAY)).keys[0]}
    stranger = ECKey.generate_key("P-256", {"kid": str(header["kid"])})
    pem = ECKey.import_key(public).as_pem(private=False)
    other_body = encoded({**claims, "sub": str(uuid4())})
    forged = {
        "nothing": "",
        "no token": "x",
        "two parts": f"{head}.{body}",
        "not base64": "a.b.c",
        "unsigned": f"{encoded({**header, 'alg': 'none'})}.{body}.",
        "unsigned, other case": f"{encoded({**header, 'alg': 'NONE'})}.{body}.",
        "signature removed": f"{head}.{body}.",
        "claims changed": f"{head}.{other_body}.{signature}",
        "signature changed": f"{head}.{body}.{signature[:-4]}AAAA",
        "unknown key id": f"{encoded({**header, 'kid': 'unknown'})}.{body}.{signature}",
        "no key id": f"{encoded({'alg': 'ES256'})}.{body}.{signature}",
        "a key id with NUL": f"{encoded({**header, 'kid': chr(0)})}.{body}.{signature}",
        "a key id with a lone surrogate": f"{encoded({**header, 'kid': chr(0xD800)})}.{body}.{signature}",
        "a key id that is SQL": f"{encoded({**header, 'kid': SQL})}.{body}.{signature}",
        "an API key with NUL": "hf_\0_x",
        "another alphabet": "hf_\u0430_x",
        "key id of another type": f"{encoded({**header, 'kid': {'a': 1}})}.{body}.{signature}",
        "another's key under our id": jwt.encode(header, claims, stranger),
        "HS256 with the public key": hmac_signed({**header, "alg": "HS256"}, claims, pem),
        "HS256 with the public key's x": jwt.encode(
            {**header, "alg": "HS256"}, claims, OctKey.import_key(str(public["x"]))
        ),
        "its own key in the header": jwt.encode(
            {**header, "jwk": stranger.as_dict(private=False)}, claims, stranger
        ),
    }
    for name, each in forged.items():
        with pytest.raises(TokenInvalid):
            await identity.authenticate(each, now=MONDAY)
            pytest.fail(name)


async def signed(identity: IdentityService, post: Postbox, vault: Vault, db: AsyncSession, **other: object) -> str:
    """A token of our own key with some claims or header fields exchanged; None leaves one out."""
    from holdfast.domains.identity.proofs.sealing import opened  # noqa: PLC0415

    token = (await signed_in(identity, post, now=MONDAY)).access_token
    header, claims = parts(token)
    box = await db.scalar(text("SELECT sealed_private FROM identity.signing_keys"))
    key = opened(str(header["kid"]), bytes(box), vault.sealing_key)
    typ = other.pop("typ", header["typ"])
    changed = {name: value for name, value in {**claims, **other}.items() if value is not None}
    return jwt.encode({**header, "typ": typ}, changed, key)


@pytest.mark.parametrize(
    "other",
    [
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": None},
        {"aud": ["another"]},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": int((MONDAY + timedelta(hours=1)).timestamp())},
        {"sub": "nobody"},
        {"sub": None},
        {"sid": None},
        {"sid": "x"},
        {"typ": "JWT"},
        {"nbf": int((MONDAY + timedelta(hours=1)).timestamp())},
    ],
    ids=str,
)
async def test_wrong_claims_are_refused_though_the_signature_is_ours(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession, other: Json
) -> None:
    token = await signed(identity, post, vault, house_db, **other)
    with pytest.raises(TokenInvalid):
        await identity.authenticate(token, now=MONDAY)


async def test_a_session_of_somebody_else_is_refused(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession
) -> None:
    token = await signed(identity, post, vault, house_db, sub=str(uuid4()))
    with pytest.raises(SessionEnded):
        await identity.authenticate(token, now=MONDAY)


async def test_the_same_claims_with_nothing_exchanged_are_taken(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession
) -> None:
    token = await signed(identity, post, vault, house_db)
    assert (await identity.authenticate(token, now=MONDAY)).id is not None


async def test_keys_rotate_and_nobody_is_signed_out(
    identity: IdentityService, post: Postbox, house_db: AsyncSession
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    made = await identity.rotate_keys(now=MONDAY, actor=SYSTEM)
    header, _ = parts(tokens.access_token)
    assert made.retired == header["kid"]
    assert (
        await house_db.scalar(text("SELECT count(*) FROM identity.signing_keys WHERE sealed_private IS NULL")) == 1
    )
    await identity.authenticate(tokens.access_token, now=MONDAY + timedelta(minutes=14))
    fresh = await identity.refresh(RefreshRequest(refresh_token=tokens.refresh_token), now=MONDAY)
    assert parts(fresh.access_token)[0]["kid"] == made.kid
    assert [key["kid"] for key in (await identity.key_set(now=MONDAY)).keys] == [made.kid, made.retired]
    later = MONDAY + timedelta(minutes=20)
    assert [key["kid"] for key in (await identity.key_set(now=later)).keys] == [made.kid]
    assert await house_db.scalar(text("SELECT action FROM kernel.audit_log")) == "signing_keys.rotated"


async def test_keys_dropped_at_once_void_their_tokens(identity: IdentityService, post: Postbox) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    await identity.authenticate(tokens.access_token, now=MONDAY)
    await identity.rotate_keys(at_once=True, now=MONDAY, actor=SYSTEM)
    with pytest.raises(TokenInvalid):
        await identity.authenticate(tokens.access_token, now=MONDAY)
    fresh = await identity.refresh(RefreshRequest(refresh_token=tokens.refresh_token), now=MONDAY)
    await identity.authenticate(fresh.access_token, now=MONDAY)


async def test_another_process_forgets_a_dropped_key_within_a_minute(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession
) -> None:
    tokens = await signed_in(identity, post, now=MONDAY)
    other = IdentityService(house_db, post, Vault(vault.secret, vault.public_url, passwords=vault.passwords))
    await other.authenticate(tokens.access_token, now=MONDAY)
    await identity.rotate_keys(at_once=True, now=MONDAY, actor=SYSTEM)
    await other.authenticate(tokens.access_token, now=MONDAY + timedelta(seconds=59))
    with pytest.raises(TokenInvalid):
        await other.authenticate(tokens.access_token, now=MONDAY + timedelta(seconds=60))


async def test_an_old_key_is_replaced_by_itself(identity: IdentityService, post: Postbox) -> None:
    first = parts((await signed_in(identity, post, now=MONDAY)).access_token)[0]["kid"]
    young = await identity.login(credentials(), now=MONDAY + timedelta(days=29))
    assert parts(young.access_token)[0]["kid"] == first
    moment = MONDAY + timedelta(days=30)
    late = await identity.login(credentials(), now=moment - timedelta(seconds=1))
    new = await identity.login(credentials(), now=moment)
    assert parts(new.access_token)[0]["kid"] != first
    for tokens in (late, new):
        await identity.authenticate(tokens.access_token, now=moment + timedelta(minutes=14))


async def test_a_key_sealed_with_another_secret_stops_the_sign_in_with_words(
    identity: IdentityService, post: Postbox, vault: Vault, house_db: AsyncSession
) -> None:
    await signed_in(identity, post, now=MONDAY)
    other = Vault(SecretStr("another" * 5), vault.public_url, passwords=vault.passwords)
    with pytest.raises(SecretMismatch, match="HOLDFAST_SECRET"):
        await IdentityService(house_db, post, other).login(credentials(), now=MONDAY)


async def test_the_first_reader_of_the_key_set_finds_a_key(identity: IdentityService) -> None:
    assert len((await identity.key_set(now=MONDAY)).keys) == 1
    assert await identity.key_set(now=MONDAY) == await identity.key_set(now=MONDAY)
