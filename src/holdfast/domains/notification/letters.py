"""Messages in words, from scripts: what is said in one language by one way.

    templates/layout.html, parts.html                       what every HTML part looks like
    templates/<language>/<template>.subject, .txt, .html    by mail
    templates/<language>/<template>.sms                     by text message
    templates/<language>/<template>.notice                  in the app, under the mail's subject

A language without a script falls back to its base (`de-AT` to `de`), then to English. Values are only ever data:
no template is made of them, and HTML escapes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from jinja2 import PackageLoader, StrictUndefined
from jinja2 import Template as Compiled
from jinja2.sandbox import ImmutableSandboxedEnvironment

from holdfast.contracts.notification import Channel, Template
from holdfast.domains.notification.exceptions import MessageIncomplete
from holdfast.domains.notification.rules import on_one_line, spoken_name

FALLBACK = "en"
SHIPPED = 1
# the parts of a script, by the endings of their files
ENDINGS: Mapping[Channel, Mapping[str, str]] = {
    Channel.EMAIL: {"subject": "subject", "text": "txt", "html": "html"},
    Channel.SMS: {"text": "sms"},
    Channel.IN_APP: {"subject": "subject", "text": "notice"},
}
MAX_RENDERED = 200_000


@dataclass(frozen=True)
class Letterhead:
    """In whose name a message is written."""

    brand: str


@dataclass(frozen=True)
class Script:
    """One version of a template in one language for one channel; only mail has HTML, text messages no subject."""

    language: str
    version: int
    text: str
    subject: str | None = None
    html: str | None = None


@dataclass(frozen=True)
class Words:
    """`language` is the one they are in, which may be another than was asked for."""

    language: str
    subject: str
    text: str
    html: str


PROOF = Letterhead(brand="Proof")


@cache
def environment(*, html: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(
        loader=PackageLoader("holdfast.domains.notification", "templates"),
        autoescape=html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["spoken_name"] = spoken_name
    return made


@lru_cache(maxsize=512)
def compiled(source: str, *, html: bool) -> Compiled:
    return environment(html=html).from_string(source)


def languages(wanted: str) -> list[str]:
    """The ways down from a language: `pt-br`, `pt`, `en`."""
    base = wanted.partition("-")[0]
    return list(dict.fromkeys((wanted.lower(), base.lower(), FALLBACK)))


@cache
def shipped(template: Template, language: str, channel: Channel) -> Script | None:
    """Version 1: what comes with Holdfast."""
    folder = files("holdfast.domains.notification") / "templates" / language
    parts = {}
    for part, ending in ENDINGS[channel].items():
        file = folder / f"{template}.{ending}"
        if not file.is_file():
            return None
        parts[part] = file.read_text(encoding="utf-8")
    return Script(language=language, version=SHIPPED, **parts)


@cache
def shipped_languages() -> tuple[str, ...]:
    folder = files("holdfast.domains.notification") / "templates"
    return tuple(sorted(each.name for each in folder.iterdir() if each.is_dir()))


def script_for(
    template: Template, channel: Channel, *, language: str, stored: Sequence[Script] = ()
) -> Script | None:
    """The script nearest to the language: the house's own (`stored`) before what is shipped in that language."""
    own = {script.language: script for script in stored}
    for each in languages(language):
        found = own.get(each) or shipped(template, each, channel)
        if found is not None:
            return found
    return None


def write(
    template: Template,
    *,
    values: Mapping[str, object],
    language: str = FALLBACK,
    channel: Channel = Channel.EMAIL,
    letterhead: Letterhead = PROOF,
    stored: Sequence[Script] = (),
) -> Words:
    """The message in its language, or the nearest there is; MessageIncomplete where a value is missing."""
    script = script_for(template, channel, language=language, stored=stored)
    if script is None:
        raise MessageIncomplete(f"{template} is not written for {channel}")
    return spoken(script, template, values=values, letterhead=letterhead)


def spoken(script: Script, template: Template, *, values: Mapping[str, object], letterhead: Letterhead) -> Words:
    """MessageIncomplete."""
    filled = {**values, "brand": letterhead.brand, "language": script.language}
    try:
        subject = rendered(script.subject or "", filled)
        text = rendered(script.text, filled)
        page = rendered(script.html, filled, html=True) if script.html is not None else ""
    except Exception as error:  # a template's own defect, by whichever name Python calls it
        raise MessageIncomplete(f"{template}: {error}") from error
    return Words(
        language=script.language, subject=on_one_line(subject), text=text.strip() + "\n", html=page.strip() + "\n"
    )


def rendered(source: str, values: Mapping[str, object], *, html: bool = False) -> str:
    """Bounded: what grows beyond reason is refused before it is whole."""
    return "".join(bounded(compiled(source, html=html).generate(values)))


def bounded(pieces: Iterator[str]) -> Iterator[str]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_RENDERED:
            raise ValueError(f"more than {MAX_RENDERED} characters")
        yield piece
