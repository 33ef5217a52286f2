"""`holdfast gateway`: configurations of an existing gateway, made from the route table."""

import json
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.gateway.nginx import Gateway, configuration
from holdfast.settings import SERVICES, Settings

group = typer.Typer(no_args_is_help=True)

WHERE = "where a service is, such as inventory=http://127.0.0.1:8003; may be said again"


@group.callback()
def several() -> None:
    """A gateway in front of the services, configured from the route table."""


@group.command()
def nginx(
    folder: Annotated[Path, typer.Argument(help="nginx's prefix: the configuration and what it serves itself")],
    listen: Annotated[str, typer.Option(help="as nginx takes it")] = "127.0.0.1:8080",
    app: Annotated[str, typer.Option(help="where every service is that is not named")] = "http://127.0.0.1:8000",
    at: Annotated[list[str] | None, typer.Option(help=WHERE)] = None,
    certificate: Annotated[Path | None, typer.Option(help="serve TLS with this chain")] = None,
    key: Annotated[Path | None, typer.Option(help="and this key")] = None,
) -> None:
    """Write nginx.conf and the OpenAPI document into a folder; then: nginx -p FOLDER -c nginx.conf."""
    write(folder, Gateway(listen, upstreams(app, at or ()), certificate, key), Settings())
    typer.echo(f"nginx -p {folder} -c nginx.conf")


def write(folder: Path, gateway: Gateway, settings: Settings) -> None:
    """Everything that nginx is started with."""
    from holdfast.cli.gateway.routes import owners, unlisted  # noqa: PLC0415
    from holdfast.main import ROUTERS, create_app  # noqa: PLC0415
    from holdfast.wiring import Wiring  # noqa: PLC0415

    every = settings.server.model_copy(update={"services": SERVICES})
    whole = create_app(Wiring(settings.model_copy(update={"server": every}), "postgresql://nowhere"))
    for name in ("temp", "cache", "run"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    routes = owners({**ROUTERS, **unlisted()})
    (folder / "nginx.conf").write_text(configuration(gateway, routes, settings), encoding="utf-8")
    (folder / "openapi.json").write_text(json.dumps(whole.openapi(), ensure_ascii=False), encoding="utf-8")


def upstreams(app: str, said: list[str] | tuple[str, ...]) -> dict[str, str]:
    """Host and port of every service."""
    places = dict.fromkeys(SERVICES, place(app))
    for each in said:
        service, equals, url = each.partition("=")
        if service not in SERVICES or not equals:
            raise typer.BadParameter(f"{each}: one of {', '.join(SERVICES)}, =, and a URL")
        places[service] = place(url)
    return places


def place(url: str) -> str:
    scheme, _, rest = url.rstrip("/").partition("://")
    if scheme != "http" or not rest or "/" in rest:
        raise typer.BadParameter(f"{url}: http://host:port, of a network that is one's own")
    return rest if ":" in rest.rpartition("]")[2] else f"{rest}:80"
