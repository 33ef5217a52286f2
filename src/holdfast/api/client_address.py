"""Where a request comes from: the socket's other end, or whom a trusted proxy says it asks for.

A proxy appends the address it was asked from. Read from the right, the hops of our own proxies come first and
the client's next; what stands left of it anybody may have written.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.kernel.telemetry import client_address

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS = 20  # nobody's proxies are that many; a longer list is not read to its end


class ClientAddress:
    """Leaves the caller's address where logs, audit and limits find it; None where it has none (a Unix socket)."""

    def __init__(self, app: ASGIApp, *, trusted: Sequence[Network], header: str) -> None:
        self.app = app
        self.trusted = trusted
        self.header = header.encode()
        self.read = HEADERS[header]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        address = self.caller(scope)
        scope.setdefault("state", {})["address"] = address
        token = client_address.set(str(address) if address else None)
        try:
            await self.app(scope, receive, send)
        finally:
            client_address.reset(token)

    def caller(self, scope: Scope) -> Address | None:
        client = scope.get("client")
        nearest = parsed(client[0]) if client else None
        if nearest is None or not self.trusts(nearest):
            return nearest
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name == self.header]
        for said in self.read(lines):
            hop = parsed(said)
            if hop is None:  # the last one that could be read has said so
                break
            nearest = hop
            if not self.trusts(hop):
                break
        return nearest

    def trusts(self, address: Address) -> bool:
        return any(address in network for network in self.trusted)


def from_the_right(lines: Sequence[str]) -> list[str]:
    """The elements of a list header, the nearest hop first.

    Quotes are not looked at: one that a client opens must not swallow what a proxy appends.
    """
    return [each.strip() for each in reversed(",".join(lines).rsplit(",", HOPS)[-HOPS:])] if lines else []


def forwarded_for(lines: Sequence[str]) -> Iterator[str]:
    """The `for=` of RFC 7239; an element without one names nobody."""
    for element in from_the_right(lines):
        pairs = dict(pair.strip().partition("=")[::2] for pair in element.lower().split(";"))
        yield pairs.get("for", "").strip('"')


HEADERS = {"x-forwarded-for": from_the_right, "forwarded": forwarded_for}


def parsed(text: str) -> Address | None:
    """An address, with a port or without; None for `unknown`, obfuscated names and anything else."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
