"""Signing in at an OpenID provider: the code flow with PKCE and nonce (OpenID Connect Core, section 3.1).

The provider is asked outside any transaction, with a time limit; nothing is written unless it has answered.
"""

import asyncio
import secrets
import warnings
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import authlib.deprecate  # noqa: F401 - it shows its warnings whatever was said before
import httpx
import structlog
from pydantic import SecretStr

from holdfast.contracts.identity import AuthorizationView, CodeExchange
from holdfast.domains.identity.exceptions import (
    CodeRefused,
    IdTokenInvalid,
    ProviderUnavailable,
    TokenExpired,
    TokenInvalid,
)
from holdfast.domains.identity.ports import Testimony
from holdfast.domains.identity.proofs.foreign import claims_of, heard, label
from holdfast.gateways.published_keys import FRESH, PAUSE, USABLE, PublishedKeys, published

with warnings.catch_warnings():
    # it works with httpx as it does with the successor that it recommends
    warnings.filterwarnings("ignore", message="The httpx module is deprecated")
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuthError

SCOPE = "openid email profile"
WELL_KNOWN = "/.well-known/openid-configuration"
PATIENCE_SECONDS = 10
# what a client's mistake is called (RFC 6749, section 5.2); any other error is between the provider and us
CLIENTS_MISTAKES = frozenset({"invalid_grant", "invalid_request"})

log = structlog.get_logger()


@dataclass(frozen=True)
class Metadata:
    """What the discovery document says (OpenID Connect Discovery, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    keys: PublishedKeys
    read_at: datetime

    @property
    def names(self) -> list[str]:
        """Google's tokens may name it without the scheme."""
        return [self.issuer, self.issuer.removeprefix("https://")]


class OpenIdProvider:
    """A `domains.identity.ports.SignInProvider`."""

    def __init__(self, *, discovery_url: str, client_id: str, client_secret: SecretStr) -> None:
        self.discovery_url = discovery_url
        self.client_id = client_id
        self.client_secret = client_secret
        self.known: Metadata | None = None
        self.tried_at: datetime | None = None
        self.lock = asyncio.Lock()

    async def start(self, redirect_uri: str, *, now: datetime) -> AuthorizationView:
        metadata = await self.metadata(now=now)
        verifier, nonce, state = (secrets.token_urlsafe(48) for _ in range(3))
        async with self.client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                metadata.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        return AuthorizationView(authorization_url=url, state=state, nonce=nonce, code_verifier=verifier)

    async def exchange(self, offered: CodeExchange, *, now: datetime) -> Testimony:
        metadata = await self.metadata(now=now)
        answer = await self.answer_to(offered, metadata.token_endpoint)
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise IdTokenInvalid("the provider's answer has no id_token")
        try:
            told = label(id_token)
            key = await metadata.keys.find(told.algorithm, told.kid, now=now)
            claims = claims_of(
                id_token, key, told.algorithm, issuers=metadata.names, audience=self.client_id, now=now
            )
        except (TokenInvalid, TokenExpired) as error:
            raise IdTokenInvalid from error
        # equal also where neither has one: a nonce that nobody kept cannot be checked
        if claims.get("nonce") != offered.nonce or not self.is_ours(claims):
            raise IdTokenInvalid
        return heard(claims, metadata.issuer)

    def is_ours(self, claims: dict[str, Any]) -> bool:
        """A token for several is ours only if it was made for us (OpenID Connect Core, section 3.1.3.7)."""
        alone = claims["aud"] in (self.client_id, [self.client_id])
        return bool(claims.get("azp", self.client_id if alone else None) == self.client_id)

    async def answer_to(self, offered: CodeExchange, endpoint: str) -> dict[str, Any]:
        verifier = {"code_verifier": offered.code_verifier} if offered.code_verifier else {}
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self.client(offered.redirect_uri) as client:
                answer = await client.fetch_token(
                    endpoint, grant_type="authorization_code", code=offered.code, **verifier
                )
        except OAuthError as error:
            if error.error in CLIENTS_MISTAKES:
                raise CodeRefused(pointer="/code") from error
            log.error("the sign-in provider refuses us", error=error.error)
            raise ProviderUnavailable(retry_after=PAUSE.seconds) from error
        except (httpx.HTTPError, TimeoutError, OSError, ValueError) as error:
            raise ProviderUnavailable(retry_after=PAUSE.seconds) from error
        return dict(answer)

    def client(self, redirect_uri: str) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self.client_id,
            self.client_secret.get_secret_value(),
            redirect_uri=redirect_uri,
            scope=SCOPE,
            code_challenge_method="S256",
            timeout=PATIENCE_SECONDS,
        )

    async def metadata(self, *, now: datetime) -> Metadata:
        """Read anew when it is old; the last one serves for a day while the provider does not answer."""
        if self.due(now=now):
            async with self.lock:
                if self.due(now=now):
                    await self.renew(now=now)
        if self.known is None or now - self.known.read_at >= USABLE:
            raise ProviderUnavailable(retry_after=PAUSE.seconds)
        return self.known

    def due(self, *, now: datetime) -> bool:
        if self.tried_at is not None and now - self.tried_at < PAUSE:
            return False
        return self.known is None or now - self.known.read_at >= FRESH

    async def renew(self, *, now: datetime) -> None:
        try:
            self.known = self.read(await published(self.discovery_url), now=now)
        except ProviderUnavailable as error:
            log.warning("sign-in provider cannot be asked", url=self.discovery_url, cause=repr(error.__cause__))
        self.tried_at = now

    def read(self, document: dict[str, Any], *, now: datetime) -> Metadata:
        """ProviderUnavailable where it speaks of another issuer, or leads from https to where all can listen."""
        members = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")
        issuer, authorize, token, jwks_url = (document.get(member) for member in members)
        scheme = self.discovery_url.partition("//")[0]
        for said in (issuer, authorize, token, jwks_url):
            if not isinstance(said, str) or not said.startswith(("https://", f"{scheme}//")):
                raise ProviderUnavailable from ValueError(f"the discovery document says {said!r}")
        if f"{issuer}".rstrip("/") + WELL_KNOWN != self.discovery_url:
            raise ProviderUnavailable from ValueError(f"the discovery document is that of {issuer}")
        known = self.known
        keys = known.keys if known is not None and known.keys.url == jwks_url else PublishedKeys(str(jwks_url))
        return Metadata(str(issuer), str(authorize), str(token), keys, now)
