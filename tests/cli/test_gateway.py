"""What `holdfast gateway nginx` writes: every path to its service, and places that are places."""

import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
import typer
from fastapi.routing import APIRoute
from typer.testing import CliRunner

from holdfast.cli import app
from holdfast.cli.gateway import upstreams
from holdfast.cli.gateway.nginx import Gateway, configuration, guessing, rate
from holdfast.cli.gateway.routes import FIRST, owners, unlisted
from holdfast.main import ROUTERS
from holdfast.settings import ProxySettings, RateLimitSettings, Settings

TABLE = [(re.compile(fits), service) for fits, service in owners({**ROUTERS, **unlisted()})]
PATHS = sorted(
    {
        (re.sub(r"{\w+}", "x", route.path), service)
        for service, routers in ROUTERS.items()
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
    }
)


def service_of(path: str) -> str:
    return next((service for fits, service in TABLE if fits.search(path)), FIRST)


@pytest.mark.parametrize(("path", "service"), PATHS)
def test_every_documented_path_leads_to_its_service(path: str, service: str) -> None:
    assert service_of(path) == service


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/socket.io/", "realtime"),
        ("/readyz", FIRST),
        ("/docs/assets/swagger-ui.css", FIRST),
        ("/api/v1/venuesque", FIRST),
        ("/pay/1/return", "payment"),
        ("/sandbox/checkout/1", "payment"),
        ("/login", "identity"),
    ],
)
def test_what_is_not_documented_leads_somewhere_too(path: str, service: str) -> None:
    assert service_of(path) == service


@pytest.mark.parametrize(
    ("line", "guessed"),
    [
        ("POST /api/v1/auth/login", True),
        ("POST /api/v1/auth/refresh", False),
        ("POST /login", True),
        ("GET /login", False),
        ("POST /api/v1/bookings", False),
    ],
)
def test_where_passwords_can_be_guessed(line: str, guessed: bool) -> None:
    assert next((each for fits, each in guessing() if re.search(fits, line)), False) is guessed


def test_rates_are_per_minute_whatever_they_are_written_per() -> None:
    assert (rate("3000/minute").per_minute, rate("3000/minute").burst) == (3000, 3000)
    assert (rate("10 per 30 seconds").per_minute, rate("10 per 30 seconds").burst) == (20, 10)
    assert rate("1/day").per_minute == 1


@pytest.mark.parametrize(
    "said", ["inventory", "fly=http://a:1", "inventory=https://a", "inventory=http://a/b", "=http://a"]
)
def test_a_place_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(typer.BadParameter):
        upstreams("http://127.0.0.1:8000", [said])


def test_a_place_is_a_host_and_a_port() -> None:
    places = upstreams("http://app", ["inventory=http://[::1]:8003/"])
    assert (places["booking"], places["inventory"]) == ("app:80", "[::1]:8003")


def test_tls_and_trusted_proxies_are_written_where_they_are_set() -> None:
    gateway = Gateway("443", upstreams("http://app", []), Path("/c.pem"), Path("/k.pem"))
    settings = Settings(
        proxies=ProxySettings(trusted=(ip_network("10.0.0.0/8"),)), rate_limits=RateLimitSettings(enabled=False)
    )
    text = configuration(gateway, [], settings)
    assert "listen 443 ssl;" in text
    assert "ssl_certificate /c.pem;" in text
    assert "set_real_ip_from 10.0.0.0/8;" in text
    assert "limit_req" not in text


def test_the_command_writes_a_folder_for_nginx(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["gateway", "nginx", str(tmp_path / "gw"), "--at", "pricing=http://p:8004"])
    assert done.exit_code == 0, done.output
    assert "server p:8004;" in (tmp_path / "gw/nginx.conf").read_text()
    assert "/api/v1/bookings" in json.loads((tmp_path / "gw/openapi.json").read_text())["paths"]
