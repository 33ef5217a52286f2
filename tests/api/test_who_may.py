"""Who may call what: every route with every kind of caller, from one table.

A route without a row fails. Each row says, for every caller, what the walls answer: 401 and 403 at the route,
403 and 404 in the facade; `ok` is anything else, with a request that the route would take.

And no route takes a token that is no longer, or never was, good.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey
from sqlalchemy import text

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentKind, DocumentOrder
from holdfast.contracts.identity import SYSTEM, Ban, Role, UserId
from holdfast.contracts.payment import IntentOrder
from holdfast.domains.identity.proofs.sealing import opened
from holdfast.main import create_app
from holdfast.wiring import Wiring
from tests.accounts import account
from tests.clock import SettableClock
from tests.house import CUSTOMER, SUPPLIER, House, Json, at, bearer, wish
from tests.people import EMAIL, PASSWORD

CALLERS = ("anonymous", "guest", "stranger", "customer", "supplier", "rival", "staff", "admin")

#                anonymous guest stranger owner supplier rival staff admin
PUBLIC = "              ok    ok    ok    ok    ok    ok    ok    ok"
ACCOUNT = "            401   403    ok    ok    ok    ok    ok    ok"
SUPPLYING = "          401   403   403   403    ok    ok    ok    ok"
OWN_VENUE = "          401   403   403   403    ok   403    ok    ok"
HOUSE = "              401   403   403   403   403   403    ok    ok"
ADMIN = "              401   403   403   403   403   403   403    ok"
SEE = "                404    ok   404    ok    ok   404    ok    ok"
CANCEL = "             404    ok   404    ok    ok   404    ok    ok"
CHANGE = "             404   403   404    ok    ok   404    ok    ok"
DECIDE = "             401   403   403   403   403   404    ok    ok"
STAGE = "              404   403   404   403   403   404    ok    ok"
RUN = "                404   403   404   403    ok   404    ok    ok"
OF_VENUE = "           401   403   404   404    ok   404    ok    ok"
OWN_HOOK = "           401   403   403   403    ok   404    ok    ok"
OF_GUEST = "           401   403   404    ok   404   404    ok    ok"


@dataclass
class Scene:
    """A supplier's venue with a table, and a booking in it that is one customer's (and one that is a guest's)."""

    house: House
    wired: Wiring
    table: Json = field(default_factory=dict)
    rate: Json = field(default_factory=dict)
    fee: Json = field(default_factory=dict)
    user: UUID = CUSTOMER.id  # type: ignore[assignment]
    booking: Json = field(default_factory=dict)
    passenger: Json = field(default_factory=dict)
    document: Json = field(default_factory=dict)
    code: str = ""
    hook: Json = field(default_factory=dict)
    sent: Json = field(default_factory=dict)
    intent: str = ""
    taken: int = 0

    async def build(self) -> "Scene":
        await self.house.open(supplier_id=str(SUPPLIER.id))
        self.table = await self.house.table()
        self.rate = await self.house.rate(self.table, "0.00", terms="none")
        self.fee = await self.house.made("/api/v1/pricing/fee-rules", {"label": "Service", "percent": "5"})
        return self

    async def booking_of(self, caller: str) -> dict[str, str]:
        """Make a fresh booking, for the guest with a token or the customer; the caller's header."""
        self.taken += 2
        start = at(self.taken)
        if caller == "guest":
            made = await self.house.client.post(
                "/api/v1/bookings", json=wish(self.table, start_at=start), headers={"Authorization": ""}
            )
            self.booking = made.json()
            header = bearer(self.booking["manage_token"])
        else:
            guest = {"id": str(CUSTOMER.id), "name": "Owner", "email": "owner@example.org"}
            self.booking = await self.house.booked(self.table, start_at=start, guest=guest)
            header = bearer(caller)
        self.passenger = await self.house.made(
            f"/api/v1/bookings/{self.booking['id']}/passengers", {"full_name": "Somebody"}
        )
        self.intent = await self.ordered()
        return header or {"Authorization": ""}

    async def listen(self) -> None:
        """Give the supplier a webhook endpoint, with a message to it."""
        endpoint = {"url": "https://hooks.example.org/"}
        made = await self.house.client.post("/api/v1/webhooks", json=endpoint, headers=bearer("supplier"))
        self.hook = made.json()
        sent = await self.house.client.post(f"/api/v1/webhooks/{self.hook['id']}/test")
        self.sent = sent.json()

    async def ordered(self) -> str:
        """An intent to pay for the booking, as one with money due comes with."""
        order = IntentOrder(
            booking_id=BookingId(UUID(self.booking["id"])), reference="SAID", minor=100, currency="EUR"
        )
        async with self.wired.sessions() as db:
            (made,) = await self.wired.orders(db).open_many([order], now=self.wired.clock.now())
        return str(made.intent_id)

    async def voucher(self) -> None:
        """The booking's own, so that every caller finds one."""
        order = DocumentOrder(booking_id=self.booking["id"], kind=DocumentKind.VOUCHER)
        latest = text("SELECT facts ->> 'code' FROM document.documents ORDER BY id DESC LIMIT 1")
        async with self.wired.sessions() as db:
            made = await self.wired.document(db).generate(order, now=self.wired.clock.now(), actor=SYSTEM)
            self.document = made.model_dump()
            self.code = str(await db.scalar(latest))

    @property
    def names(self) -> dict[str, str]:
        """What the paths' parameters stand for."""
        return {
            "venue_id": self.house.venue["id"],
            "resource_id": self.table["id"],
            "booking_id": self.booking["id"],
            "reference": self.booking["reference"],
            "passenger_id": self.passenger["id"],
            "guest_id": str(CUSTOMER.id),
            "intent_id": self.intent,
            "refund_id": str(UUID(int=99)),
            "event_id": str(UUID(int=99)),
            "job_id": str(UUID(int=99)),
            "difference_id": str(UUID(int=99)),
            "rate_id": self.rate["id"],
            "rule_id": self.fee["id"],
            "user_id": str(self.user),
            "message_id": str(UUID(int=99)),
            "document_id": str(self.document.get("id", "")),
            "supplier_id": str(SUPPLIER.id),
            "notice_id": str(UUID(int=99)),
            "template": "booking_confirmed",
            "language": "en",
            "channel": "sms",
            "key_id": str(UUID(int=99)),
            "item_id": str(UUID(int=99)),
            "task_id": str(UUID(int=99)),
            "endpoint_id": self.hook.get("id", ""),
            "delivery_id": self.sent.get("id", ""),
        }


Body = Callable[[Scene], Json]


def period(scene: Scene) -> Json:
    return {"resource_id": scene.table["id"], "start_at": at(500 + scene.taken), "end_at": at(501 + scene.taken)}


def reservation(scene: Scene) -> Json:
    return {**period(scene), "booking_id": str(UUID(int=scene.taken)), "expires_at": at(400)}


def intent(scene: Scene) -> Json:
    return {"booking_id": scene.booking["id"], "idempotency_key": str(scene.taken)}


def item(scene: Scene) -> Json:
    when = {"start_at": at(500 + scene.taken), "end_at": at(501 + scene.taken)}
    return {**when, "kind": "tour", "label": "Harbour tour", "price": "10.00", "currency": "EUR"}


VENUE = {"name": "Elsewhere", "type": "hotel", "timezone": "UTC", "currency": "EUR"}
REGISTRATION = {"email": "new@example.org", "password": "Correct-horse-7", "full_name": "New"}
NOT_A_TOKEN = {"token": "nonsense"}
NO_REFRESH_TOKEN = {"refresh_token": "nonsense"}
QUERIES = {
    "/slots": "?from=2030-01-08&to=2030-01-08",
    "/by-link": "?token=nonsense",
    "/start": "?redirect_uri=https://app.example.org",
}
# said of what was sent, not of who sent it
OF_THE_REQUEST = {
    "credentials-wrong",
    "refresh-token-invalid",
    "sign-in-not-configured",
    "link-invalid",
    "seller-not-found",
}

ROWS: dict[str, tuple[str, Json | Body | None]] = {
    "GET /healthz": (PUBLIC, None),
    "GET /readyz": (PUBLIC, None),
    "GET /metrics": (PUBLIC, None),
    "GET /.well-known/jwks.json": (PUBLIC, None),
    "POST /api/v1/auth/register": (PUBLIC, REGISTRATION),
    "POST /api/v1/auth/resend-otp": (PUBLIC, {"email": "new@example.org"}),
    "POST /api/v1/auth/forgot-password": (PUBLIC, {"email": "new@example.org"}),
    "POST /api/v1/auth/verify-otp": (PUBLIC, {"email": "new@example.org", "otp": "000000"}),
    "POST /api/v1/auth/verify-email": (PUBLIC, NOT_A_TOKEN),
    "POST /api/v1/auth/reset-password": (PUBLIC, {**NOT_A_TOKEN, "password": "Correct-horse-7"}),
    "POST /api/v1/auth/login": (PUBLIC, {"email": "new@example.org", "password": "Correct-horse-7"}),
    "POST /api/v1/auth/refresh": (PUBLIC, NO_REFRESH_TOKEN),
    "POST /api/v1/auth/logout": (PUBLIC, NO_REFRESH_TOKEN),
    "GET /api/v1/auth/google/start": (PUBLIC, None),
    "POST /api/v1/auth/google": (PUBLIC, {"code": "x", "redirect_uri": "https://app.example.org"}),
    "GET /api/v1/users/me": (ACCOUNT, None),
    "PATCH /api/v1/users/me": (ACCOUNT, {"full_name": "Somebody Else"}),
    "GET /api/v1/users/me/preferences": (ACCOUNT, None),
    "PUT /api/v1/users/me/preferences": (ACCOUNT, {"language": "de"}),
    "POST /api/v1/api-keys": (ACCOUNT, {"name": "Cash desk", "scopes": ["read"]}),
    "GET /api/v1/api-keys": (ACCOUNT, None),
    "DELETE /api/v1/api-keys/{key_id}": (ACCOUNT, None),
    "GET /api/v1/admin/users": (ADMIN, None),
    "POST /api/v1/admin/users/{user_id}/ban": (ADMIN, {"reason": "fraud"}),
    "POST /api/v1/admin/users/{user_id}/unban": (ADMIN, None),
    "PUT /api/v1/admin/users/{user_id}/roles": (ADMIN, {"roles": ["staff"]}),
    "GET /api/v1/venues": (PUBLIC, None),
    "POST /api/v1/venues": (SUPPLYING, VENUE),
    "GET /api/v1/venues/{venue_id}": (PUBLIC, None),
    "PATCH /api/v1/venues/{venue_id}": (OWN_VENUE, {"name": "Renamed"}),
    "GET /api/v1/resources": (PUBLIC, None),
    "POST /api/v1/resources": (OWN_VENUE, lambda scene: {"venue_id": scene.house.venue["id"], "name": "New"}),
    "GET /api/v1/resources/{resource_id}": (PUBLIC, None),
    "PATCH /api/v1/resources/{resource_id}": (OWN_VENUE, {"name": "Renamed"}),
    "GET /api/v1/resources/{resource_id}/slots": (PUBLIC, None),
    "POST /api/v1/inventory/check-availability": (PUBLIC, period),
    "POST /api/v1/inventory/reserve": (HOUSE, reservation),
    "POST /api/v1/inventory/release": (HOUSE, {"booking_id": str(UUID(int=1))}),
    "POST /api/v1/inventory/update-reservation": (
        HOUSE,
        lambda scene: {
            "reservation_id": scene.booking["reservation_id"],
            "start_at": at(300 + scene.taken),
            "end_at": at(301 + scene.taken),
        },
    ),
    "GET /api/v1/pricing/rates": (PUBLIC, None),
    "POST /api/v1/pricing/rates": (
        OWN_VENUE,
        lambda scene: {
            "resource_id": scene.table["id"],
            "amount": "10.00",
            "currency": "EUR",
            "per": "booking",
            "terms": "at_venue",
            "taxes": [],
        },
    ),
    "DELETE /api/v1/pricing/rates/{rate_id}": (OWN_VENUE, None),
    "GET /api/v1/pricing/fee-rules": (HOUSE, None),
    "POST /api/v1/pricing/fee-rules": (HOUSE, {"label": "Service", "percent": "5"}),
    "DELETE /api/v1/pricing/fee-rules/{rule_id}": (HOUSE, None),
    "POST /api/v1/pricing/calculate": (PUBLIC, period),
    "POST /api/v1/pricing/estimate": (
        PUBLIC,
        lambda scene: {
            "resource_id": scene.table["id"],
            "from": "2030-01-08",
            "to": "2030-01-09",
            "duration_minutes": 60,
        },
    ),
    "POST /bookings": (PUBLIC, lambda scene: wish(scene.table, start_at=at(200 + scene.taken))),
    "POST /api/v1/bookings": (PUBLIC, lambda scene: wish(scene.table, start_at=at(200 + scene.taken))),
    "POST /api/v1/bookings/availability/check": (PUBLIC, period),
    "POST /api/v1/bookings/leads": (HOUSE, lambda scene: wish(scene.table, start_at=at(200 + scene.taken))),
    "POST /api/v1/bookings/{booking_id}/items": (HOUSE, item),
    "GET /api/v1/bookings/{booking_id}/items": (SEE, None),
    "POST /api/v1/bookings/{booking_id}/items/{item_id}/remove": (HOUSE, {"reason": "not needed"}),
    "POST /api/v1/bookings/{booking_id}/items/{item_id}/replace": (
        HOUSE,
        lambda scene: {**item(scene), "reason": "a better one"},
    ),
    # the booking has no item: its supplier sees it, and another knows nothing of it
    "POST /api/v1/bookings/{booking_id}/items/{item_id}/confirm": (DECIDE, {}),
    "POST /api/v1/bookings/{booking_id}/items/{item_id}/decline": (DECIDE, {"reason": "full"}),
    "GET /api/v1/items": (SUPPLYING, None),
    "GET /api/v1/admin/tasks": (HOUSE, None),
    "POST /api/v1/admin/tasks/{task_id}/done": (HOUSE, None),
    "POST /api/core/booking-lifecycle": (
        STAGE,
        lambda scene: {"bookingId": scene.booking["id"], "toStatus": "documents_generated"},
    ),
    "GET /api/core/booking-lifecycle": (SEE, None),
    "GET /api/v1/bookings/{booking_id}": (SEE, None),
    "GET /api/v1/bookings/reference/{reference}": (SEE, None),
    "GET /api/v1/bookings/{booking_id}/history": (SEE, None),
    "PUT /api/v1/bookings/{booking_id}": (CHANGE, {"expected_version": 2, "notes": "by the window"}),
    "POST /api/v1/bookings/{booking_id}/cancel": (CANCEL, {"reason": "plans changed"}),
    "POST /api/v1/bookings/{booking_id}/status": (RUN, {"status": "CHECKED_IN"}),
    "GET /api/v1/bookings/guest/{guest_id}": (OF_GUEST, None),
    "GET /api/v1/bookings/venue/{venue_id}": (OF_VENUE, None),
    "GET /api/v1/bookings/policies/{venue_id}": (PUBLIC, None),
    "PUT /api/v1/bookings/policies/{venue_id}": (OWN_VENUE, {"tiers": []}),
    "POST /api/v1/bookings/{booking_id}/passengers": (CHANGE, {"full_name": "Somebody else"}),
    "GET /api/v1/bookings/{booking_id}/passengers": (SEE, None),
    "DELETE /api/v1/bookings/{booking_id}/passengers/{passenger_id}": (CHANGE, None),
    "POST /api/v1/admin/bookings/{booking_id}/void": (HOUSE, {"reason": "sold by mistake"}),
    "POST /api/v1/webhooks": (SUPPLYING, {"url": "https://hooks.example.org/"}),
    "GET /api/v1/webhooks": (SUPPLYING, None),
    "GET /api/v1/webhooks/{endpoint_id}": (OWN_HOOK, None),
    "PATCH /api/v1/webhooks/{endpoint_id}": (OWN_HOOK, {"enabled": False}),
    "DELETE /api/v1/webhooks/{endpoint_id}": (OWN_HOOK, None),
    "POST /api/v1/webhooks/{endpoint_id}/rotate-secret": (OWN_HOOK, None),
    "POST /api/v1/webhooks/{endpoint_id}/test": (OWN_HOOK, None),
    "GET /api/v1/webhooks/{endpoint_id}/deliveries": (OWN_HOOK, None),
    "POST /api/v1/webhooks/deliveries/{delivery_id}/replay": (OWN_HOOK, None),
    "POST /api/v1/payments/intents": (SEE, intent),
    "GET /api/v1/payments/intents/{intent_id}": (SEE, None),
    "POST /api/v1/payments/intents/{intent_id}/confirm": (SEE, {}),
    "POST /api/v1/payments/refunds": (
        HOUSE,
        lambda scene: {"intent_id": scene.intent, "reason": "sorry", "idempotency_key": "r"},
    ),
    "GET /api/v1/payments/refunds/{refund_id}": (HOUSE, None),
    "POST /api/payments/create-intent": (
        SEE,
        lambda scene: {"bookingId": scene.booking["id"], "idempotencyKey": str(scene.taken)},
    ),
    "POST /api/payments/webhook": (PUBLIC, {}),
    "GET /api/v1/admin/payments/events": (HOUSE, None),
    "POST /api/v1/admin/payments/events/{event_id}/replay": (HOUSE, None),
    "GET /api/v1/admin/payments/reconciliation": (HOUSE, None),
    "GET /api/v1/admin/payments/discrepancies": (HOUSE, None),
    "POST /api/v1/admin/payments/discrepancies/{difference_id}/close": (HOUSE, {"note": "the bank's mistake"}),
    "GET /api/v1/admin/ledger": (HOUSE, None),
    "GET /api/v1/admin/ledger/balances": (HOUSE, None),
    "PUT /api/v1/admin/suppliers/{supplier_id}/commission": (HOUSE, {"percent": "10"}),
    "GET /api/v1/admin/suppliers/balances": (HOUSE, None),
    "POST /api/v1/admin/suppliers/{supplier_id}/payouts": (
        HOUSE,
        {"amount": "1.00", "currency": "EUR", "reference": "transfer", "idempotency_key": "p"},
    ),
    "POST /api/v1/admin/ledger/write-offs": (
        HOUSE,
        lambda scene: {"booking_id": scene.booking["id"], "amount": "1.00", "reason": "small"},
    ),
    "GET /api/v1/admin/invariants": (HOUSE, None),
    "GET /api/v1/admin/audit": (ADMIN, None),
    "GET /api/v1/notifications": (ACCOUNT, None),
    "POST /api/v1/notifications/read-all": (ACCOUNT, None),
    "POST /api/v1/notifications/{notice_id}/read": (ACCOUNT, None),
    # a domain that nobody is asked about
    "POST /api/v1/admin/email-check": (HOUSE, {"email": "somebody@localhost"}),
    "GET /api/v1/admin/templates": (HOUSE, None),
    "GET /api/v1/admin/templates/{template}/{language}/{channel}": (HOUSE, None),
    "GET /api/v1/admin/templates/{template}/{language}/{channel}/versions": (HOUSE, None),
    "PUT /api/v1/admin/templates/{template}/{language}/{channel}": (HOUSE, {"text": "{{ reference }}"}),
    "POST /api/v1/admin/templates/{template}/{language}/{channel}/activate": (HOUSE, {"version": 1}),
    "POST /api/v1/admin/templates/{template}/{language}/{channel}/preview": (HOUSE, {}),
    "POST /api/v1/documents": (
        "              401   403   403   403    ok   404    ok    ok",
        lambda scene: {"booking_id": scene.booking["id"], "kind": "voucher"},
    ),
    "POST /api/documents/generate": (
        "              401   403   403   403    ok   404    ok    ok",
        lambda scene: {"bookingId": scene.booking["id"], "kind": "voucher"},
    ),
    "GET /api/v1/bookings/{booking_id}/documents": (SEE, None),
    "GET /api/v1/documents/{document_id}": (SEE, None),
    "GET /api/v1/documents/{document_id}/download": (SEE, None),
    "POST /api/v1/documents/{document_id}/links": (SEE, None),
    "GET /api/v1/documents/by-link": (PUBLIC, None),
    "PUT /api/v1/documents/sellers/house": (HOUSE, {"name": "Seaview Hotels"}),
    "GET /api/v1/documents/sellers/house": (HOUSE, None),
    "PUT /api/v1/documents/sellers/{supplier_id}": (OWN_VENUE, {"name": "Seaview Hotels"}),
    "GET /api/v1/documents/sellers/{supplier_id}": (OWN_VENUE, None),
    "POST /api/v1/bookings/check-in": (
        "              401   403   403   403    ok   404    ok    ok",
        lambda scene: {"code": scene.code},
    ),
    "GET /.well-known/check-in-keys.json": (PUBLIC, None),
    "GET /api/v1/admin/events": (HOUSE, None),
    "POST /api/v1/admin/events/{event_id}/replay": (HOUSE, None),
    "GET /api/v1/admin/jobs": (HOUSE, None),
    "POST /api/v1/admin/jobs/{job_id}/replay": (HOUSE, None),
    "GET /api/v1/admin/messages": (HOUSE, None),
    "GET /api/v1/admin/messages/{message_id}/attempts": (HOUSE, None),
    "POST /api/v1/admin/messages/{message_id}/retry": (HOUSE, None),
}


@pytest.fixture
async def scene(house: House, wired: Wiring) -> Scene:
    return await Scene(house, wired).build()


def served(wired: Wiring) -> set[str]:
    paths = create_app(wired).openapi()["paths"]
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}


