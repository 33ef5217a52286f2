"""Secrets that people hold, and the keyed hashes that we keep of them: reading the database gives none of them."""

import hmac
import secrets
from dataclasses import dataclass

from holdfast.domains.identity.rules.limits import CODE_DIGITS

REFRESH_PREFIX = "hr_"
API_KEY_PREFIX = "hf_"


@dataclass(frozen=True)
class Digests:
    """HMAC-SHA256 under one key; each kind has a label of its own."""

    key: bytes

    def of(self, kind: str, *parts: bytes) -> bytes:
        """Parts are framed by their lengths, so that no two lists of parts read alike."""
        framed = b"".join(len(part).to_bytes(4) + part for part in (kind.encode(), *parts))
        return hmac.digest(self.key, framed, "sha256")

    def address(self, email: str) -> bytes:
        """The same for every way to write its letters."""
        return self.of("address", email.strip().lower().encode())

    def code(self, email: str, code: str) -> bytes:
        return self.of("code", self.address(email), code.encode())

    def refresh_token(self, token: str) -> bytes:
        return self.of("refresh", token.encode())

    def api_key(self, secret: str) -> bytes:
        return self.of("api key", secret.encode())


@dataclass(frozen=True, slots=True)
class ApiKey:
    """`hf_<prefix>_<secret>`: the prefix finds it and may be shown, the secret proves it."""

    prefix: str
    secret: str

    @classmethod
    def new(cls) -> "ApiKey":
        """256 secret bits in letters that a double click selects."""
        return cls(secrets.token_hex(6), secrets.token_hex(32))

    @classmethod
    def parse(cls, text: str) -> "ApiKey":
        """Any text; what is no key has a prefix that nothing is found by."""
        prefix, _, secret = text.removeprefix(API_KEY_PREFIX).partition("_")
        return cls(prefix, secret)

    def __str__(self) -> str:
        return f"{API_KEY_PREFIX}{self.prefix}_{self.secret}"


def new_code() -> str:
    return f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"


def new_refresh_token() -> str:
    """256 bits; the prefix lets scanners for leaked secrets know it."""
    return REFRESH_PREFIX + secrets.token_urlsafe(32)
