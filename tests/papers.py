"""Papers to print in a line each, and the tools that read them."""

import shutil
import subprocess
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from uuid import UUID

import pytest

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentKind
from holdfast.contracts.pricing import LineKind, LineView, PriceView, Terms
from holdfast.domains.document.facts import Facts, Party, Stop
from holdfast.domains.document.rules.bills import sold_lines, sums, tax_facts
from holdfast.domains.document.templates import FOLDER
from holdfast.gateways.typesetting import Look, TypstPress
from holdfast.kernel.money import Money, percent_of, total_of

# as real clocks tell it: typst takes no fractions of a second
ISSUED_AT = datetime.fromisoformat("2030-01-07T09:00:00.123456+00:00")
SCRIPTS = ["Zoë Šimůnková", "محمد عبد الله الفارسي", "יוסף בן דוד", "李小龍 さくら", "김민준"]
HOSTILE = '*bold* #panic() $x^2$ `raw` @ref <label> \\ // /* #import "/etc/passwd" & <b>'
LONG = "Bartholomew Montgomery-Featherstonehaugh-Cholmondeley de la Villefranche y Castellanos-Ortega the Younger"
SELLER = Party(
    id="house",
    name="Seaview Hotels",
    street="1 Harbour Road",
    postcode="20457",
    city="Hamburg",
    country="DE",
    vat_id="DE123456789",
    email="stay@seaview.example",
    iban="DE89370400440532013000",
)
LABELS = (
    "Double room with breakfast",
    "Saturday",
    "City transfer",
    "Harbour tour, with all that is shown, told and eaten",
)


def press(**look: object) -> TypstPress:
    return TypstPress(FOLDER, Look(**{"brand": "Seaview", "colour": "#0f4c5c", **look}))  # type: ignore[arg-type]


def price(
    currency: str = "EUR", *, lines: int = 3, unit: str = "120.00", vat: str | None = "7", included: bool = True
) -> PriceView:
    """So many lines and a fee, with one tax on or in all of them."""
    amounts = [Money.parse(unit, currency).times(1 + index % 3) for index in range(lines)]
    net = total_of(amounts, currency=currency)
    fee = percent_of(net, Decimal("1.5"))
    base = net + fee
    sold = [line(LineKind.RATE, LABELS[index % 4], amount) for index, amount in enumerate(amounts)]
    sold.append(line(LineKind.FEE, "Service", fee))
    tax, total = Money.zero(currency), base
    if vat is not None:
        rate = Fraction(vat)
        tax = base.times(rate / (100 + rate)) if included else percent_of(base, rate)
        total = base if included else base + tax
        added = Money.zero(currency) if included else tax
        sold.append(
            LineView(
                kind=LineKind.TAX,
                label="VAT",
                quantity="0" if included else "1",
                unit_amount=str(tax),
                amount=str(added),
                included=included,
                percent=Decimal(vat),
            )
        )
    return PriceView(
        currency=currency,
        lines=sold,
        subtotal=str(net),
        fees=str(fee),
        taxes=str(tax),
        total=str(total),
        due_now=str(total),
        terms=Terms.FULL,
    )


def line(kind: LineKind, label: str, amount: Money) -> LineView:
    return LineView(kind=kind, label=label, quantity="1", unit_amount=str(amount), amount=str(amount))


def facts(
    kind: DocumentKind, sold: PriceView | None = None, *, paid: str | None = None, **fields: object
) -> Facts:
    """A stay of two nights in Hamburg, paid unless said otherwise."""
    sold = sold or price()
    told: dict[str, object] = {
        "kind": kind,
        "number": "INV-2030-00042",
        "issued_at": ISSUED_AT,
        "issued_on": date(2030, 1, 7),
        "brand": "Seaview",
        "seller": SELLER,
        "buyer": Party(name=SCRIPTS[0], street="Na Příkopě 12", postcode="110 00", city="Praha", country="CZ"),
        "booking_id": BookingId(UUID(int=7)),
        "reference": "K7QM-3XRD",
        "venue": "Seaview",
        "venue_type": "hotel",
        "venue_address": "1 Harbour Road, 20457 Hamburg",
        "zone": "Europe/Berlin",
        "start_at": datetime.fromisoformat("2030-01-11T14:00:00+00:00"),
        "end_at": datetime.fromisoformat("2030-01-13T10:00:00+00:00"),
        "party_size": 2,
        "currency": sold.currency,
        "lines": sold_lines(sold),
        "taxes": tax_facts(sold),
        "sums": sums(sold, paid=Money.parse(paid or sold.total, sold.currency)),
    }
    return Facts.model_validate({**told, **fields})


def stop(title: str, start_at: str, end_at: str, **fields: object) -> Stop:
    told = {"title": title, "place": "Pier 3", "zone": "Europe/Berlin", "start_at": start_at, "end_at": end_at}
    return Stop.model_validate({**told, **fields})


def tool(name: str, *arguments: str, pdf: Path) -> str:
    """What a program says of the file; the test is skipped where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed; .ci/servers installs it")
    done = subprocess.run(
        [name, *arguments, str(pdf), *(["-"] if name == "pdftotext" else [])], capture_output=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
    return done.stdout.decode()


def text_of(content: bytes, folder: Path) -> str:
    """The text of a PDF, white space as single spaces; qpdf has found no fault with it."""
    path = folder / "paper.pdf"
    path.write_bytes(content)
    tool("qpdf", "--check", pdf=path)
    return " ".join(tool("pdftotext", "-layout", pdf=path).split())
