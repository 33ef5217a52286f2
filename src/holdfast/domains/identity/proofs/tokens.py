"""Access tokens: JWTs signed with ES256, and nothing else is ever taken for one.

The algorithm is ours to say, not the token's; the key is found by `kid` among our own only. Claims: `iss`, `aud`,
`sub` (user), `sid` (session), `roles`, `iat`, `exp`, `jti`. Roles are for other readers of the token: we ask the
account itself, at every request.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from holdfast.contracts.identity import Role, UserId
from holdfast.domains.identity.exceptions import TokenExpired, TokenInvalid
from holdfast.domains.identity.rules.limits import ACCESS_TTL
from holdfast.kernel.ids import uuid7

ALGORITHM = "ES256"
CURVE = "P-256"
TYPE = "at+jwt"  # RFC 9068
KEY_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# what joserfc raises for broken input is not all its own
UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Claims:
    """Whose token it is, of which session, and until when: in seconds, as the token says it."""

    user_id: UserId
    session_id: UUID
    expires: int = 0


@dataclass(frozen=True)
class AccessTokens:
    issuer: str
    audience: str

    def sign(self, claims: Claims, roles: Sequence[Role], key: ECKey, *, now: datetime) -> str:
        issued = int(now.timestamp())
        payload = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": str(claims.user_id),
            "sid": str(claims.session_id),
            "roles": [str(role) for role in roles],
            "iat": issued,
            "exp": issued + int(ACCESS_TTL.total_seconds()),
            "jti": str(uuid7()),
        }
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}
        return jwt.encode(header, payload, key, algorithms=[ALGORITHM])

    def read(self, token: str, key: ECKey, *, now: datetime) -> Claims:
        """TokenInvalid, TokenExpired."""
        expected = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            sub={"essential": True},
            sid={"essential": True},
            iat={"essential": True},
            exp={"essential": True},
        )
        try:
            # strict: an unknown header parameter that claims to be critical is refused
            read = jwt.decode(token, key, algorithms=[ALGORITHM], registry=JWSRegistry(algorithms=[ALGORITHM]))
            if read.header.get("typ") != TYPE:
                raise TokenInvalid
            expected.validate(read.claims)
            said = read.claims
            return Claims(UserId(UUID(said["sub"])), UUID(said["sid"]), int(said["exp"]))
        except ExpiredTokenError as error:
            raise TokenExpired from error
        except UNREADABLE as error:
            raise TokenInvalid from error


def key_id(token: str) -> str:
    """The `kid` that the token names, before anything about it is believed; TokenInvalid without one."""
    try:
        header: dict[str, Any] = jws.extract_compact(token.encode()).headers()
    except UNREADABLE as error:
        raise TokenInvalid from error
    kid = header.get("kid")
    # looked up in the database, which takes neither NUL nor lone surrogates; JSON's escapes can write both
    if header.get("alg") != ALGORITHM or not isinstance(kid, str) or not KEY_ID.fullmatch(kid):
        raise TokenInvalid
    return kid
