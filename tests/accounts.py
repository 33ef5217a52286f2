"""Accounts over HTTP: made by the house, signed in by their password."""

import httpx

from holdfast.contracts.identity import SYSTEM, Registration, Role, UserId
from holdfast.wiring import Wiring
from tests.house import Json, bearer
from tests.people import EMAIL, PASSWORD, registration

AUDIT = "/api/v1/admin/audit"


async def account(wired: Wiring, *roles: Role, email: str = EMAIL) -> UserId:
    """One whose address counts as proven."""
    async with wired.sessions() as db:
        made = await wired.accounts(db).create(
            registration(email), roles or (Role.CUSTOMER,), now=wired.clock.now(), actor=SYSTEM
        )
    return made.id


async def unproven_account(wired: Wiring, *, email: str = EMAIL) -> None:
    async with wired.sessions() as db:
        said = Registration(email=email, password=PASSWORD, full_name="Somebody Else")
        await wired.identity(db).register(said, now=wired.clock.now())


async def signed_in(client: httpx.AsyncClient, *, email: str = EMAIL) -> dict[str, str]:
    """The header of this person."""
    answer = await client.post("/api/v1/auth/login", json={"email": email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return bearer(answer.json()["access_token"])


async def ban(client: httpx.AsyncClient, user_id: object) -> None:
    answer = await client.post(
        f"/api/v1/admin/users/{user_id}/ban", json={"reason": "fraud"}, headers=bearer("admin")
    )
    assert answer.status_code == 200, answer.text


async def users(client: httpx.AsyncClient) -> list[Json]:
    answer = await client.get("/api/v1/admin/users", headers=bearer("admin"))
    return answer.json()["items"]  # type: ignore[no-any-return]


async def acts(client: httpx.AsyncClient, action: str) -> list[Json]:
    answer = await client.get(AUDIT, headers=bearer("admin"), params={"action": action})
    return answer.json()["items"]  # type: ignore[no-any-return]


async def me(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Who the holder of this token is."""
    return await client.get("/api/v1/users/me", headers=bearer(token))


def refused(answer: httpx.Response, status: int, kind: str) -> None:
    assert (answer.status_code, answer.json()["type"]) == (status, kind), answer.text
