"""Documents that issuers publish over HTTP, and the keys in them: kept, bounded, asked for by one at a time.

Keys are asked for anew when they are ten minutes old, so that one taken back is not trusted for long, and when a
token names one that is not known, at most once in ten seconds: made-up names cost the issuer nothing. While an
issuer does not answer, its last keys serve for a day.
"""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
import structlog

from holdfast.domains.identity.exceptions import ProviderUnavailable, TokenInvalid
from holdfast.domains.identity.proofs.foreign import PublicKey, public_keys

FRESH = timedelta(minutes=10)
USABLE = timedelta(days=1)
PAUSE = timedelta(seconds=10)
PATIENCE_SECONDS = 5
MAX_BYTES = 262_144
# as it is: what unpacks to a thousand times its size is read by nobody
PLAIN = {"Accept": "application/json", "Accept-Encoding": "identity"}

log = structlog.get_logger()


async def published(url: str, *, patience: float = PATIENCE_SECONDS) -> dict[str, Any]:
    """The JSON object at this address, within so many seconds; redirects are not followed. ProviderUnavailable."""
    try:
        async with asyncio.timeout(patience), httpx.AsyncClient() as http:
            document = json.loads(await body_of(http, url))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError, RecursionError) as error:
        raise ProviderUnavailable(retry_after=PAUSE.seconds) from error
    if not isinstance(document, dict):
        raise ProviderUnavailable(retry_after=PAUSE.seconds)
    return document


async def body_of(http: httpx.AsyncClient, url: str) -> bytes:
    taken = bytearray()
    async with http.stream("GET", url, headers=PLAIN) as answer:
        answer.raise_for_status()
        async for chunk in answer.aiter_raw():
            taken += chunk
            if len(taken) > MAX_BYTES:
                raise ValueError(f"more than {MAX_BYTES} bytes")
    return bytes(taken)


@dataclass
class PublishedKeys:
    """One issuer's JWK set, in this process's memory."""

    url: str
    keys: dict[tuple[str, str], PublicKey] = field(default_factory=dict)
    fetched_at: datetime | None = None
    tried_at: datetime | None = None
    failed: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def find(self, algorithm: str, kid: str, *, now: datetime) -> PublicKey:
        """TokenInvalid where the issuer has no such key, ProviderUnavailable where it cannot be asked."""
        wanted = (algorithm, kid)
        # who has a key need not wait until somebody else has looked for newer ones
        if self.due(wanted, now=now) and not (wanted in self.keys and self.lock.locked()):
            async with self.lock:
                if self.due(wanted, now=now):
                    await self.renew(now=now)
        key = self.keys.get(wanted)
        if key is not None and self.fetched_at is not None and now - self.fetched_at < USABLE:
            return key
        if self.failed:
            raise ProviderUnavailable(retry_after=PAUSE.seconds)
        raise TokenInvalid

    def due(self, wanted: tuple[str, str], *, now: datetime) -> bool:
        if self.tried_at is not None and now - self.tried_at < PAUSE:
            return False
        return wanted not in self.keys or self.fetched_at is None or now - self.fetched_at >= FRESH

    async def renew(self, *, now: datetime) -> None:
        try:
            document = await published(self.url)
        except ProviderUnavailable as error:
            self.failed = True
            log.warning("keys of an issuer cannot be had", url=self.url, cause=repr(error.__cause__))
        else:
            self.failed = False
            self.keys, self.fetched_at = public_keys(document), now
        self.tried_at = now
