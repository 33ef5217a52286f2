"""Other issuers whose access tokens are taken: any OpenID provider or Supabase project, by its published keys."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holdfast.contracts.identity import Role
from holdfast.domains.identity.exceptions import TokenInvalid
from holdfast.domains.identity.ports import Testimony
from holdfast.domains.identity.proofs.foreign import claims_of, heard, label
from holdfast.domains.identity.rules.roles import ordered
from holdfast.gateways.published_keys import PublishedKeys


@dataclass(frozen=True)
class IssuerTerms:
    """What of an issuer's word is taken.

    `role_claim` is a claim's name, or a path of names with dots between; what it says becomes our roles by
    `roles`, anything else a customer. `trusts_address`: it lets nobody in before their address is verified.
    """

    issuer: str
    jwks_url: str
    audience: str
    role_claim: str
    roles: Mapping[str, Role]
    trusts_address: bool = False

    def roles_said(self, claims: Mapping[str, Any]) -> list[Role]:
        said = claim(claims, self.role_claim)
        values = said if isinstance(said, list) else [said]
        mapped = [self.roles[value] for value in values if isinstance(value, str) and value in self.roles]
        return ordered(mapped) or [Role.CUSTOMER]


class Issuers:
    """A `domains.identity.ports.TokenIssuers`."""

    def __init__(self, terms: Iterable[IssuerTerms]) -> None:
        self.terms = {each.issuer: each for each in terms}
        self.keys = {issuer: PublishedKeys(each.jwks_url) for issuer, each in self.terms.items()}

    def knows(self, issuer: str) -> bool:
        return issuer in self.terms

    async def read(self, issuer: str, token: str, *, now: datetime) -> Testimony:
        terms, told = self.terms[issuer], label(token)
        if told.issuer != issuer:
            raise TokenInvalid
        key = await self.keys[issuer].find(told.algorithm, told.kid, now=now)
        claims = claims_of(token, key, told.algorithm, issuers=[issuer], audience=terms.audience, now=now)
        said = heard(claims, issuer, trusts_address=terms.trusts_address)
        return replace(said, roles=terms.roles_said(claims))


def claim(claims: Mapping[str, Any], path: str) -> object:
    """Under that very name (`https://example.org/roles` has dots too), else along the path."""
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found
