"""The services apart: each with a database of its own domains, an application on a socket, and twins of the rest.

What the broker carries is carried by hand here (`settle`).
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import httpx
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import Match

from holdfast.kernel.publisher import Publisher, Untold, cloud_event
from holdfast.kernel.subscriber import Subscriber
from holdfast.main import create_app
from holdfast.settings import EventsSettings, PeerSettings, ServerSettings, Settings
from holdfast.wiring import branches
from holdfast.worker import Worker
from tests.clock import SettableClock
from tests.house import bearer, holder, wiring
from tests.providers import TillWiring
from tests.redis_server import HOST

# the last asks others and is asked nothing
SERVICES = ("booking", "inventory", "pricing", "payment", "identity", "notification", "document", "webhook")


class ApartWiring(TillWiring):
    """One service's."""

    @cached_property
    def work(self) -> Worker:
        return Worker(self)


class QuietServer(uvicorn.Server):
    """Signals are pytest's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Service:
    name: str
    wired: ApartWiring
    app: FastAPI
    server: uvicorn.Server
    running: "asyncio.Task[None]"
    listening: socket.socket

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.running


@dataclass
class Apart:
    """The whole system; `client` is a staff member's, through what stands for the gateway."""

    clock: SettableClock
    services: dict[str, Service] = field(default_factory=dict)

    def wired(self, name: str) -> ApartWiring:
        return self.services[name].wired

    async def settle(self) -> None:
        """Until nobody has anything left to do: reactions, queued jobs, and what the broker would carry."""
        busy = True
        while busy:
            busy = False
            for service in self.services.values():
                work = service.wired.work
                busy |= bool(await work.relay.drain())
                busy |= bool(await work.queue.drain())
                publisher = Publisher(service.wired.sessions, ByHand(self), self.clock)
                busy |= bool(await publisher.drain())


@dataclass
class ByHand:
    """A broker that brings every event to every service at once."""

    apart: Apart

    async def send(self, event: Untold) -> None:
        body = json.dumps(cloud_event(event, source="tests")).encode()
        for service in self.apart.services.values():
            await Subscriber(service.wired.sessions, service.wired.clock).take(body)


class ByPath(httpx.AsyncBaseTransport):
    """Stands for the gateway: to the service that has the route."""

    def __init__(self, apps: Mapping[str, FastAPI]) -> None:
        self.apps = apps
        self.transports = {
            name: httpx.ASGITransport(app, raise_app_exceptions=False) for name, app in apps.items()
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        scope = {"type": "http", "method": request.method, "path": request.url.path}
        for name, app in self.apps.items():
            if any(route.matches(scope)[0] is Match.FULL for route in app.router.routes):
                return await self.transports[name].handle_async_request(request)
        return await self.transports["booking"].handle_async_request(request)


def branches_of(name: str) -> list[str]:
    """What of the schema a service's database has."""
    return list(branches(service_settings(name, dict.fromkeys(SERVICES, "http://elsewhere.test"))) or ())


def listening() -> socket.socket:
    """Nobody else can have that port."""
    made = socket.socket()
    made.bind((HOST, 0))
    return made


def address(of: socket.socket) -> str:
    return f"http://{HOST}:{of.getsockname()[1]}"


def service_settings(
    name: str, urls: Mapping[str, str], *, patience: float = 60, broker: str = "amqp://nowhere"
) -> Settings:
    """As `holdfast serve --services` has them."""
    known = {each: url for each, url in urls.items() if each in PeerSettings.model_fields}
    return wiring("", SettableClock()).settings.model_copy(
        update={
            "server": ServerSettings(services=(name,), worker_in_process=False),
            "peers": PeerSettings.model_validate({**known, "seconds": patience}),
            # nowhere: what it would carry is carried by hand
            "events": EventsSettings(url=SecretStr(broker)),
        }
    )


async def started(name: str, wired: ApartWiring, at: socket.socket) -> Service:
    app = create_app(wired, holder(wired))
    server = QuietServer(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off"))
    at.listen()  # whoever asks before it serves waits
    running = asyncio.create_task(server.serve(sockets=[at]))
    return Service(name, wired, app, server, running, at)


@asynccontextmanager
async def apart(
    databases: Mapping[str, str],
    clock: SettableClock,
    *,
    names: Sequence[str] = SERVICES,
    sockets: Mapping[str, socket.socket] | None = None,
    reached: Mapping[str, str] | None = None,
    patience: float = 60,
    broker: str = "amqp://nowhere",
) -> AsyncIterator[Apart]:
    """Every service on its own database; `reached` says where others find one, if not where it listens."""
    system = Apart(clock)
    sockets = sockets or {name: listening() for name in names}
    urls = {name: address(each) for name, each in sockets.items()} | dict(reached or {})
    async with AsyncExitStack() as stack:
        for name in names:
            wired = ApartWiring(
                service_settings(name, urls, patience=patience, broker=broker), databases[name], clock
            )
            service = system.services[name] = await started(name, wired, sockets[name])
            stack.push_async_callback(wired.close)
            stack.push_async_callback(service.stop)
        yield system


@asynccontextmanager
async def working(system: Apart) -> AsyncIterator[None]:
    """Every service's background work, by itself."""
    work = [asyncio.create_task(service.wired.work.run()) for service in system.services.values()]
    try:
        yield
    finally:
        for each in work:
            each.cancel()
        await asyncio.gather(*work, return_exceptions=True)


@asynccontextmanager
async def client_of(system: Apart) -> AsyncIterator[httpx.AsyncClient]:
    """A staff member's, through what stands for the gateway."""
    through = ByPath({name: service.app for name, service in system.services.items()})
    async with httpx.AsyncClient(
        transport=through, base_url="http://holdfast.test", timeout=120, headers=bearer("staff")
    ) as client:
        yield client
