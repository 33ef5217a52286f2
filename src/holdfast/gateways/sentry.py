"""Defects to whoever speaks Sentry's protocol: which failure, where in the code, in which request. No more.

No local variables, no bodies, headers or addresses, no log lines before it. A failure's text may quote a row or a
request, so it is cut to its first line and what looks like data in it is masked.
"""

import atexit
import re
from collections.abc import Iterator, Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.types import Event, Hint

from holdfast import __version__

FLUSH_SECONDS = 5.0
LONGEST = 300
MASK = "…"
# what drivers and pydantic quote: values in single quotes; PostgreSQL's names, in double ones, say what is wrong
QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?![a-z_][a-z0-9_]*\")(?:[^\"\\]|\\.)*\"|=[^\s,;)]+")
ADDRESS = re.compile(r"[^\s@<>]+@[^\s@<>]+")
URL = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.I)
# telephones and cards, however they are grouped
NUMBER = re.compile(r"\+?\d(?:[ ()/.-]?\d){6,}")
# tokens, keys and codes: long, and not a word
TOKEN = re.compile(r"\b(?=[\w-]*\d)[\w-]{20,}(?:\.[\w-]+)*")


class Sentry:
    """A `kernel.telemetry.Report`."""

    def __init__(self, dsn: str, *, environment: str, service: str) -> None:
        sentry_sdk.init(
            dsn=dsn,
            release=f"holdfast@{__version__}",
            environment=environment,
            default_integrations=False,  # they would watch requests, logs and the command line
            auto_enabling_integrations=False,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            max_breadcrumbs=0,
            before_send=scrubbed,
        )
        sentry_sdk.set_tag("service", service)
        atexit.register(sentry_sdk.flush, FLUSH_SECONDS)

    def __call__(self, error: BaseException, facts: Mapping[str, str]) -> None:
        with sentry_sdk.new_scope() as scope:
            for name, fact in facts.items():
                scope.set_tag(name, fact)
            scope.capture_exception(error)


def scrubbed(event: Event, hint: Hint) -> Event:
    for failure in failures(event):
        failure["value"] = masked(str(failure.get("value") or ""))
        failure.pop("mechanism", None)
    for key in ("user", "request", "extra", "breadcrumbs", "server_name"):
        event.pop(key, None)  # type: ignore[misc]
    return event


def failures(event: Event) -> Iterator[dict[str, Any]]:
    """The exception and those behind it."""
    yield from (event.get("exception") or {}).get("values") or ()


def masked(text: str) -> str:
    """The first line, without what looks like data."""
    first = text.strip().partition("\n")[0]
    for pattern in (URL, QUOTED, ADDRESS, NUMBER, TOKEN):
        first = pattern.sub(MASK, first)
    return first[:LONGEST]
