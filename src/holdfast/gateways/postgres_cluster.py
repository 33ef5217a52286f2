"""One PostgreSQL cluster on this machine, made, started, recovered and stopped with a given set of programs.

Nothing here guards against another process doing the same at the same time: `embedded_postgres` does.
"""

import hashlib
import logging
import os
import pwd
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psutil

from holdfast.gateways import postgres_account

DATABASE = "holdfast"
SUPERUSER = "postgres"
PORT = 5432  # only part of the socket's name; in the URL, lest PGPORT be taken
PATIENCE_SECONDS = 3600  # recovery replays what a crash left; giving up on it would only start it again
ORPHANS_SECONDS = 60
ACCEPTING, REJECTING, SILENT = range(3)  # what pg_isready answers
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS and 108 on Linux, the closing NUL included

# Written into postgresql.conf once, when the cluster is made: theirs to change who run it.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_rotation_age": "1d",
    "log_truncate_on_rotation": "on",
    "log_line_prefix": "%m [%p] %a ",
}
# The same order and case rules on every system; a C library's own change with its updates and corrupt indexes.
LOCALE = ("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")

log = logging.getLogger(__name__)


class ServerFailed(RuntimeError):
    """The embedded PostgreSQL did not start."""


class PostgresCluster:
    """The cluster in the folder `data`; every method is blocking."""

    def __init__(
        self,
        data: Path,
        programs: Path,
        *,
        settings: Mapping[str, str] = SETTINGS,
        locale: Sequence[str] = LOCALE,
    ) -> None:
        self.data = data
        self.programs = programs
        self.settings = settings
        self.locale = locale
        self.account: pwd.struct_passwd | None = None

    @property
    def socket_dir(self) -> Path:
        """The cluster's own folder, which only its owner may enter; a short one where that path is too long.

        It depends on the data folder alone, not on TMPDIR, so that all processes agree on it.
        """
        path = str(self.data / ".s.PGSQL.5432")
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and re.fullmatch(r"[\w./-]+", path, re.ASCII):
            return self.data
        name = hashlib.sha256(os.fsencode(self.data)).hexdigest()[:16]
        return Path("/tmp").resolve() / f"holdfast-{name}"

    @property
    def url(self) -> str:
        """Known before the server runs; psql takes it as it is."""
        return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(self.socket_dir), safe='/')}&port={PORT}"

    def ensure_running(self) -> None:
        """Whole, recovered and taking connections. ServerFailed says what its log says."""
        self.account = postgres_account.account_for(self.data)
        if not (self.data / "PG_VERSION").exists():
            self.make()
        if not self.wait_for_running():
            self.launch()
        self.ensure_database()

    def make(self) -> None:
        """Made aside and renamed, so that a cluster is whole or absent."""
        if self.data.exists() and any(self.data.iterdir()):
            raise ServerFailed(f"{self.data} is not empty and is not a cluster")
        self.dismiss_orphan()
        unfinished = self.data.with_name("postgres.new")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if self.account:
            shutil.chown(unfinished, self.account.pw_uid)
            postgres_account.open_way(unfinished)
            postgres_account.open_installation(self.programs)
        options = ["--username", SUPERUSER, "--encoding", "UTF8", "--auth-local", "trust", "--auth-host", "reject"]
        self.call("initdb", "-D", str(unfinished), *options, *self.locale)
        lines = "".join(f"{name} = '{value}'\n" for name, value in self.settings.items())
        with (unfinished / "postgresql.conf").open("a") as file:
            file.write(f"\n# Holdfast's own, written once\n{lines}")
        unfinished.rename(self.data)

    def wait_for_running(self) -> bool:
        """Wait until a living server takes connections; False when there is none to wait for."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            ready = self.says_ready()
            answer = self.answer()
            if answer == ACCEPTING:
                return True
            if not (pid := self.running_pid()):
                # Another process may have that pid by now (a restarted container), and PostgreSQL believes it.
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return False
            if (ready and answer == SILENT) or time.monotonic() > deadline:
                raise ServerFailed(f"server {pid} runs in {self.data} but does not answer at {self.socket_dir}")
            log.info("waiting for the database server that is starting or recovering (pid %d)", pid)
            time.sleep(0.1)

    def launch(self) -> None:
        if self.account:
            postgres_account.open_way(self.data)
            postgres_account.open_installation(self.programs)
        self.prepare_socket_dir()
        started = self.data / "startup.log"
        started.unlink(missing_ok=True)
        where = ["-D", str(self.data), "-l", str(started), "-o", f"-p {PORT} -k {self.socket_dir}"]
        deadline = time.monotonic() + ORPHANS_SECONDS
        while True:
            done = self.call("pg_ctl", *where, "-w", "-t", str(PATIENCE_SECONDS), "start", check=False)
            if done.returncode == 0:
                return
            # after kill -9 of the server, a session in the middle of a statement ends it before it notices
            if "shared memory block" not in self.last_words() or time.monotonic() > deadline:
                raise ServerFailed(f"{done.stderr.strip()}\n{self.last_words()}")
            time.sleep(0.2)

    def shut_down(self) -> None:
        if self.running_pid() is not None:
            self.call("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-t", "60", "stop", check=False)
        if self.socket_dir != self.data and self.running_pid() is None:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def prepare_socket_dir(self) -> None:
        """Anyone may have made something of that name in the temporary folder: only a private folder will do."""
        folder, owner = self.socket_dir, self.data.stat().st_uid
        if folder == self.data:
            return
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o077 or found.st_uid not in (os.geteuid(), owner):
            raise ServerFailed(f"{folder} is not private to the database's owner; remove it")
        if self.account:
            os.chown(folder, owner, -1, follow_symlinks=False)

    def ensure_database(self) -> None:
        ask = ["-h", str(self.socket_dir), "-p", str(PORT), "-U", SUPERUSER]
        if "does not exist" in self.call("psql", *ask, "-d", DATABASE, "-Xqc", "", check=False).stderr:
            self.call("createdb", *ask, DATABASE)

    def answer(self) -> int:
        """ACCEPTING, REJECTING (starting up, recovering or stopping) or SILENT."""
        where = ["-h", str(self.socket_dir), "-p", str(PORT)]
        return self.call("pg_isready", "-q", *where, check=False).returncode

    def says_ready(self) -> bool:
        """Its pid file's last line: starting, ready, stopping."""
        with suppress(OSError):
            return (self.data / "postmaster.pid").read_text().rstrip().endswith("ready")
        return False

    def running_pid(self) -> int | None:
        """The living server of this very folder, whatever its pid file says."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            process = psutil.Process(pid)
            # the command line, since a container's root may not ask for another account's working directory
            alive = process.status() != psutil.STATUS_ZOMBIE and str(self.data) in process.cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if alive else None

    def dismiss_orphan(self) -> None:
        """End the server of a cluster that was deleted under it; it would notice by itself within a minute."""
        for process in psutil.process_iter(["cmdline"]):
            if "-D" in (line := process.info["cmdline"] or []) and str(self.data) in line:
                with suppress(psutil.Error):
                    process.kill()
                    process.wait(10)

    def last_words(self) -> str:
        logs = [
            self.data / "startup.log",
            *sorted(self.data.glob("log/*.log"), key=lambda path: path.stat().st_mtime),
        ]
        return "\n".join("\n".join(path.read_text().splitlines()[-15:]) for path in logs[-2:] if path.exists())

    def call(self, program: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of the binaries as the server's account, in its own session: Ctrl-C does not reach it."""
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            user=self.account and self.account.pw_uid,
            group=self.account and self.account.pw_gid,
            extra_groups=[] if self.account else None,
            cwd="/",
            env={"LC_ALL": "C", "PATH": os.defpath},  # no PGPORT, PGOPTIONS or PGSERVICE of the caller's
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,
        )
        if check and done.returncode != 0:
            raise ServerFailed(f"{program}: {done.stderr.strip() or done.stdout.strip()}")
        return done
