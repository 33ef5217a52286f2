"""Tokens of other issuers: read before anything in them is believed, then checked with the issuer's published key.

Only these algorithms are ever taken, each with its own kind of key; `none` and HMAC are not among them, so no
public key can be passed off as a shared secret.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from pydantic import TypeAdapter, ValidationError

from holdfast.contracts.identity import Email
from holdfast.domains.identity.exceptions import TokenExpired, TokenInvalid
from holdfast.domains.identity.ports import Testimony
from holdfast.domains.identity.proofs.tokens import UNREADABLE
from holdfast.domains.identity.rules.limits import CLOCK_LEEWAY
from holdfast.kernel.contract import Name

PublicKey = RSAKey | ECKey | OKPKey

# RFC 9864 deprecates the name, not the signature; issuers go on using it
warnings.filterwarnings("ignore", message="EdDSA is deprecated", category=SecurityWarning)

MAX_TOKEN_CHARS = 16_384
MAX_KEYS = 100
MIN_RSA_BITS = 2048
ALGORITHMS = frozenset({"RS256", "ES256", "EdDSA"})
MAX_SUBJECT_CHARS = 255  # OpenID Connect Core, section 2

address = TypeAdapter(Email)
name = TypeAdapter(Name)


@dataclass(frozen=True, slots=True)
class Label:
    """What a token says of itself before it is believed."""

    algorithm: str
    kid: str
    issuer: str


def label(token: str) -> Label:
    """TokenInvalid for what is no token, or signed in a way we never take."""
    if len(token) > MAX_TOKEN_CHARS:
        raise TokenInvalid
    try:
        read = jws.extract_compact(token.encode())
        header, claims = read.headers(), json.loads(read.payload)
        algorithm, kid, issuer = header.get("alg"), header.get("kid"), claims.get("iss")
    except UNREADABLE as error:
        raise TokenInvalid from error
    if algorithm not in ALGORITHMS or not isinstance(kid, str) or not isinstance(issuer, str):
        raise TokenInvalid
    return Label(str(algorithm), kid, issuer)


def public_keys(document: Mapping[str, Any]) -> dict[tuple[str, str], PublicKey]:
    """The usable keys of a JWK set by algorithm and `kid`; what is weak, secret or unreadable is none."""
    published = document.get("keys")
    found: dict[tuple[str, str], PublicKey] = {}
    for each in published[:MAX_KEYS] if isinstance(published, list) else []:
        try:
            key, algorithm = imported(each)
        except (*UNREADABLE, JoseError):
            continue
        if each.get("alg", algorithm) == algorithm and each.get("use", "sig") == "sig":
            found[algorithm, str(each["kid"])] = key
    return found


def imported(jwk: dict[str, Any]) -> tuple[PublicKey, str]:
    """A key and the one algorithm that it is taken for; ValueError where there is none."""
    public = {part: value for part, value in jwk.items() if part in ("kty", "kid", "n", "e", "crv", "x", "y")}
    kind = (public["kty"], public.get("crv"))
    if kind == ("RSA", None):
        rsa = RSAKey.import_key(public)
        if rsa.public_key.key_size >= MIN_RSA_BITS:
            return rsa, "RS256"
    if kind == ("EC", "P-256"):
        return ECKey.import_key(public), "ES256"
    if kind == ("OKP", "Ed25519"):
        return OKPKey.import_key(public), "EdDSA"
    raise ValueError(f"no key for us: {kind}")


def claims_of(
    token: str, key: PublicKey, algorithm: str, *, issuers: list[str], audience: str, now: datetime
) -> dict[str, Any]:
    """TokenInvalid, TokenExpired."""
    expected = jwt.JWTClaimsRegistry(
        now=int(now.timestamp()),
        leeway=int(CLOCK_LEEWAY.total_seconds()),
        iss={"essential": True, "values": issuers},
        aud={"essential": True, "value": audience},
        sub={"essential": True},
        exp={"essential": True},
    )
    try:
        read = jwt.decode(token, key, algorithms=[algorithm], registry=JWSRegistry(algorithms=[algorithm]))
        expected.validate(read.claims)
    except ExpiredTokenError as error:
        raise TokenExpired from error
    except UNREADABLE as error:
        raise TokenInvalid from error
    subject = read.claims["sub"]
    if not 0 < len(subject) <= MAX_SUBJECT_CHARS or not subject.isprintable():
        raise TokenInvalid
    return dict(read.claims)


def heard(claims: Mapping[str, Any], issuer: str, *, trusts_address: bool = False) -> Testimony:
    """What checked claims say of a person; `trusts_address`: the issuer states no address it has not verified."""
    said = taken(address, claims.get("email"))
    return Testimony(
        issuer=issuer,
        subject=claims["sub"],
        email=said,
        email_verified=said is not None and (trusts_address or claims.get("email_verified") is True),
        full_name=taken(name, claims.get("name")),
    )


def taken(form: TypeAdapter[str], said: object) -> str | None:
    try:
        return form.validate_python(said, strict=True)
    except ValidationError:
        return None
