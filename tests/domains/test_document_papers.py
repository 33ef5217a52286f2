"""Papers as they come off the press: read by other tools, for every kind, script and currency."""

from datetime import date
from io import BytesIO
from pathlib import Path

import facturx
import pytest
from pypdf import PdfReader

from holdfast.contracts.document import DocumentKind
from holdfast.contracts.pricing import LineKind
from holdfast.domains.document.facts import Correction, FactLine, Facts, ItemFact, Party
from holdfast.domains.document.ports import Embedded
from holdfast.domains.document.rules import e_invoice
from holdfast.domains.document.rules.bills import sold_lines
from holdfast.domains.document.rules.sheets import sheet
from holdfast.domains.document.rules.voice import LANGUAGES, words_of
from holdfast.gateways.typesetting import TypstPress
from tests.e_invoices import schema_breaches
from tests.papers import HOSTILE, ISSUED_AT, LONG, SCRIPTS, facts, press, price, stop, text_of

K = DocumentKind
CORRECTION = Correction(number="INV-2030-00042", issued_on=date(2030, 1, 7), reason="Cancelled by the guest")
STOPS = [
    stop("Check-in", "2030-01-11T14:00:00Z", "2030-01-13T10:00:00Z", confirmation="SV-88213"),
    stop("Transfer", "2030-01-11T12:15:00Z", "2030-01-11T13:00:00Z", provider="Hansa Cars"),
]
PAPERS = {
    "invoice": (facts(K.INVOICE), ["Invoice", "INV-2030-00042", SCRIPTS[0], "EUR 730.80", "Paid, with thanks"]),
    "invoice in yen": (
        facts(K.INVOICE, price("JPY", unit="12000", included=False)),
        ["JPY 78,196", "VAT 7 %"],
    ),
    "invoice in dinars": (
        facts(K.INVOICE, price("BHD", unit="120.500"), paid="100.000", payable_at_venue=True),
        ["BHD 733.845", "Balance due at the venue", "BHD 633.845"],
    ),
    "credit note": (
        facts(K.CREDIT_NOTE, number="CN-2030-00003", correction=CORRECTION),
        ["Credit note", "CN-2030-00003", "INV-2030-00042", "Total credited EUR 730.80"],
    ),
    "quotation": (facts(K.QUOTATION, valid_until=date(2030, 1, 9)), ["Quotation", "Valid until 9 January 2030"]),
    "voucher": (
        facts(K.VOUCHER, code="HF1:ABC", travellers=SCRIPTS),
        ["K7QM-3XRD", "Fri 11 January 2030, 15:00", *SCRIPTS[:1], *SCRIPTS[3:]],
    ),
    "e-ticket": (facts(K.E_TICKET, code="HF1:ABC", travellers=SCRIPTS), ["E-ticket", "5 of 5", SCRIPTS[4]]),
    "itinerary": (facts(K.ITINERARY, stops=STOPS), ["13:15", "Transfer", "Hansa Cars", "15:00", "SV-88213"]),
}


