"""Papers by typst, in this process: templates of ours, data as data, PDF/A-3 with what is embedded.

Fonts: typst brings Libertinus Serif, which has Latin, Greek, Cyrillic and Hebrew; Arabic, Chinese, Japanese and
Korean come from the system's fonts and from `font_dir`. A character that no font has would make PDF/A impossible:
the paper is then set as plain PDF, where the character is a box to the eye and itself to a search; it is logged.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Final

import segno
import structlog
import typst

from holdfast.domains.document.exceptions import PressFailed
from holdfast.domains.document.ports import Embedded, Print
from holdfast.gateways.electronic_invoice import announce

log = structlog.get_logger()

STANDARD: Final = "a-3b"
# in this order, where they are to be had; typst looks through all others by itself
SCRIPTS = (
    "Libertinus Serif",
    "Noto Serif",
    "Noto Naskh Arabic",
    "Noto Sans Arabic",
    "Noto Serif Hebrew",
    "Noto Serif CJK SC",
    "Noto Sans CJK SC",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "DejaVu Sans",
)
LOGO_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
LETTERS = {
    "Hebrew": "\N{HEBREW LETTER ALEF}",
    "Arabic": "\N{ARABIC LETTER ALEF}",
    "Devanagari": "\N{DEVANAGARI LETTER A}",
    "Thai": "\N{THAI CHARACTER KO KAI}",
    "Chinese": "\N{CJK UNIFIED IDEOGRAPH-4E2D}",
    "Japanese": "\N{HIRAGANA LETTER A}",
    "Korean": "\N{HANGUL SYLLABLE HAN}",
}
NO_FONT = "could not be displayed with font"


@dataclass(frozen=True)
class Look:
    """`colour` as #rrggbb; `logo` is an SVG, PNG or JPEG; `font` is preferred before Libertinus Serif."""

    brand: str
    colour: str
    logo: Path | None = None
    font: str | None = None
    font_dir: Path | None = None


@dataclass(frozen=True)
class TypstPress:
    """One compiler for all papers: fonts are looked up once, and one paper is set at a time."""

    templates: Path
    look: Look
    lock: Lock = field(default_factory=Lock)

    async def pdf(
        self,
        template: str,
        sheet: dict[str, object],
        *,
        made_at: datetime,
        embedded: Embedded | None = None,
    ) -> Print:
        return await asyncio.to_thread(self.print, template, sheet, made_at=made_at, embedded=embedded)

    def print(
        self, template: str, sheet: Mapping[str, object], *, made_at: datetime, embedded: Embedded | None = None
    ) -> Print:
        inputs = self.inputs(sheet, embedded)
        try:
            try:
                made, standard = self.compile(template, inputs, made_at, STANDARD), "PDF/A-3b"
            except typst.TypstError as error:
                if NO_FONT not in error.message:
                    raise
                log.warning("no font for a character: plain PDF", paper=sheet.get("title"), error=error.message)
                made, standard = self.compile(template, inputs, made_at, None), "PDF"
        except typst.TypstError as error:
            raise PressFailed(f"{template}: {error.message}") from error
        return Print(announce(made, embedded) if embedded is not None else made, standard)

    def compile(self, template: str, inputs: dict[str, str], made_at: datetime, standard: str | None) -> bytes:
        with self.lock:  # a compiler keeps what it was told last
            made = self.compiler.compile(
                str(self.templates / f"{template}.typ"),
                format="pdf",
                sys_inputs=inputs,
                pdf_standards=[standard] if standard else [],  # type: ignore[list-item] # one of typst's names
                timestamp=made_at.replace(microsecond=0),  # it takes whole seconds alone
            )
        assert isinstance(made, bytes), "a PDF is one file"
        return made

    def inputs(self, sheet: Mapping[str, object], embedded: Embedded | None) -> dict[str, str]:
        """Everything as JSON: a name with typst's markup in it is text like any other."""
        look = {
            "brand": self.look.brand,
            "colour": self.look.colour,
            "logo": self.logo,
            "fonts": self.fonts,
        }
        code = sheet.get("code")
        attached = None
        if embedded is not None:
            attached = {
                "name": embedded.filename,
                "content": embedded.content.decode(),
                "description": embedded.description,
            }
        told = {**sheet, "look": look, "qr": qr(str(code)) if code else None, "attached": attached}
        return {"data": json.dumps(told, ensure_ascii=False)}

    def lacking(self) -> list[str]:
        """Scripts whose letters no font here has."""
        return [script for script, letter in LETTERS.items() if not self.has(letter)]

    def has(self, letter: str) -> bool:
        try:
            with self.lock:
                self.compiler.compile(
                    b"#sys.inputs.letter", format="pdf", sys_inputs={"letter": letter}, pdf_standards=[STANDARD]
                )
        except typst.TypstError:
            return False
        return True

    @cached_property
    def all_fonts(self) -> typst.Fonts:
        return typst.Fonts(font_paths=[str(self.look.font_dir)] if self.look.font_dir else [])

    @cached_property
    def fonts(self) -> list[str]:
        """Families to use, best first, of those that there are."""
        known = {name.lower(): name for name in self.all_fonts.families()}
        wanted = [self.look.font, *SCRIPTS] if self.look.font else SCRIPTS
        return [known[name.lower()] for name in wanted if name and name.lower() in known]

    @cached_property
    def compiler(self) -> typst.Compiler:
        return typst.Compiler(root=str(self.templates), font_paths=self.all_fonts)

    @cached_property
    def logo(self) -> str | None:
        """As SVG text, whatever it is: a picture goes into one as it is, at the left of a box of 3 to 1."""
        path = self.look.logo
        if path is None:
            return None
        if path.suffix.lower() == ".svg":
            return path.read_text(encoding="utf-8")
        media_type = LOGO_TYPES[path.suffix.lower()]
        encoded = base64.b64encode(path.read_bytes()).decode()
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 100" width="300" height="100">'
            '<image width="300" height="100" preserveAspectRatio="xMinYMid meet"'
            f' href="data:{media_type};base64,{encoded}"/></svg>'
        )


def qr(text: str) -> str:
    """As SVG; level M stands a scratch, the quiet zone of four modules is part of it."""
    return str(segno.make(text, error="m", micro=False).svg_inline(border=4, omitsize=True))
