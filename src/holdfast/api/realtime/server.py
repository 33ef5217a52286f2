"""Socket.IO in this process: who is connected, in which rooms, and what they are told.

    connect {auth: {token}} -> rooms by role        join "booking:<id>" -> {ok} or {ok: false, problem}
    leave "booking:<id>"

What happened comes by `kernel.broadcast` from the relay, whichever process that runs in, after its commit. Every
process tells its own clients, so any number of them serves, with PostgreSQL alone: a broadcast over Redis as well
would be a second thing to fail, and could speak before or without the commit.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import socketio
import structlog
from socketio.exceptions import ConnectionRefusedError as Refused
from sqlalchemy.exc import SQLAlchemyError

from holdfast.api.access import Authenticate, ScopeMissing, SignInFirst, recognised
from holdfast.api.problems import TooManyRequests
from holdfast.api.realtime.door import Door, Line
from holdfast.api.realtime.rooms import enter, first_rooms, may_read, problem_of
from holdfast.contracts.identity import Actor, ActorType
from holdfast.contracts.realtime import Announcement, Recheck
from holdfast.gateways.quotas import Quota
from holdfast.kernel.broadcast import Ear
from holdfast.kernel.errors import Refusal, Unavailable
from holdfast.wiring import Wiring

# a banned or expired one is cut off within this, and at once where the ban was made here
CHECK_SECONDS = 30.0
# messages that wait for a client; more, and it is cut off
MAX_WAITING = 256
MAX_ROOMS = 50
# to say who one is, on one connection
MAX_TRIES = 3
# announcements that wait to be told
MAX_HEARD = 10_000
MAX_MESSAGE_BYTES = 16_384
# for the last message to leave
GRACE_SECONDS = 1.0

log = structlog.get_logger()


@dataclass
class Client:
    token: str
    actor: Actor
    line: Line
    engine_id: str
    rooms: set[str] = field(default_factory=set)


class Realtime:
    """One per process."""

    def __init__(self, wired: Wiring, authenticate: Authenticate, *, check_seconds: float = CHECK_SECONDS) -> None:
        settings = wired.settings
        self.wired = wired
        self.authenticate = authenticate
        self.check_seconds = check_seconds
        self.clients: dict[str, Client] = {}
        self.ear = Ear(wired.database_url, self.hear)
        self.heard: asyncio.Queue[str] = asyncio.Queue(MAX_HEARD)
        self.tasks: list[asyncio.Task[None]] = []
        self.quotas = wired.quotas if settings.rate_limits.enabled else None
        self.asking = Quota.of("read", settings.rate_limits.read)
        self.sio = socketio.AsyncServer(
            async_mode="asgi",
            transports=["websocket"],
            cors_allowed_origins="*",  # who calls is in `auth`, which other sites cannot fill: no cookie counts
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            async_handlers=False,  # while one message is answered the next is not read
            monitor_clients=False,
        )
        for name, handler in (
            ("connect", self.connect),
            ("disconnect", self.disconnect),
            ("join", self.join),
            ("leave", self.leave),
        ):
            self.sio.on(name, handler)
        self.app = Door(socketio.ASGIApp(self.sio, socketio_path=None), self.quotas, settings.realtime)

    async def connect(self, sid: str, environ: dict[str, Any], auth: object = None) -> None:
        token = auth.get("token") if isinstance(auth, dict) else None
        line: Line = environ["asgi.scope"]["line"]
        line.tries += 1
        if line.tries > MAX_TRIES:  # each is a look-up: who wants more connects anew, and is counted
            line.cut()
            raise Refused(TooManyRequests.title(), problem_of(TooManyRequests()))
        found = await recognised(self.authenticate, token) if isinstance(token, str) and token else SignInFirst()
        if isinstance(found, Actor) and found.type is ActorType.ANONYMOUS:
            found = SignInFirst()
        if isinstance(found, Actor) and not may_read(found):
            found = ScopeMissing()
        if isinstance(found, Refusal) or not isinstance(token, str):
            refusal = found if isinstance(found, Refusal) else SignInFirst()
            raise Refused(refusal.title(), problem_of(refusal))
        engine_id = self.sio.manager.eio_sid_from_sid(sid, "/")
        client = self.clients[sid] = Client(token, found, line, engine_id)
        try:
            self.start()
            await self.ear.attend()
        except Unavailable as refusal:
            await self.disconnect(sid)
            raise Refused(refusal.title(), problem_of(refusal)) from refusal
        line.known = True
        for room in first_rooms(found):
            await self.sio.enter_room(sid, room)
            client.rooms.add(room)
        log.info("socket connected", actor=found.caller, sockets=len(self.clients))

    async def disconnect(self, sid: str, reason: object = None) -> None:
        self.clients.pop(sid, None)
        if not self.clients:
            await self.ear.rest()

    async def join(self, sid: str, room: object = None) -> dict[str, object]:
        client = self.clients[sid]
        try:
            if self.quotas is not None:
                taken = await self.quotas.take(self.asking, str(client.actor.id or client.actor.booking_id))
                if not taken.admitted:
                    raise TooManyRequests(retry_after=taken.seconds)
            if len(client.rooms) >= MAX_ROOMS:
                raise TooManyRequests(f"at most {MAX_ROOMS} rooms")
            name = await enter(self.wired, room, client.actor)
        except Refusal as refusal:
            return {"ok": False, "problem": problem_of(refusal)}
        except (SQLAlchemyError, OSError):
            return {"ok": False, "problem": problem_of(Unavailable())}
        await self.sio.enter_room(sid, name)
        client.rooms.add(name)
        return {"ok": True}

    async def leave(self, sid: str, room: object = None) -> dict[str, object]:
        client = self.clients[sid]
        if isinstance(room, str) and room in client.rooms:
            client.rooms.discard(room)
            await self.sio.leave_room(sid, room)
        return {"ok": True}

    def hear(self, payload: str) -> None:
        """In the order in which it was said; beyond what can wait, it is not told."""
        try:
            self.heard.put_nowait(payload)
        except asyncio.QueueFull:
            log.warning("too much happens to tell it all")

    def start(self) -> None:
        """With the first client, once."""
        if not self.tasks:
            self.tasks = [asyncio.create_task(work) for work in (self.tell_all(), self.check_all())]

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        for client in [*self.clients.values()]:
            client.line.cut()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.ear.rest()

    async def tell_all(self) -> None:
        while True:
            payload = await self.heard.get()
            try:
                await self.told(json.loads(payload))
            except Exception:  # one that cannot be told must not silence the others
                log.exception("announcement not told")

    async def told(self, said: dict[str, Any]) -> None:
        if "recheck" in said:
            user_id = Recheck.from_store(said).recheck
            await self.check(*(sid for sid, client in self.clients.items() if client.actor.id == user_id))
            return
        announcement = Announcement.from_store(said)
        await self.emit(announcement.event, said["data"], announcement.rooms)

    async def emit(self, event: str, data: object, rooms: list[str]) -> None:
        """To all of this process's clients in any of these rooms, once each; the slow ones are cut off first."""
        for _, engine_id in [*self.sio.manager.get_participants("/", rooms)]:
            socket = self.sio.eio.sockets.get(engine_id)
            if socket is not None and socket.queue.qsize() >= MAX_WAITING:
                log.warning("slow client cut off", waiting=socket.queue.qsize())
                self.cut(engine_id)
        await self.sio.emit(event, data, room=rooms)

    def cut(self, engine_id: str) -> None:
        for client in self.clients.values():
            if client.engine_id == engine_id:
                client.line.cut()
        socket = self.sio.eio.sockets.get(engine_id)
        while socket is not None and not socket.queue.empty():  # nobody will send these
            socket.queue.get_nowait()
            socket.queue.task_done()

    async def check_all(self) -> None:
        while True:
            await asyncio.sleep(self.check_seconds)
            try:
                await self.check(*self.clients)
            except Exception:  # tried again soon
                log.exception("connections not checked")

    async def check(self, *sids: str) -> None:
        """Cut off who may no longer be here, and take out of rooms who may no longer be in them."""
        for sid in sids:
            client = self.clients.get(sid)
            if client is None:
                continue
            found = await recognised(self.authenticate, client.token)
            if isinstance(found, Unavailable):  # nobody is thrown out because the database is away
                continue
            if found != client.actor:  # no longer anybody, or somebody else now: they may come again as that
                await self.end(sid, client)
                continue
            for room in [*client.rooms]:
                try:
                    await enter(self.wired, room, client.actor)
                except Unavailable:
                    continue
                except Refusal:
                    client.rooms.discard(room)
                    await self.sio.leave_room(sid, room)

    async def end(self, sid: str, client: Client) -> None:
        log.info("socket ended", actor=client.actor.caller)
        for room in client.rooms:
            await self.sio.leave_room(sid, room)
        await self.sio.disconnect(sid)
        asyncio.get_running_loop().call_later(GRACE_SECONDS, client.line.cut)
