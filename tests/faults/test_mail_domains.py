"""What domains say about their mail, from a name server that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from dns.resolver import Resolver

from holdfast.gateways.mail_domains import DnsMailDomains

RECORDS = {
    ("full.example.org.", "MX"): ["20 mx2.example.org.", "10 mx1.example.org."],
    ("null.example.org.", "MX"): ["0 ."],
    ("plain.example.org.", "A"): ["1.1.1.1"],
    ("xn--mller-kva.example.org.", "MX"): ["10 mx.example.org."],
    ("silenced.example.org.", "A"): ["1.1.1.1"],
    ("silenced.example.org.", "TXT"): ['"v=spf1 -all"'],
}
KNOWN = {name for name, _ in RECORDS}


class NameServer(asyncio.DatagramProtocol):
    """Answers from the records; NXDOMAIN for names it does not know, nothing at all for `silent`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        if name.startswith("silent."):
            return
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name.startswith("broken."):
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in KNOWN:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif (name, kind) in RECORDS:
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *RECORDS[name, kind]))
        self.transport.sendto(response.to_wire(), address)


@pytest.fixture
async def domains() -> AsyncIterator[DnsMailDomains]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    resolver = Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    resolver.lifetime = 2
    yield DnsMailDomains(resolver)
    transport.close()


@pytest.mark.parametrize(
    ("domain", "deliverable", "servers"),
    [
        ("full.example.org", True, ["mx1.example.org", "mx2.example.org"]),
        ("plain.example.org", True, ["plain.example.org"]),
        ("müller.example.org", True, ["mx.example.org"]),
        ("null.example.org", False, []),
        ("nowhere.example.org", False, []),
        ("silenced.example.org", False, []),
        ("silent.example.org", None, []),
        ("broken.example.org", None, []),
        ("x" * 64 + ".example.org", False, []),
    ],
)
async def test_what_a_domain_says(
    domains: DnsMailDomains, domain: str, deliverable: bool | None, servers: list[str]
) -> None:
    found = await domains.check(f"ada@{domain}")
    assert (found.deliverable, found.mail_servers) == (deliverable, servers), found.reason
    assert (found.reason is None) == (deliverable is True)
