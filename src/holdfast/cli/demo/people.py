"""Who the story is told by: two accounts, made once, whose passwords lie in the data folder."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from holdfast.cli.demo.api import Api, Exchange
from holdfast.contracts.identity import SYSTEM, Credentials, Registration, Role, TokensView
from holdfast.domains.identity.exceptions import AddressTaken
from holdfast.gateways.secret_file import kept_secret
from holdfast.wiring import Wiring

LOGIN = "/api/v1/auth/login"
# what the rule for passwords wants, whatever the rest of it is drawn to be
ONE_OF_EACH = "Aa1-"


@dataclass(frozen=True)
class Person:
    """An account of the demo's own."""

    name: str
    roles: Sequence[Role]
    folder: Path

    @property
    def email(self) -> str:
        return f"demo.{self.name}@example.org"

    @property
    def password_file(self) -> Path:
        return self.folder / f"demo-{self.name}.password"

    @property
    def credentials(self) -> Credentials:
        password = kept_secret(self.password_file, prefix=ONE_OF_EACH).get_secret_value()
        return Credentials(email=self.email, password=password)


@dataclass(frozen=True)
class People:
    staff: Person
    supplier: Person


def people(data_dir: Path) -> People:
    return People(
        staff=Person("staff", (Role.ADMIN, Role.STAFF), data_dir),
        supplier=Person("supplier", (Role.SUPPLIER, Role.CUSTOMER), data_dir),
    )


def admitted(wired: Wiring, people: People) -> str:
    """Both accounts exist, made as `holdfast users create` makes them; what was made."""
    made = asyncio.run(make_missing(wired, (people.staff, people.supplier)))
    return f"{made} made, passwords in {people.staff.folder}" if made else "found as they were"


async def make_missing(wired: Wiring, persons: Sequence[Person]) -> int:
    made = 0
    try:
        async with wired.sessions() as db:
            for person in persons:
                registration = Registration(**dict(person.credentials), full_name=f"Demo {person.name}")
                try:
                    await wired.accounts(db).create(
                        registration, person.roles, now=wired.clock.now(), actor=SYSTEM
                    )
                except AddressTaken:
                    continue
                made += 1
    finally:
        await wired.engine.dispose()
    return made


def signed_in(api: Api, person: Person) -> tuple[Exchange, Api]:
    """The request, and an API that calls as this person from now on."""
    asked = api.ask("POST", LOGIN, person.credentials, expect=HTTPStatus.OK)
    return asked, api.holding(asked.read(TokensView).access_token)
