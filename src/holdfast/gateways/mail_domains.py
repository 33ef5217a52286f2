"""Whether mail to a domain could arrive, asked of the domain name system."""

import asyncio
from dataclasses import dataclass
from functools import partial

from dns.exception import DNSException
from dns.resolver import Resolver
from email_validator import EmailUndeliverableError
from email_validator.deliverability import validate_email_deliverability
from idna import IDNAError
from idna import encode as in_ascii

from holdfast.contracts.notification import AddressView

# for each kind of record; at most four are asked for
TIMEOUT_SECONDS = 3.0


@dataclass(frozen=True)
class DnsMailDomains:
    """A `domains.notification.ports.MailDomains`. Without a resolver the system's own servers are asked."""

    resolver: Resolver | None = None

    async def check(self, email: str) -> AddressView:
        """MX, then A and AAAA; a null MX and an SPF record that lets nobody send say no."""
        return await asyncio.to_thread(partial(self.asked, email))

    def asked(self, email: str) -> AddressView:
        domain = email.rpartition("@")[2]
        answer = partial(AddressView, email=email, mail_servers=[])
        try:
            found = validate_email_deliverability(
                in_ascii(domain, uts46=True).decode(), domain, dns_resolver=self.resolver or patient()
            )
        except (EmailUndeliverableError, IDNAError) as error:
            return answer(deliverable=False, reason=str(error))
        except (DNSException, OSError) as error:
            return answer(deliverable=None, reason=str(error) or type(error).__name__)
        if unknown := found.get("unknown-deliverability"):
            return answer(deliverable=None, reason=f"the name servers gave no answer: {unknown}")
        servers = [name for _, name in found.get("mx") or []]
        return AddressView(email=email, deliverable=True, reason=None, mail_servers=servers)


def patient() -> Resolver:
    resolver = Resolver()
    resolver.lifetime = TIMEOUT_SECONDS
    return resolver
