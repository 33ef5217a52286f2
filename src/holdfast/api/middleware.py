"""What surrounds every request: its id, its log line, its metric and a bound on its body. Plain ASGI."""

import re
import time
from urllib.parse import quote

import structlog
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.api.problems import BodyTooLarge, InternalError, InvalidRequest, problem
from holdfast.kernel.ids import uuid7
from holdfast.kernel.telemetry import REQUESTS, client_address, request_id
from holdfast.kernel.tracing import TRACEPARENT_LENGTH, Kind, Span, span

ACCEPTABLE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
# a label for each of these; a stranger's inventions share one, or they would fill the memory
KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = structlog.get_logger()


class RequestContext:
    """Takes the caller's X-Request-ID or makes one; says it in the answer, the log and every problem."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        caller = headers.get(b"traceparent", b"")[:TRACEPARENT_LENGTH].decode("latin-1")
        with span(scope["method"], kind=Kind.SERVER, within=caller or None) as running:
            await self.answer(scope, receive, send, running)

    async def answer(self, scope: Scope, receive: Receive, send: Send, running: Span) -> None:
        offered = dict(scope["headers"]).get(b"x-request-id", b"")
        name = offered.decode() if ACCEPTABLE_ID.fullmatch(offered) else uuid7().hex
        token = request_id.set(name)
        # percent-encoded: a path may hold line breaks and escape sequences that a terminal would obey
        path, method = quote(scope["path"]), scope["method"]
        started = time.perf_counter()
        status: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], (b"x-request-id", name.encode())]}
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            log.exception("defect", request_id=name, path=path)
            if status is not None:
                raise  # the answer has begun; the server closes the connection
            await problem(InternalError())(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(scope.get("route"), "path", "unmatched")
            known = method if method in KNOWN_METHODS else "other"
            REQUESTS.labels(known, route, str(status)).observe(seconds)
            describe(running, known, route, status)
            log.info(
                "request",
                request_id=name,
                method=method,
                path=path,
                status=status,
                address=client_address.get(),
                milliseconds=round(seconds * 1000, 2),
            )
            request_id.reset(token)


def describe(running: Span, method: str, route: str, status: int | None) -> None:
    """As OpenTelemetry's conventions for HTTP have it; the path itself may hold a token and is not told."""
    running.rename(f"{method} {route}")
    running.set("http.request.method", method)
    running.set("http.route", route)
    running.set("holdfast.request_id", request_id.get() or "")
    if status is not None:
        running.set("http.response.status_code", status)
    if status is None or status >= 500:
        running.failed(str(status or "no answer"))


class HeadAsGet:
    """Answers HEAD as GET without its body (RFC 9110 section 9.3.2); routes need not know of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self.app({**scope, "method": "GET"}, receive, send_head)


class BodyLimit:
    """Refuses a body beyond `limit` bytes: at once when its length is declared, else as soon as it is passed."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit():
            await problem(InvalidRequest("Content-Length is not a number"))(scope, receive, send)
            return
        # compared by length first: Python refuses to read a number of thousands of digits
        significant = declared.lstrip(b"0") or b"0"
        if len(significant) > 18 or int(significant) > self.limit:
            await problem(BodyTooLarge(f"at most {self.limit} bytes"))(scope, receive, send)
            return
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.limit:
                raise HTTPException(413, f"at most {self.limit} bytes")  # FastAPI hides any other kind
            return message

        await self.app(scope, bounded, send)
