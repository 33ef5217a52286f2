"""Messages to endpoints over HTTP/1.1: to checked addresses only, no redirects, within a time, read to a bound.

The name is resolved and judged where the connection is made, and the connection goes to the address that was
judged: no second look-up can lead it elsewhere. TLS verifies the name all the same.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_address

import httpcore

from holdfast import __version__
from holdfast.domains.webhook.exceptions import TargetRefused, Unreached
from holdfast.domains.webhook.ports import Answer, Parcel
from holdfast.domains.webhook.rules.targets import Address, TargetRules

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

# for one message, from the look-up to the end of the answer
TIMEOUT_SECONDS = 15.0
# an answer's status is what counts; nobody waits long for its body, or reads all of it
BODY_SECONDS = 3.0
BODY_BYTES = 4_096
# of a name with many addresses
MAX_TRIED = 3

USER_AGENT = f"Holdfast/{__version__} (webhooks)"


async def resolved(host: str, port: int) -> list[str]:
    """What the system's resolver says, in the order in which to try."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class NotPublic(OSError):
    """The name leads to an address that messages are not sent to."""


class CheckedConnections(httpcore.AsyncNetworkBackend):
    """Connects to what the rules allow, at the very address that they were asked about."""

    def __init__(self, rules: TargetRules, resolve: Resolve) -> None:
        self.rules = rules
        self.resolve = resolve
        self.inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = [ip_address(each) for each in await self.resolve(host, port)]
        # one that is not allowed spoils the others: nobody's honest name leads to both
        if not addresses or not all(self.rules.allows(each, port) for each in addresses):
            raise NotPublic
        return await self.first(addresses[:MAX_TRIED], port, timeout, socket_options)

    async def first(
        self,
        addresses: Sequence[Address],
        port: int,
        timeout: float | None,  # noqa: ASYNC109
        options: Iterable[httpcore.SOCKET_OPTION] | None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception = NotPublic()
        for address in addresses:
            try:
                return await self.inner.connect_tcp(str(address), port, timeout=timeout, socket_options=options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(self, *_: object, **__: object) -> httpcore.AsyncNetworkStream:
        raise NotPublic

    async def sleep(self, seconds: float) -> None:
        await self.inner.sleep(seconds)


class WebhookSender:
    """A `domains.webhook.ports.Sender`. Every message has a connection of its own, and so a check of its own."""

    def __init__(
        self,
        rules: TargetRules,
        *,
        resolve: Resolve = resolved,
        timeout_seconds: float = TIMEOUT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.rules = rules
        self.connections = CheckedConnections(rules, resolve)
        self.timeout_seconds = timeout_seconds
        self.tls = tls or ssl.create_default_context()

    async def send(self, parcel: Parcel) -> Answer:
        try:
            self.rules.check(parcel.url)  # the rules may have changed since it was given
            async with asyncio.timeout(self.timeout_seconds):
                return await self.exchange(parcel)
        except TargetRefused as error:
            raise Unreached(f"not sent: {error}") from error
        except NotPublic as error:
            raise Unreached("not sent: the name leads to an address that messages are not sent to") from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise Unreached(f"no answer within {self.timeout_seconds:g} s") from error
        except socket.gaierror as error:
            raise Unreached("the name cannot be resolved") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as error:
            raise Unreached(f"no answer: {type(error).__name__}: {error}") from error

    async def exchange(self, parcel: Parcel) -> Answer:
        headers = {
            **parcel.headers,
            "user-agent": USER_AGENT,
            "accept-encoding": "identity",
            "connection": "close",
        }
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self.tls, max_connections=1, network_backend=self.connections
            ) as pool,
            pool.stream("POST", parcel.url, headers=[*headers.items()], content=parcel.body) as response,
        ):
            said = (await beginning(response)).decode(errors="replace")
            return Answer(response.status, said, retry_after=header(response, b"retry-after"))


def header(response: httpcore.Response, name: bytes) -> str | None:
    """The first of this name; they come as they were written."""
    return next((value.decode("latin-1") for each, value in response.headers if each.lower() == name), None)


async def beginning(response: httpcore.Response) -> bytes:
    """What can be had of the body soon."""
    taken = b""
    with suppress(TimeoutError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in response.aiter_stream():
                taken += chunk
                if len(taken) >= BODY_BYTES:
                    break
    return taken[:BODY_BYTES]
