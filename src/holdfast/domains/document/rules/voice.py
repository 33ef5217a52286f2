"""How a paper speaks: its words, and how it writes days, numbers and money (CLDR, by Babel).

The words stand in templates/words, a file to a language; a paper in another language speaks English.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal

from holdfast.contracts.document import DocumentKind

ENGLISH = "en"
LANGUAGES = ("en", "de", "es", "fr")
# English ones differ by country; these are read everywhere
ENGLISH_DAY, ENGLISH_WEEKDAY, ENGLISH_SHORT = "d MMMM y", "EEEE, d MMMM y", "EEE d MMMM y"
SHORT = "yMMMEd"
# a thin space that no font of ours has, and its plain sister
NARROW, NO_BREAK = "\N{NARROW NO-BREAK SPACE}", "\N{NO-BREAK SPACE}"

Words = Mapping[str, Mapping[str, str]]


@cache
def words_of(language: str) -> Words:
    folder = files("holdfast.domains.document").joinpath("templates", "words")
    return tomllib.loads(folder.joinpath(f"{language}.toml").read_text(encoding="utf-8"))


@cache
def locale_of(tag: str) -> Locale:
    """`de-AT` writes as Austria does; what the locale data does not know, as its language or English."""
    base = tag.partition("-")[0].lower()
    for tried in (tag, base):
        try:
            return Locale.parse(tried, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    return Locale(ENGLISH)


@dataclass(frozen=True)
class Voice:
    """`language`: one of those that there are words in; `locale`: how it is written where the reader is."""

    language: str
    locale: Locale

    @classmethod
    def of(cls, tag: str) -> "Voice":
        base = tag.partition("-")[0].lower()
        if base not in LANGUAGES:
            return cls(ENGLISH, Locale(ENGLISH))
        return cls(base, locale_of(tag))

    def heading(self, kind: DocumentKind) -> str:
        return words_of(self.language)["headings"][kind]

    @property
    def labels(self) -> Mapping[str, str]:
        return words_of(self.language)["labels"]

    def name(self, key: str) -> str:
        return words_of(self.language)["names"][key]

    def say(self, key: str, **values: object) -> str:
        return words_of(self.language)["sentences"][key].format(**values)

    def counted(self, number: int, one: str, many: str) -> str:
        words = words_of(self.language)["counts"]
        return words[one if number == 1 else many].format(self.number(Decimal(number)))

    def number(self, value: Decimal, pattern: str = "#,##0.####") -> str:
        """With a real minus sign."""
        written = format_decimal(value, format=pattern, locale=self.locale)
        return written.replace(NARROW, NO_BREAK).replace("-", "\N{MINUS SIGN}")

    def money(self, amount: str, currency: str | None = None) -> str:
        """`EUR 1,234.50` in English, `1.234,50 EUR` elsewhere; with the amount's own decimals."""
        decimals = len(amount.partition(".")[2])
        written = self.number(Decimal(amount), "#,##0" + ("." + "0" * decimals if decimals else ""))
        if currency is None:
            return written
        return f"{currency} {written}" if self.language == ENGLISH else f"{written}{NO_BREAK}{currency}"

    def percent(self, value: Decimal) -> str:
        return f"{self.number(value)} %"

    def day(self, on: date) -> str:
        """`8 January 2030`."""
        return format_date(on, ENGLISH_DAY if self.language == ENGLISH else "long", locale=self.locale)

    def weekday(self, on: date) -> str:
        """`Tuesday, 8 January 2030`."""
        return format_date(on, ENGLISH_WEEKDAY if self.language == ENGLISH else "full", locale=self.locale)

    def moment(self, instant: datetime, zone: str) -> str:
        """`Tue 8 January 2030, 12:00`."""
        local = instant.astimezone(ZoneInfo(zone))
        if self.language == ENGLISH:
            on = format_date(local, ENGLISH_SHORT, locale=self.locale)
        else:
            on = format_skeleton(SHORT, local, locale=self.locale)
        return f"{on}, {local:%H:%M}"
