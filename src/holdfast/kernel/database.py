"""The one place that begins, commits and rolls back.

Outside `transaction` a session runs in autocommit: no statement leaves a transaction open behind it, so a
port or a gateway is never called while row locks are held by accident.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast
from weakref import WeakSet

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import QueuePool

from holdfast.kernel.access import NOBODY, Caller, CallingSession
from holdfast.kernel.errors import Busy, DatabaseError, DatabaseUnreachable, Refusal, RefusedByPolicy
from holdfast.kernel.postgres_url import connect_args
from holdfast.kernel.telemetry import CONNECTIONS, CONNECTIONS_WANTED
from holdfast.kernel.tracing import span_of_caller

NAMING = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}

Violations = Mapping[str, type[Refusal]]
Before = Callable[[AsyncSession], Awaitable[None]]

# the last wall: a row-level security policy said no to what the operation let through
INSUFFICIENT_PRIVILEGE = "42501"
# the whole address is in the connect arguments, where libpq's parameters keep their meaning
DRIVER = "postgresql+asyncpg://"
# a claim takes milliseconds: who waits this long is told to come back, rather than keeps a connection
LOCK_TIMEOUT = timedelta(seconds=3)
# as long as a client waits before it asks again
POOL_TIMEOUT = timedelta(seconds=10)
# no request needs it; one that does would hold its locks for as long
STATEMENT_TIMEOUT = timedelta(seconds=30)
# a process that stopped between two statements must not keep its locks
IDLE_TIMEOUT = timedelta(seconds=15)
# the audit reads whole tables and locks nothing
READING_TIMEOUT = timedelta(hours=1)
READING_WORKERS = 2

# deadlock_detected, serialization_failure, lock_not_available, query_canceled (statement_timeout)
TRY_AGAIN = frozenset({"40P01", "40001", "55P03", "57014"})
# connection exceptions (class 08), too_many_connections, and the server going away (class 57P)
UNREACHABLE = ("08", "53300", "57P")


# asked when somebody looks; an engine that is gone is not counted
ENGINES: WeakSet[Engine] = WeakSet()
CONNECTIONS.labels("in use").set_function(lambda: sum(cast(QueuePool, each.pool).checkedout() for each in ENGINES))
CONNECTIONS.labels("idle").set_function(lambda: sum(cast(QueuePool, each.pool).checkedin() for each in ENGINES))


@dataclass
class Scope:
    """One running transaction: who joined may add violations and work to do just before the commit."""

    violations: dict[str, type[Refusal]] = field(default_factory=dict)
    before_commit: dict[str, Before] = field(default_factory=dict)
    notes: dict[str, list[object]] = field(default_factory=dict)
    doomed: bool = False


class NoTransaction(RuntimeError):
    """This may only be called inside `transaction`."""


class InTransaction(RuntimeError):
    """This may not be called inside `transaction`."""


class TransactionDoomed(RuntimeError):
    """An inner block failed and its failure was swallowed; nothing was committed."""


def create_engine(
    url: str,
    *,
    role: str | None = None,
    pool_size: int = 5,
    max_overflow: int = 10,
    pool_timeout: timedelta = POOL_TIMEOUT,
    lock_timeout: timedelta = LOCK_TIMEOUT,
) -> AsyncEngine:
    """An engine whose sessions autocommit, and wait for nobody without end. UnusableUrl.

    Its connections act as `role`, which need not be able to log in. They are opened as they are needed; beyond
    `pool_size` a connection is closed after each use, which costs the database more than the use.
    """
    settings = {
        "application_name": "holdfast",
        "lock_timeout": milliseconds(lock_timeout),
        "statement_timeout": milliseconds(STATEMENT_TIMEOUT),
        "idle_in_transaction_session_timeout": milliseconds(IDLE_TIMEOUT),
        # a wrong estimate had two workers started for a venue's day: 51 ms instead of 12
        "max_parallel_workers_per_gather": "0",
        **({"role": role} if role else {}),
    }
    engine = create_async_engine(
        DRIVER,
        connect_args=connect_args(url, settings),
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_timeout=pool_timeout.total_seconds(),
        pool_use_lifo=True,
    )
    ENGINES.add(engine.sync_engine)
    return engine


def milliseconds(time: timedelta) -> str:
    return str(time // timedelta(milliseconds=1))


def session_factory(engine: AsyncEngine, *, caller: Caller = NOBODY) -> async_sessionmaker[AsyncSession]:
    """Sessions of this caller; `factory(info={"caller": …})` makes one of another."""
    return async_sessionmaker(
        engine,
        expire_on_commit=False,
        autoflush=False,
        sync_session_class=CallingSession,
        info={"caller": caller},
    )


def scope_of(db: AsyncSession) -> Scope:
    """The running transaction's scope; NoTransaction outside one."""
    scope = db.info.get("scope")
    if not isinstance(scope, Scope):
        raise NoTransaction
    return scope


