"""Who holds this: an API key, an access token of ours, or one of an issuer we trust."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor
from holdfast.domains.identity.exceptions import TokenInvalid
from holdfast.domains.identity.ops.api_keys import AuthenticateKey
from holdfast.domains.identity.ops.foreign import AuthenticateForeign
from holdfast.domains.identity.ops.sessions import Authenticate
from holdfast.domains.identity.ports import TokenIssuers
from holdfast.domains.identity.proofs.digests import API_KEY_PREFIX
from holdfast.domains.identity.proofs.foreign import label
from holdfast.domains.identity.vault import Vault


class AuthenticateAny:
    """What the token looks like says who checks it; each checks everything, so a mistaken look is only refused."""

    def __init__(self, db: AsyncSession, vault: Vault, issuers: TokenIssuers | None) -> None:
        self.db = db
        self.vault = vault
        self.issuers = issuers

    async def execute(self, token: str, *, now: datetime) -> Actor:
        if not token.isascii() or not token.isprintable():
            raise TokenInvalid
        if token.startswith(API_KEY_PREFIX):
            return await AuthenticateKey(self.db, self.vault).execute(token, now=now)
        if self.issuers is not None:
            issuer = label(token).issuer
            if issuer != self.vault.public_url and self.issuers.knows(issuer):
                return await AuthenticateForeign(self.db, self.issuers).execute(issuer, token, now=now)
        return await Authenticate(self.db, self.vault).execute(token, now=now)
