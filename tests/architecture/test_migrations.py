"""Every branch goes up, down and up again, and ends where its tables say."""

import asyncio
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, text
from sqlalchemy.ext.asyncio import AsyncEngine

from holdfast import schema

BRANCHES = list(schema.branches())
LAST_OF_KERNEL = len(list((Path(schema.__file__).parent / "kernel" / "migrations").glob("[0-9]*.py")))
TABLES = "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_schema = :schema"


def tables_of(branch: str) -> MetaData:
    module = "holdfast.kernel.tables" if branch == "kernel" else f"holdfast.domains.{branch}.models"
    metadata = import_module(module).metadata
    assert isinstance(metadata, MetaData)
    return metadata


async def tables_in(url: str, branch: str) -> set[str]:
    engine = schema.transactional_engine(url)
    async with engine.connect() as connection:
        return set(await connection.scalars(text(TABLES), {"schema": branch})) - {"kernel.alembic_version"}


def differences(connection: Connection, branch: str) -> list[object]:
    def of_this_branch(name: str | None, kind: str, parents: object) -> bool:
        if kind == "schema":
            return name == branch
        return name != "alembic_version"

    options = {"include_schemas": True, "include_name": of_this_branch, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, tables_of(branch)))


@pytest.mark.every_postgres
async def test_every_branch_goes_up_and_nothing_is_left_pending(empty_database_url: str) -> None:
    before = await schema.pending(empty_database_url)
    assert {f"{branch}_0001" for branch in BRANCHES} <= set(before)

    assert await schema.upgrade(empty_database_url) == before
    assert await schema.pending(empty_database_url) == []
    assert await schema.upgrade(empty_database_url) == []


async def test_processes_that_start_together_migrate_once(empty_database_url: str) -> None:
    applied = await asyncio.gather(*(schema.upgrade(empty_database_url) for _ in range(4)))
    assert sorted(map(bool, applied)) == [False, False, False, True]
    assert await schema.pending(empty_database_url) == []


@pytest.mark.parametrize("branch", BRANCHES)
async def test_a_branch_goes_down_and_up_again(database_url: str, branch: str) -> None:
    tables = await tables_in(database_url, branch)
    assert tables == {str(table) for table in tables_of(branch).tables}

    await schema.downgrade(database_url, branch)
    assert await tables_in(database_url, branch) == set()
    taken_back = await schema.pending(database_url)
    assert taken_back
    # every other branch stands on the kernel's
    alone = all(revision.startswith(f"{branch}_") for revision in taken_back)
    assert alone or branch == "kernel", "no other branch went with it"

    assert await schema.upgrade(database_url) == taken_back
    assert await tables_in(database_url, branch) == tables


@pytest.mark.every_postgres
@pytest.mark.parametrize("branch", BRANCHES)
async def test_the_migrations_make_what_the_tables_say(database_url: str, branch: str) -> None:
    engine = schema.transactional_engine(database_url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, branch) == []


async def test_a_difference_would_be_seen(database_url: str) -> None:
    engine = schema.transactional_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("ALTER TABLE kernel.outbox DROP COLUMN last_error"))
        assert len(await connection.run_sync(differences, "kernel")) == 1


async def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    engine = schema.transactional_engine(database_url)
    async with engine.begin() as connection:
        await connection.execute(text("INSERT INTO kernel.alembic_version VALUES ('kernel_9999')"))
    with pytest.raises(schema.DatabaseIsNewer, match="kernel_9999"):
        await schema.pending(database_url)


@pytest.mark.parametrize(
    ("branch", "revision", "after"),
    [("kernel", f"{LAST_OF_KERNEL + 1:04}", f'"kernel_{LAST_OF_KERNEL:04}"'), ("new", "0001", "None")],
)
def test_a_draft_continues_or_begins_a_branch(tmp_path: Path, branch: str, revision: str, after: str) -> None:
    package = Path(schema.__file__).parent
    shutil.copytree(package, tmp_path / "holdfast", ignore=shutil.ignore_patterns("__pycache__", "domains"))
    ask = (
        f"from holdfast import schema as s; print(s.draft({branch!r}, 'Add a colour')); s.revisions().get_heads()"
    )
    done = subprocess.run([sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True)
    written = Path(done.stdout.splitlines()[-1])
    assert written.name == f"{revision}_add_a_colour.py"
    assert tmp_path in written.parents
    text = written.read_text()
    assert f'revision = "{branch}_{revision}"' in text
    assert f"down_revision = {after}" in text
    assert "lock_timeout" in text
    assert "statement_timeout" in text


STORAGE = """
SELECT relnamespace::regnamespace || '.' || relname AS name, reloptions FROM pg_class
WHERE relkind = 'r' AND reloptions IS NOT NULL ORDER BY 1
"""
OFTEN = ["autovacuum_vacuum_scale_factor=0.02", "autovacuum_analyze_scale_factor=0.02"]
OFTEN_TOO = ["autovacuum_vacuum_scale_factor=0.02", "autovacuum_vacuum_insert_scale_factor=0.02", OFTEN[1]]


async def test_tables_that_change_all_the_time_say_when_to_vacuum_them(engine: AsyncEngine) -> None:
    """Autogeneration compares no storage parameters."""
    async with engine.connect() as connection:
        found = {row.name: row.reloptions for row in await connection.execute(text(STORAGE))}
    assert found == {
        "booking.bookings": ["fillfactor=90", *OFTEN],
        "booking.history": OFTEN_TOO[1:],
        "inventory.allocations": OFTEN,
        "inventory.buckets": ["fillfactor=50"],
        **{f"kernel.{name}": OFTEN_TOO for name in ("idempotency_keys", "inbox", "jobs", "outbox")},
    }
