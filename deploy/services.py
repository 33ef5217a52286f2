"""`make services`: each service a process with a database and a role of its own, and the demo told to all of them.

A PostgreSQL, a RabbitMQ, a Redis and an nginx of their own stand beside them; honcho keeps all of it together and
ends it together. What they keep, and nginx's log, is in `.holdfast/services`.
"""

import asyncio
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx

from holdfast.cli.gateway import upstreams, write
from holdfast.cli.gateway.nginx import Gateway
from holdfast.gateways.embedded_postgres import EmbeddedPostgres
from holdfast.gateways.secret_file import kept_secret
from holdfast.settings import Settings
from tests.rabbitmq_server import RabbitServer

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".holdfast/services"
HOST = "127.0.0.1"
GATEWAY, REDIS = 8080, 8079
# those of the source documents, and their neighbours; live updates are of bookings
SERVICES = {
    "identity": (8001, "identity"),
    "booking": (8002, "booking,realtime"),
    "inventory": (8003, "inventory"),
    "pricing": (8004, "pricing"),
    "payment": (8005, "payment"),
    "notification": (8006, "notification"),
    "document": (8007, "document"),
    "webhook": (8008, "webhook"),
}
# whom others have a setting for
ASKED = tuple(SERVICES)[:-1]
PATIENCE_SECONDS = 300


class Missing(RuntimeError):
    """A program that this needs is not installed."""


def program(*names: str) -> str:
    path = f"{os.environ['PATH']}:/usr/sbin"
    for name in names:
        if found := shutil.which(name, path=path):
            return found
    raise Missing(f"{names[0]} is not installed; .ci/servers installs it where it can")


async def databases(url: str, password: str) -> dict[str, str]:
    """One for each service, which its own role alone may connect to."""
    server = await asyncpg.connect(url)
    try:
        await server.execute(
            "DO $$ BEGIN CREATE ROLE holdfast_app NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        for name in SERVICES:
            role = f"holdfast_{name}"
            if not await server.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                await server.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{password}'")
                await server.execute(f"GRANT holdfast_app TO {role}")
            if not await server.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", role):
                await server.execute(f"CREATE DATABASE {role} OWNER {role}")
            await server.execute(f"REVOKE CONNECT ON DATABASE {role} FROM PUBLIC")
    finally:
        await server.close()
    parts = urlsplit(url)
    place = f"?{parts.query}" if parts.query else ""
    at = parts.netloc.rpartition("@")[2]
    return {name: f"postgresql://holdfast_{name}:{password}@{at}/holdfast_{name}{place}" for name in SERVICES}


def environment(name: str, database_url: str, common: dict[str, str]) -> dict[str, str]:
    own = {
        "DATABASE_URL": database_url,
        "SERVICES": SERVICES[name][1],
        "SERVICE_NAME": f"holdfast-{name}",
        "DATA_DIR": str(FOLDER / name),
    }
    return {f"HOLDFAST_{key}": each for key, each in {**common, **own}.items()}


def line(command: list[str], told: dict[str, str]) -> str:
    return shlex.join(["exec", "env", *(f"{name}={each}" for name, each in told.items()), *command])


def lines(urls: dict[str, str], rabbit: RabbitServer) -> dict[str, str]:
    """What runs, by name."""
    holdfast = str(Path(sys.executable).with_name("holdfast"))
    common = {
        "SECRET": kept_secret(FOLDER / "secret").get_secret_value(),
        "EVENTS_URL": rabbit.url,
        "REDIS_URL": f"redis://{HOST}:{REDIS}/0",
        "PUBLIC_URL": f"http://{HOST}:{GATEWAY}",
        "TRUSTED_PROXIES": HOST,
        "LOG_LEVEL": os.environ.get("HOLDFAST_LOG_LEVEL", "warning"),
        **{f"{name.upper()}_URL": f"http://{HOST}:{SERVICES[name][0]}" for name in ASKED},
    }
    told = {name: environment(name, url, common) for name, url in urls.items()}
    daemon = "daemon off;" + (" user root;" if os.geteuid() == 0 else "")
    return {
        "redis": shlex.join(
            [program("redis-server", "valkey-server"), "--port", str(REDIS), "--bind", HOST, "--save", ""]
        ),
        "rabbitmq": line([rabbit.program], rabbit.environment),
        **{
            name: line([holdfast, "serve", "--port", str(port)], told[name])
            for name, (port, _) in SERVICES.items()
        },
        "gateway": shlex.join([program("nginx"), "-p", str(FOLDER / "gateway"), "-c", "nginx.conf", "-g", daemon]),
        "story": line([sys.executable, "-m", "deploy.services", "story", *sys.argv[1:]], told["identity"]),
    }


def start() -> int:
    """Everything, until it is told to end or the story went wrong; its exit code."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    gateway = Gateway(
        f"{HOST}:{GATEWAY}",
        upstreams(
            f"http://{HOST}:{SERVICES['booking'][0]}",
            [f"{name}=http://{HOST}:{port}" for name, (port, _) in SERVICES.items()],
        ),
        access_log="access.log",
    )
    with EmbeddedPostgres(FOLDER / "postgres") as postgres:
        password = kept_secret(FOLDER / "database-password").get_secret_value()
        urls = asyncio.run(databases(postgres.url, password))
        write(FOLDER / "gateway", gateway, Settings())
        rabbit = RabbitServer(FOLDER / "rabbitmq")
        rabbit.environment["RABBITMQ_NODENAME"] = "holdfast@localhost"  # what it kept is found by its name
        running = lines(urls, rabbit)
        procfile = FOLDER / "Procfile"
        procfile.touch(mode=0o600)
        procfile.write_text("".join(f"{name}: {each}\n" for name, each in running.items()))
        command = [str(Path(sys.executable).with_name("honcho")), "start", "-f", str(procfile), "-d", str(ROOT)]
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        honcho = subprocess.Popen(command)
        try:
            return honcho.wait()
        except KeyboardInterrupt:  # at a terminal honcho has heard of it too
            honcho.terminate()
            return honcho.wait()


def story() -> int:
    """Wait for all of them, tell it through the gateway, and stay; honcho ends everything when this ends."""
    for name, (port, _) in SERVICES.items():
        wait_for(name, f"http://{HOST}:{port}/readyz")
    at = f"http://{HOST}:{GATEWAY}"
    wait_for("gateway", f"{at}/readyz")
    holdfast = str(Path(sys.executable).with_name("holdfast"))
    told = subprocess.run([holdfast, "demo", "--at", at], check=False)
    while told.returncode == 0 and "--no-serve" not in sys.argv:
        time.sleep(3600)
    return told.returncode


def wait_for(name: str, url: str) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends:
        try:
            answer = httpx.get(url, timeout=5)
            if answer.status_code == 200 and answer.json()["status"] == "ok":
                return
        except (httpx.TransportError, ValueError):
            pass
        time.sleep(0.5)
    raise Missing(f"{name} is not ready at {url}")


if __name__ == "__main__":
    try:
        sys.exit(story() if "story" in sys.argv else start())
    except Missing as error:
        sys.exit(str(error))
