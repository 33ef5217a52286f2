"""Tokens that services show each other: short-lived, for one audience, and naming whom the database is to take the
call for.

Signed with a key that only this use has, derived from the secret that all services of an installation share.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import SecretStr

from holdfast.kernel.access import Caller
from holdfast.kernel.errors import Unauthorized
from holdfast.kernel.keys import derived_key

HEADER = "Holdfast-Service"
ALGORITHM = "HS256"
TYPE = "holdfast-service+jwt"
LIFETIME = timedelta(seconds=60)
# clocks of machines that are looked after differ by less
LEEWAY_SECONDS = 30
# what joserfc raises for broken input is not all its own
UNREADABLE = (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


class ServiceTokenRefused(Unauthorized):
    """This is for other services of this installation, and that is not the token of one."""


@dataclass(frozen=True)
class ServiceTokens:
    key: OctKey

    @classmethod
    def of(cls, secret: SecretStr) -> "ServiceTokens":
        return cls(OctKey.import_key(derived_key(secret, "service to service")))

    def sign(self, *, audience: str, caller: Caller, now: datetime) -> str:
        issued = int(now.timestamp())
        claims = {
            "aud": audience,
            "iat": issued,
            "exp": issued + int(LIFETIME.total_seconds()),
            "kind": caller.kind,
            "id": str(caller.id) if caller.id else None,
            "booking_id": str(caller.booking_id) if caller.booking_id else None,
            "name": caller.name,
        }
        return jwt.encode({"alg": ALGORITHM, "typ": TYPE}, claims, self.key, algorithms=[ALGORITHM])

    def read(self, token: str, *, audience: str, now: datetime) -> Caller:
        """On whose behalf it is asked. ServiceTokenRefused."""
        expected = jwt.JWTClaimsRegistry(
            now=int(now.timestamp()),
            leeway=LEEWAY_SECONDS,
            aud={"essential": True, "value": audience},
            iat={"essential": True},
            exp={"essential": True},
            kind={"essential": True},
        )
        try:
            read = jwt.decode(token, self.key, algorithms=[ALGORITHM])
            if read.header.get("typ") != TYPE:
                raise ServiceTokenRefused
            expected.validate(read.claims)
            said = read.claims
            return Caller(
                kind=said["kind"],
                id=UUID(said["id"]) if said["id"] else None,
                booking_id=UUID(said["booking_id"]) if said["booking_id"] else None,
                name=said["name"],
            )
        except UNREADABLE as error:
            raise ServiceTokenRefused from error
