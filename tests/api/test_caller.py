"""What a gateway is told before it lets a request through."""

import httpx
import pytest

from tests.house import bearer

CALLER = "/internal/caller"


@pytest.mark.parametrize("headers", [{}, bearer("customer")])
async def test_who_brings_a_good_token_or_none_passes(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    client.headers.clear()
    answer = await client.get(CALLER, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize("authorization", ["Bearer eyJh.eyJz.c2ln", "Bearer hf_nobody", "Basic dXNlcjpwdw=="])
async def test_what_is_wrong_with_a_token_is_said_in_headers_too(
    client: httpx.AsyncClient, authorization: str
) -> None:
    answer = await client.get(CALLER, headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["X-Problem-Type"] == answer.json()["type"]
    assert answer.headers["X-Problem-Title"] == answer.json()["title"]
