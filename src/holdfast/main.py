"""One process's application: the routers of its services, its problems, its background work."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache, partial

import structlog
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline  # /docs and /redoc with their scripts served from here
from starlette.routing import BaseRoute

from holdfast import __version__
from holdfast.api import (
    account_pages,
    caller,
    checkout,
    dev_mail,
    health,
    internal,
    jwks,
    openapi,
    problems,
    sandbox_checkout,
)
from holdfast.api import webhooks as provider_webhooks
from holdfast.api.access import Authenticate, Authentication
from holdfast.api.admin import addresses, audit, events, invariants, jobs, messages, templates
from holdfast.api.admin import bookings as admin_bookings
from holdfast.api.admin import payments as admin_payments
from holdfast.api.admin import suppliers as admin_suppliers
from holdfast.api.admin import users as admin_users
from holdfast.api.client_address import ClientAddress
from holdfast.api.manage_tokens import PREFIX, ManageTokens
from holdfast.api.middleware import BodyLimit, HeadAsGet, RequestContext
from holdfast.api.rate_limits import AddressLimits, CallerLimits, Limits
from holdfast.api.realtime.server import Realtime
from holdfast.api.tos import documents as tos_documents
from holdfast.api.tos import lifecycle as tos_lifecycle
from holdfast.api.tos import payments as tos_payments
from holdfast.api.tos.envelope import Envelopes
from holdfast.api.v1 import (
    api_keys,
    auth,
    booking_items,
    bookings,
    documents,
    google,
    inventory,
    notifications,
    passengers,
    payments,
    pricing,
    resources,
    users,
    venues,
    webhooks,
)
from holdfast.contracts.identity import Actor
from holdfast.gateways.payments.registry import require_packages
from holdfast.settings import Settings
from holdfast.wiring import Wiring, join_database
from holdfast.wiring.observation import observe
from holdfast.worker import Worker

log = structlog.get_logger()

ROUTERS: Mapping[str, Sequence[APIRouter]] = {
    "identity": (
        auth.router,
        google.router,
        users.router,
        api_keys.router,
        admin_users.router,
        jwks.router,
        account_pages.router,
        caller.router,
    ),
    "inventory": (venues.router, resources.router, inventory.router),
    "pricing": (pricing.router,),
    "payment": (
        payments.router,
        admin_payments.router,
        admin_suppliers.router,
        tos_payments.router,
        provider_webhooks.router,
        checkout.router,
    ),
    "notification": (messages.router, addresses.router, templates.router, notifications.router),
    "webhook": (webhooks.router,),
    "realtime": (),
    "document": (documents.router, documents.door_router, tos_documents.router),
    "booking": (
        bookings.router,
        bookings.workflow_router,
        passengers.router,
        admin_bookings.router,
        tos_lifecycle.router,
        booking_items.router,
        booking_items.supplied_router,
        booking_items.tasks_router,
    ),
}

DESCRIPTION = """
From "is it free?" to a confirmed booking, without ever selling the same thing twice.

Instants are RFC 3339 with an offset; money is a decimal string beside its ISO 4217 currency; refusals are
RFC 9457 problems whose `type` is stable. Creating and changing a booking takes an `Idempotency-Key`, payment
intents and refunds need one, and a hold is its own: the same request again gives the same reservation. No other
request takes a key. Changes of a booking take the version they expect, in `If-Match` or `expected_version`.
"""


def create_app(wired: Wiring, authenticate: Authenticate | None = None) -> FastAPI:
    """The ASGI application for these collaborators; `settings.server.services` says which routers it mounts.

    `authenticate` turns a bearer token into who holds it; by default a booking's token or an account's.
    """
    settings = wired.settings
    app = FastAPIOffline(
        title="Holdfast",
        version=__version__,
        description=DESCRIPTION,
        openapi_tags=openapi.TAGS,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
        redirect_slashes=False,  # a redirect would name the host that the caller claims, and lose bodies
        static_url="/docs/assets",
    )
    app.openapi = partial(openapi.document, app)  # type: ignore[method-assign] # FastAPI's documented way
    app.state.wiring = wired
    limits = Limits(wired.quotas, settings.rate_limits, brand=settings.mail.brand)
    # the last one added is asked first
    app.add_middleware(BodyLimit, limit=settings.server.max_body_bytes)
    app.add_middleware(HeadAsGet)
    if settings.rate_limits.enabled:
        app.add_middleware(CallerLimits, limits=limits)
    app.add_middleware(Authentication, authenticate=authenticate or authenticator(wired))
    if settings.rate_limits.enabled:
        app.add_middleware(AddressLimits, limits=limits)
    app.add_middleware(RequestContext)
    app.add_middleware(Envelopes)
    app.add_middleware(ClientAddress, trusted=settings.proxies.trusted, header=settings.proxies.header)
    problems.install(app)
    app.router.routes.extend(
        routes(
            tuple(settings.server.services),
            mail=wired.catches_mail,
            sandbox=settings.payment_sandbox,
            peers=wired.split,
        )
    )
    app.state.realtime = Realtime(wired, authenticate or authenticator(wired))
    if "realtime" in settings.server.services:
        app.mount("/socket.io", app.state.realtime.app)
    return app


@cache
def routes(services: tuple[str, ...], *, mail: bool, sandbox: bool, peers: bool) -> Sequence[BaseRoute]:
    """What is served, built once a process: FastAPI takes a tenth of a second to read its signatures.

    Nothing here knows its application; a request carries it.
    """
    every = APIRouter(generate_unique_id_function=operation_id, redirect_slashes=False)
    # routes are tried one after the other: behind all the others, a booking's took 0.4 ms to be found
    for service in sorted(services, key=sought):
        for router in ROUTERS[service]:
            every.include_router(router)
    for router in (health.router, invariants.router, audit.router, events.router, jobs.router):
        every.include_router(router)
    if mail:
        every.include_router(dev_mail.router)
    if sandbox:
        every.include_router(sandbox_checkout.router)
    if peers:
        every.include_router(internal.router)
    return every.routes


def sought(service: str) -> int:
    """Its place in the line: what is asked for most comes first."""
    first = ("booking", "inventory", "pricing", "payment")
    return first.index(service) if service in first else len(first)


def authenticator(wired: Wiring) -> Authenticate:
    """Tokens of bookings by their signature, everything else by the identity service."""
    bookings_of_guests = ManageTokens(wired.secret)

    async def authenticate(token: str) -> Actor:
        if token.startswith(PREFIX):
            return bookings_of_guests.read(token)
        return await wired.authenticate(token)

    return authenticate


def app_from_environment() -> FastAPI:
    """What each process of `holdfast serve --workers N` runs; the parent has migrated the database already."""
    settings = Settings()
    observe(settings)
    return create_app(Wiring(settings, join_database(settings)))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run the background work beside the requests, and close what is open behind the last of them."""
    wired: Wiring = app.state.wiring
    require_packages(wired.settings.real_providers)  # whatever server runs this: not the first guest finds out
    if overlooked := wired.settings.overlooked_providers:
        log.warning(
            "keys are set, but payments go to the sandbox: set HOLDFAST_PAYMENT_PROVIDER", providers=overlooked
        )
    work = None
    if wired.settings.server.worker_in_process:
        work = asyncio.create_task(Worker(wired).run(), name="worker")
    try:
        yield
    finally:
        if work is not None:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
        await app.state.realtime.stop()
        await wired.creations.drain()
        await wired.close()


def operation_id(route: APIRoute) -> str:
    """Readable names for generated clients: the function's own."""
    return route.name if route.path != "/bookings" else f"{route.name}_by_workflow_path"