def test_every_route_has_a_row_and_every_row_a_route(wired: Wiring) -> None:
    assert set(ROWS) == served(wired)


def kind_of(answer: httpx.Response) -> str:
    """The refusal's type, in whichever form it comes."""
    said = answer.json()
    return str(said["error"]["code"] if "error" in said else said["type"])


def verdict(answer: httpx.Response) -> str:
    """What the walls said; a refusal that is about the request itself means that the walls let it through."""
    if answer.is_error and kind_of(answer) in OF_THE_REQUEST:
        return "ok"
    if answer.status_code == 401:
        assert kind_of(answer) == "sign-in-first", answer.text
        return "401"
    kinds = {
        "not-your-role",
        "not-your-venue",
        "not-your-resource",
        "not-your-move",
        "not-your-seller",
        "scope-missing",
    }
    if answer.status_code == 403:
        assert kind_of(answer) in kinds, answer.text
        return "403"
    hidden = {
        "booking-not-found",
        "document-not-found",
        "venue-not-yours",
        "guest-not-found",
        "intent-not-found",
        "endpoint-not-found",
        "delivery-not-found",
    }
    if answer.status_code == 404 and kind_of(answer) in hidden:
        return "404"
    assert answer.status_code < 500, answer.text
    return "ok"


@pytest.mark.parametrize("route", ROWS)
async def test_who_may(scene: Scene, route: str) -> None:
    pattern, body = ROWS[route]
    method, path = route.split(" ")
    said = {}
    for caller in CALLERS:
        header = await scene.booking_of(caller)
        if "document" in path or "check-in" in path:
            await scene.voucher()
        if "/webhooks/" in path:
            await scene.listen()
        url = re.sub(r"\{(\w+)\}", lambda found: scene.names[found[1]], path)
        if route == "GET /api/core/booking-lifecycle":
            url += f"?bookingId={scene.booking['id']}"
        url += next((query for ending, query in QUERIES.items() if path.endswith(ending)), "")
        payload: Any = body(scene) if callable(body) else body
        answer = await scene.house.client.request(method, url, json=payload, headers=header)
        said[caller] = verdict(answer)
    assert said == dict(zip(CALLERS, pattern.split(), strict=True))


