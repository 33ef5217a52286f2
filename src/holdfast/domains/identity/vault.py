"""What one process keeps in its memory to make and check proofs; every key in it comes from the master secret."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from joserfc.jwk import ECKey
from pydantic import SecretStr

from holdfast.domains.identity.proofs.digests import Digests
from holdfast.domains.identity.proofs.links import Links
from holdfast.domains.identity.proofs.passwords import Passwords
from holdfast.domains.identity.proofs.tokens import AccessTokens, Claims
from holdfast.kernel.keys import derived_key

# a key taken back at once is forgotten by every process after so long
KEY_MEMORY = timedelta(minutes=1)
# verifying a signature takes longer than all the rest of a small request; 4096 of these take 2 MB
TOKENS_KNOWN = 4_096


@dataclass(frozen=True)
class Vault:
    """`public_url` is where people reach us: the issuer of tokens, and where mailed links lead."""

    secret: SecretStr
    public_url: str
    audience: str = "holdfast"
    passwords: Passwords = field(default_factory=Passwords)
    verifying: dict[str, tuple[ECKey, datetime]] = field(default_factory=dict)
    verified: OrderedDict[bytes, tuple[str, Claims]] = field(default_factory=OrderedDict)

    @cached_property
    def digests(self) -> Digests:
        return Digests(derived_key(self.secret, "identity digests"))

    @cached_property
    def links(self) -> Links:
        return Links(derived_key(self.secret, "identity links"))

    @cached_property
    def sealing_key(self) -> bytes:
        return derived_key(self.secret, "identity signing keys")

    @cached_property
    def tokens(self) -> AccessTokens:
        return AccessTokens(issuer=self.public_url, audience=self.audience)

    def known_key(self, kid: str, *, now: datetime) -> ECKey | None:
        """A public key that was read from the database within the last minute."""
        key, learnt_at = self.verifying.get(kid, (None, now))
        return key if now - learnt_at < KEY_MEMORY else None

    def learn_key(self, kid: str, key: ECKey, *, now: datetime) -> None:
        for known, (_, learnt_at) in list(self.verifying.items()):
            if now - learnt_at >= KEY_MEMORY:
                self.verifying.pop(known, None)
        self.verifying[kid] = (key, now)

    def known_claims(self, token: str, *, now: datetime) -> Claims | None:
        """Of a token that this process has verified, while it has not expired and its key is known: what a token
        says, never whether its session is still good."""
        kid, claims = self.verified.get(fingerprint(token), (None, None))
        if kid is None or claims is None or claims.expires <= int(now.timestamp()):
            return None
        return claims if self.known_key(kid, now=now) is not None else None

    def learn_claims(self, token: str, kid: str, claims: Claims) -> None:
        self.verified[fingerprint(token)] = (kid, claims)
        while len(self.verified) > TOKENS_KNOWN:
            self.verified.popitem(last=False)


def fingerprint(token: str) -> bytes:
    """Of every byte, the signature's too: nothing that was not verified is found."""
    return hashlib.sha256(token.encode()).digest()
