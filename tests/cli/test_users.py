"""`holdfast users` and `holdfast keys`, on a database that a server may be using too."""

import json

import pytest
from typer.testing import CliRunner, Result

from holdfast.cli import app
from tests.house import Json
from tests.people import EMAIL, PASSWORD


@pytest.fixture
def environment(database_url: str) -> dict[str, str]:
    return {
        "HOLDFAST_DATABASE_URL": database_url,
        "HOLDFAST_SECRET": "of the tests, and long enough for any key",
        "HOLDFAST_PASSWORD_TIME_COST": "1",
        "HOLDFAST_PASSWORD_MEMORY_KIB": "32",
    }


def run(environment: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=environment, catch_exceptions=False)


def created(environment: dict[str, str], *roles: str, email: str = EMAIL) -> Json:
    said = [option for role in roles for option in ("--role", role)]
    done = run(environment, "users", "create", "--email", email, "--password", PASSWORD, *said)
    assert done.exit_code == 0, done.output
    user: Json = json.loads(done.stdout)
    return user


def test_an_admin_is_made_and_verified_at_once(environment: dict[str, str]) -> None:
    user = created(environment, "admin")
    assert (user["email"], user["roles"], user["email_verified"]) == (EMAIL, ["admin"], True)
    again = run(environment, "users", "create", "--email", EMAIL, "--password", PASSWORD)
    assert (again.exit_code, again.stdout) == (1, "")
    assert "address-taken" in again.stderr


def test_roles_bans_and_the_last_admin(environment: dict[str, str]) -> None:
    created(environment, "admin")
    user = created(environment, email="ben@example.org")
    assert user["roles"] == ["customer"]
    more = run(
        environment, "users", "roles", "--email", "BEN@example.org", "--role", "customer", "--role", "staff"
    )
    assert json.loads(more.stdout)["roles"] == ["staff", "customer"]
    banned = run(environment, "users", "ban", "--email", "ben@example.org", "--reason", "fraud")
    assert json.loads(banned.stdout)["banned_at"] is not None
    unbanned = run(environment, "users", "unban", "--email", "ben@example.org")
    assert json.loads(unbanned.stdout)["banned_at"] is None
    last = run(environment, "users", "ban", "--email", EMAIL, "--reason", "x")
    assert (last.exit_code, "last-admin" in last.stderr) == (1, True)
    unknown = run(environment, "users", "unban", "--email", "nobody@example.org")
    assert (unknown.exit_code, "user-not-found" in unknown.stderr) == (1, True)


def test_what_is_wrong_is_said_without_the_password(environment: dict[str, str]) -> None:
    weak = run(environment, "users", "create", "--email", EMAIL, "--password", "feeble")
    assert (weak.exit_code, "password-weak" in weak.stderr, "feeble" in weak.output) == (1, True, False)
    odd = run(environment, "users", "create", "--email", "no address", "--password", PASSWORD)
    assert (odd.exit_code, "email" in odd.stderr, PASSWORD in odd.output) == (1, True, False)


def test_keys_rotate(environment: dict[str, str]) -> None:
    first, second = [json.loads(run(environment, "keys", "rotate").stdout) for _ in range(2)]
    assert (first["retired"], second["retired"]) == (None, first["kid"])
    third = json.loads(run(environment, "keys", "rotate", "--at-once").stdout)
    assert third["retired"] == second["kid"]
