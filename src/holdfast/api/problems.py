"""Every refusal as RFC 9457 `application/problem+json`; no input makes anything else."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from holdfast.kernel.database import translated
from holdfast.kernel.errors import (
    Busy,
    DatabaseError,
    DatabaseUnreachable,
    Invalid,
    NotFound,
    Refusal,
    TooMany,
    Unauthorized,
)
from holdfast.kernel.telemetry import request_id
from holdfast.kernel.tracing import trace_ids

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# enough to mend a form by; a body may hold a hundred thousand wrong fields with names of any length
MAX_ERRORS, MAX_QUOTED = 50, 200

log = structlog.get_logger()

Handler = Callable[[Request, Exception], Awaitable[Response]]


class InvalidRequest(Invalid):
    """The request does not have the form this endpoint takes."""


class BodyTooLarge(Refusal):
    """The request body is larger than this server takes."""

    status = 413


class TooManyRequests(TooMany):
    """Too many requests; there will be room again after Retry-After."""


class NotJson(Refusal):
    """This takes JSON: send it as `application/json`."""

    status = 415


class MethodNotAllowed(Refusal):
    """This resource does not take that method; `Allow` says which it takes."""

    status = 405


class InternalError(Refusal):
    """Something went wrong here; it has been logged under this request's id."""

    status = 500


class NotModified(Exception):
    """The caller has this version already; answered without a body."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


def problem(refusal: Refusal) -> Response:
    """The problem document. ASCII-only JSON, so that even a lone surrogate in a field's name can be quoted."""
    document: dict[str, Any] = {
        "type": refusal.problem_type(),
        "title": refusal.title(),
        "status": refusal.status,
        "detail": refusal.detail or refusal.title(),
        "request_id": request_id.get(),
    }
    if ids := trace_ids():
        document["trace_id"] = ids["trace_id"]
    if refusal.pointer is not None:
        document["pointer"] = refusal.pointer
    document |= refusal.facts
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else {}
    if isinstance(refusal, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(json.dumps(document, default=on_the_wire), refusal.status, headers, MEDIA_TYPE)


def on_the_wire(value: object) -> str:
    """Instants as every other answer has them; ids and enums as their text."""
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


def pointer(location: Sequence[int | str], document: Any, *, missing: bool = False) -> str:
    """RFC 6901 for a place in this document.

    Pydantic's location also names what is not in the document, such as the branch of a union; that is left out.
    The last part is kept where it is the field that is `missing`.
    """
    found: list[str] = []
    for index, part in enumerate(location):
        if has(document, part):
            document = document[part]
        elif not (missing and index == len(location) - 1):
            continue
        # a name may hold lone surrogates, which many readers of JSON refuse
        name = str(part)[:MAX_QUOTED].encode(errors="replace").decode()
        found.append(name.replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{name}" for name in found)


def has(document: object, part: int | str) -> bool:
    if isinstance(document, dict):
        return part in document
    return isinstance(document, list) and isinstance(part, int) and part < len(document)


def whereabouts(each: Mapping[str, Any], body: object) -> tuple[str, str]:
    """Which part of the request is at fault (body, path, query, header) and where in it."""
    part, *location = each["loc"]
    if each["type"] == "json_invalid":
        return part, ""
    absent = each["type"] in {"missing", "union_tag_not_found"}
    if each["type"].startswith("union_tag"):
        location.append(each["ctx"]["discriminator"].strip("'"))
    # a parameter has a name, and nothing below it
    document = body if part == "body" else dict.fromkeys(location[:1])
    return part, pointer(location, document, missing=absent)


def wrong(each: Mapping[str, Any]) -> str:
    """What is wrong, in pydantic's words unless they leave out what helps or quote what was sent."""
    if each["type"] == "json_invalid":
        return f"not JSON at character {each['loc'][1]}: {each['ctx']['error']}"
    if each["type"] == "union_tag_invalid":
        return f"one of {each['ctx']['expected_tags']}"
    return str(each["msg"]).removeprefix("Value error, ")


async def on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("unavailable", type=error.problem_type(), detail=error.detail, cause=repr(error.__cause__))
    return problem(error)


async def on_validation_error(request: Request, error: Exception) -> Response:
    """Which fields are wrong and why; the input itself is not echoed (it may be secret, or not even Unicode)."""
    assert isinstance(error, RequestValidationError)
    if isinstance(error.body, bytes):
        return problem(NotJson())
    found = []
    for each in error.errors()[:MAX_ERRORS]:
        part, place = whereabouts(each, error.body)
        found.append({"in": part, "pointer": place, "detail": wrong(each), "code": str(each["type"])})
    first = found[0]
    detail = f"{first['pointer'] or first['in']}: {first['detail']}"
    return problem(InvalidRequest(detail, pointer=first["pointer"], errors=found))


async def on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.NOT_FOUND:
        return problem(NotFound(f"there is no {request.url.path} here"))
    if status is HTTPStatus.BAD_REQUEST:
        return problem(InvalidRequest(str(error.detail)))
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return problem(BodyTooLarge(str(error.detail)))
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = methods(request)
        answer = problem(MethodNotAllowed(f"{request.method} is not among {', '.join(allowed)}"))
        answer.headers["Allow"] = ", ".join(allowed)
        return answer
    document = {
        "type": status.phrase.lower().replace(" ", "-"),
        "title": status.phrase,
        "status": int(status),
        "detail": str(error.detail),
        "request_id": request_id.get(),
    }
    return Response(json.dumps(document), int(status), error.headers, MEDIA_TYPE)


def methods(request: Request) -> list[str]:
    """Every method that some route takes at this path (RFC 9110 section 10.2.1); routes know only their own."""
    return [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.router.routes
        )
    ]


async def on_not_modified(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotModified)
    return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": error.tag})


async def on_database_error(request: Request, error: Exception) -> Response:
    """`transaction` has translated its own; reads run outside one, where a lost server is no defect either."""
    known = translated(error, {}) if isinstance(error, SQLAlchemyError | OSError) else error
    if isinstance(known, Refusal):
        known.__cause__ = error
        return await on_refusal(request, known)
    log.error("defect", path=quote(request.url.path), exc_info=error)
    return problem(InternalError())


HANDLERS: dict[type[Exception], Handler] = {
    Refusal: on_refusal,
    RequestValidationError: on_validation_error,
    HTTPException: on_http_exception,
    DatabaseError: on_database_error,
    SQLAlchemyError: on_database_error,
    OSError: on_database_error,
    NotModified: on_not_modified,
}


def install(app: FastAPI) -> None:
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)


def documents(*refusals: type[Refusal]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI `responses` for a route: its refusals by status, beside those every route may answer."""
    by_status: dict[int, list[type[Refusal]]] = {}
    every: tuple[type[Refusal], ...] = (
        *refusals,
        InvalidRequest,
        BodyTooLarge,
        NotJson,
        TooManyRequests,
        Busy,
        DatabaseUnreachable,
    )
    for refusal in every:
        by_status.setdefault(refusal.status, []).append(refusal)
    return {status: described(*group) for status, group in sorted(by_status.items())}


def described(*group: type[Refusal]) -> dict[str, Any]:
    """OpenAPI's response object for refusals of one status."""
    return {
        "description": "; ".join(f"`{each.problem_type()}`: {each.title()}" for each in group),
        "content": {
            MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": {
                    "type": group[0].problem_type(),
                    "title": group[0].title(),
                    "status": group[0].status,
                    "detail": group[0].title(),
                    "request_id": "0199f0c2a7b17c2d",
                },
            }
        },
    }
