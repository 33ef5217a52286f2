"""The demo from end to end: set up, tell, keep serving, leave cleanly."""

import fcntl
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import httpx
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from holdfast import __version__, schema
from holdfast.cli.demo.api import Api, Unexpected
from holdfast.cli.demo.people import LOGIN, People, Person, admitted, people, signed_in
from holdfast.cli.demo.places import Places, find_or_make
from holdfast.cli.demo.server import HOST, NotServing, Server, listen
from holdfast.cli.demo.story import BOOKINGS
from holdfast.cli.demo.tell import Voices, tell
from holdfast.cli.demo.teller import Teller
from holdfast.cli.demo.visitors import mail
from holdfast.cli.serving import migrated
from holdfast.contracts.booking import BookingView
from holdfast.gateways.postgres_cluster import ServerFailed
from holdfast.kernel.clock import Clock, SystemClock
from holdfast.kernel.telemetry import configure_logging
from holdfast.main import create_app
from holdfast.settings import SERVICES, Settings
from holdfast.wiring import Wiring, join_database

TIMEOUT_SECONDS = 30
FAILURES = (
    ServerFailed,
    NotServing,
    Unexpected,
    schema.ServerTooOld,
    schema.DatabaseIsNewer,
    SQLAlchemyError,
    httpx.HTTPError,
    OSError,
)


def run(*, port: int, keep_serving: bool) -> int:
    """The exit code: 0 when the story was told or ended by Ctrl-C, 1 where something stood in its way."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a tick that a pipe's encoding lacks must not end the story
    teller = Teller(Console(highlight=False))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        play(Settings(), teller, clock=SystemClock(), port=port, keep_serving=keep_serving)
    except KeyboardInterrupt:
        teller.console.print("\n  stopped; the data stays", style="dim")
    except FAILURES as error:
        teller.failed(str(error))
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the embedded database is left in order
    return 0


def run_at(base_url: str) -> int:
    """The story, told to what runs there; its exit code. The database in use is the one with the accounts."""
    teller = Teller(Console(highlight=False))
    settings, clock = Settings(), SystemClock()
    configure_logging(quiet(settings), settings.log.format)
    try:
        teller.title(f"demo {__version__}", f"every line below is a real request to {base_url}")
        with httpx.Client(base_url=base_url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            told(settings, teller, client, Wiring(settings, join_database(settings), clock))
    except KeyboardInterrupt:
        teller.console.print("\n  stopped; the data stays", style="dim")
    except FAILURES as error:
        teller.failed(str(error))
        return 1
    return 0


def told(
    settings: Settings, teller: Teller, client: httpx.Client, accounts: Wiring
) -> tuple[People, list[BookingView]]:
    """Make what is missing and tell the story; who told it, and bookings to look at."""
    cast, now = people(settings.database.data_dir), accounts.clock.now()
    teller.setting_up("accounts", lambda: (None, admitted(accounts, cast)))
    voices = introduced(Api(client), teller, cast)
    places = teller.setting_up("venues", lambda: furnished(voices.staff, now=now))
    return cast, tell(voices, teller, places, folder=settings.database.data_dir / "demo-papers", now=now)


def play(settings: Settings, teller: Teller, *, clock: Clock, port: int, keep_serving: bool) -> None:
    """Set up and tell, then serve until interrupted; raises one of FAILURES."""
    settings = everything(settings)
    configure_logging(quiet(settings), settings.log.format)
    teller.title(f"demo {__version__}", "every line below is a real request to a real server on this machine")
    database_url = teller.setting_up("database", lambda: database(settings))
    teller.setting_up("schema", lambda: (None, migration(settings, database_url)))
    listener = listen(port)
    bound: int = listener.getsockname()[1]
    if port not in (0, bound):
        teller.note(f"Port {port} is taken; serving on {bound} instead.")
    base_url = f"http://{HOST}:{bound}"
    settings = settings.served_at(base_url)
    wired = Wiring(settings, database_url, clock)
    server = Server(create_app(wired), listener)
    with server, httpx.Client(base_url=base_url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        teller.setting_up("server", lambda: (server.ready(), base_url))
        with alone(settings):
            # a wiring of their own: the server's belongs to the server's event loop
            cast, bookings = told(settings, teller, client, Wiring(settings, database_url, clock))
            if bookings and wired.catches_mail:
                mail(teller, wired.mail_folder, base_url, {each.reference for each in bookings[:2]})
        if keep_serving:
            teller.ending(*signposts(base_url, cast.staff, bookings[0] if bookings else None))
            server.wait()


def introduced(nobody: Api, teller: Teller, cast: People) -> Voices:
    """Sign both in, over HTTP as everybody does."""
    signed = {}
    for person in (cast.staff, cast.supplier):
        asked, signed[person.name] = signed_in(nobody, person)
        teller.exchange(asked, {"email": person.email, "roles": "+".join(person.roles)})
    return Voices(nobody, staff=signed["staff"], stranger=signed["supplier"])


def everything(settings: Settings) -> Settings:
    """The story needs every service in this one process, whatever is set for others."""
    whole = {"services": SERVICES, "worker_in_process": True}
    return settings.model_copy(update={"server": settings.server.model_copy(update=whole)})


def quiet(settings: Settings) -> str:
    """Request logs would clutter the story; a level that was set is kept."""
    return settings.log.level if "level" in settings.log.model_fields_set else "warning"


def database(settings: Settings) -> tuple[str, str]:
    """The URL, and where that is."""
    url = join_database(settings)
    if settings.database.url is not None:
        return url, "your own, from HOLDFAST_DATABASE_URL"
    return url, f"PostgreSQL in {settings.database.data_dir}"


def migration(settings: Settings, url: str) -> str:
    applied = migrated(settings, url)
    return f"{len(applied)} migrations applied" if applied else "up to date"


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """One telling at a time in one data folder: two would make every venue twice and take each other's times."""
    if settings.database.url is not None:
        yield
        return
    with (settings.database.data_dir / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def furnished(api: Api, *, now: datetime) -> tuple[Places, str]:
    places = find_or_make(api, now=now)
    return places, f"{places.made} things made" if places.made else "found as they were"


def signposts(base_url: str, staff: Person, booking: BookingView | None) -> tuple[dict[str, str], list[str]]:
    """Where to look, and what to try."""
    rows = {
        "try the API": f"{base_url}/docs",
        "read the API": f"{base_url}/redoc",
        "sign in": f"{staff.email}, password in {staff.password_file}",
        "metrics": f"{base_url}/metrics",
    }
    commands = []
    if booking is not None:
        offered = f'{{"email": "{staff.email}", "password": "\'$(cat {staff.password_file})\'"}}'
        reading = "python3 -c 'import json, sys; print(json.load(sys.stdin)[\"access_token\"])'"
        commands = [
            f"token=$(curl -s {base_url}{LOGIN} -H 'Content-Type: application/json' -d '{offered}' | {reading})",
            f'curl -s -H "Authorization: Bearer $token" {base_url}{BOOKINGS}/reference/{booking.reference}',
            f'curl -s -H "Authorization: Bearer $token" {base_url}/api/v1/admin/invariants',
        ]
    return rows, commands
