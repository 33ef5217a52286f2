"""Webhook endpoints over HTTP: whose they are, what they hear of, and what is kept of every message."""

from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from holdfast.contracts.booking import BookingId
from holdfast.contracts.identity import Role, UserBanned, UserId, UserRegistered, UserRolesChanged
from holdfast.contracts.payment import CaptureId, IntentId, PaymentCompleted
from holdfast.kernel.database import transaction
from holdfast.kernel.outbox import Event, record
from holdfast.settings import WebhookSettings
from holdfast.wiring import Wiring
from tests.accounts import acts, refused
from tests.clock import MONDAY, SettableClock
from tests.house import RIVAL, SUPPLIER, House, Json, bearer, wiring
from tests.webhook_receiver import Receiver

HOOKS = "/api/v1/webhooks"
ELSEWHERE = {"url": "https://hooks.example.org/holdfast"}


@pytest.fixture
def wired(database_url: str, clock: SettableClock) -> Wiring:
    """May send to this machine, and nowhere else that is not public."""
    clock.set(datetime.now(UTC))
    plain = wiring(database_url, clock)
    hooks = WebhookSettings(plain_http=True, allowed_networks=(ip_network("127.0.0.0/8"),))
    return replace(plain, settings=plain.settings.model_copy(update={"webhooks": hooks}))


async def made(client: httpx.AsyncClient, who: str = "staff", **fields: object) -> Json:
    answer = await client.post(HOOKS, json={**ELSEWHERE, **fields}, headers=bearer(who))
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


async def told(wired: Wiring, *events: Event) -> None:
    async with wired.sessions() as db, transaction(db):
        record(db, *events)
    await wired.relay().drain()


async def heard(client: httpx.AsyncClient, endpoint: Json) -> list[str]:
    answer = await client.get(f"{HOOKS}/{endpoint['id']}/deliveries")
    return sorted(each["type"] for each in answer.json()["items"])


async def shown(client: httpx.AsyncClient, endpoint: Json, who: str = "staff") -> Json:
    answer = await client.get(f"{HOOKS}/{endpoint['id']}", headers=bearer(who))
    return answer.json()  # type: ignore[no-any-return]


async def test_the_secret_is_shown_once_and_kept_by_nobody_in_clear(
    wired: Wiring, client: httpx.AsyncClient
) -> None:
    endpoint = await made(client, "supplier", events=["booking.*", "booking.*"], description="PMS")
    assert endpoint["secret"].startswith("whsec_")
    assert endpoint["events"] == ["booking.*"]
    kept = await shown(client, endpoint, "supplier")
    assert {**kept, "secret": endpoint["secret"]} == endpoint
    rotated = (await client.post(f"{HOOKS}/{endpoint['id']}/rotate-secret", headers=bearer("supplier"))).json()
    assert rotated["secret"] not in ("", endpoint["secret"])
    async with wired.sessions() as db:
        everything = await db.scalar(
            text(
                "SELECT string_agg(e::text || encode(s.sealed, 'escape'), '')"
                " FROM webhook.endpoints e, webhook.secrets s"
            )
        )
        logged = await db.scalar(text("SELECT string_agg(a::text, '') FROM kernel.audit_log a"))
    for secret in (endpoint["secret"], rotated["secret"]):
        assert secret not in everything
        assert secret not in logged
    changes = [act["action"] for act in await acts(client, "webhook.secret_rotated")]
    assert changes == ["webhook.secret_rotated"]


async def test_a_secret_is_rotated_a_few_times_a_day(client: httpx.AsyncClient) -> None:
    endpoint = await made(client)
    path = f"{HOOKS}/{endpoint['id']}/rotate-secret"
    for _ in range(4):
        assert (await client.post(path)).status_code == 200
    refused(await client.post(path), 409, "rotated-too-often")