@dataclass
class Visitor:
    """An admin who has signed in, with a token that is about to be no good."""

    wired: Wiring
    client: httpx.AsyncClient
    clock: SettableClock
    id: UserId
    access: str
    refresh: str

    @property
    def parts(self) -> tuple[Json, Json]:
        read = jws.extract_compact(self.access.encode())
        return read.headers(), json.loads(read.payload)

    async def expired(self) -> str:
        self.clock.advance(timedelta(minutes=15))
        return self.access

    async def of_another_key(self) -> str:
        header, claims = self.parts
        return jwt.encode(header, claims, ECKey.generate_key("P-256", {"kid": header["kid"]}))

    async def unsigned(self) -> str:
        header, claims = self.parts
        return f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}."

    async def of_another_issuer(self) -> str:
        header, claims = self.parts
        async with self.wired.sessions() as db:
            box = await db.scalar(text("SELECT sealed_private FROM identity.signing_keys"))
        key = opened(header["kid"], bytes(box), self.wired.vault.sealing_key)
        return jwt.encode(header, {**claims, "iss": "https://elsewhere.example"}, key)

    async def banned(self) -> str:
        await account(self.wired, Role.ADMIN, email="another.admin@example.org")
        async with self.wired.sessions() as db:
            accounts = self.wired.accounts(db)
            await accounts.ban(self.id, Ban(reason="fraud"), now=self.wired.clock.now(), actor=SYSTEM)
        return self.access

    async def signed_out(self) -> str:
        answer = await self.client.post("/api/v1/auth/logout", json={"refresh_token": self.refresh})
        assert answer.status_code == 204
        return self.access


