"""What comes in and goes out: sizes, fields nobody offered, others' ids, and errors that tell nothing."""

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import text

from holdfast.kernel.access import APPLICATION_ROLE
from holdfast.kernel.database import create_engine, session_factory
from holdfast.wiring import Wiring
from tests.house import House, bearer, wish


@pytest.mark.parametrize("who", ["stranger", "rival", "anonymous"])
async def test_anothers_booking_is_not_there(house: House, who: str) -> None:
    booking = (await house.book(await house.table(), headers=bearer("customer"))).json()
    at, client = f"/api/v1/bookings/{booking['id']}", house.client
    del client.headers["Authorization"]
    for method, path, body in (
        ("GET", at, None),
        ("GET", f"/api/v1/bookings/reference/{booking['reference']}", None),
        ("GET", f"{at}/passengers", None),
        ("PUT", at, {"expected_version": 1, "notes": "mine now"}),
        ("POST", f"{at}/cancel", {"reason": "mine now"}),
    ):
        answer = await client.request(method, path, json=body, headers=bearer(who))
        assert answer.status_code in (401, 404), (method, path, answer.text)
        assert booking["reference"] not in answer.text.replace(path, "")
    kept = await client.get(at, headers=bearer("customer"))
    assert (kept.json()["status"], kept.json()["version"]) == ("CONFIRMED", 1)


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/v1/bookings", {"status": "CONFIRMED"}),
        ("/api/v1/bookings", {"price": {"total": "0.00"}}),
        ("/api/v1/bookings", {"supplier_id": "00000000-0000-0000-0000-000000000003"}),
        ("/api/v1/auth/register", {"roles": ["admin"]}),
        ("/api/v1/auth/register", {"email_verified": True}),
    ],
)
async def test_a_field_that_is_not_offered_is_refused(house: House, path: str, fields: dict[str, object]) -> None:
    account = {"email": "guest@example.org", "password": "Correct-Horse-9-Battery", "full_name": "Guest"}
    proper = account if "auth" in path else wish(await house.table())
    answer = await house.client.post(path, json={**proper, **fields})
    assert answer.status_code == 422
    assert answer.json()["pointer"] == f"/{next(iter(fields))}"
    assert answer.json()["errors"][0]["code"] == "extra_forbidden"


async def test_a_body_beyond_the_limit_is_refused_declared_or_not(client: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1_025):
            yield b" " * 1_024

    declared = await client.post("/api/v1/bookings", content=b" " * 1_049_600)
    found_out = await client.post("/api/v1/bookings", content=endless())
    for answer in (declared, found_out):
        assert answer.status_code == 413
        assert answer.json()["type"] == "body-too-large"


async def test_a_page_holds_two_hundred_at_most(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/venues", params={"limit": 200})).status_code == 200
    assert (await client.get("/api/v1/venues", params={"limit": 201})).status_code == 422


async def test_a_defect_is_told_without_its_text(house: House, wired: Wiring) -> None:
    booking = await house.booked(await house.table())
    async with session_factory(owner := create_engine(wired.database_url))() as db:
        await db.execute(text("ALTER TABLE booking.bookings RENAME TO elsewhere"))
    await owner.dispose()
    answer = await house.client.get(f"/api/v1/bookings/{booking['id']}")
    assert answer.status_code == 500
    assert set(answer.json()) == {"type", "title", "status", "detail", "request_id"}
    assert answer.json()["type"] == "internal-error"
    assert "bookings" not in answer.json()["detail"]
    assert "server" not in answer.headers


@pytest.mark.every_postgres
async def test_the_application_owns_nothing_and_stands_under_every_policy(database_url: str) -> None:
    engine = create_engine(database_url, role=APPLICATION_ROLE)
    async with session_factory(engine)() as db:
        role = await db.execute(
            text("SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = :name"),
            {"name": APPLICATION_ROLE},
        )
        assert tuple(role.one()) == (False, False, False, False)
        owned = text("SELECT count(*) FROM pg_class WHERE relowner = 'holdfast_app'::regrole")
        assert await db.scalar(owned) == 0
        with pytest.raises(Exception, match="permission denied"):
            await db.execute(text("CREATE TABLE kernel.mine (id int)"))
    await engine.dispose()
