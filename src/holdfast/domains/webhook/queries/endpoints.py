"""Endpoints and their secrets."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, delete, exists, func, insert, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import UserId
from holdfast.contracts.webhook import DisabledBecause, EndpointId, EndpointView
from holdfast.domains.webhook.exceptions import EndpointNotFound
from holdfast.domains.webhook.models import endpoints, secrets
from holdfast.domains.webhook.rules.audience import Audience
from holdfast.kernel.ids import uuid7
from holdfast.kernel.paging import Page, PageRequest

SHOWN = tuple(column for column in endpoints.c if column.name != "audience")

# what the relay asks before it passes an event on
ANY_ENABLED = exists(select(endpoints.c.id).where(endpoints.c.enabled))


@dataclass(frozen=True)
class Listening:
    """An endpoint, and the patterns of events that it hears of."""

    id: EndpointId
    audience: Audience
    owner_id: UserId
    events: frozenset[str]


async def insert_endpoint(db: AsyncSession, endpoint: EndpointView, audience: Audience) -> None:
    await db.execute(insert(endpoints).values(**endpoint.model_dump(), audience=audience).inline())


async def lock_owner(db: AsyncSession, owner_id: UserId) -> None:
    """Endpoints of one owner that are made at the same moment are counted one by one; until the end of the
    transaction."""
    await db.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"webhook {owner_id}", 0))))


async def count_of(db: AsyncSession, owner_id: UserId) -> int:
    return await db.scalar(select(func.count()).where(endpoints.c.owner_id == owner_id)) or 0


async def page_of_endpoints(db: AsyncSession, page: PageRequest, *, owner_id: UserId | None) -> Page[EndpointView]:
    """One owner's, or everybody's; newest first."""
    chosen = select(*SHOWN)
    if owner_id is not None:
        chosen = chosen.where(endpoints.c.owner_id == owner_id)
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    rows = await db.execute(chosen.order_by(endpoints.c.id.desc()).limit(page.limit).offset(page.offset))
    return Page(items=[viewed(row) for row in rows.mappings()], page=page.page, limit=page.limit, total=total)


async def get(
    db: AsyncSession, endpoint_id: EndpointId, *, owner_id: UserId | None, lock: bool = False
) -> EndpointView:
    """EndpointNotFound where it is none of this owner's; `owner_id` None is anybody's."""
    chosen = select(*SHOWN).where(endpoints.c.id == endpoint_id)
    if owner_id is not None:
        chosen = chosen.where(endpoints.c.owner_id == owner_id)
    row = (await db.execute(chosen.with_for_update() if lock else chosen)).mappings().one_or_none()
    if row is None:
        raise EndpointNotFound
    return viewed(row)


async def change(db: AsyncSession, endpoint_id: EndpointId, values: Mapping[str, object]) -> EndpointView:
    changed = update(endpoints).where(endpoints.c.id == endpoint_id).values(**values).returning(*SHOWN)
    return viewed((await db.execute(changed)).mappings().one())


async def remove(db: AsyncSession, endpoint_id: EndpointId) -> None:
    await db.execute(delete(endpoints).where(endpoints.c.id == endpoint_id))


async def listening(db: AsyncSession, patterns: Iterable[str]) -> list[Listening]:
    """Who asks for any of these."""
    rows = await db.execute(
        select(endpoints.c.id, endpoints.c.audience, endpoints.c.owner_id, endpoints.c.events)
        .where(endpoints.c.enabled, endpoints.c.events.overlap(sorted(patterns)))
        .order_by(endpoints.c.id)
    )
    return [Listening(row.id, Audience(row.audience), row.owner_id, frozenset(row.events)) for row in rows]


async def note_failure(db: AsyncSession, endpoint_id: EndpointId, *, now: datetime) -> datetime | None:
    """Since when it has been failing; None where it is gone or disabled."""
    since = func.coalesce(endpoints.c.failing_since, now)
    noted = update(endpoints).where(endpoints.c.id == endpoint_id, endpoints.c.enabled).values(failing_since=since)
    found: datetime | None = await db.scalar(noted.returning(endpoints.c.failing_since))
    return found


async def note_success(db: AsyncSession, endpoint_id: EndpointId) -> None:
    failing = (endpoints.c.id == endpoint_id, endpoints.c.failing_since.is_not(None))
    await db.execute(update(endpoints).where(*failing).values(failing_since=null()))


async def disable(
    db: AsyncSession, which: ColumnElement[bool], because: DisabledBecause, *, now: datetime
) -> list[EndpointView]:
    """Those that were enabled until now."""
    done = (
        update(endpoints)
        .where(which, endpoints.c.enabled)
        .values(enabled=False, disabled_because=because, updated_at=now)
        .returning(*SHOWN)
    )
    return [viewed(row) for row in (await db.execute(done)).mappings()]


def one(endpoint_id: EndpointId) -> ColumnElement[bool]:
    return endpoints.c.id == endpoint_id


def all_of(owner_id: UserId) -> ColumnElement[bool]:
    return endpoints.c.owner_id == owner_id


async def set_audience(db: AsyncSession, owner_id: UserId, audience: Audience) -> None:
    await db.execute(update(endpoints).where(all_of(owner_id)).values(audience=audience))


async def insert_secret(db: AsyncSession, endpoint_id: EndpointId, sealed: bytes, *, now: datetime) -> None:
    values = {"id": uuid7(), "endpoint_id": endpoint_id, "sealed": sealed, "created_at": now}
    await db.execute(insert(secrets).values(**values).inline())


async def retire_secret(db: AsyncSession, endpoint_id: EndpointId, *, now: datetime, valid_until: datetime) -> int:
    """Give the present secret an end, and forget what has ended; how many are still valid."""
    await db.execute(delete(secrets).where(secrets.c.endpoint_id == endpoint_id, secrets.c.expires_at <= now))
    present = (secrets.c.endpoint_id == endpoint_id, secrets.c.expires_at.is_(None))
    await db.execute(update(secrets).where(*present).values(expires_at=valid_until))
    return await db.scalar(select(func.count()).where(secrets.c.endpoint_id == endpoint_id)) or 0


async def valid_secrets(
    db: AsyncSession, endpoint_ids: Iterable[EndpointId], *, now: datetime
) -> dict[EndpointId, Sequence[bytes]]:
    """Sealed, of each endpoint the present one first."""
    rows = await db.execute(
        select(secrets.c.endpoint_id, secrets.c.sealed)
        .where(
            secrets.c.endpoint_id.in_(list(endpoint_ids)),
            or_(secrets.c.expires_at.is_(None), secrets.c.expires_at > now),
        )
        .order_by(secrets.c.expires_at.desc().nulls_first())
    )
    found: dict[EndpointId, list[bytes]] = {}
    for row in rows:
        found.setdefault(row.endpoint_id, []).append(row.sealed)
    return dict(found)


def viewed(row: RowMapping) -> EndpointView:
    return EndpointView.model_validate(dict(row))
