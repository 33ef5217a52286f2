"""The database a process works on, and the secret that everything it keeps under lock is derived from."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from pydantic import SecretStr

from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.gateways.secret_file import kept_secret
from holdfast.settings import Settings


def join_database(settings: Settings) -> str:
    """The URL of the database in use, after starting or joining the embedded server where none is configured.

    The server is shared by every process that joined it and stops after the last of them.
    """
    url = settings.database.url
    if url is not None:
        return url.get_secret_value()
    return embedded(settings.database.data_dir.resolve()).start()


def branches(settings: Settings) -> Sequence[str] | None:
    """What of the schema this process's database is to have: all of it (None), or where other services are
    elsewhere its own domains' and the kernel's."""
    if not settings.elsewhere:
        return None
    sandbox = ["sandbox"] if "payment" in settings.server.services else []
    return ["kernel", *settings.server.services, *sandbox]


class NoDatabase(RuntimeError):
    """There is no database here yet; `holdfast demo`, `serve` or `migrate` makes one."""


def existing_database(settings: Settings) -> str:
    """`join_database` for those that only look: NoDatabase in a folder without one, where nothing is made."""
    if settings.database.url is None and not embedded(settings.database.data_dir.resolve()).exists():
        raise NoDatabase(f"there is no database in {settings.database.data_dir}; `holdfast migrate` makes one")
    return join_database(settings)


@cache
def embedded(data_dir: Path) -> EmbeddedPostgres:
    """This process's one part in that folder's server: starting it again brings a killed server back."""
    return EmbeddedPostgres(data_dir)


def master_secret(settings: Settings) -> SecretStr:
    """HOLDFAST_SECRET, or the one that this installation made for itself in its data folder.

    Processes on several machines must be given the same one.
    """
    return settings.security.secret or kept_secret(settings.database.data_dir / "secret")
