"""Signing in at Google, or at any OpenID provider that is set up in its place."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator

from holdfast.api.dependencies import Identity, Now
from holdfast.api.problems import documents
from holdfast.contracts.identity import AuthorizationView, CodeExchange, TokensView
from holdfast.domains.identity import exceptions as refusals
from holdfast.kernel.contract import storable

router = APIRouter(prefix="/api/v1/auth/google", tags=["auth"])

UNAVAILABLE = (refusals.SignInNotConfigured, refusals.ProviderUnavailable)
RedirectUri = Annotated[str, Query(min_length=1, max_length=2048), AfterValidator(storable)]


@router.get("/start", responses=documents(*UNAVAILABLE))
async def start_google(redirect_uri: RedirectUri, identity: Identity, now: Now) -> AuthorizationView:
    """Where to send the browser. Keep `state`, `nonce` and `code_verifier` in it: they are for its return."""
    return await identity.start_google(redirect_uri, now=now)


@router.post(
    "",
    responses=documents(
        refusals.CodeRefused,
        refusals.IdTokenInvalid,
        refusals.AddressUnproven,
        refusals.AccountBanned,
        refusals.AccountNotLinked,
        *UNAVAILABLE,
    ),
)
async def sign_in_with_google(offered: CodeExchange, identity: Identity, now: Now) -> TokensView:
    """Tokens for the code that the provider's redirect brought. A first sign-in opens an account, or is linked to
    the one with the same address if both have proven it."""
    return await identity.sign_in_with_google(offered, now=now)
