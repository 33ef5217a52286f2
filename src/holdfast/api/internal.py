"""What other services of this installation ask: every method of every port that is answered here.

`POST /internal/{port}/{method}` with the arguments as JSON; the answer is the result as JSON, or a refusal. None
of it is for clients: it is not in the OpenAPI document, and takes the token of a service and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Header, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from holdfast.api.dependencies import WiringDep
from holdfast.api.problems import InvalidRequest
from holdfast.clients.asking import asking_first
from holdfast.clients.deadline import HEADER as PATIENCE
from holdfast.clients.deadline import within
from holdfast.clients.peer import ONCE, PREFIX, REFUSAL
from holdfast.clients.ports import PORTS, owner
from holdfast.clients.tokens import HEADER as SERVICE
from holdfast.kernel.access import Caller
from holdfast.kernel.crossing import Call, calls, told
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import NotFound, Refusal, Unavailable
from holdfast.kernel.waiting import first_time
from holdfast.wiring import Wiring

log = structlog.get_logger()

router = APIRouter(prefix=PREFIX, include_in_schema=False)


class NotInTime(Unavailable):
    """Whoever asked waits no longer."""


class NotAnsweredHere(NotFound):
    """No such thing may be asked of this service."""


@router.post("/{port}/{method}")
async def ask(
    port: str,
    method: str,
    request: Request,
    wired: WiringDep,
    token: Annotated[str, Header(alias=SERVICE)] = "",
    patience: Annotated[int | None, Header(alias=PATIENCE, ge=0)] = None,
    once: Annotated[UUID | None, Header(alias=ONCE)] = None,
) -> Response:
    """One call of a port. A refusal is the answer too, with its class."""
    try:
        caller = wired.service_tokens.read(token, audience=port, now=wired.clock.now())
        call = asked(wired, port, method)
        body = await request.body()
        seconds = None if patience is None else patience / 1000
        with within(seconds):
            async with asyncio.timeout(seconds):
                content = await answered(wired, port, call, body, caller=caller, once=once)
        return Response(content, media_type="application/json")
    except Refusal as refusal:
        return refused(refusal)
    except TimeoutError:
        return refused(NotInTime())


def asked(wired: Wiring, port: str, method: str) -> Call:
    if port in PORTS and owner(port) in wired.settings.server.services:
        call = calls(PORTS[port]).get(method)
        if call is not None:
            return call
    raise NotAnsweredHere(f"{port}.{method}")


async def answered(
    wired: Wiring, port: str, call: Call, body: bytes, *, caller: Caller, once: UUID | None
) -> bytes:
    try:
        arguments = call.read(body)
    except ValidationError as error:
        log.error("a peer asks in a form that is not ours", port=port, method=call.name, error=str(error))
        raise InvalidRequest(f"not the arguments of {port}.{call.name}") from error

    async def answer() -> bytes:
        async with wired.sessions(info={"caller": caller}) as db:
            method: Callable[..., Awaitable[object]] = getattr(wired.answering(port, db), call.name)
            if once is None:
                return call.answer(await method(**arguments))
            async with transaction(db):
                # asked again because its answer was lost: it was done with its receipt
                first = await first_time(db, once, f"{port}.{call.name}")
                return call.answer(await method(**arguments) if first else None)

    return await asking_first(answer)


def refused(refusal: Refusal) -> Response:
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after is not None else None
    return JSONResponse(told(refusal), refusal.status, headers, REFUSAL)
