"""One's own API keys: `Authorization: Bearer hf_…` or `X-API-Key: hf_…`, within scopes and their owner's role."""

from uuid import UUID

from fastapi import APIRouter, status

from holdfast.api.dependencies import AccountActor, ApiKeys, Now, Paging
from holdfast.api.problems import documents
from holdfast.contracts.identity import ApiKeyDraft, ApiKeyId, ApiKeyMade, ApiKeyView
from holdfast.domains.identity.exceptions import (
    ApiKeyNotFound,
    ExpiryPassed,
    PersonNeeded,
    TooManyKeys,
    UserNotFound,
)
from holdfast.kernel.paging import Page

router = APIRouter(prefix="/api/v1/api-keys", tags=["api keys"])


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses=documents(PersonNeeded, ExpiryPassed, TooManyKeys, UserNotFound),
)
async def create_api_key(draft: ApiKeyDraft, actor: AccountActor, keys: ApiKeys, now: Now) -> ApiKeyMade:
    """The key is in this answer and never shown again. It takes a person: a key makes no keys."""
    return await keys.create(draft, now=now, actor=actor)


@router.get("", responses=documents())
async def list_api_keys(actor: AccountActor, keys: ApiKeys, page: Paging) -> Page[ApiKeyView]:
    """Newest first. `last_used_at` is at most a minute behind."""
    return await keys.list_keys(page, actor=actor)


@router.delete(
    "/{key_id}", status_code=status.HTTP_204_NO_CONTENT, responses=documents(PersonNeeded, ApiKeyNotFound)
)
async def delete_api_key(key_id: UUID, actor: AccountActor, keys: ApiKeys, now: Now) -> None:
    """It is good for nothing from the next request on."""
    await keys.delete(ApiKeyId(key_id), now=now, actor=actor)
