"""The master secret of an installation that was not given one: made once, readable by its owner alone."""

import os
import secrets
from pathlib import Path

from pydantic import SecretStr

SECRET_BYTES = 48


def kept_secret(path: Path, *, prefix: str = "") -> SecretStr:
    """The secret in this file, which is made on first use. Of several processes that start at once, one wins."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(prefix + secrets.token_urlsafe(SECRET_BYTES))
        try:
            path.hardlink_to(fresh)  # unlike a rename, this fails where another process was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return SecretStr(path.read_text().strip())
