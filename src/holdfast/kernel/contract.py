"""The base of the published language: frozen models that refuse what they do not know.

JSON has its own numbers, booleans and strings, so none is taken for another: whole numbers and flags are strict
(`StrictInt`, `StrictBool`), an instant or a date is a string that reads as RFC 3339 says, never a Unix time.
"""

import json
import re
from datetime import UTC, date, datetime
from typing import Annotated, Self
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictInt,
    StringConstraints,
)

from holdfast.kernel.money import ACTIVE_DIGITS

ZONES = available_timezones()
# RFC 3339, seconds optional; pydantic reads the digits
INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
FIRST_YEAR, LAST_YEAR = 1970, 2200
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# unescaped: an even number of backslashes before it, none included
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Contract(BaseModel):
    """A frozen message between domains or over the wire; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_timedelta="iso8601", strict=False)

    @classmethod
    def from_store(cls, data: object) -> Self:
        """Read JSON that an older or newer version stored: unknown fields are passed over, at any depth.

        A field added to a stored contract therefore needs a default.
        """
        return cls.model_validate(data, extra="ignore")


def written_instant(value: object) -> object:
    """Only text with date, time and offset; pydantic alone would take Unix times too."""
    if isinstance(value, datetime) or (isinstance(value, str) and INSTANT.fullmatch(value)):
        return value
    raise ValueError("an instant is RFC 3339 text with an offset, such as 2030-01-08T12:00:00+01:00")


def written_date(value: object) -> object:
    if type(value) is date or (isinstance(value, str) and DATE.fullmatch(value)):
        return value
    raise ValueError("a date is text such as 2030-01-08")


def in_utc(instant: datetime) -> datetime:
    """The same instant with offset zero. Out-of-range instants (year 1 or 9999 at the edge) are refused."""
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("the instant is out of range") from error


def plausible(instant: datetime) -> datetime:
    """PostgreSQL and the calendar agree on these years; nobody books outside them."""
    if not FIRST_YEAR <= instant.year <= LAST_YEAR:
        raise ValueError(f"the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return instant


def storable(text: str) -> str:
    """PostgreSQL text holds neither NUL nor lone surrogates; other control characters have no place in a name."""
    if any((ord(char) < 32 and char not in "\t\n\r") or 0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise ValueError("control characters and lone surrogates are not allowed")
    return text


def known_currency(code: str) -> str:
    if code not in ACTIVE_DIGITS:
        raise ValueError("not an active ISO 4217 currency")
    return code


def known_zone(name: str) -> str:
    if name not in ZONES:
        raise ValueError("not an IANA time zone such as Europe/Berlin")
    return name


Instant = Annotated[
    AwareDatetime, AfterValidator(in_utc), AfterValidator(plausible), BeforeValidator(written_instant)
]
CalendarDate = Annotated[date, BeforeValidator(written_date)]
Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(storable)
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000), AfterValidator(storable)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=255), AfterValidator(storable)]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$"), AfterValidator(known_currency)]
ZoneName = Annotated[str, AfterValidator(known_zone)]
MAX_COUNT = 100_000
Count = Annotated[StrictInt, Field(ge=1, le=MAX_COUNT)]

METADATA_MAX_BYTES = 16_384


def storable_json(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """What a jsonb column takes: finite numbers, storable text in keys and values, a bounded size."""
    try:
        document = json.dumps(value, allow_nan=False, ensure_ascii=False)
        size = len(document.encode())
    except (ValueError, RecursionError) as error:
        raise ValueError("not storable as JSON: a number is not finite, or a text is not Unicode") from error
    if NUL.search(document):
        raise ValueError("NUL characters are not allowed")
    if size > METADATA_MAX_BYTES:
        raise ValueError(f"at most {METADATA_MAX_BYTES} bytes of JSON")
    return value


Metadata = Annotated[dict[str, JsonValue], AfterValidator(storable_json)]