def encoded(document: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")


@pytest.fixture
async def visitor(wired: Wiring, client: httpx.AsyncClient, clock: SettableClock) -> Visitor:
    user_id = await account(wired, Role.ADMIN)
    answer = await client.post("/api/v1/auth/login", json={"email": EMAIL, "password": PASSWORD})
    tokens = answer.json()
    me = await client.get("/api/v1/users/me", headers=bearer(tokens["access_token"]))
    assert me.json()["id"] == str(user_id)
    return Visitor(wired, client, clock, user_id, tokens["access_token"], tokens["refresh_token"])


BAD_TOKENS: dict[str, tuple[str, Callable[[Visitor], Awaitable[str]]]] = {
    "expired": ("token-expired", Visitor.expired),
    "of another key": ("token-invalid", Visitor.of_another_key),
    "unsigned": ("token-invalid", Visitor.unsigned),
    "of another issuer": ("token-invalid", Visitor.of_another_issuer),
    "of a banned account": ("session-ended", Visitor.banned),
    "of a session that has ended": ("session-ended", Visitor.signed_out),
}


@pytest.mark.parametrize("bad", BAD_TOKENS)
async def test_no_route_that_needs_somebody_takes_a_bad_token(visitor: Visitor, bad: str) -> None:
    kind, spoil = BAD_TOKENS[bad]
    header = bearer(await spoil(visitor))
    guarded = [route for route, (pattern, _) in ROWS.items() if pattern != PUBLIC]
    assert len(guarded) > 30
    said = {}
    for route in guarded:
        method, path = route.split(" ")
        url = re.sub(r"\{\w+\}", str(UUID(int=99)), path)
        answer = await visitor.client.request(method, url, headers=header)
        said[route] = (answer.status_code, kind_of(answer))
    assert {route: each for route, each in said.items() if each != (401, kind)} == {}
