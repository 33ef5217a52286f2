"""Which service has a path: the route table as the fewest patterns that say so, the most particular first."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fastapi import APIRouter
from fastapi.routing import APIRoute

from holdfast.api import dev_mail, sandbox_checkout

PARAMETER = "{}"
# who answers what no service has: health, documentation, the record of acts
FIRST = "booking"


@dataclass
class Segment:
    """A node of the tree of paths; `own` is who has the path that ends here."""

    own: str | None = None
    next: dict[str, "Segment"] = field(default_factory=dict)

    def below(self) -> Counter[str]:
        counted = Counter([self.own] if self.own else [])
        for each in self.next.values():
            counted += each.below()
        return counted


def unlisted() -> dict[str, Sequence[APIRouter]]:
    """What is mounted by settings, with the service whose data it shows."""
    return {"notification, caught": (dev_mail.router,), "payment, sandbox": (sandbox_checkout.router,)}


def owners(routers: Mapping[str, Sequence[APIRouter]]) -> list[tuple[str, str]]:
    """A regular expression and a service each; the first that fits a path has it, and FIRST what none fits."""
    root = Segment()
    for service, of_service in routers.items():
        for route in (each for router in of_service for each in router.routes if isinstance(each, APIRoute)):
            place(root, route, service.partition(",")[0])
    return [*patterns(root, "", inherited=FIRST), ("^/socket.io/", "realtime")]


def place(root: Segment, route: APIRoute, service: str) -> None:
    here = root
    for part in route.path.strip("/").split("/"):
        here = here.next.setdefault(PARAMETER if part.startswith("{") else part, Segment())
    # two services at one path: one of them only says which methods it does not take, and is not documented
    if here.own is None or route.include_in_schema:
        here.own = service


def patterns(here: Segment, path: str, *, inherited: str) -> Iterator[tuple[str, str]]:
    """What differs from `inherited` below and at this path, literal segments before parameters."""
    usual = inherited
    if path:
        (most, _), *_ = here.below().most_common(1)
        usual = here.own or (most if len(here.below()) == 1 else inherited)
    for part in sorted(here.next, key=lambda part: (part == PARAMETER, part)):
        fits = "[^/]+" if part == PARAMETER else re.escape(part)
        yield from patterns(here.next[part], f"{path}/{fits}", inherited=usual)
    if usual != inherited:
        yield f"^{path}(?:/|$)", usual
