"""Many guests at once over HTTP, and the guards that a test may take away in its own database."""

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

import httpx
from sqlalchemy import text

from holdfast.kernel.access import APPLICATION_ROLE
from holdfast.kernel.database import create_engine
from holdfast.wiring import Wiring
from tests.house import Json

Result = TypeVar("Result")
Verdict = tuple[int, str | None]


async def rush(*requests: Awaitable[Result]) -> list[Result]:
    """All of them at once, the answers in order."""
    return await asyncio.gather(*requests)


def verdict(answer: httpx.Response) -> Verdict:
    """Its status, and the problem's type where it is one."""
    return answer.status_code, answer.json()["type"] if answer.is_error else None


def verdicts(answers: list[httpx.Response]) -> dict[Verdict, int]:
    return dict(Counter(map(verdict, answers)))


async def broken(wired: Wiring) -> list[str]:
    """The invariants that the data breaks."""
    return [finding.invariant for finding in await wired.audit() if finding.breaches]


async def scalar(wired: Wiring, statement: str, **parameters: object) -> object:
    async with wired.sessions() as db:
        return await db.scalar(text(statement), parameters)


async def column(wired: Wiring, statement: str, **parameters: object) -> list[object]:
    async with wired.sessions() as db:
        return list(await db.scalars(text(statement), parameters))


async def claim_of(wired: Wiring, booking: Json) -> list[object]:
    """The statuses of everything this booking holds or ever held."""
    claims = "SELECT status FROM inventory.allocations WHERE booking_id = CAST(:id AS uuid) ORDER BY created_at"
    return await column(wired, claims, id=booking["id"])


async def told(wired: Wiring, booking: Json) -> list[object]:
    """The wire names of its events, in their order."""
    return await column(
        wired,
        "SELECT type FROM kernel.outbox WHERE aggregate_id = CAST(:id AS uuid) ORDER BY id",
        id=booking["id"],
    )


async def change(wired: Wiring, *statements: str) -> None:
    """As the owner of the tables, which the application is not."""
    owner = create_engine(wired.database_url)
    try:
        async with owner.connect() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    finally:
        await owner.dispose()


async def without_constraint(wired: Wiring, table: str, constraint: str) -> None:
    await change(wired, f"ALTER TABLE {table} DROP CONSTRAINT {constraint}")


async def without_row_locks_on_bookings(wired: Wiring) -> None:
    """What locks the rows of a view that reads a function, locks nothing.

    It waits a moment before it reads, so that readers who ought to wait for each other read the same.
    """
    written = "status, lifecycle_status, version, start_at, end_at, party_size, notes, captured_minor, expires_at"
    stored = ", ".join(f"NEW.{name.strip()}" for name in written.split(","))
    await change(
        wired,
        "ALTER TABLE booking.bookings RENAME TO kept",
        """CREATE FUNCTION booking.unlocked() RETURNS SETOF booking.kept LANGUAGE plpgsql AS $$
           BEGIN PERFORM pg_sleep(0.05); RETURN QUERY SELECT * FROM booking.kept ORDER BY id; END $$""",
        "CREATE VIEW booking.bookings AS SELECT * FROM booking.unlocked()",
        f"""CREATE FUNCTION booking.store() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN UPDATE booking.kept SET ({written}) = ROW({stored}) WHERE id = OLD.id; RETURN NEW; END $$""",
        """CREATE TRIGGER store INSTEAD OF UPDATE ON booking.bookings
           FOR EACH ROW EXECUTE FUNCTION booking.store()""",
        f"GRANT SELECT, UPDATE ON booking.bookings TO {APPLICATION_ROLE}",
    )


async def without_row_locks_on_allocations(wired: Wiring) -> None:
    """As above; and who releases writes later than who commits, so that the commit comes between."""
    columns = """id, booking_id, item, resource_id, period, during, exclusive, units, guests, status, expires_at,
        made_by, created_at, released_at"""
    given = ", ".join(f"NEW.{name.strip()}" for name in columns.split(","))
    await change(
        wired,
        "ALTER TABLE inventory.allocations RENAME TO kept",
        """CREATE FUNCTION inventory.unlocked() RETURNS SETOF inventory.kept LANGUAGE plpgsql AS $$
           BEGIN PERFORM pg_sleep(0.05); RETURN QUERY SELECT * FROM inventory.kept ORDER BY id; END $$""",
        "CREATE VIEW inventory.allocations AS SELECT * FROM inventory.unlocked()",
        f"""CREATE FUNCTION inventory.store() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP = 'INSERT' THEN
                    INSERT INTO inventory.kept ({columns}) VALUES ({given}) ON CONFLICT DO NOTHING;
                ELSE
                    PERFORM pg_sleep(CASE WHEN NEW.status = 'released' THEN 0.5 ELSE 0.2 END);
                    UPDATE inventory.kept SET ({columns}) = ROW({given}) WHERE id = OLD.id;
                END IF;
                IF FOUND THEN RETURN NEW; ELSE RETURN NULL; END IF;
            END $$""",
        """CREATE TRIGGER store INSTEAD OF INSERT OR UPDATE ON inventory.allocations
           FOR EACH ROW EXECUTE FUNCTION inventory.store()""",
        f"GRANT SELECT, INSERT, UPDATE ON inventory.allocations TO {APPLICATION_ROLE}",
    )


async def with_slow_claims(wired: Wiring) -> None:
    """Whoever writes an allocation waits first: time for all the others to look, unless a lock keeps them off."""
    await change(
        wired,
        """CREATE FUNCTION inventory.linger() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN PERFORM pg_sleep(0.4); RETURN NEW; END $$""",
        """CREATE TRIGGER linger BEFORE INSERT OR UPDATE ON inventory.allocations
           FOR EACH ROW EXECUTE FUNCTION inventory.linger()""",
    )


async def without_locks_on_buckets(wired: Wiring) -> None:
    """Counters that exist are locked by an insert that conflicts; an insert that is skipped locks nothing."""
    await change(
        wired,
        """CREATE FUNCTION inventory.skip() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN RETURN NULL; END $$""",
        """CREATE TRIGGER skip BEFORE INSERT ON inventory.buckets
           FOR EACH ROW EXECUTE FUNCTION inventory.skip()""",
    )


async def without_advisory_locks(wired: Wiring) -> None:
    """Functions of the same names that do nothing, found first by every new connection."""
    nothing = "(bigint) RETURNS void LANGUAGE sql AS $$ SELECT pg_sleep(0.02) $$"
    database = await scalar(wired, "SELECT current_database()")
    await change(
        wired,
        f"CREATE FUNCTION public.pg_advisory_xact_lock{nothing}",
        f"CREATE FUNCTION public.pg_advisory_xact_lock_shared{nothing}",
        f"ALTER DATABASE {database} SET search_path = public, pg_catalog",
    )
    await wired.engine.dispose()
