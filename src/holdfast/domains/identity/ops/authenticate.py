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
from holdfast.kernel.errors import Refusal


class AuthenticateAny:
    """What the token looks like says who checks it; each checks everything, so a mistaken look is only refused."""

    def __init__(self, db: AsyncSession, vault: Vault, issuers: TokenIssuers | None) -> None:
        self.db = db
        self.vault = vault
        self.issuers = issuers

    async def execute(self, token: str, *, now: datetime) -> Actor:
        if signed_here(token, self.vault, self.issuers):
            (found,) = await Authenticate(self.db, self.vault).execute([token], now=now)
            if isinstance(found, Refusal):
                raise found
            return found
        if self.issuers is None or token.startswith(API_KEY_PREFIX):
            return await AuthenticateKey(self.db, self.vault).execute(token, now=now)
        return await AuthenticateForeign(self.db, self.issuers).execute(label(token).issuer, token, now=now)


def signed_here(token: str, vault: Vault, issuers: TokenIssuers | None) -> bool:
    """Whether it looks like an access token of ours, not like an API key or another issuer's; TokenInvalid for
    what looks like none of them."""
    if not token.isascii() or not token.isprintable():
        raise TokenInvalid
    if token.startswith(API_KEY_PREFIX):
        return False
    if issuers is None:
        return True
    issuer = label(token).issuer
    return issuer == vault.public_url or not issuers.knows(issuer)
