"""The envelope: `{ok: true, data, requestId}`, and for a refusal `{ok: false, error: {code, message}, requestId}`.

    route -> refusal -> problem document -> [Envelopes] -> the same status and headers, in the envelope

Routes raise refusals as everywhere; so what middlewares refuse (limits, sizes, defects) is enveloped too.
"""

import json
from typing import Generic, Literal, TypeVar

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.api.problems import MEDIA_TYPE
from holdfast.kernel.contract import Contract
from holdfast.kernel.telemetry import request_id

Data = TypeVar("Data")


class CamelContract(Contract):
    """A contract whose fields are camelCase on the wire; `booking_id` is read and written as `bookingId` alone."""

    model_config = ConfigDict(alias_generator=to_camel, serialize_by_alias=True)


class Envelope(CamelContract, Generic[Data]):
    """Every answer that is no refusal."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    ok: Literal[True] = True
    data: Data
    request_id: str | None


def enveloped(data: Data) -> Envelope[Data]:
    """An answer, with this request's id."""
    return Envelope[Data].model_construct(ok=True, data=data, request_id=request_id.get())


def is_enveloped(path: str) -> bool:
    """Whether these are the routes that speak so: all below `/api/` without a version."""
    return path.startswith("/api/") and not path.startswith("/api/v")


class Envelopes:
    """Puts the problem documents of those routes into the envelope."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_enveloped(scope["path"]):
            await self.app(scope, receive, send)
            return
        start: Message | None = None
        kept = b""

        async def envelop(message: Message) -> None:
            nonlocal start, kept
            if message["type"] == "http.response.start" and is_problem(message):
                start = message
            elif start is None:
                await send(message)
            else:
                kept += message.get("body", b"")
                if not message.get("more_body", False):
                    body = refused(kept) if kept else b""  # an answer to HEAD has none
                    await send({**start, "headers": headers_for(start, body)})
                    await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, envelop)


def is_problem(start: Message) -> bool:
    headers: dict[bytes, bytes] = dict(start["headers"])
    return headers.get(b"content-type", b"").startswith(MEDIA_TYPE.encode())


def headers_for(start: Message, body: bytes) -> list[tuple[bytes, bytes]]:
    ours = (b"content-type", b"content-length")
    kept = [header for header in start["headers"] if header[0].lower() not in ours]
    return [*kept, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]


def refused(problem: bytes) -> bytes:
    said = json.loads(problem)
    error = {"code": said["type"], "message": said["detail"]}
    return json.dumps({"ok": False, "error": error, "requestId": said["request_id"]}).encode()