@asynccontextmanager
async def transaction(db: AsyncSession, violations: Violations | None = None) -> AsyncIterator[None]:
    """Commit what the block wrote, or nothing of it.

    An inner block joins the outer one and a failed inner block dooms it. A broken named constraint leaves as
    the refusal `violations` names for it; lock timeouts and deadlocks as Busy; a lost server as
    DatabaseUnreachable; everything else SQLAlchemy raises as DatabaseError.
    """
    outer = db.info.get("scope")
    if isinstance(outer, Scope):
        outer.violations.update(violations or {})
        try:
            yield
        except SQLAlchemyError as error:
            outer.doomed = True
            raise translated(error, outer.violations) from error
        except BaseException:
            outer.doomed = True
            raise
        return

    with span_of_caller():
        async with outermost(db, Scope(violations=dict(violations or {}))):
            yield


@asynccontextmanager
async def outermost(db: AsyncSession, scope: Scope) -> AsyncIterator[None]:
    """A transaction that joins none; it ends with the block."""
    try:
        await db.rollback()  # gives back the autocommit connection; nothing was open on it
        await db.connection(execution_options={"isolation_level": "READ COMMITTED"})
        db.info["scope"] = scope
        yield
        if scope.doomed:
            raise TransactionDoomed
        for work in scope.before_commit.values():
            await work(db)
        await db.commit()
    except (SQLAlchemyError, OSError) as error:
        await abandon(db)
        raise translated(error, scope.violations) from error
    except BaseException:
        await abandon(db)
        raise
    finally:
        db.info.pop("scope", None)


@asynccontextmanager
async def snapshot(db: AsyncSession) -> AsyncIterator[None]:
    """Read the database as it is at one instant, up to an hour a statement; writing fails, nothing is locked.

    Errors leave it as they leave `transaction`.
    """
    try:
        await db.rollback()
        await db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        await db.execute(text("SET TRANSACTION READ ONLY"))
        await db.execute(text(f"SET LOCAL statement_timeout = {milliseconds(READING_TIMEOUT)}"))
        await db.execute(text(f"SET LOCAL max_parallel_workers_per_gather = {READING_WORKERS}"))
        yield
    except (SQLAlchemyError, OSError) as error:
        raise translated(error, {}) from error
    finally:
        await abandon(db)


@asynccontextmanager
async def savepoint(db: AsyncSession) -> AsyncIterator[None]:
    """A part of the running transaction that may fail alone: its writes and notes are undone, the rest stands.

    TransactionDoomed where an inner block failed and its failure was swallowed: it too is this part's alone.
    """
    scope = scope_of(db)
    doomed, scope.doomed = scope.doomed, False
    noted = {name: len(notes) for name, notes in scope.notes.items()}
    try:
        async with db.begin_nested():
            yield
            if scope.doomed:
                raise TransactionDoomed
    except Exception:
        for name, notes in scope.notes.items():
            del notes[noted.get(name, 0) :]
        raise
    finally:
        scope.doomed = doomed


async def give_back(db: AsyncSession) -> None:
    """Give the session's connection back to the pool, because somebody slow is asked next; it takes another when
    it needs one. Not inside `transaction`: InTransaction."""
    if isinstance(db.info.get("scope"), Scope):
        raise InTransaction
    await abandon(db)


async def abandon(db: AsyncSession) -> None:
    """Roll back; a connection that is already gone has rolled back by itself."""
    try:
        await db.rollback()
    except (SQLAlchemyError, OSError):
        await db.invalidate()


def left_nothing(error: Exception) -> bool:
    """Whether a transaction that failed so is known to have written nothing, and a smaller one may fare better:
    not where the server was lost, perhaps while it committed, nor where there was no connection to begin with."""
    return not isinstance(error, DatabaseUnreachable) and not isinstance(error.__cause__, PoolExhausted)


def translated(error: Exception, violations: Violations) -> Exception:
    """The refusal or DatabaseError that may leave the domain in place of a raw database exception."""
    if isinstance(error, PoolExhausted):
        CONNECTIONS_WANTED.inc()
        return Busy(retry_after=1)
    driver = error.orig if isinstance(error, DBAPIError) else error
    cause = getattr(driver, "__cause__", None)
    constraint = getattr(cause, "constraint_name", None)
    if isinstance(constraint, str) and constraint in violations:
        return violations[constraint]()
    state = getattr(driver, "sqlstate", None) or getattr(cause, "sqlstate", None) or ""
    if state == INSUFFICIENT_PRIVILEGE:
        return RefusedByPolicy()
    if state in TRY_AGAIN:
        return Busy(retry_after=1)
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(driver, OSError) or isinstance(cause, OSError) or state.startswith(UNREACHABLE):
        return DatabaseUnreachable(retry_after=5)
    return DatabaseError(type(error).__name__)
