"""Accounts over HTTP, with the real middleware, database role and mail queue."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from holdfast.contracts.identity import SYSTEM, Registration, Role
from holdfast.domains.notification.sealing import opened
from holdfast.wiring import Wiring
from tests.clock import SettableClock
from tests.house import Json, serving
from tests.people import EMAIL, OTHER_PASSWORD, PASSWORD, wrong

AUTH, ME, USERS = "/api/v1/auth", "/api/v1/users/me", "/api/v1/admin/users"
PERSON = {"email": EMAIL, "password": PASSWORD, "full_name": "Ann Example", "phone": "+49 30 1234567"}


async def mailed(wired: Wiring) -> list[Json]:
    """What is queued, oldest first, its secrets opened."""
    async with wired.sessions() as db:
        rows = await db.execute(
            text(
                "SELECT m.id, m.template, s.sealed FROM notification.messages m"
                " LEFT JOIN notification.secrets s ON s.message_id = m.id ORDER BY m.created_at, m.id"
            )
        )
        return [
            {
                "template": row.template,
                "secrets": opened(row.sealed, wired.office.sealing_key, message_id=row.id) if row.sealed else None,
            }
            for row in rows
        ]


async def otp(wired: Wiring) -> str:
    secrets = (await mailed(wired))[-1]["secrets"]
    return str(secrets["otp"])


async def link_token(wired: Wiring) -> str:
    found = re.search(r"token=(\S+)$", str((await mailed(wired))[-1]["secrets"]["link"]))
    assert found is not None
    return found[1]


async def registered(client: httpx.AsyncClient, wired: Wiring, **other: str) -> Json:
    answer = await client.post(f"{AUTH}/register", json={**PERSON, **other})
    assert answer.status_code == 201, answer.text
    proof = {"email": other.get("email", EMAIL), "otp": await otp(wired)}
    assert (await client.post(f"{AUTH}/verify-otp", json=proof)).json() == {"email_verified": True}
    return answer.json()  # type: ignore[no-any-return]


async def login(client: httpx.AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> Json:
    answer = await client.post(f"{AUTH}/login", json={"email": email, "password": password})
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def admin_header(client: httpx.AsyncClient, wired: Wiring) -> dict[str, str]:
    async with wired.sessions() as db:
        registration = Registration(email="root@example.org", password=PASSWORD, full_name="Root")
        await wired.accounts(db).create(registration, [Role.ADMIN], now=wired.clock.now(), actor=SYSTEM)
    return held(await login(client, "root@example.org"))


def held(tokens: Json) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["type"]


async def test_from_registration_to_logout(client: httpx.AsyncClient, wired: Wiring) -> None:
    answer = await client.post(f"{AUTH}/register", json=PERSON)
    assert answer.status_code == 201
    user = answer.json()
    assert {name: user[name] for name in ("email", "full_name", "email_verified", "roles")} == {
        "email": EMAIL,
        "full_name": "Ann Example",
        "email_verified": False,
        "roles": ["customer"],
    }
    early = await client.post(f"{AUTH}/login", json={"email": EMAIL, "password": PASSWORD})
    assert refused(early) == (403, "address-not-verified")
    code = await otp(wired)
    guess = await client.post(f"{AUTH}/verify-otp", json={"email": EMAIL, "otp": wrong(code)})
    assert refused(guess) == (422, "otp-wrong")
    proven = await client.post(f"{AUTH}/verify-otp", json={"email": EMAIL, "otp": code})
    assert (proven.status_code, proven.json()) == (200, {"email_verified": True})

    tokens = await login(client)
    assert set(tokens) == {"access_token", "refresh_token", "token_type", "expires_in"}
    me = await client.get(ME, headers=held(tokens))
    assert me.json() == {**user, "email_verified": True}
    renewed = await client.post(f"{AUTH}/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert renewed.status_code == 200
    done = await client.post(f"{AUTH}/logout", json={"refresh_token": renewed.json()["refresh_token"]})
    assert done.status_code == 204
    gone = await client.get(ME, headers=held(renewed.json()))
    assert refused(gone) == (401, "session-ended")
    assert gone.headers["www-authenticate"] == "Bearer"


async def test_the_code_is_closed_after_five_tries(client: httpx.AsyncClient, wired: Wiring) -> None:
    await client.post(f"{AUTH}/register", json=PERSON)
    code = await otp(wired)
    for _ in range(5):
        await client.post(f"{AUTH}/verify-otp", json={"email": EMAIL, "otp": wrong(code)})
    answer = await client.post(f"{AUTH}/verify-otp", json={"email": EMAIL, "otp": code})
    assert refused(answer) == (429, "too-many-tries")
    assert answer.headers["retry-after"] == "600"


async def test_known_and_unknown_addresses_are_answered_alike(client: httpx.AsyncClient, wired: Wiring) -> None:
    known = await registered(client, wired)
    unknown = {"email": "nobody@example.org"}
    again = await client.post(f"{AUTH}/register", json=PERSON)
    assert again.status_code == 201
    assert {**again.json(), "id": None} == {**known, "id": None}
    assert [mail["template"] for mail in await mailed(wired)] == ["verify_address", "address_known"]
    for path, body in (
        ("resend-otp", {}),
        ("forgot-password", {}),
        ("verify-otp", {"otp": "000000"}),
        ("login", {"password": OTHER_PASSWORD}),
    ):
        answers = [
            await client.post(f"{AUTH}/{path}", json={**who, **body}) for who in ({"email": EMAIL}, unknown)
        ]
        seen = [(each.status_code, {**each.json(), "request_id": None}) for each in answers]
        assert seen[0] == seen[1], path
        assert {*answers[0].headers} == {*answers[1].headers}, path


async def test_the_link_proves_the_address_and_another_sets_a_password(
    client: httpx.AsyncClient, wired: Wiring
) -> None:
    await client.post(f"{AUTH}/register", json=PERSON)
    proof = {"token": await link_token(wired)}
    assert (await client.post(f"{AUTH}/verify-email", json=proof)).json() == {"email_verified": True}
    assert refused(await client.post(f"{AUTH}/verify-email", json=proof)) == (410, "link-spent")
    assert refused(await client.post(f"{AUTH}/verify-email", json={"token": "x.y.z"})) == (422, "link-invalid")

    asked = await client.post(f"{AUTH}/forgot-password", json={"email": EMAIL})
    assert (asked.status_code, asked.json()) == (202, {"status": "accepted"})
    reset = {"token": await link_token(wired), "password": "weak"}
    weak = await client.post(f"{AUTH}/reset-password", json=reset)
    assert refused(weak) == (422, "password-weak")
    assert (weak.json()["pointer"], "too_short" in weak.json()["reasons"]) == ("/password", True)
    assert (await client.post(f"{AUTH}/reset-password", json={**reset, "password": OTHER_PASSWORD})).is_success
    await login(client, password=OTHER_PASSWORD)


async def test_profile_and_preferences(client: httpx.AsyncClient, wired: Wiring) -> None:
    await registered(client, wired)
    header = held(await login(client))
    changed = await client.patch(ME, json={"full_name": "Ann B. Example"}, headers=header)
    assert (changed.json()["full_name"], changed.json()["phone"]) == ("Ann B. Example", PERSON["phone"])
    assert refused(await client.patch(ME, json={"roles": ["admin"]}, headers=header)) == (422, "invalid-request")
    before = (await client.get(f"{ME}/preferences", headers=header)).json()
    assert before["language"] == "en"
    wanted = {**before, "language": "de", "timezone": "Europe/Berlin", "settings": {"theme": "dark"}}
    assert (await client.put(f"{ME}/preferences", json=wanted, headers=header)).json() == wanted
    assert (await client.get(f"{ME}/preferences", headers=header)).json() == wanted
    for wrong_one in (
        {"timezone": "Mars/Base"},
        {"currency": "XXY"},
        {"language": "?"},
        {"marketing_mail": "yes"},
    ):
        odd = await client.put(f"{ME}/preferences", json={**wanted, **wrong_one}, headers=header)
        assert refused(odd) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ME), ("PATCH", ME), ("GET", f"{ME}/preferences"), ("GET", USERS)]
)
async def test_nobody_in_particular_has_no_account(client: httpx.AsyncClient, method: str, path: str) -> None:
    nobody = await client.request(method, path, headers={"Authorization": ""}, json={})
    assert refused(nobody) == (401, "sign-in-first")
    forged = await client.request(method, path, headers={"Authorization": "Bearer a.b.c"}, json={})
    assert refused(forged) == (401, "token-invalid")


async def test_an_access_token_expires(client: httpx.AsyncClient, wired: Wiring, clock: SettableClock) -> None:
    await registered(client, wired)
    header = held(await login(client))
    clock.advance(timedelta(minutes=15))
    assert refused(await client.get(ME, headers=header)) == (401, "token-expired")


async def test_an_admin_bans_unbans_and_gives_roles(client: httpx.AsyncClient, wired: Wiring) -> None:
    user = await registered(client, wired)
    header, tokens = await admin_header(client, wired), await login(client)
    found = (await client.get(USERS, params={"email": "ann@", "limit": 1}, headers=header)).json()
    assert ([each["id"] for each in found["items"]], found["total"]) == ([user["id"]], 1)

    path = f"{USERS}/{user['id']}"
    banned = await client.post(f"{path}/ban", json={"reason": "fraud"}, headers=header)
    assert (banned.status_code, banned.json()["banned_at"]) == (200, "2030-01-07T08:00:00Z")
    assert refused(await client.get(ME, headers=held(tokens))) == (401, "session-ended")
    shut = await client.post(f"{AUTH}/login", json={"email": EMAIL, "password": PASSWORD})
    assert refused(shut) == (403, "account-banned")
    assert (await mailed(wired))[-1]["template"] == "account_banned"
    assert (await client.post(f"{path}/unban", headers=header)).json()["banned_at"] is None

    fresh = await login(client)
    roles = await client.put(f"{path}/roles", json={"roles": ["admin", "customer"]}, headers=header)
    assert roles.json()["roles"] == ["admin", "customer"]
    assert (await client.get(USERS, headers=held(fresh))).json()["total"] == 2
    unknown = await client.post(f"{USERS}/{uuid4()}/ban", json={"reason": "x"}, headers=header)
    assert refused(unknown) == (404, "user-not-found")


async def test_others_give_no_roles(client: httpx.AsyncClient, wired: Wiring) -> None:
    user = await registered(client, wired)
    header = held(await login(client))
    for method, path, body in (
        ("GET", USERS, None),
        ("PUT", f"{USERS}/{user['id']}/roles", {"roles": ["admin"]}),
        ("POST", f"{USERS}/{user['id']}/ban", {"reason": "x"}),
        ("POST", f"{USERS}/{user['id']}/unban", None),
    ):
        assert refused(await client.request(method, path, json=body, headers=header)) == (403, "not-your-role")
    assert (await client.get(ME, headers=header)).json()["roles"] == ["customer"]


async def test_the_last_admin_stays(client: httpx.AsyncClient, wired: Wiring) -> None:
    header = await admin_header(client, wired)
    path = f"{USERS}/{(await client.get(ME, headers=header)).json()['id']}"
    assert refused(await client.post(f"{path}/ban", json={"reason": "x"}, headers=header)) == (403, "not-yourself")
    deposed = await client.put(f"{path}/roles", json={"roles": ["staff"]}, headers=header)
    assert refused(deposed) == (409, "last-admin")


async def test_the_key_set_is_public(client: httpx.AsyncClient, wired: Wiring) -> None:
    answer = await client.get("/.well-known/jwks.json", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert [(key["alg"], key["crv"], "d" in key) for key in answer.json()["keys"]] == [("ES256", "P-256", False)]
    assert answer.headers["cache-control"] == "public, max-age=300"


async def test_account_mail_is_in_the_house_s_language_until_the_person_chose_one(wired: Wiring) -> None:
    spoken = wired.settings.notification.model_copy(update={"language": "de"})
    german = replace(wired, settings=wired.settings.model_copy(update={"notification": spoken}))
    async with serving(german) as client:
        await registered(client, german)
        mine = held(await login(client))
        chosen = await client.put("/api/v1/users/me/preferences", json={"language": "fr"}, headers=mine)
        assert chosen.status_code == 200, chosen.text
        await client.post(f"{AUTH}/forgot-password", json={"email": EMAIL})
        async with german.sessions() as db:
            sent = await db.execute(text("SELECT template, language FROM notification.messages ORDER BY id"))
            assert [tuple(row) for row in sent] == [("verify_address", "de"), ("reset_password", "fr")]
