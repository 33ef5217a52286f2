"""Codes, tries, spent links and signing keys. What is counted is counted in the statement that asks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, delete, func, insert, null, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import UserId
from holdfast.domains.identity.models import MAX_CODE_TRIES, codes, signing_keys, spent_links, tries
from holdfast.domains.identity.records import CodeRecord, KeyRecord
from holdfast.domains.identity.rules.limits import Limit

ROTATING = 0x6B657973  # advisory lock key: "keys"


async def put_code(
    db: AsyncSession,
    address_hash: bytes,
    *,
    user_id: UserId | None,
    code_hash: bytes | None,
    expires_at: datetime,
) -> None:
    """The one code of this address from now on, untried."""
    values = {"user_id": user_id, "code_hash": code_hash, "tries": 0, "expires_at": expires_at}
    new = upsert(codes).values(address_hash=address_hash, **values)
    await db.execute(new.on_conflict_do_update(index_elements=["address_hash"], set_=values))


async def register_code(
    db: AsyncSession,
    address_hash: bytes,
    *,
    user_id: UserId | None,
    code_hash: bytes | None,
    now: datetime,
    expires_at: datetime,
) -> None:
    """The code of an address that was registered, for the first time or again; without one, a live code stays.

    Tries and expiry of a live row stay in every case: anything else would tell a stranger, who can try codes, what
    the address was before. A new code for an untried row is `put_code`, which is counted.
    """
    live = codes.c.expires_at > now
    values = {"user_id": user_id, "code_hash": code_hash, "tries": 0, "expires_at": expires_at}
    kept = ("tries", "expires_at") if code_hash is not None else tuple(values)
    new = upsert(codes).values(address_hash=address_hash, **values)
    stays = {name: case((live, codes.c[name]), else_=new.excluded[name]) for name in kept}
    await db.execute(new.on_conflict_do_update(index_elements=["address_hash"], set_={**values, **stays}))


async def try_code(
    db: AsyncSession, address_hash: bytes, *, now: datetime, expires_at: datetime
) -> CodeRecord | None:
    """Count one try, and lock what it is compared with; None when there were too many.

    An address without a live code is given one that fits nothing, until `expires_at`, so that it counts alike.
    """
    stale = codes.c.expires_at <= now
    first = upsert(codes).values(address_hash=address_hash, tries=1, expires_at=expires_at)
    counted = first.on_conflict_do_update(
        index_elements=["address_hash"],
        set_={
            "tries": case((stale, 1), else_=codes.c.tries + 1),
            "user_id": case((stale, null()), else_=codes.c.user_id),
            "code_hash": case((stale, null()), else_=codes.c.code_hash),
            "expires_at": case((stale, expires_at), else_=codes.c.expires_at),
        },
        where=stale | (codes.c.tries < MAX_CODE_TRIES),
    ).returning(codes.c.user_id, codes.c.code_hash)
    row = (await db.execute(counted)).one_or_none()
    return None if row is None else CodeRecord(row.user_id, row.code_hash)


async def code_expires_at(db: AsyncSession, address_hash: bytes) -> datetime | None:
    return await db.scalar(select(codes.c.expires_at).where(codes.c.address_hash == address_hash))


async def spend_code(db: AsyncSession, address_hash: bytes) -> None:
    """It fits nothing any more; its tries still count."""
    await db.execute(
        update(codes).where(codes.c.address_hash == address_hash).values(code_hash=None, user_id=None)
    )


async def count_try(db: AsyncSession, address_hash: bytes, limit: Limit, *, now: datetime) -> int:
    """How many there were in this window, this one included."""
    opened = {"count": 1, "until": now + limit.window}
    first = upsert(tries).values(address_hash=address_hash, purpose=limit.purpose, **opened)
    over = tries.c.until <= now
    counted = first.on_conflict_do_update(
        index_elements=["address_hash", "purpose"],
        set_={
            "count": case((over, 1), else_=func.least(tries.c.count + 1, 1_000_000)),
            "until": case((over, opened["until"]), else_=tries.c.until),
        },
    ).returning(tries.c.count)
    return int(await db.scalar(counted) or 0)


async def exhausted_until(
    db: AsyncSession, address_hash: bytes, limit: Limit, *, now: datetime
) -> datetime | None:
    """When the next try is allowed, if it is not now."""
    chosen = select(tries.c.until).where(
        tries.c.address_hash == address_hash,
        tries.c.purpose == limit.purpose,
        tries.c.count >= limit.most,
        tries.c.until > now,
    )
    return await db.scalar(chosen)


async def forget_tries(db: AsyncSession, address_hash: bytes, limit: Limit) -> None:
    await db.execute(delete(tries).where(tries.c.address_hash == address_hash, tries.c.purpose == limit.purpose))


async def spend_link(db: AsyncSession, link_id: UUID, *, expires_at: datetime) -> None:
    """LinkSpent the second time: the primary key says so, also to those who come at the same moment."""
    await db.execute(insert(spent_links).values(link_id=link_id, expires_at=expires_at))


async def lock_keys(db: AsyncSession) -> None:
    """One process at a time makes a signing key, until its transaction ends."""
    await db.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ROTATING})


KEY_COLUMNS = (
    signing_keys.c.kid,
    signing_keys.c.public_jwk,
    signing_keys.c.sealed_private,
    signing_keys.c.created_at,
)


async def current_key(db: AsyncSession) -> KeyRecord | None:
    """The one that signs."""
    row = (await db.execute(select(*KEY_COLUMNS).where(signing_keys.c.retired_at.is_(None)))).one_or_none()
    return None if row is None else KeyRecord(*row)


async def verifying_key(db: AsyncSession, kid: str, *, retired_after: datetime) -> KeyRecord | None:
    chosen = select(*KEY_COLUMNS).where(signing_keys.c.kid == kid, verifies(retired_after))
    row = (await db.execute(chosen)).one_or_none()
    return None if row is None else KeyRecord(*row)


async def verifying_keys(db: AsyncSession, *, retired_after: datetime) -> list[KeyRecord]:
    """Every key whose tokens may still be alive, the newest first."""
    chosen = select(*KEY_COLUMNS).where(verifies(retired_after)).order_by(signing_keys.c.kid.desc())
    return [KeyRecord(*row) for row in await db.execute(chosen)]


def verifies(retired_after: datetime) -> ColumnElement[bool]:
    return signing_keys.c.retired_at.is_(None) | (signing_keys.c.retired_at > retired_after)


async def retire_current_key(db: AsyncSession, *, now: datetime) -> str | None:
    """It signs nothing from now on: its private part is wiped. Its id."""
    current = update(signing_keys).where(signing_keys.c.retired_at.is_(None))
    kid: str | None = await db.scalar(
        current.values(retired_at=now, sealed_private=None).returning(signing_keys.c.kid)
    )
    return kid


async def insert_key(db: AsyncSession, key: KeyRecord) -> None:
    await db.execute(
        insert(signing_keys).values(
            kid=key.kid,
            public_jwk=key.public_jwk,
            sealed_private=key.sealed_private,
            created_at=key.created_at,
        )
    )


async def delete_keys(db: AsyncSession, *, retired_before: datetime) -> None:
    """Keys retired by then verify nothing any more."""
    await db.execute(delete(signing_keys).where(signing_keys.c.retired_at <= retired_before))


async def prune(db: AsyncSession, *, now: datetime) -> int:
    """What has expired proves nothing and need not be kept."""
    pruned = 0
    for table, ended in (
        (codes, codes.c.expires_at),
        (tries, tries.c.until),
        (spent_links, spent_links.c.expires_at),
    ):
        gone = await db.scalars(delete(table).where(ended <= now).returning(ended))
        pruned += len(gone.all())
    return pruned
