"""Whose word is taken on who somebody is, besides ours."""

from holdfast.domains.identity.services import Outside
from holdfast.gateways.issuers import Issuers, IssuerTerms
from holdfast.gateways.oidc import OpenIdProvider
from holdfast.settings import Settings


def outside_of(settings: Settings) -> Outside:
    google, issuers = settings.google, settings.external.issuers
    provider = None
    if google.client_id is not None and google.client_secret is not None:
        provider = OpenIdProvider(
            discovery_url=google.discovery_url,
            client_id=google.client_id,
            client_secret=google.client_secret,
        )
    terms = [
        IssuerTerms(each.issuer, each.jwks_url, each.audience, each.role_claim, each.roles, each.emails_verified)
        for each in issuers
    ]
    return Outside(google=provider, issuers=Issuers(terms) if terms else None)
