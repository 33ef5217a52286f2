"""Private PostgreSQL servers for one test run, and a fresh migrated database for every test.

All workers of a run share one server per version; its `holdfast` database is migrated once and is the template of
every test's own (a file copy: 10 ms; a WAL-logged copy takes 56 ms).
"""

import asyncio
import fcntl
import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from holdfast import schema
from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.gateways.postgres_cluster import DATABASE, LOCALE, PORT, SETTINGS, SUPERUSER

VERSIONS = ("15", "18")
DEFAULT = "18"
# on a busy machine a crowd of 64 waits longer for its turn at the pool than anybody should in production
PATIENCE = timedelta(seconds=100)
# Nobody's data: these servers die with the run. Everything else is as in production.
UNSAFE_BUT_FAST = {**SETTINGS, "fsync": "off", "full_page_writes": "off", "max_wal_size": "256MB"}
INSTALLATIONS = ("/usr/lib/postgresql/15/bin", "/usr/pgsql-15/bin", "/opt/homebrew/opt/postgresql@15/bin")


class Server:
    """One version's server; `create` and `drop` are blocking, for fixtures of sync and async tests alike."""

    def __init__(self, folder: Path, version: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        programs = None if version == DEFAULT else installed(version)
        locale = LOCALE if version == DEFAULT else ["--locale=C.UTF-8"]  # 15 has no built-in locales
        self.embedded = EmbeddedPostgres(folder, programs=programs, settings=UNSAFE_BUT_FAST, locale=locale)
        template = self.embedded.start()
        with locked(folder / "template.lock"):
            if not (folder / "migrated").exists():
                asyncio.run(schema.upgrade(template))
                (folder / "migrated").touch()
        self.numbers = itertools.count()
        self.loop = asyncio.new_event_loop()
        self.admin = self.loop.run_until_complete(
            asyncpg.connect(
                host=str(self.embedded.cluster.socket_dir),
                port=PORT,
                user=SUPERUSER,
                database="postgres",
                ssl=False,
            )
        )

    def create(self, *, template: str = DATABASE) -> str:
        """A database of one's own, as migrated or as `template` is, to which nobody may be connected; its URL."""
        name = f"test_{os.getpid()}_{next(self.numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.embedded.url.replace(f"/{DATABASE}?", f"/{name}?")

    def template(self, name: str, branches: Sequence[str]) -> str:
        """The name of a database with these branches of the schema and no others; migrated once in a run."""
        database = f"template_{name}"
        url = self.embedded.url.replace(f"/{DATABASE}?", f"/{database}?")
        with locked(self.folder / f"{database}.lock"):
            if not (self.folder / database).exists():
                self.run(f"CREATE DATABASE {database} TEMPLATE template0")
                asyncio.run(schema.upgrade(url, branches))
                (self.folder / database).touch()
        return database

    def drop(self, url: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {make_url(url).database} WITH (FORCE)")

    def run(self, statement: str) -> None:
        self.loop.run_until_complete(self.admin.execute(statement))

    def stop(self) -> None:
        self.loop.run_until_complete(self.admin.close())
        self.loop.close()
        self.embedded.stop()


def installed(version: str) -> Path:
    for folder in map(Path, INSTALLATIONS):
        if (folder / "initdb").exists():
            return folder
    pytest.skip(f"PostgreSQL {version} is not installed: nothing is tested on it")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
