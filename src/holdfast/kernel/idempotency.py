"""The same request twice has the effect of once (draft-ietf-httpapi-idempotency-key-header).

The answer is kept in the transaction of the effect: a crash leaves both or neither. While the first request is
still running, an advisory lock (not a row) says so, so that a killed process leaves nothing to clean up.
Only successes are kept: a refused request wrote nothing and may be tried again under its key.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import JSON
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.kernel.database import scope_of
from holdfast.kernel.errors import Conflict, Invalid, Refusal
from holdfast.kernel.tables import idempotency_keys

View = TypeVar("View", bound=BaseModel)


class IdempotencyKeyReused(Invalid):
    """This idempotency key was used with another request."""


class RequestInFlight(Conflict):
    """The first request with this idempotency key is still being answered."""


@dataclass(frozen=True)
class Answer(Generic[View]):
    """What an operation answers. `stored` is the kept answer of an earlier request as it was given: it is what
    the caller gets again, while `view` is as much of it as this version understands."""

    view: View
    replayed: bool = False
    stored: JsonValue = field(default=None, compare=False)


@dataclass(frozen=True)
class Once:
    """One keyed request: who asks for what (`scope`), under which key, with which payload."""

    scope: str
    key: str
    fingerprint: str

    @classmethod
    def of(
        cls, key: str | None, *, caller: str, operation: str, payload: BaseModel, subject: str = ""
    ) -> "Once | None":
        """None without a key. The payload's fingerprint leaves out the key, which may travel in header or body,
        and every default, so that a field added later changes no fingerprint; an explicit null is no default."""
        if key is None:
            return None
        body = payload.model_dump(mode="json", exclude={"idempotency_key"}, exclude_defaults=True)
        said = payload.model_fields_set - {"idempotency_key"}
        nulls = sorted(name for name in said if getattr(payload, name) is None)
        canonical = json.dumps([subject, body, nulls], sort_keys=True, separators=(",", ":"))
        return cls(f"{caller}:{operation}", key, hashlib.sha256(canonical.encode()).hexdigest())


# Volatile, `take_key` reads with a snapshot of its own, taken after it got the key: were lock and look-up one
# plain statement, an answer committed between its snapshot and its lock would be missed.
LOOK_UP = text(
    """
    SELECT asked.n, taken.ours, taken.fingerprint, taken.answer
    FROM unnest(CAST(:scopes AS text[]), CAST(:keys AS text[])) WITH ORDINALITY AS asked (scope, key, n)
    CROSS JOIN LATERAL kernel.take_key(asked.scope, asked.key) AS taken
    ORDER BY asked.n
    """
).columns(answer=JSON)


KEEP = text(
    """
    INSERT INTO kernel.idempotency_keys (scope, key, fingerprint, answer, created_at)
    SELECT scope, key, fingerprint, CAST(answer AS json), CAST(:now AS timestamptz)
    FROM unnest(CAST(:scopes AS text[]), CAST(:keys AS text[]), CAST(:fingerprints AS text[]),
                CAST(:answers AS text[])) AS kept (scope, key, fingerprint, answer)
    """
)


async def kept_many(
    db: AsyncSession, asked: Sequence[Once | None], view: type[View]
) -> list[Answer[View] | Refusal | None]:
    """What each request gets at once: its kept answer, a refusal, or None when it is the first of its key.

    Refusals: RequestInFlight while another request holds the key (or an earlier one of this batch has it),
    IdempotencyKeyReused for another payload. Call it first thing in the transaction.
    """
    outcomes: list[Answer[View] | Refusal | None] = [None] * len(asked)
    keyed = [(index, once) for index, once in enumerate(asked) if once is not None]
    if not keyed:
        return outcomes
    scope_of(db).violations["idempotency_keys_pkey"] = RequestInFlight
    rows = await db.execute(
        LOOK_UP, {"scopes": [once.scope for _, once in keyed], "keys": [once.key for _, once in keyed]}
    )
    seen: set[tuple[str, str]] = set()
    for (index, once), row in zip(keyed, rows, strict=True):
        name = (once.scope, once.key)
        if row.fingerprint is not None:
            same = row.fingerprint == once.fingerprint
            outcomes[index] = (
                Answer(understood(view, row.answer), replayed=True, stored=row.answer)
                if same
                else IdempotencyKeyReused(pointer="/idempotency_key")
            )
        elif not row.ours or name in seen:
            outcomes[index] = RequestInFlight(retry_after=1)
        seen.add(name)
    return outcomes


def understood(view: type[View], stored: dict[str, JsonValue]) -> View:
    """A kept answer as a view, unchecked where its shape is that of another version."""
    try:
        return view.model_validate(stored, extra="ignore")
    except ValidationError:
        return view.model_construct(None, **stored)


async def kept(db: AsyncSession, once: Once | None, view: type[View]) -> Answer[View] | None:
    """`kept_many` for one request; its refusal is raised."""
    outcome = (await kept_many(db, [once], view))[0]
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


async def keep_many(db: AsyncSession, answers: Sequence[tuple[Once | None, BaseModel]], *, now: datetime) -> None:
    """Keep these answers in this transaction, so that each stands exactly when its effect does."""
    kept = [(once, view) for once, view in answers if once is not None]
    if kept:
        await db.execute(
            KEEP,
            {
                "scopes": [once.scope for once, _ in kept],
                "keys": [once.key for once, _ in kept],
                "fingerprints": [once.fingerprint for once, _ in kept],
                "answers": [view.model_dump_json() for _, view in kept],
                "now": now,
            },
        )


async def keep_instead(db: AsyncSession, answers: Sequence[tuple[Once | None, BaseModel]]) -> None:
    """Keep these in place of what was answered under the same keys before: what was begun has gone on."""
    for once, view in answers:
        if once is not None:
            mine = update(idempotency_keys).where(
                idempotency_keys.c.scope == once.scope, idempotency_keys.c.key == once.key
            )
            await db.execute(mine.values(answer=view.model_dump(mode="json")))


async def keep(db: AsyncSession, once: Once | None, view: BaseModel, *, now: datetime) -> None:
    await keep_many(db, [(once, view)], now=now)


async def forget_before(db: AsyncSession, instant: datetime, *, limit: int = 5_000) -> int:
    """Delete one bounded batch of answers kept before `instant`; how many went."""
    old = (
        select(idempotency_keys.c.scope, idempotency_keys.c.key)
        .where(idempotency_keys.c.created_at < instant)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("old")
    )
    gone = (
        delete(idempotency_keys)
        .where(idempotency_keys.c.scope == old.c.scope, idempotency_keys.c.key == old.c.key)
        .returning(idempotency_keys.c.key)
        .cte("gone")
    )
    return await db.scalar(select(func.count()).select_from(gone)) or 0
