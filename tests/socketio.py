"""The official Socket.IO client in a process of its own, and the application served to it from this one."""

import asyncio
import fcntl
import json
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import uvicorn

from holdfast.api.realtime.server import Realtime
from holdfast.main import create_app
from holdfast.wiring import Wiring
from tests.house import Json, bearer, holder
from tests.redis_server import HOST, free_port

FOLDER = Path(__file__).parent / "socketio_client"
PATIENCE = 30.0


@dataclass
class Clients:
    """Any number of connections, each with a name; what each was told, in order."""

    process: asyncio.subprocess.Process
    reports: list[Json] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            async with self.news:
                self.reports.append(json.loads(line))
                self.news.notify_all()

    async def tell(self, **command: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        await self.process.stdin.drain()

    async def report(self, fits: Callable[[Json], bool]) -> Json:
        """The first that fits, once it is there."""

        def found() -> Json | None:
            return next((each for each in self.reports if fits(each)), None)

        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: found() is not None)
        return found() or {}

    async def open(self, name: str, token: str) -> Json:
        """Connected, or refused and why."""
        await self.tell(name=name, open=token)
        return await self.report(lambda each: each["name"] == name and ("connected" in each or "refused" in each))

    async def join(self, name: str, room: str) -> Json:
        before = len([each for each in self.reports if each["name"] == name and "joined" in each])
        await self.tell(name=name, join=room)
        async with asyncio.timeout(PATIENCE), self.news:
            await self.news.wait_for(lambda: len(self.answers(name)) > before)
        return self.answers(name)[before]

    def answers(self, name: str) -> list[Json]:
        return [each["joined"] for each in self.reports if each["name"] == name and "joined" in each]

    def told(self, name: str) -> list[str]:
        return [each["event"] for each in self.reports if each["name"] == name and "event" in each]

    async def event(self, name: str, event: str, **data: object) -> Json:
        """What came with the first event of this name that says so."""

        def fits(each: Json) -> bool:
            said = each.get("data") or {}
            return (each["name"], each.get("event")) == (name, event) and data.items() <= said.items()

        report = await self.report(fits)
        return report["data"]  # type: ignore[no-any-return]

    async def cut_off(self, name: str) -> Json:
        return await self.report(lambda each: each["name"] == name and "disconnected" in each)


@asynccontextmanager
async def clients_of(url: str) -> AsyncIterator[Clients]:
    process = await asyncio.create_subprocess_exec(
        "node",
        "client.mjs",
        url,
        cwd=installed(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    clients = Clients(process)
    listening = asyncio.create_task(clients.listen())
    try:
        yield clients
    finally:
        process.kill()
        await process.wait()
        await listening


@dataclass
class Served:
    """The application on a port of its own, with its realtime part and a staff member's HTTP client."""

    url: str
    realtime: Realtime
    client: httpx.AsyncClient


@asynccontextmanager
async def served(wired: Wiring) -> AsyncIterator[Served]:
    port = free_port()
    app = create_app(wired, holder(wired))
    options = uvicorn.Config(
        app, host=HOST, port=port, log_config=None, ws="wsproto", ws_max_size=65_536, ws_per_message_deflate=False
    )
    server = uvicorn.Server(options)
    serving = asyncio.create_task(server.serve())
    url = f"http://{HOST}:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, headers=bearer("staff"), timeout=60) as client:
            await comes_true(lambda: server.started)
            yield Served(url, app.state.realtime, client)
    finally:
        server.should_exit = True
        await app.state.realtime.stop()
        await serving


async def comes_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.02)


def installed() -> Path:
    """The client's folder, with what its lock file names; installed by the first worker that asks."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: nothing is tested with the official Socket.IO client")
    with (Path(tempfile.gettempdir()) / "holdfast-socketio-client.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        marker, wanted = FOLDER / "node_modules/.package-lock.json", FOLDER / "package-lock.json"
        if not marker.exists() or marker.stat().st_mtime < wanted.stat().st_mtime:
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"npm ci failed: nothing is tested with the official client: {done.stderr[-300:]}")
    return FOLDER
