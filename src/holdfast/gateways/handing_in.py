"""Messages handed in over HTTP: how a provider is asked, and which of its answers are for good.

2xx                       taken
401 403 408 425 429 5xx   not now, or not our account: tried again later, for it is no message's fault
no answer, no connection  likewise; redirects are not followed
any other                 refused for good
"""

import asyncio
from collections.abc import Mapping

import httpx

from holdfast.domains.notification.exceptions import Deferred, Rejected

NOT_NOW = frozenset({401, 403, 408, 425, 429})
# of a provider's answer, as much as staff wants to read
SHOWN = 300


async def hand_in(url: str, *, body: bytes, headers: Mapping[str, str], timeout_seconds: float) -> httpx.Response:
    """The answer, whatever it is. Deferred where there is none. Each message has a connection of its own."""
    try:
        async with asyncio.timeout(timeout_seconds), httpx.AsyncClient(timeout=timeout_seconds) as client:
            return await client.post(url, content=body, headers=dict(headers))
    except (TimeoutError, httpx.TimeoutException) as error:
        raise Deferred(f"no answer within {timeout_seconds:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Deferred(f"not connected: {error}") from error


def taken(answer: httpx.Response, *, for_good: bool | None = None) -> None:
    """Deferred or Rejected where it was not; `for_good` where the provider's own words decide which."""
    if answer.is_success:
        return
    said = f"{answer.status_code} {' '.join(answer.text.split())[:SHOWN]}".strip()
    if for_good is None:
        for_good = answer.is_client_error and answer.status_code not in NOT_NOW
    raise (Rejected if for_good else Deferred)(said)
