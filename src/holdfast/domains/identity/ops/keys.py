"""The keys that sign access tokens: one signs, those before it verify until their last token has expired."""

from datetime import datetime

from joserfc.jwk import ECKey
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import Actor, KeyRotatedView, KeySetView
from holdfast.domains.identity.exceptions import TokenInvalid
from holdfast.domains.identity.proofs.sealing import new_signing_key, opened, public_jwk, sealed
from holdfast.domains.identity.queries import proofs
from holdfast.domains.identity.records import KeyRecord
from holdfast.domains.identity.rules.limits import KEY_AFTERLIFE, KEY_AGE
from holdfast.domains.identity.vault import Vault
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.database import transaction


class RotateKeys:
    """Sign with a new key from now on. Nobody is signed out, unless the old keys are dropped `at_once`: then every
    access token is void within a minute, and a refresh brings a new one."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, *, at_once: bool = False, now: datetime, actor: Actor) -> KeyRotatedView:
        async with transaction(self.db):
            await proofs.lock_keys(self.db)
            key, retired = await rotate(self.db, self.vault, now=now)
            if at_once:
                await proofs.delete_keys(self.db, retired_before=now)
                self.vault.verifying.clear()
            act = Act(
                action="signing_keys.rotated",
                actor_type=actor.type,
                actor_id=actor.id,
                subject_type="signing_key",
                subject_id=None,
                before={"kid": retired},
                after={"kid": key.kid, "at_once": at_once},
            )
            attest(self.db, act, now=now)
        return KeyRotatedView(kid=str(key.kid), retired=retired)


class GetKeySet:
    """The public keys that access tokens may be signed with (RFC 7517)."""

    def __init__(self, db: AsyncSession, vault: Vault) -> None:
        self.db = db
        self.vault = vault

    async def execute(self, *, now: datetime) -> KeySetView:
        keys = await proofs.verifying_keys(self.db, retired_after=now - KEY_AFTERLIFE)
        if not any(key.sealed_private for key in keys):
            async with transaction(self.db):
                await signing_key(self.db, self.vault, now=now)
            keys = await proofs.verifying_keys(self.db, retired_after=now - KEY_AFTERLIFE)
        return KeySetView(keys=[key.public_jwk for key in keys])


async def signing_key(db: AsyncSession, vault: Vault, *, now: datetime) -> ECKey:
    """The one that signs; made where there is none, replaced when it is old. Inside a transaction."""
    current = await proofs.current_key(db)
    if not fit(current, now=now):
        await proofs.lock_keys(db)
        current = await proofs.current_key(db)  # another process may have made it meanwhile
    if current is None or current.sealed_private is None or not fit(current, now=now):
        key, _ = await rotate(db, vault, now=now)
        return key
    return opened(current.kid, current.sealed_private, vault.sealing_key)


def fit(key: KeyRecord | None, *, now: datetime) -> bool:
    return key is not None and now - key.created_at < KEY_AGE


async def rotate(db: AsyncSession, vault: Vault, *, now: datetime) -> tuple[ECKey, str | None]:
    """The new key, and the id of the one it replaces. The advisory lock is held."""
    key = new_signing_key()
    retired = await proofs.retire_current_key(db, now=now)
    await proofs.delete_keys(db, retired_before=now - KEY_AFTERLIFE)
    made = KeyRecord(str(key.kid), public_jwk(key), sealed(key, vault.sealing_key), now)
    await proofs.insert_key(db, made)
    return key, retired


async def verifying_key(db: AsyncSession, vault: Vault, kid: str, *, now: datetime) -> ECKey:
    """From memory, or from the database; TokenInvalid where no such key is in use."""
    known = vault.known_key(kid, now=now)
    if known is not None:
        return known
    found = await proofs.verifying_key(db, kid, retired_after=now - KEY_AFTERLIFE)
    if found is None:
        raise TokenInvalid
    key = ECKey.import_key({**found.public_jwk})
    vault.learn_key(kid, key, now=now)
    return key
