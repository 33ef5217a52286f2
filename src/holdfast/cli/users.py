"""`holdfast users` and `holdfast keys`: what an operator does to accounts, with or without a running server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from pydantic import BaseModel, ValidationError

from holdfast.cli.serving import prepared
from holdfast.contracts.identity import SYSTEM, Ban, Registration, Role, RolesChange
from holdfast.domains.identity.services import AccountService, IdentityService
from holdfast.kernel.errors import Refusal
from holdfast.settings import Settings
from holdfast.wiring import Wiring

group = typer.Typer(help="Accounts: create, give roles, ban.", no_args_is_help=True)
keys = typer.Typer(help="The keys that sign access tokens.", no_args_is_help=True)

Email = Annotated[str, typer.Option(help="the account's e-mail address")]
Roles = Annotated[list[Role], typer.Option("--role", help="may be said several times")]


@group.command()
def create(
    email: Email,
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="HOLDFAST_USER_PASSWORD")],
    role: Roles = [Role.CUSTOMER],  # noqa: B006 - typer copies it
    name: Annotated[str | None, typer.Option(help="full name; the address without one")] = None,
) -> None:
    """Create an account whose address counts as proven; prints it as JSON."""

    async def act(wired: Wiring, accounts: AccountService, identity: IdentityService) -> BaseModel:
        registration = Registration(email=email, password=password, full_name=name or email)
        return await accounts.create(registration, role, now=wired.clock.now(), actor=SYSTEM)

    told(act)


@group.command()
def roles(email: Email, role: Roles) -> None:
    """Give an account these roles and no others; prints it as JSON."""

    async def act(wired: Wiring, accounts: AccountService, identity: IdentityService) -> BaseModel:
        user = await accounts.find(email)
        change = RolesChange(roles=role)
        return await accounts.set_roles(user.id, change, now=wired.clock.now(), actor=SYSTEM)

    told(act)


@group.command()
def ban(email: Email, reason: Annotated[str, typer.Option(help="the account's owner is told")]) -> None:
    """Shut an account out and end its sessions; prints it as JSON."""

    async def act(wired: Wiring, accounts: AccountService, identity: IdentityService) -> BaseModel:
        user = await accounts.find(email)
        return await accounts.ban(user.id, Ban(reason=reason), now=wired.clock.now(), actor=SYSTEM)

    told(act)


@group.command()
def unban(email: Email) -> None:
    """Let an account in again; prints it as JSON."""

    async def act(wired: Wiring, accounts: AccountService, identity: IdentityService) -> BaseModel:
        user = await accounts.find(email)
        return await accounts.unban(user.id, now=wired.clock.now(), actor=SYSTEM)

    told(act)


@keys.command()
def rotate(
    at_once: Annotated[
        bool, typer.Option("--at-once", help="void every access token too; a refresh brings a new one")
    ] = False,
) -> None:
    """Sign with a new key from now on; nobody is signed out. Prints the key's id as JSON."""

    async def act(wired: Wiring, accounts: AccountService, identity: IdentityService) -> BaseModel:
        return await identity.rotate_keys(at_once=at_once, now=wired.clock.now(), actor=SYSTEM)

    told(act)


Deed = Callable[[Wiring, AccountService, IdentityService], Awaitable[BaseModel]]


def told(act: Deed) -> None:
    """Do it as the system, on the database in use, and print what came of it; a refusal is exit code 1."""
    settings = Settings()
    wired = Wiring(settings, prepared(settings))

    async def done() -> BaseModel:
        try:
            async with wired.sessions() as db:
                return await act(wired, wired.accounts(db), wired.identity(db))
        finally:
            await wired.close()

    try:
        typer.echo(asyncio.run(done()).model_dump_json())
    except Refusal as refusal:
        typer.echo(f"{refusal.problem_type()}: {refusal}", err=True)
        raise typer.Exit(1) from None
    except ValidationError as error:
        for each in error.errors():
            typer.echo(f"{'.'.join(map(str, each['loc']))}: {each['msg']}", err=True)
        raise typer.Exit(1) from None
