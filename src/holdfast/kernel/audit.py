"""The append-only record of who did what: written in the transaction of the act, never changed afterwards.

The application's role may insert and read it, and nothing else. Every service keeps the record of its own acts.
"""

from datetime import datetime
from typing import cast
from uuid import UUID

from pydantic import JsonValue
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.contract import Contract, Instant
from holdfast.kernel.database import scope_of
from holdfast.kernel.paging import Page, PageRequest
from holdfast.kernel.tables import audit_log
from holdfast.kernel.telemetry import client_address, request_id


class Act(Contract):
    """What somebody did to what. `before` and `after` hold the fields that changed; never a secret."""

    action: str
    actor_type: str
    actor_id: UUID | None
    subject_type: str
    subject_id: UUID | None
    reason: str | None = None
    before: dict[str, JsonValue] | None = None
    after: dict[str, JsonValue] | None = None


class ActView(Act):
    id: int
    at: Instant
    request_id: str | None
    address: str | None


def attest(db: AsyncSession, *acts: Act, now: datetime) -> None:
    """Record these acts when, and only when, the running transaction commits. NoTransaction outside one.

    The request's id and the caller's address are taken from the context.
    """
    scope = scope_of(db)
    rows = [
        {**act.model_dump(), "at": now, "request_id": request_id.get(), "address": client_address.get()}
        for act in acts
    ]
    scope.notes.setdefault("acts", []).extend(rows)
    scope.before_commit["acts"] = write_acts


async def write_acts(db: AsyncSession) -> None:
    rows = cast(list[dict[str, object]], scope_of(db).notes["acts"])
    if rows:
        # inline: nothing is returned, for most who leave a trace may read none
        await db.execute(insert(audit_log).inline(), rows)


async def page_of_acts(
    db: AsyncSession, page: PageRequest, *, action: str | None = None, subject_id: UUID | None = None
) -> Page[ActView]:
    """Newest first."""
    chosen = select(audit_log)
    if action is not None:
        chosen = chosen.where(audit_log.c.action == action)
    if subject_id is not None:
        chosen = chosen.where(audit_log.c.subject_id == subject_id)
    total = await db.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    rows = await db.execute(chosen.order_by(audit_log.c.id.desc()).limit(page.limit).offset(page.offset))
    items = [ActView.model_validate(dict(row)) for row in rows.mappings()]
    return Page(items=items, page=page.page, limit=page.limit, total=total)
