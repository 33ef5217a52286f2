"""The services that are elsewhere, and what is asked of them."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.fernet import Fernet
from pydantic import JsonValue, SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.clients import ports
from holdfast.clients.peer import Peer, PeerUnavailable
from holdfast.clients.tokens import ServiceTokens
from holdfast.clients.twin import Later, Twin
from holdfast.contracts.identity import SYSTEM
from holdfast.kernel.access import Caller
from holdfast.kernel.clock import Clock
from holdfast.kernel.crossing import Call
from holdfast.kernel.jobs import Job, enqueue
from holdfast.kernel.keys import derived_key
from holdfast.settings import Settings

# queued jobs: what is done elsewhere once the transaction that wanted it has committed
RELEASE = "booking.release"
TELL = "tell"


@dataclass(frozen=True)
class Nowhere:
    """A service that no setting names."""

    name: str

    async def ask(self, port: str, method: str, body: bytes, *, caller: Caller, once: str | None = None) -> bytes:
        raise PeerUnavailable(
            f"HOLDFAST_{self.name.upper()}_URL does not say where {self.name} is", dependency=self.name
        )


@dataclass(frozen=True)
class Peers:
    """Every service that another process has; empty where this one has all of them."""

    known: Mapping[str, Peer]
    box: Fernet

    @classmethod
    def of(cls, settings: Settings, tokens: ServiceTokens, secret: SecretStr, clock: Clock) -> "Peers":
        patience, key = settings.peers.seconds, derived_key(secret, "calls to services")
        known = {name: Peer(name, url, patience, tokens, clock) for name, url in settings.elsewhere.items()}
        return cls(known, Fernet(urlsafe_b64encode(key)))

    def twin(self, port: str, db: AsyncSession) -> Any:
        """Fits `clients.ports.PORTS[port]`."""
        name = ports.owner(port)
        return Twin(port, ports.PORTS[port], self.known.get(name) or Nowhere(name), db, self.later(port))

    def later(self, port: str) -> Mapping[str, Later]:
        """What is never asked first: it may only happen if the transaction commits."""
        if port == "inventory":
            return {"release_many": self.release_later}
        return {"queue": self.tell_later} if port == "notification" else {}

    async def release_later(self, db: AsyncSession, call: Call, arguments: Mapping[str, Any]) -> int:
        """As much of it as bookings then still do not hold: one that was given up may be sold again by then."""
        payload: dict[str, JsonValue] = {
            name: [str(each) for each in arguments.get(name, ())] for name in ("booking_ids", "reservation_ids")
        }
        await enqueue(db, RELEASE, payload, now=arguments["now"])
        return 0

    async def tell_later(self, db: AsyncSession, call: Call, arguments: Mapping[str, Any]) -> None:
        """Sealed: a message may hold a code or a link."""
        body = self.box.encrypt(call.asked(**arguments)).decode()
        payload: dict[str, JsonValue] = {"port": "notification", "method": call.name, "sealed": body}
        await enqueue(db, TELL, payload, now=arguments["now"])

    async def tell(self, job: Job) -> None:
        """What `tell_later` put off: taken once, however often it is tried."""
        said = {name: str(job.payload[name]) for name in ("port", "method", "sealed")}
        body = self.box.decrypt(said["sealed"].encode())
        peer = self.known[ports.owner(said["port"])]
        await peer.ask(said["port"], said["method"], body, caller=SYSTEM.access, once=str(job.id))

    async def missing(self, *, within: float) -> Mapping[str, bool]:
        """Every peer, and whether it does not answer."""
        answers = await asyncio.gather(*(peer.answers(within=within) for peer in self.known.values()))
        return {name: not answer for name, answer in zip(self.known, answers, strict=True)}

    async def close(self) -> None:
        for peer in self.known.values():
            await peer.close()
