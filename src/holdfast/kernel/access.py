"""Who the database takes a session for: the row-level security policies' side of an actor.

Every connection that a session takes from the pool is told, before anything else is sent on it, who is calling
(`holdfast.kind`, `.id`, `.booking_ids`, `.caller`); so no caller can inherit another's. The application's role
owns no table, and the policies of every domain read these settings through the functions of `kernel_0002`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction

APPLICATION_ROLE = "holdfast_app"


@dataclass(frozen=True, slots=True)
class Caller:
    """`name` is the scope of the caller's idempotency keys."""

    kind: str
    id: UUID | None = None
    booking_id: UUID | None = None
    name: str = "-"


NOBODY = Caller(kind="anonymous", name="anonymous:-")

TELL = text(
    """
    SELECT set_config('holdfast.kind', :kind, false), set_config('holdfast.id', :id, false),
           set_config('holdfast.booking_ids', :booking_ids, false), set_config('holdfast.caller', :name, false)
    """
)
ADMIT = text(
    """
    SELECT set_config('holdfast.booking_ids', :booking_ids, true),
           set_config('holdfast.made_for', :made_for, true),
           set_config('holdfast.scopes', CAST(CAST(:scopes AS text[]) AS text), true)
    """
)


@dataclass(frozen=True, slots=True)
class Admission:
    """One booking that a transaction makes: for this account, or None for whomever it says; and the scope of the
    idempotency key that its answer is kept under."""

    booking_id: UUID
    account_id: UUID | None = None
    scope: str | None = None


def tell_who_calls(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Runs whenever a session takes a connection; a session nobody was named for is an anonymous one.

    A savepoint keeps its transaction's connection, and undoing one leaves what was said before it: so nothing is
    said again there.
    """
    if transaction.nested:
        return
    caller = session.info.get("caller", NOBODY)
    connection.execute(
        TELL,
        {
            "kind": caller.kind,
            "id": str(caller.id or ""),
            "booking_ids": array([caller.booking_id] if caller.booking_id else []),
            "name": caller.name,
        },
    )


async def admit(db: AsyncSession, admissions: Sequence[Admission]) -> None:
    """Let this transaction make and see these bookings, and the answers kept in these scopes, whoever's session it
    is: several callers may share it, and it needs the rights of none of them.

    A booking for an account is let in only if it is that account's, as guest or as supplier.
    """
    anyone = [each.booking_id for each in admissions if each.account_id is None]
    owned = [f"{each.booking_id}/{each.account_id}" for each in admissions if each.account_id is not None]
    scopes = sorted({each.scope for each in admissions if each.scope is not None})
    await db.execute(ADMIT, {"booking_ids": array(anyone), "made_for": array(owned), "scopes": scopes})


def array(ids: Iterable[UUID | str]) -> str:
    """A PostgreSQL array as text; what is in it needs no quotes."""
    return "{" + ",".join(map(str, ids)) + "}"


class CallingSession(Session):
    """A session that introduces its caller to the database."""


event.listen(CallingSession, "after_begin", tell_who_calls)
