"""PayPal's webhook signatures: RSA over what was sent, with a certificate that PayPal publishes.

    SHA256withRSA over  <transmission id>|<transmission time>|<our webhook's id>|<CRC-32 of the body, decimal>

Where the certificate is, the message itself says: it is fetched from PayPal's own hosts alone, and believed only
with a chain to a root that this machine trusts and the name that PayPal signs messages with. The time is signed
too, and not judged: PayPal tries for three days, and an event's id is taken once.
"""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit
from zlib import crc32

import certifi
import httpx
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate, DNSName, load_pem_x509_certificates
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from holdfast.domains.payment.exceptions import BadSignature
from holdfast.gateways.payments.line import Line
from holdfast.kernel.line import NoAnswer

ALGORITHM = "SHA256withRSA"
HEADERS = (
    "paypal-transmission-id",
    "paypal-transmission-time",
    "paypal-transmission-sig",
    "paypal-cert-url",
    "paypal-auth-algo",
)
HOSTS = ("api.paypal.com", "api-m.paypal.com", "api.sandbox.paypal.com", "api-m.sandbox.paypal.com")
FOLDER = "/v1/notifications/certs/"
SIGNERS = ("messageverificationcerts.paypal.com", "messageverificationcerts.sandbox.paypal.com")
MAX_BYTES = 65_536
KEPT = 8
TOO_MANY = 429

Fetch = Callable[[str], Awaitable[bytes]]


async def fetched(url: str) -> bytes:
    """NoAnswer; BadSignature where there is none. Redirects are not followed: they would lead elsewhere."""
    taken = bytearray()
    try:
        async with httpx.AsyncClient() as http, http.stream("GET", url) as answer:
            if answer.is_client_error and answer.status_code != TOO_MANY:
                raise BadSignature("its certificate is not there")
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                taken += chunk
                if len(taken) > MAX_BYTES:
                    raise NoAnswer("the certificate is too long")
    except (httpx.HTTPError, OSError) as error:
        raise NoAnswer(type(error).__name__) from error
    return bytes(taken)


def trusted_roots() -> Store:
    return Store(load_pem_x509_certificates(Path(certifi.where()).read_bytes()))


@dataclass
class Certificates:
    """PayPal's certificates that were good, kept while they are valid."""

    line: Line
    fetch: Fetch = fetched
    roots: Callable[[], Store] = trusted_roots
    known: dict[str, Certificate] = field(default_factory=dict)

    async def find(self, url: str, *, now: datetime) -> Certificate:
        """BadSignature where it is not PayPal's, ProviderUnavailable where it cannot be had."""
        require_paypals(url)
        known = self.known.get(url)
        if known is None or not known.not_valid_before_utc <= now <= known.not_valid_after_utc:
            chain = await self.line.ask(lambda: self.fetch(url), again=True)
            # a chain to a root takes milliseconds of RSA, and the first one reads all roots
            known = await asyncio.to_thread(believed, chain, self.roots, now)
            while len(self.known) >= KEPT:
                self.known.pop(next(iter(self.known)))
            self.known[url] = known
        return known


def require_paypals(url: str) -> None:
    """An address at one of PayPal's own hosts, or BadSignature before anything is asked of it."""
    try:
        parts = urlsplit(url)
        proper = (
            parts.scheme == "https"
            and parts.netloc in HOSTS  # neither a port nor a user fits
            and parts.path.startswith(FOLDER)
            and ".." not in parts.path
            and not parts.query
            and not parts.fragment
        )
    except ValueError:
        proper = False
    if not proper:
        raise BadSignature("its certificate is not at PayPal's")


def believed(pem: bytes, roots: Callable[[], Store], now: datetime) -> Certificate:
    """The first of the certificates, for which the others vouch up to a root. BadSignature."""
    try:
        leaf, *others = load_pem_x509_certificates(pem)
    except ValueError as error:
        raise BadSignature("its certificate cannot be read") from error
    policy = PolicyBuilder().store(roots()).time(now)
    for name in SIGNERS:
        try:
            policy.build_server_verifier(DNSName(name)).verify(leaf, others)
        except VerificationError:
            continue
        return leaf
    raise BadSignature("its certificate is not PayPal's")


def signed_message(transmission: str, time: str, webhook_id: str, body: bytes) -> bytes:
    return f"{transmission}|{time}|{webhook_id}|{crc32(body)}".encode(errors="replace")


def is_signed_with(key: object, message: bytes, signature: str) -> bool:
    """Whether this base64 text is the RSA signature over the message."""
    if not isinstance(key, RSAPublicKey):
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), message, PKCS1v15(), SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


async def require_signed(
    headers: Mapping[str, str], body: bytes, webhook_id: str, certificates: Certificates, *, now: datetime
) -> None:
    """BadSignature; ProviderUnavailable where the certificate cannot be had."""
    said: Sequence[str] = [headers.get(name, "") for name in HEADERS]
    transmission, time, signature, url, algorithm = said
    if not all(said) or algorithm != ALGORITHM:
        raise BadSignature
    certificate = await certificates.find(url, now=now)
    message = signed_message(transmission, time, webhook_id, body)
    if not is_signed_with(certificate.public_key(), message, signature):
        raise BadSignature
