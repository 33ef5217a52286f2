"""How often anybody may ask: per address, per account and per class of route.

    request -> [AddressLimits] -> authentication -> [CallerLimits] -> route
                every request of the address; `auth`,  every other class, by account,
                where accounts are guessed, by address  guest token, or else by address

`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers) are on every answer that was counted.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv6Address

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.api.client_address import Address
from holdfast.api.problems import TooManyRequests, problem
from holdfast.api.screens import told
from holdfast.contracts.identity import Actor
from holdfast.gateways.quotas import Quota, Quotas, Standing
from holdfast.kernel.telemetry import RATE_LIMITED
from holdfast.settings import RateLimitSettings


class Kind(StrEnum):
    """A class of routes; each has a setting of its name."""

    AUTH = "auth"
    WRITE = "write"
    CHECK = "check"
    READ = "read"
    BY_METHOD = "by method"  # READ for safe methods, else WRITE
    FORM = "form"  # a page: READ for safe methods, else AUTH
    EXEMPT = "exempt"


# `*` is one segment, a final `**` any number; the first that fits
ROUTES: Mapping[str, Kind] = {
    "/healthz": Kind.EXEMPT,
    "/readyz": Kind.EXEMPT,
    "/metrics": Kind.EXEMPT,
    # asked by what has counted the request already
    "/internal/caller": Kind.EXEMPT,
    # other services of this installation, whose tokens cannot be guessed
    "/internal/**": Kind.EXEMPT,
    # what these take cannot be guessed, and everybody behind one address needs them all day
    "/api/v1/auth/refresh": Kind.WRITE,
    "/api/v1/auth/logout": Kind.WRITE,
    "/api/v1/auth/**": Kind.AUTH,
    "/api/v1/bookings/availability/check": Kind.CHECK,
    "/api/v1/inventory/check-availability": Kind.CHECK,
    "/api/v1/resources/*/slots": Kind.CHECK,
    "/api/v1/pricing/calculate": Kind.CHECK,
    "/api/v1/pricing/estimate": Kind.CHECK,
    "/api/v1/venues/**": Kind.BY_METHOD,
    "/api/v1/resources/**": Kind.BY_METHOD,
    "/api/v1/inventory/**": Kind.BY_METHOD,
    "/api/v1/pricing/**": Kind.BY_METHOD,
    "/api/v1/bookings/**": Kind.BY_METHOD,
    "/api/v1/items": Kind.READ,
    "/bookings": Kind.BY_METHOD,
    "/api/core/**": Kind.BY_METHOD,
    "/api/v1/payments/**": Kind.BY_METHOD,
    "/api/payments/create-intent": Kind.WRITE,
    # a provider sends every event from a few addresses
    "/api/payments/webhook": Kind.READ,
    "/pay/**": Kind.READ,
    "/api/v1/users/**": Kind.BY_METHOD,
    "/api/v1/api-keys/**": Kind.BY_METHOD,
    "/api/v1/notifications/**": Kind.BY_METHOD,
    "/api/v1/webhooks/**": Kind.BY_METHOD,
    "/api/v1/admin/**": Kind.BY_METHOD,
    "/api/v1/documents/**": Kind.BY_METHOD,
    "/api/documents/**": Kind.BY_METHOD,
    "/.well-known/jwks.json": Kind.READ,
    "/.well-known/check-in-keys.json": Kind.READ,
    "/register": Kind.FORM,
    "/verify-email": Kind.FORM,
    "/resend-code": Kind.FORM,
    "/login": Kind.FORM,
    "/logout": Kind.BY_METHOD,
    "/account": Kind.READ,
    "/forgot-password": Kind.FORM,
    "/reset-password": Kind.FORM,
    "/dev/mail/**": Kind.READ,
    "/sandbox/checkout/**": Kind.BY_METHOD,
    "/docs/**": Kind.READ,
    "/redoc": Kind.READ,
    "/openapi.json": Kind.READ,
    "/socket.io/**": Kind.READ,
}
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def pattern(template: str) -> re.Pattern[str]:
    fixed = re.escape(template.removesuffix("/**")).replace(r"\*", "[^/]+")
    return re.compile(fixed + ("(/.*)?" if template.endswith("/**") else "/?"), re.DOTALL)


PATTERNS = [(pattern(template), kind) for template, kind in ROUTES.items()]


def listed_kind(path: str) -> Kind | None:
    return next((kind for fits, kind in PATTERNS if fits.fullmatch(path)), None)


def kind_of(method: str, path: str) -> Kind:
    """What is not listed leads nowhere, and counts as what it looks like."""
    kind = listed_kind(path) or Kind.BY_METHOD
    if kind is Kind.FORM:
        return Kind.READ if method in SAFE else Kind.AUTH
    if kind is Kind.BY_METHOD:
        return Kind.READ if method in SAFE else Kind.WRITE
    return kind


class Limits:
    """The quotas as they are set, and what a request takes of them."""

    def __init__(self, quotas: Quotas, settings: RateLimitSettings, *, brand: str) -> None:
        self.quotas = quotas
        self.brand = brand
        self.address = Quota.of("address", settings.address)
        self.classes = {
            kind: Quota.of(kind, notation)
            for kind, notation in (
                (Kind.AUTH, settings.auth),
                (Kind.WRITE, settings.write),
                (Kind.CHECK, settings.check),
                (Kind.READ, settings.read),
            )
        }

    async def admit(self, scope: Scope, quota: Quota, key: str) -> TooManyRequests | None:
        """Take from the quota and note it for the answer's headers; the refusal where nothing is left."""
        taken = await self.quotas.take(quota, key)
        scope["state"].setdefault("standings", []).append(taken)
        if taken.admitted:
            return None
        RATE_LIMITED.labels(quota.name).inc()
        return TooManyRequests(
            f"at most {quota.amount} in {quota.window} seconds", retry_after=taken.seconds, quota=quota.name
        )

    def refusing(self, scope: Scope, refused: TooManyRequests) -> Response:
        """A page where somebody is looking at one."""
        if listed_kind(scope["path"]) is Kind.FORM:
            return told(refused, brand=self.brand)
        return problem(refused)


