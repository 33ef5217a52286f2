"""API keys: shown once, kept as a hash, good for their scopes, void with their owner's ban."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from holdfast.contracts.identity import Role
from holdfast.wiring import Wiring
from tests.accounts import account, acts, ban, me, refused, signed_in
from tests.clock import SettableClock
from tests.house import Json, bearer

KEYS = "/api/v1/api-keys"
ALL = ["read", "book", "manage"]
VENUE = {"name": "Seaview", "type": "hotel", "timezone": "UTC", "currency": "EUR"}


@pytest.fixture
async def owner(wired: Wiring, client: httpx.AsyncClient) -> dict[str, str]:
    await account(wired)
    return await signed_in(client)


async def made(client: httpx.AsyncClient, owner: dict[str, str], **fields: object) -> Json:
    answer = await client.post(KEYS, json={"name": "Till", "scopes": ["read"], **fields}, headers=owner)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def listed(client: httpx.AsyncClient, owner: dict[str, str]) -> list[Json]:
    return (await client.get(KEYS, headers=owner)).json()["items"]  # type: ignore[no-any-return]


async def test_a_key_acts_as_its_owner_in_either_header(client: httpx.AsyncClient, owner: dict[str, str]) -> None:
    key = (await made(client, owner))["key"]
    assert key.startswith("hf_")
    as_bearer = await me(client, key)
    in_its_own_header = await client.get("/api/v1/users/me", headers={"X-API-Key": key, "Authorization": ""})
    assert as_bearer.status_code == in_its_own_header.status_code == 200
    assert as_bearer.json() == in_its_own_header.json()
    assert as_bearer.json()["email"] == "ann@example.org"


async def test_a_key_is_shown_once_and_its_secret_kept_nowhere(
    client: httpx.AsyncClient, owner: dict[str, str], wired: Wiring
) -> None:
    key = await made(client, owner, scopes=["manage", "read", "read"])
    assert key["scopes"] == ["read", "manage"]
    (shown,) = await listed(client, owner)
    assert shown == {name: value for name, value in key.items() if name != "key"}
    secret = key["key"].rsplit("_", 1)[1]
    async with wired.sessions() as db:
        tables = "SELECT (SELECT array_agg(k::text) FROM identity.api_keys k)::text"
        tables += " || (SELECT array_agg(a::text) FROM kernel.audit_log a)::text"
        everything = await db.scalar(text(tables))
    assert key["prefix"] in everything
    assert secret not in everything
    assert secret.encode().hex() not in everything


async def test_making_and_deleting_are_on_the_record(client: httpx.AsyncClient, owner: dict[str, str]) -> None:
    key = await made(client, owner)
    assert (await client.delete(f"{KEYS}/{key['id']}", headers=owner)).status_code == 204
    (creation,) = await acts(client, "api_key.created")
    (deletion,) = await acts(client, "api_key.deleted")
    shown = {"name": "Till", "prefix": key["prefix"], "scopes": ["read"], "expires_at": None}
    assert (creation["subject_id"], creation["before"], creation["after"]) == (key["id"], None, shown)
    assert (deletion["subject_id"], deletion["before"], deletion["after"]) == (key["id"], shown, None)


@pytest.mark.parametrize("spoilt", ["secret", "prefix", "nothing after it", "no prefix", "two keys"])
async def test_a_key_that_is_none_is_refused(
    client: httpx.AsyncClient, owner: dict[str, str], spoilt: str
) -> None:
    key, other = (await made(client, owner))["key"], (await made(client, owner))["key"]
    start, prefix, secret = key.split("_")
    wrong = {
        "secret": f"{start}_{prefix}_{secret[:-1]}{'0' if secret[-1] != '0' else '1'}",
        "prefix": f"{start}_{'0' * len(prefix)}_{secret}",
        "nothing after it": "hf_",
        "no prefix": f"hf__{secret}",
        "two keys": f"{start}_{prefix}_{other.split('_')[2]}",
    }[spoilt]
    refused(await me(client, wrong), 401, "api-key-invalid")


@pytest.mark.parametrize("twice", ["Authorization", "X-API-Key"])
async def test_two_tokens_in_one_kind_of_header_are_none(
    client: httpx.AsyncClient, owner: dict[str, str], twice: str
) -> None:
    """Which of them a proxy before us looked at, nobody knows."""
    key = (await made(client, owner))["key"]
    said = f"Bearer {key}" if twice == "Authorization" else key
    answer = await client.get("/api/v1/users/me", headers=[(twice, said), (twice, said)])
    refused(answer, 401, "bad-credentials")


async def test_a_deleted_key_ends_at_once(client: httpx.AsyncClient, owner: dict[str, str]) -> None:
    key = await made(client, owner)
    assert (await me(client, key["key"])).status_code == 200
    assert (await client.delete(f"{KEYS}/{key['id']}", headers=owner)).status_code == 204
    refused(await me(client, key["key"]), 401, "api-key-invalid")
    refused(await client.delete(f"{KEYS}/{key['id']}", headers=owner), 404, "api-key-not-found")


async def test_a_ban_of_the_owner_ends_every_key_at_once(client: httpx.AsyncClient, wired: Wiring) -> None:
    user_id = await account(wired)
    key = (await made(client, await signed_in(client)))["key"]
    assert (await me(client, key)).status_code == 200
    await ban(client, user_id)
    refused(await me(client, key), 401, "api-key-invalid")


async def test_a_key_expires(client: httpx.AsyncClient, owner: dict[str, str], clock: SettableClock) -> None:
    soon = clock.now() + timedelta(minutes=5)
    key = (await made(client, owner, expires_at=soon.isoformat()))["key"]
    clock.set(soon - timedelta(seconds=1))
    assert (await me(client, key)).status_code == 200
    clock.set(soon)
    refused(await me(client, key), 401, "api-key-expired")


async def test_an_expiry_must_lie_ahead(
    client: httpx.AsyncClient, owner: dict[str, str], clock: SettableClock
) -> None:
    draft = {"name": "Till", "scopes": ["read"], "expires_at": clock.now().isoformat()}
    answer = await client.post(KEYS, json=draft, headers=owner)
    refused(answer, 422, "expiry-passed")
    assert answer.json()["pointer"] == "/expires_at"
    assert await listed(client, owner) == []


async def test_a_key_does_what_its_scopes_say(client: httpx.AsyncClient, wired: Wiring) -> None:
    await account(wired, Role.STAFF)
    staff = await signed_in(client)
    for scopes, expected in ((["read"], (200, 403)), (["manage"], (403, 201)), (ALL, (200, 201))):
        key = bearer((await made(client, staff, scopes=scopes))["key"])
        read = await client.get("/api/v1/bookings/policies/00000000-0000-0000-0000-000000000001", headers=key)
        changed = await client.post("/api/v1/venues", json=VENUE, headers=key)
        assert (read.status_code if read.status_code == 403 else 200, changed.status_code) == expected
        for answer in (read, changed):
            if answer.status_code == 403:
                refused(answer, 403, "scope-missing")


async def test_a_key_has_no_more_rights_than_its_owner(client: httpx.AsyncClient, owner: dict[str, str]) -> None:
    key = bearer((await made(client, owner, scopes=ALL))["key"])
    refused(await client.post("/api/v1/venues", json=VENUE, headers=key), 403, "not-your-role")


async def test_a_key_makes_and_deletes_no_keys(client: httpx.AsyncClient, owner: dict[str, str]) -> None:
    key = await made(client, owner, scopes=ALL)
    holder = bearer(key["key"])
    refused(await client.post(KEYS, json={"name": "x", "scopes": ["read"]}, headers=holder), 403, "person-needed")
    refused(await client.delete(f"{KEYS}/{key['id']}", headers=holder), 403, "person-needed")
    assert [each["id"] for each in await listed(client, holder)] == [key["id"]]


async def test_nobody_sees_or_deletes_the_keys_of_another(
    client: httpx.AsyncClient, owner: dict[str, str], wired: Wiring
) -> None:
    key = await made(client, owner)
    await account(wired, Role.ADMIN, email="eve@example.org")
    stranger = await signed_in(client, email="eve@example.org")
    assert await listed(client, stranger) == []
    refused(await client.delete(f"{KEYS}/{key['id']}", headers=stranger), 404, "api-key-not-found")
    assert (await me(client, key["key"])).status_code == 200


async def test_last_use_is_written_once_a_minute(
    client: httpx.AsyncClient, owner: dict[str, str], clock: SettableClock
) -> None:
    key = await made(client, owner)
    noted = []
    for seconds in (0, 59, 1):
        clock.advance(timedelta(seconds=seconds))
        await asyncio.gather(*(me(client, key["key"]) for _ in range(5)))
        noted.append((await listed(client, owner))[0]["last_used_at"])
    assert noted[0] == noted[1] < noted[2]


async def test_an_account_has_so_many_keys_however_fast_they_are_asked_for(
    client: httpx.AsyncClient, owner: dict[str, str]
) -> None:
    for _ in range(48):
        await made(client, owner)
    draft = {"name": "Till", "scopes": ["read"]}
    answers = await asyncio.gather(*(client.post(KEYS, json=draft, headers=owner) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409, 409, 409]
    page = (await client.get(KEYS, headers=owner)).json()
    assert page["total"] == 50
