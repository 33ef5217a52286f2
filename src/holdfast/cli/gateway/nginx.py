"""nginx in front of the services: the values that its configuration is filled with."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from limits import parse

from holdfast.api.rate_limits import ROUTES, Kind, pattern
from holdfast.settings import Settings

TEMPLATE = "nginx.conf.jinja"
# longer than a statement and a provider may take together
READ_SECONDS = 60
# whoever asks with a token that has ended may be asking for the next; providers sign in their own way
OPEN = ("/api/v1/auth/", "/api/payments/webhook", "/.well-known/")


@dataclass(frozen=True)
class Gateway:
    """`upstreams` has host and port of every service."""

    listen: str
    upstreams: Mapping[str, str]
    certificate: Path | None = None
    key: Path | None = None
    # how long a token that was good passes without being asked about again; the service asks in any case
    cached_seconds: int = 5
    access_log: str = "/dev/stdout"


@dataclass(frozen=True)
class Problem:
    """What the gateway itself refuses: by which of nginx's statuses, and what is answered."""

    name: str
    by: Sequence[int]
    status: int
    type: str
    title: str
    retry_after: int | None = None

    @property
    def document(self) -> str:
        said = {"type": self.type, "title": self.title, "status": self.status, "detail": self.title}
        return json.dumps(said)[:-1]


PROBLEMS = (
    Problem("malformed", (400, 408, 414, 431, 494), 400, "invalid-request", "This is not a request of HTTP."),
    Problem("absent", (404, 405), 404, "not-found", "There is no such thing, or it is not yours to see."),
    Problem("too_large", (413,), 413, "body-too-large", "The request body is larger than this server takes."),
    Problem(
        "too_many",
        (429,),
        429,
        "too-many-requests",
        "Too many requests; come back after Retry-After.",
        5,
    ),
    Problem(
        "unavailable",
        (500, 502, 503),
        503,
        "service-unavailable",
        "A service is away; try again after Retry-After.",
        5,
    ),
    Problem(
        "no_answer",
        (504,),
        504,
        "no-answer",
        "No answer came in time, and it may have been done all the same: repeat it with the same Idempotency-Key.",
        5,
    ),
)


def configuration(gateway: Gateway, routes: Sequence[tuple[str, str]], settings: Settings) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(TEMPLATE).render(
        gateway=gateway,
        routes=routes,
        guessing=list(guessing()),
        open=OPEN,
        problems=PROBLEMS,
        limits={"all": rate(settings.rate_limits.address), "guessing": rate(settings.rate_limits.auth)},
        limited=settings.rate_limits.enabled,
        trusted=[str(each) for each in settings.proxies.trusted],
        max_body_bytes=settings.server.max_body_bytes,
        read_seconds=READ_SECONDS,
    )


@dataclass(frozen=True)
class Rate:
    """As nginx counts: an even rate, and how many may come at once."""

    per_minute: int
    burst: int


def rate(notation: str) -> Rate:
    limit = parse(notation)
    return Rate(max(1, round(limit.amount * 60 / limit.get_expiry())), limit.amount)


def guessing() -> Iterator[tuple[str, bool]]:
    """Patterns of method and path, and whether passwords and codes can be guessed there; the first that fits."""
    for template, kind in ROUTES.items():
        if kind is Kind.FORM:
            yield f"^(?!GET |HEAD )[A-Z]+ {pattern(template).pattern}$", True
        elif template.startswith("/api/v1/auth"):
            yield f"^[A-Z]+ {pattern(template).pattern}$", kind is Kind.AUTH
