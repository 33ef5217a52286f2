"""Which addresses messages are sent to: other people's public ones, and nothing of our own network.

A URL is judged when it is given; the addresses that its name leads to are judged each time it is connected to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from holdfast.domains.webhook.exceptions import TargetRefused

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

DEFAULT_PORTS = {"https": 443, "http": 80}

# public by their number, and still not the internet's: what clouds answer their own machines from, and what leads
# to an IPv4 address by a prefix of its own
NOT_OTHERS = tuple(
    IPv4Network(each) for each in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15")
) + tuple(
    IPv6Network(each)
    for each in ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "3fff::/20")
)


@dataclass(frozen=True)
class TargetRules:
    """`networks` may be reached, public or not, at any port; all other public addresses at `ports`."""

    plain_http: bool = False
    ports: tuple[int, ...] = (443, 8443)
    networks: Sequence[Network] = ()

    def check(self, url: str) -> None:
        """TargetRefused for a URL that cannot be meant, or that is an address of our own network."""
        host, port = parsed(url, plain_http=self.plain_http)
        try:
            address = ip_address(host)
        except ValueError:
            if port not in self.ports and not self.networks:
                raise refused(f"port {port} is not one of {', '.join(map(str, self.ports))}") from None
            return
        if not self.allows(address, port):
            raise refused("this address or port is not one that messages are sent to")

    def allows(self, address: Address, port: int) -> bool:
        """Whether this address may be connected to."""
        plain = unmapped(address)
        if any(plain in network for network in self.networks):
            return True
        return port in self.ports and is_public(plain)


def parsed(url: str, *, plain_http: bool) -> tuple[str, int]:
    """Host and port, or TargetRefused."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise refused("this is not a URL") from None
    if parts.scheme not in (("https", "http") if plain_http else ("https",)):
        raise refused("the URL must begin with https://")
    if "@" in parts.netloc:
        raise refused("the URL must hold no credentials: messages are signed instead")
    if parts.fragment or "#" in url:
        raise refused("the URL must have no fragment")
    if not host or not url.isascii() or not url.isprintable() or any(char in url for char in ' \\"<>^`{|}'):
        raise refused(
            "the URL must be ASCII; write an international name in its xn-- form, other characters as %XX"
        )
    return host, port if port is not None else DEFAULT_PORTS[parts.scheme]


def refused(why: str) -> TargetRefused:
    return TargetRefused(why, pointer="/url")


def unmapped(address: Address) -> Address:
    """An IPv4 address in IPv6's clothes is what it is."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Neither loopback, private, shared (CGNAT), link-local, multicast, reserved nor a tunnel to any of them."""
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return not any(address in network for network in NOT_OTHERS)