async def test_each_hears_what_is_theirs(
    wired: Wiring, client: httpx.AsyncClient, house: House, clock: SettableClock
) -> None:
    clock.set(MONDAY)
    await house.open(supplier_id=str(SUPPLIER.id))
    everything, bookings = await made(client), await made(client, events=["booking.confirmed"])
    own, rivals = await made(client, "supplier"), await made(client, "rival")
    paid = await made(client, "supplier", events=["payment.completed"])
    booking = await house.booked(await house.table())
    now = wired.clock.now()
    payment = PaymentCompleted(
        intent_id=IntentId(UUID(int=7)),
        booking_id=BookingId(UUID(booking["id"])),
        provider="test",
        amount="120.00",
        currency="EUR",
        capture_id=CaptureId(UUID(int=8)),
        occurred_at=now,
    )
    await told(wired, payment, UserRegistered(user_id=UserId(UUID(int=9)), occurred_at=now))

    async with wired.sessions() as db:  # whatever else came of these
        happened = sorted(await db.scalars(text("SELECT type FROM kernel.outbox")))
    assert {"booking.confirmed", "booking.created", "payment.completed", "user.registered"} <= set(happened)
    assert await heard(client, everything) == happened
    assert await heard(client, bookings) == ["booking.confirmed"]
    assert await heard(client, own) == [
        each for each in happened if each.startswith(("booking.", "payment.", "document."))
    ]
    assert await heard(client, paid) == ["payment.completed"]
    assert await heard(client, rivals) == []


async def test_what_a_stranger_asks_for_is_not_there(client: httpx.AsyncClient) -> None:
    theirs, staffs = await made(client, "supplier"), await made(client, "staff")
    for endpoint in (theirs, staffs):
        for method, path, body in (
            ("GET", "", None),
            ("PATCH", "", {"url": "https://elsewhere.example/"}),
            ("DELETE", "", None),
            ("POST", "/rotate-secret", None),
            ("POST", "/test", None),
            ("GET", "/deliveries", None),
        ):
            url = f"{HOOKS}/{endpoint['id']}{path}"
            refused(
                await client.request(method, url, json=body, headers=bearer("rival")), 404, "endpoint-not-found"
            )
    sent = (await client.post(f"{HOOKS}/{theirs['id']}/test", headers=bearer("supplier"))).json()
    replay = f"{HOOKS}/deliveries/{sent['id']}/replay"
    refused(await client.post(replay, headers=bearer("rival")), 404, "delivery-not-found")
    assert (await client.get(HOOKS, headers=bearer("rival"))).json()["items"] == []
    owned = (await client.get(HOOKS, headers=bearer("supplier"))).json()["items"]
    assert [each["id"] for each in owned] == [theirs["id"]]
    assert (await client.get(HOOKS)).json()["total"] == 2
    refused(await client.post(HOOKS, json=ELSEWHERE, headers=bearer("customer")), 403, "not-your-role")


async def test_the_database_itself_keeps_strangers_out(wired: Wiring, client: httpx.AsyncClient) -> None:
    theirs = await made(client, "supplier")
    await client.post(f"{HOOKS}/{theirs['id']}/test")
    for table in ("endpoints", "secrets", "deliveries"):
        async with wired.session(SUPPLIER) as db:
            assert await db.scalar(text(f"SELECT count(*) FROM webhook.{table}")) == 1
        async with wired.session(RIVAL) as db:
            assert await db.scalar(text(f"SELECT count(*) FROM webhook.{table}")) == 0
    async with wired.session(SUPPLIER) as db:
        with pytest.raises(Exception, match="row-level security"):
            await db.execute(text("UPDATE webhook.endpoints SET audience = 'house'"))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://8.8.8.8:22/",
            "https://10.0.0.1/",
            "https://169.254.169.254/latest/",
            "https://[::ffff:10.0.0.1]/",
        ),
        *(
            "https://me:secret@hooks.example.org/",
            "https://[fd00:ec2::254]/",
            "ftp://hooks.example.org/",
            "nonsense",
        ),
    ],
)
async def test_an_address_of_our_own_network_is_refused_when_it_is_given(
    client: httpx.AsyncClient, url: str
) -> None:
    endpoint = await made(client)
    change = await client.patch(f"{HOOKS}/{endpoint['id']}", json={"url": url})
    for answer in (await client.post(HOOKS, json={"url": url}), change):
        refused(answer, 422, "target-refused")
        assert answer.json()["pointer"] == "/url"
        assert "secret" not in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"events": []},
        {"events": ["Booking"]},
        {"events": ["booking.**"]},
        {"events": ["*.created"]},
        {"secret": "x"},
        {"url": 5},
    ],
)
async def test_what_is_no_endpoint_is_refused(client: httpx.AsyncClient, fields: dict[str, Any]) -> None:
    refused(await client.post(HOOKS, json={**ELSEWHERE, **fields}), 422, "invalid-request")


