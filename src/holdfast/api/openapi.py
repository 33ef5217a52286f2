"""The OpenAPI document: FastAPI's, with what only we know: the problem, the headers, the examples."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from holdfast.api.access import BadCredentials, NotYourRole, ScopeMissing, SignInFirst
from holdfast.api.examples import EXAMPLES
from holdfast.api.manage_tokens import ManageTokenInvalid
from holdfast.api.problems import MEDIA_TYPE, described
from holdfast.api.rate_limits import Kind, kind_of
from holdfast.api.tos.envelope import is_enveloped
from holdfast.domains.identity.exceptions import (
    ApiKeyExpired,
    ApiKeyInvalid,
    SessionEnded,
    TokenExpired,
    TokenInvalid,
)
from holdfast.kernel.errors import Refusal

Json = dict[str, Any]

TAGS = [
    {
        "name": "bookings",
        "description": "From a wish to a stay: create, read, move, cancel; history and travellers.",
    },
    {"name": "inventory", "description": "Venues, their resources, what is free of them, and holds on it."},
    {"name": "pricing", "description": "Rates, fee rules, and what a stay costs, line by line."},
    {
        "name": "payments",
        "description": "Pay what a booking owes, give it back; what providers tell, and the ledger of it all.",
    },
    {
        "name": "travel operating system",
        "description": "The same operations at other paths: camelCase, and every answer in an envelope.",
    },
    {"name": "auth", "description": "Sign up, sign in, prove an address, choose a new password."},
    {"name": "users", "description": "One's own account."},
    {"name": "api keys", "description": "Keys for programs, within scopes and their owner's role."},
    {"name": "admin", "description": "Accounts of others: find, ban, give roles."},
    {
        "name": "documents",
        "description": "Invoices, vouchers, tickets and other papers, and the door that reads them.",
    },
    {"name": "notification", "description": "Messages to people, and what became of them."},
    {
        "name": "webhooks",
        "description": "Endpoints of other programs that hear of events, signed as Standard Webhooks.",
    },
    {"name": "operation", "description": "Is it alive, can it serve, and are its invariants intact."},
]

TEXT: Json = {"type": "string"}
INSTANT: Json = {"type": "string", "format": "date-time"}

PROBLEM: Json = {
    "type": "object",
    "title": "Problem",
    "description": "A refusal (RFC 9457). Match `type`, never prose; members beyond these depend on the type.",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {**TEXT, "description": "stable, such as `slot-taken`", "pattern": "^[a-z]+(-[a-z]+)*$"},
        "title": {**TEXT, "description": "the same for every problem of this type"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {**TEXT, "description": "what is wrong this time"},
        "request_id": {"type": ["string", "null"], "description": "as in the X-Request-ID header"},
        "trace_id": {**TEXT, "description": "where traces are collected", "pattern": "^[0-9a-f]{32}$"},
        "pointer": {**TEXT, "description": "the field at fault: a JSON pointer (RFC 6901)"},
        "errors": {
            "type": "array",
            "description": "everything that is wrong with the form of the request, at most 50",
            "items": {
                "type": "object",
                "required": ["in", "pointer", "detail", "code"],
                "properties": {
                    "in": {"enum": ["body", "query", "path", "header"]},
                    "pointer": {**TEXT, "description": "into the body; for the others the parameter's name"},
                    "detail": TEXT,
                    "code": TEXT,
                },
            },
        },
        "reason": {**TEXT, "description": "why it is not available, as in AvailabilityView"},
        "alternatives": {
            "type": "array",
            "description": "what is free instead, nearest first",
            "items": {"$ref": "#/components/schemas/Alternative"},
        },
        "remaining": {"type": "integer", "description": "units left"},
        "held_until": {**INSTANT, "description": "when the hold in the way runs out"},
        "line": {"type": ["integer", "null"], "description": "of the template's part, where it is broken"},
        "current_version": {"type": "integer", "description": "the version the booking has now"},
        "from": {**TEXT, "description": "the status the booking has"},
        "to": {**TEXT, "description": "the status asked for"},
        "allowed": {"type": "array", "items": TEXT, "description": "where it could go from here"},
    },
}

REFUSED_ENVELOPE: Json = {
    "type": "object",
    "title": "RefusedEnvelope",
    "description": "A refusal of the routes without a version in their path.",
    "required": ["ok", "error", "requestId"],
    "properties": {
        "ok": {"const": False, "type": "boolean"},
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {**TEXT, "description": "the `type` of the same problem elsewhere, such as `nothing-due`"},
                "message": {**TEXT, "description": "what is wrong this time"},
            },
        },
        "requestId": {"type": ["string", "null"], "description": "as in the X-Request-ID header"},
    },
}

REQUEST_ID = {"description": "the caller's X-Request-ID, or a new one", "schema": TEXT}
BOOKING_HEADERS: Json = {
    "ETag": {"description": 'the version, such as `"3"`, for If-Match and If-None-Match', "schema": TEXT},
    "Idempotency-Replayed": {
        "description": "`true` on the kept answer of an earlier request with this key",
        "schema": {"enum": ["true"], "type": "string"},
    },
}
LOCATION: Json = {"Location": {"description": "the path of what was made", "schema": TEXT}}
ALLOW_RETRY: Json = {
    "Retry-After": {"description": "seconds", "schema": {"type": "string", "pattern": "^[0-9]+$"}}
}
STANDINGS: Json = {
    "RateLimit-Policy": {"description": 'such as `"write";q=120;w=60`: 120 in 60 seconds', "schema": TEXT},
    "RateLimit": {"description": 'such as `"write";r=119;t=60`: 119 are left', "schema": TEXT},
}
CHALLENGE: Json = {"WWW-Authenticate": {"description": "`Bearer`", "schema": TEXT}}

BAD_TOKENS: tuple[type[Refusal], ...] = (
    TokenInvalid,
    TokenExpired,
    SessionEnded,
    ApiKeyInvalid,
    ApiKeyExpired,
    ManageTokenInvalid,
    BadCredentials,
)


def document(app: FastAPI) -> Json:
    """FastAPI keeps what it generated; it is completed once, in place."""
    generated = FastAPI.openapi(app)
    schemas = generated.setdefault("components", {}).setdefault("schemas", {})
    if "Problem" not in schemas:
        schemas["Problem"] = PROBLEM
        for path, method, operation in operations(generated):
            admit(operation)
            limit(operation, kind_of(method.upper(), path))
            complete(operation)
            if is_enveloped(path):
                schemas.setdefault("RefusedEnvelope", REFUSED_ENVELOPE)
                envelop(operation)
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        if "Alternative" not in schemas:  # a service that runs without bookings has no such schema
            schemas["Problem"] = {**PROBLEM, "properties": {**PROBLEM["properties"], "alternatives": True}}
    return generated


def operations(generated: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in generated["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def admit(operation: Json) -> None:
    """Who may: what FastAPI wrote down as scopes are the roles; without any a token is welcome, not needed."""
    schemes = operation.get("security")
    if schemes is None:
        operation["security"] = []
        return
    roles = sorted({role for scheme in schemes for each in scheme.values() for role in each})
    operation["security"] = [{name: []} for scheme in schemes for name in scheme]
    if roles:
        operation["description"] += f"\n\n**For**: {', '.join(roles)}."
        refuse(operation, SignInFirst, *BAD_TOKENS)
        refuse(operation, NotYourRole, ScopeMissing)
    else:
        operation["security"].append({})
        refuse(operation, *BAD_TOKENS)
        refuse(operation, ScopeMissing)


def refuse(operation: Json, *refusals: type[Refusal]) -> None:
    """One more group of refusals of one status, behind those that the route itself names."""
    more, responses = described(*refusals), operation["responses"]
    known = responses.setdefault(str(refusals[0].status), more)
    if known is not more:
        known["description"] = f"{known['description']}; {more['description']}"


def limit(operation: Json, kind: Kind) -> None:
    if kind is Kind.EXEMPT:
        operation["responses"].pop("429", None)
        return
    for response in operation["responses"].values():
        response.setdefault("headers", {}).update(STANDINGS)


def complete(operation: Json) -> None:
    """Headers and examples of one operation; refusals of what is sent only where something is."""
    body = operation.get("requestBody")
    if body is None:
        for status in ("413", "415"):
            operation["responses"].pop(status, None)
        if not operation.get("parameters"):
            operation["responses"].pop("422", None)
    else:
        illustrate(body["content"])
    for status, response in operation["responses"].items():
        headers = response.setdefault("headers", {})
        headers["X-Request-ID"] = REQUEST_ID
        content = response.get("content", {})
        if status == "401":
            headers.update(CHALLENGE)
        if status in ("409", "429", "503") and MEDIA_TYPE in content:
            headers.update(ALLOW_RETRY)
        if status.startswith("2"):
            illustrate(content)
            if schema_name(content.get("application/json", {})) in ("BookingView", "MadeBookingView"):
                headers.update(BOOKING_HEADERS)
                headers.update(LOCATION if status == "201" else {})


def envelop(operation: Json) -> None:
    """Refusals as `Envelopes` answers them."""
    for response in operation["responses"].values():
        problem = response.get("content", {}).pop(MEDIA_TYPE, None)
        if problem is not None:
            said = problem["example"]
            error = {"code": said["type"], "message": said["detail"]}
            response["content"]["application/json"] = {
                "schema": {"$ref": "#/components/schemas/RefusedEnvelope"},
                "example": {"ok": False, "error": error, "requestId": said["request_id"]},
            }


def illustrate(content: Json) -> None:
    media = content.get("application/json")
    if media is not None and "example" not in media:
        media["example"] = EXAMPLES[schema_name(media)]


def schema_name(media: Json) -> str:
    """Of several, the last: the one with everything in it."""
    schema = media.get("schema", {})
    return str(schema.get("anyOf", [schema])[-1].get("$ref", "")).rpartition("/")[2]