class AddressLimits:
    """Around authentication: bounds an address, and every attempt to become somebody."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = kind_of(scope["method"], scope["path"]) if scope["type"] == "http" else Kind.EXEMPT
        if kind is Kind.EXEMPT:
            await self.app(scope, receive, send)
            return

        async def send_with_standings(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *fields(scope["state"]["standings"])]}
            await send(message)

        key = address_key(scope["state"]["address"])
        refused = await self.limits.admit(scope, self.limits.address, key)
        if refused is None and kind is Kind.AUTH:
            refused = await self.limits.admit(scope, self.limits.classes[kind], key)
        answer = self.app if refused is None else self.limits.refusing(scope, refused)
        await answer(scope, receive, send_with_standings)


class CallerLimits:
    """Behind authentication: bounds each class of routes for each caller."""

    def __init__(self, app: ASGIApp, *, limits: Limits) -> None:
        self.app = app
        self.limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = kind_of(scope["method"], scope["path"]) if scope["type"] == "http" else Kind.EXEMPT
        refused = None
        if kind not in (Kind.EXEMPT, Kind.AUTH):
            refused = await self.limits.admit(scope, self.limits.classes[kind], caller_key(scope))
        answer = self.app if refused is None else self.limits.refusing(scope, refused)
        await answer(scope, receive, send)


def caller_key(scope: Scope) -> str:
    """The account, whatever it signs in with; the booking of a guest's token; else the address."""
    actor = scope["state"].get("actor")
    if isinstance(actor, Actor) and (known := actor.id or actor.booking_id):
        return str(known)
    return address_key(scope["state"]["address"])


def address_key(address: Address | None) -> str:
    """An IPv6 customer is given a /64 at least, so its other half tells nobody apart."""
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address or "-")


def fields(standings: list[Standing]) -> list[tuple[bytes, bytes]]:
    """One member a quota: `"write";q=120;w=60` is the policy, `"write";r=119;t=60` what is left of it."""
    policy = ", ".join(f'"{each.quota.name}";q={each.quota.amount};w={each.quota.window}' for each in standings)
    left = ", ".join(f'"{each.quota.name}";r={each.remaining};t={each.seconds}' for each in standings)
    return [(b"ratelimit-policy", policy.encode()), (b"ratelimit", left.encode())]