async def test_an_account_has_twenty_at_most(client: httpx.AsyncClient) -> None:
    for _ in range(20):
        await made(client, "supplier")
    refused(await client.post(HOOKS, json=ELSEWHERE, headers=bearer("supplier")), 409, "too-many-endpoints")
    await made(client, "rival")


async def test_a_test_arrives_its_log_says_so_and_it_is_replayed(wired: Wiring, client: httpx.AsyncClient) -> None:
    async with Receiver([500, 200]) as receiver:
        endpoint = await made(client, "supplier", url=receiver.url(), events=["payment.completed"])
        path = f"{HOOKS}/{endpoint['id']}"
        sent = await client.post(f"{path}/test", headers=bearer("supplier"))
        assert (sent.status_code, sent.json()["status"]) == (202, "waiting")
        replay = f"{HOOKS}/deliveries/{sent.json()['id']}/replay"
        refused(await client.post(replay), 409, "delivery-under-way")
        courier = wired.courier()
        await courier.drain()
        (waiting,) = (await client.get(f"{path}/deliveries?status=waiting")).json()["items"]
        assert [(each["status_code"], each["answer"]) for each in waiting["log"]] == [(500, "as told\ufffd"[:7])]
        async with wired.sessions() as db:
            await db.execute(text("UPDATE webhook.deliveries SET next_attempt_at = created_at"))
        await courier.drain()
        assert (await client.post(replay)).json()["attempts"] == 0
        await courier.drain()
    assert len(set(receiver.ids)) == 1
    assert [each.verified_with(endpoint["secret"]) for each in receiver.received] == [True] * 3
    assert receiver.received[0].document["type"] == "webhook.test"
    (delivery,) = (await client.get(f"{path}/deliveries")).json()["items"]
    assert [each["status_code"] for each in delivery["log"]] == [204, 200, 500]
    assert [act["actor_id"] for act in await acts(client, "webhook.replayed")] == [str(UUID(int=1))]


async def test_what_is_switched_off_hears_nothing_until_it_is_on(wired: Wiring, client: httpx.AsyncClient) -> None:
    endpoint = await made(client)
    path = f"{HOOKS}/{endpoint['id']}"
    await client.post(f"{path}/test")
    off = (await client.patch(path, json={"enabled": False})).json()
    assert (off["enabled"], off["disabled_because"]) == (False, "switched_off")
    refused(await client.post(f"{path}/test"), 409, "endpoint-disabled")
    await told(wired, UserRegistered(user_id=UserId(UUID(int=9)), occurred_at=wired.clock.now()))
    (given_up,) = (await client.get(f"{path}/deliveries")).json()["items"]
    assert given_up["status"] == "failed"
    refused(await client.post(f"{HOOKS}/deliveries/{given_up['id']}/replay"), 409, "endpoint-disabled")
    assert (await client.patch(path, json={"enabled": True})).json()["disabled_because"] is None
    await told(wired, UserRegistered(user_id=UserId(UUID(int=10)), occurred_at=wired.clock.now()))
    assert await heard(client, endpoint) == ["user.registered", "webhook.test"]


async def test_who_is_banned_or_loses_the_role_hears_no_more(wired: Wiring, client: httpx.AsyncClient) -> None:
    staffs, theirs, rivals = await made(client), await made(client, "supplier"), await made(client, "rival")
    now = wired.clock.now()
    assert SUPPLIER.id is not None
    assert RIVAL.id is not None
    await told(
        wired,
        UserRolesChanged(user_id=UserId(UUID(int=1)), roles=[Role.SUPPLIER, Role.CUSTOMER], occurred_at=now),
        UserRolesChanged(user_id=SUPPLIER.id, roles=[Role.CUSTOMER], occurred_at=now),
        UserBanned(user_id=RIVAL.id, occurred_at=now),
    )
    await told(wired, UserRegistered(user_id=UserId(UUID(int=9)), occurred_at=now))
    assert "user.registered" not in await heard(client, staffs)
    assert (await shown(client, staffs))["enabled"] is True
    assert (await shown(client, theirs))["disabled_because"] == "role_lost"
    assert (await shown(client, rivals))["disabled_because"] == "owner_banned"
