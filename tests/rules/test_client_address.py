"""Whose address a request has: the socket's, or what the proxies that are trusted made of it."""

from ipaddress import ip_address, ip_network

import pytest
from starlette.types import Message, Receive, Scope, Send

from holdfast.api.client_address import ClientAddress
from holdfast.api.rate_limits import address_key
from holdfast.kernel.telemetry import client_address

TRUSTED = ("10.0.0.0/8", "fd00::/8", "127.0.0.1")
XFF = "x-forwarded-for"


async def seen(peer: str | None, *lines: str, header: str = XFF, sent_as: str | None = None) -> str | None:
    """The address that the application finds in its context; the scope must say the same."""
    found: list[str | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert str(scope["state"]["address"]) == str(client_address.get())
        found.append(client_address.get())

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    scope: Scope = {
        "type": "http",
        "client": (peer, 4711) if peer else None,
        "headers": [((sent_as or header).encode(), line.encode()) for line in lines],
    }
    networks = [ip_network(each) for each in TRUSTED]
    await ClientAddress(app, trusted=networks, header=header)(scope, receive, send)
    assert client_address.get() is None
    return found[0]


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),  # nobody we know may say for whom it asks
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),  # the left one the client made up
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),  # a line a hop
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.7:5050"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::7]:5050"], "2001:db8::7"),
        ("10.0.0.1", ["2001:db8::7"], "2001:db8::7"),
        ("10.0.0.1", ["fe80::7%eth0"], "fe80::7"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [", ".join(["10.0.0.2"] * 500)], "10.0.0.2"),
        ("fd00::1", ["198.51.100.7"], "198.51.100.7"),
        (None, ["198.51.100.7"], None),
        ("/run/holdfast.sock", ["198.51.100.7"], None),
    ],
)
async def test_the_rightmost_hop_that_is_not_ours_is_the_client(
    peer: str | None, lines: list[str], address: str | None
) -> None:
    assert await seen(peer, *lines) == address


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
        ('For="[2001:db8::7]:5050"', "2001:db8::7"),
        ("for=1.1.1.1, for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
        ("for=198.51.100.7, for=_hidden", "10.0.0.1"),
        ("proto=https", "10.0.0.1"),
        ('for="1.1.1.1, for=198.51.100.7', "198.51.100.7"),  # an open quote swallows nothing
    ],
)
async def test_forwarded_is_read_as_well(line: str, address: str) -> None:
    assert await seen("10.0.0.1", line, header="forwarded") == address


async def test_the_header_that_is_not_configured_is_not_read() -> None:
    assert await seen("10.0.0.1", "for=198.51.100.7", sent_as="forwarded") == "10.0.0.1"
    assert await seen("10.0.0.1", "198.51.100.7", header="forwarded", sent_as=XFF) == "10.0.0.1"


def test_an_ipv6_customer_is_one_whatever_half_of_the_address_changes() -> None:
    def key(text: str) -> str:
        return address_key(ip_address(text))

    assert key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff:ffff:ffff:ffff") == "2001:db8:1:2::/64"
    assert key("2001:db8:1:3::1") != key("2001:db8:1:2::1")
    assert key("198.51.100.7") == "198.51.100.7"
    assert address_key(None) == "-"
