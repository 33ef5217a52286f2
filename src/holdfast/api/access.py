"""The first two walls: whose token it is, and whether that role or key may use the route at all."""

from collections.abc import Awaitable, Callable

from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.contracts.identity import ANONYMOUS, Actor
from holdfast.contracts.identity import Scope as KeyScope
from holdfast.kernel.database import translated
from holdfast.kernel.errors import Forbidden, Refusal, Unauthorized

Authenticate = Callable[[str], Awaitable[Actor]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# what asks and writes nothing, though it is sent with POST
ASKING = (
    "/api/v1/bookings/availability/check",
    "/api/v1/inventory/check-availability",
    "/api/v1/pricing/calculate",
    "/api/v1/pricing/estimate",
)
BOOKING = ("/api/v1/bookings", "/bookings", "/api/v1/payments/intents", "/api/payments/create-intent")


class SignInFirst(Unauthorized):
    """Say who you are: this needs an account."""


class NotYourRole(Forbidden):
    """Your role may not do this."""


class ScopeMissing(Forbidden):
    """This API key may not do this."""


class BadCredentials(Unauthorized):
    """The Authorization header is not one bearer token."""


class Authentication:
    """Finds out who calls and leaves it in the request's state; refuses nobody itself.

    A bad token is left there as its refusal, to be raised by the route: so it is counted against the caller's
    address like any other request.
    """

    def __init__(self, app: ASGIApp, authenticate: Authenticate) -> None:
        self.app = app
        self.authenticate = authenticate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":  # sockets say who they are once they are connected
            scope.setdefault("state", {})["actor"] = await self.caller(scope)
        await self.app(scope, receive, send)

    async def caller(self, scope: Scope) -> Actor | Refusal:
        said = [(name, value) for name, value in scope["headers"] if name in (b"authorization", b"x-api-key")]
        headers = dict(said)
        if len(headers) < len(said):  # a proxy may have judged the other one
            return BadCredentials()
        token = headers.get(b"x-api-key", b"").decode("latin-1")
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        if authorization:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                return BadCredentials()
        if not token:
            return ANONYMOUS
        return await recognised(self.authenticate, token.strip())


async def recognised(authenticate: Authenticate, token: str) -> Actor | Refusal:
    """Who holds this token, or why it is no good."""
    try:
        return await authenticate(token)
    except Refusal as refusal:
        return refusal
    except (SQLAlchemyError, OSError) as error:  # read outside FastAPI's handlers, and outside a transaction
        lost = translated(error, {})
        if isinstance(lost, Refusal):
            return lost
        raise lost from error


def needed_scope(method: str, path: str) -> KeyScope:
    """What an API key needs for this request."""
    if method in SAFE_METHODS or path in ASKING:
        return KeyScope.READ
    return KeyScope.BOOK if path.startswith(BOOKING) else KeyScope.MANAGE