TRANSFER = FactLine(
    kind=LineKind.RATE, label="Transfer", quantity="1", unit_amount="46.00", amount="46.00", taxed=False,
    item=ItemFact(start_at=STOPS[1].start_at, end_at=STOPS[1].end_at, price="50.00", currency="USD", rate="0.92"),
)  # fmt: skip
NIGHTS = price(unit="1200.00")
IN_LANGUAGES = {
    "de": (
        facts(K.INVOICE, NIGHTS, language="de", lines=[*sold_lines(NIGHTS), TRANSFER]),
        ["Rechnung", "Fr., 11. Jan. 2030, 15:00", "7. Januar 2030", "7.308,00 EUR", "2 Nächte",
         "Fr., 11. Jan. 2030, 13:15 \N{EN DASH} 14:00 · 50,00 USD zum Kurs 0,92", "Dankend erhalten"],
    ),
    "de-AT": (facts(K.ITINERARY, language="de-AT", stops=STOPS), ["Reiseplan", "Freitag, 11. Jänner 2030"]),
    "fr": (
        facts(K.CREDIT_NOTE, NIGHTS, language="fr", correction=CORRECTION),
        ["Avoir", "7 308,00 EUR", "7 janvier 2030", "Total de l'avoir"],
    ),
    "fr-CA": (facts(K.E_TICKET, language="fr-CA", travellers=SCRIPTS[:2]), ["Billet électronique", "1 sur 2"]),
    "es": (
        facts(K.VOUCHER, language="es", code="HF1:ABC"),
        ["Bono", "LOCALIZADOR", "vie, 11 ene 2030, 15:00", "2 personas"],
    ),
    "es-MX": (
        facts(K.QUOTATION, NIGHTS, language="es-MX", valid_until=date(2030, 1, 9)),
        ["Presupuesto", "7,308.00 EUR", "Válido hasta 9 de enero de 2030"],
    ),
    "ja": (facts(K.INVOICE, NIGHTS, language="ja"), ["Invoice", "EUR 7,308.00", "7 January 2030"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def printer() -> TypstPress:
    return press()


def printed(printer: TypstPress, made: Facts, embedded: Embedded | None = None) -> tuple[bytes, str]:
    done = printer.print(made.kind, {**sheet(made), "code": made.code}, made_at=ISSUED_AT, embedded=embedded)
    return done.content, done.standard


@pytest.mark.parametrize("paper", PAPERS)
def test_a_paper_says_what_it_should(printer: TypstPress, tmp_path: Path, paper: str) -> None:
    made, expected = PAPERS[paper]
    content, _ = printed(printer, made)
    found = text_of(content, tmp_path)
    assert [each for each in expected if each not in found] == []
    assert printed(printer, made)[0] == content, "the same paper is the same bytes"


@pytest.mark.parametrize("language", IN_LANGUAGES)
def test_a_paper_speaks_its_reader_s_language(printer: TypstPress, tmp_path: Path, language: str) -> None:
    made, expected = IN_LANGUAGES[language]
    content, standard = printed(printer, made)
    found = text_of(content, tmp_path).replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    assert [each for each in expected if each not in found] == []
    assert standard == "PDF/A-3b"
    spoken = "en" if language == "ja" else language
    assert str(PdfReader(BytesIO(content)).root_object["/Lang"]) == spoken


def test_every_language_has_the_same_words() -> None:
    keys = {
        language: {(table, word) for table, words in words_of(language).items() for word in words}
        for language in LANGUAGES
    }
    assert {language for language in LANGUAGES if keys[language] != keys["en"]} == set()


def test_a_voucher_has_a_page_for_each_supplier(printer: TypstPress) -> None:
    items = [
        STOPS[1].model_copy(update={"confirmation": "TR-4711"}),
        STOPS[1].model_copy(update={"title": "Tour"}),
    ]
    content, _ = printed(printer, facts(K.VOUCHER, code="HF1:ABC", stops=items))
    pages = PdfReader(BytesIO(content)).pages
    assert len(pages) == 3
    assert "TR-4711" in pages[1].extract_text()
    assert "TR-4711" not in pages[0].extract_text() + pages[2].extract_text()
    assert "Tour" in pages[2].extract_text()


def test_names_that_run_from_right_to_left_are_whole(printer: TypstPress, tmp_path: Path) -> None:
    if not any("Arabic" in family or "DejaVu Sans" in family for family in printer.fonts):
        pytest.skip("no font with Arabic letters is installed; .ci/servers installs one")
    content, standard = printed(printer, facts(K.VOUCHER, travellers=SCRIPTS[1:3]))
    found = text_of(content, tmp_path)
    assert standard == "PDF/A-3b"
    for name in SCRIPTS[1:3]:
        for word in name.split():
            assert word in found


def test_a_long_table_takes_its_head_along(printer: TypstPress, tmp_path: Path) -> None:
    content, _ = printed(printer, facts(K.INVOICE, price(lines=120), buyer=Party(name=LONG)))
    pages = len(PdfReader(BytesIO(content)).pages)
    assert pages >= 4
    assert text_of(content, tmp_path).count("DESCRIPTION") == pages
    unbroken = facts(K.INVOICE, buyer=Party(name="W" * 200), venue="V" * 200)
    assert len(PdfReader(BytesIO(printed(printer, unbroken)[0])).pages) == 1


def test_no_text_is_read_as_markup(printer: TypstPress, tmp_path: Path) -> None:
    made = facts(K.INVOICE, buyer=Party(name=HOSTILE), notes=[HOSTILE], venue=HOSTILE)
    found = text_of(printed(printer, made)[0], tmp_path)
    for word in HOSTILE.split():
        assert word.replace('"', "") in found.replace("“", "").replace("”", "").replace('"', "")
    # and a name cannot turn the line that it stands in
    turned = facts(K.INVOICE, buyer=Party(name="evil\u202etxt.exe\u0000\nsecond"))
    assert "eviltxt.exe second" in text_of(printed(printer, turned)[0], tmp_path)


def test_a_character_without_a_font_costs_the_standard_and_not_the_paper(
    printer: TypstPress, tmp_path: Path
) -> None:
    content, standard = printed(printer, facts(K.INVOICE, buyer=Party(name="Zoë \U0001bca0 \U00011fff")))
    assert standard == "PDF"
    assert "INV-2030-00042" in text_of(content, tmp_path)


def test_the_press_knows_what_it_cannot_print(printer: TypstPress) -> None:
    assert "Hebrew" not in printer.lacking(), "typst brings these letters"
    assert printer.has("A")
    assert not printer.has("\U00013000")


def test_an_invoice_carries_itself_for_machines(printer: TypstPress, tmp_path: Path) -> None:
    made = facts(K.INVOICE)
    xml = e_invoice.write(made)
    content, standard = printed(printer, made, Embedded(e_invoice.FILENAME, xml, "The invoice for machines"))
    assert standard == "PDF/A-3b"
    assert text_of(content, tmp_path)

    name, found = facturx.get_xml_from_pdf(content, check_xsd=True)
    assert (name, found) == ("factur-x.xml", xml)
    assert schema_breaches(found) == []
    assert facturx.get_level(facturx.facturx.etree.fromstring(found)) == "en16931"

    metadata = PdfReader(BytesIO(content)).xmp_metadata
    assert metadata is not None
    raw = metadata.stream.get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in raw
    assert "<fx:ConformanceLevel>EN 16931</fx:ConformanceLevel>" in raw
    assert raw.count("<pdfaSchema:prefix>fx</pdfaSchema:prefix>") == 1
    assert "AFRelationship/Alternative" in content.decode("latin-1").replace(" ", "")


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_the_house_has_a_face(tmp_path: Path, ending: str) -> None:
    logo = tmp_path / f"logo.{ending}"
    if ending == "svg":
        logo.write_text(
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 3"><rect width="9" height="3"/></svg>'
        )
    else:
        logo.write_bytes(bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
            "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
        ))  # fmt: skip
    content, standard = printed(press(logo=logo, colour="#aa0000"), facts(K.INVOICE))
    assert standard == "PDF/A-3b"
    assert content != printed(press(), facts(K.INVOICE))[0]
