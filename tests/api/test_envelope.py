"""The routes that answer in an envelope: refusals of every wall keep their status and change their form."""

import httpx
import pytest

from holdfast.api.tos.envelope import CamelContract, enveloped
from holdfast.settings import RateLimitSettings
from tests.clock import SettableClock
from tests.house import serving, wiring


class Named(CamelContract):
    booking_id: str


def test_an_answer_is_camel_case_in_its_envelope() -> None:
    said = enveloped(Named.model_validate({"bookingId": "x"})).model_dump(mode="json")
    assert said == {"ok": True, "data": {"bookingId": "x"}, "requestId": None}


async def test_a_refusal_keeps_its_status_and_headers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/nowhere", json={}, headers={"X-Request-ID": "abc"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")
    error = {"code": "not-found", "message": "there is no /api/nowhere here"}
    assert answer.json() == {"ok": False, "error": error, "requestId": "abc"}
    assert answer.headers["x-request-id"] == "abc"


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/nowhere"])
async def test_other_routes_answer_problems(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_outer_walls_speak_so_too(database_url: str, clock: SettableClock) -> None:
    async with serving(wiring(database_url, clock, limits=RateLimitSettings(read="1/hour"))) as client:
        await client.get("/api/nowhere")
        answer = await client.get("/api/nowhere")
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "too-many-requests")
        assert "retry-after" in answer.headers
        assert (await client.head("/api/nowhere")).content == b""
