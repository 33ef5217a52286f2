"""The public keys of our access tokens, for whoever wants to check one without asking us."""

from fastapi import APIRouter, Response

from holdfast.api.dependencies import Identity, Now
from holdfast.api.problems import documents
from holdfast.contracts.identity import KeySetView

router = APIRouter(tags=["auth"])


@router.get("/.well-known/jwks.json", responses=documents())
async def get_key_set(response: Response, identity: Identity, now: Now) -> KeySetView:
    """RFC 7517; a key stays here for as long as a token signed with it may live."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return await identity.key_set(now=now)
