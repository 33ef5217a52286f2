"""API keys: made and deleted by their owner in person, in the owner's session; shown once, then only hashed."""

from datetime import datetime
from hmac import compare_digest

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import (
    Actor,
    ApiKeyDraft,
    ApiKeyId,
    ApiKeyMade,
    ApiKeyView,
    Scope,
    UserId,
)
from holdfast.domains.identity.exceptions import (
    ApiKeyExpired,
    ApiKeyInvalid,
    ApiKeyNotFound,
    ExpiryPassed,
    PersonNeeded,
    TooManyKeys,
)
from holdfast.domains.identity.proofs.digests import ApiKey
from holdfast.domains.identity.queries import api_keys, people
from holdfast.domains.identity.rules.limits import MAX_API_KEYS, USE_NOTED_EVERY
from holdfast.domains.identity.rules.roles import actor_type
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

# compared with where a prefix finds nothing: a wrong prefix takes as long as a wrong secret
NO_HASH = bytes(32)


class CreateApiKey:
    """A new key of the actor's: PersonNeeded, ExpiryPassed, TooManyKeys, UserNotFound."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, draft: ApiKeyDraft, *, now: datetime, actor: Actor) -> ApiKeyMade:
        owner = person(actor)
        if draft.expires_at is not None and draft.expires_at <= now:
            raise ExpiryPassed(pointer="/expires_at")
        key = ApiKey.new()
        made = ApiKeyView(
            id=ApiKeyId(uuid7()),
            name=draft.name,
            prefix=key.prefix,
            scopes=[scope for scope in Scope if scope in draft.scopes],
            created_at=now,
            expires_at=draft.expires_at,
            last_used_at=None,
        )
        async with transaction(self.db):
            await people.get_for_update(self.db, owner)  # keys made at the same moment are counted one by one
            if await api_keys.count_of(self.db, owner) >= MAX_API_KEYS:
                raise TooManyKeys(most=MAX_API_KEYS)
            await api_keys.insert_key(self.db, owner, made, secret_hash=self.vault.digests.api_key(key.secret))
            attest(self.db, act("api_key.created", made, actor), now=now)
        return ApiKeyMade(**made.model_dump(), key=str(key))


class ListApiKeys:
    """The actor's own, the newest first."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, page: PageRequest, *, actor: Actor) -> Page[ApiKeyView]:
        if actor.id is None:
            return Page(items=[], page=page.page, limit=page.limit, total=0)
        return await api_keys.page_of_keys(self.db, actor.id, page)


class DeleteApiKey:
    """It ends with its next use: PersonNeeded, ApiKeyNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, key_id: ApiKeyId, *, now: datetime, actor: Actor) -> None:
        owner = person(actor)
        async with transaction(self.db):
            deleted = await api_keys.delete_key(self.db, owner, key_id)
            if deleted is None:
                raise ApiKeyNotFound
            attest(self.db, act("api_key.deleted", deleted, actor), now=now)


class AuthenticateKey:
    """Whose key this is, with what it may do: ApiKeyInvalid, ApiKeyExpired."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, text: str, *, now: datetime) -> Actor:
        offered = ApiKey.parse(text)
        found = await api_keys.find(self.db, offered.prefix)
        right = compare_digest(
            NO_HASH if found is None else found.secret_hash, self.vault.digests.api_key(offered.secret)
        )
        if found is None or not right or found.banned_at is not None:
            raise ApiKeyInvalid
        if found.expires_at is not None and found.expires_at <= now:
            raise ApiKeyExpired
        noted_since = now - USE_NOTED_EVERY
        if found.last_used_at is None or found.last_used_at <= noted_since:
            async with transaction(self.db):
                await api_keys.note_use(self.db, found.id, now=now, unless_since=noted_since)
        return Actor(type=actor_type(found.roles), id=found.user_id, scopes=found.scopes)


def person(actor: Actor) -> UserId:
    """Who acts, if they do so themselves: a stolen key must not make itself another."""
    if actor.id is None or actor.scopes is not None:
        raise PersonNeeded
    return actor.id


def act(action: str, key: ApiKeyView, actor: Actor) -> Act:
    shown = key.model_dump(mode="json", include={"name", "prefix", "scopes", "expires_at"})
    return Act(
        action=action,
        actor_type=actor.type,
        actor_id=actor.id,
        subject_type="api_key",
        subject_id=key.id,
        before=shown if action.endswith("deleted") else None,
        after=shown if action.endswith("created") else None,
    )
