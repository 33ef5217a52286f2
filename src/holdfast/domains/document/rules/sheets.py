"""What the templates are filled with: every word of a paper, already written for people.

    facts ──sheet()──> JSON ──typst──> PDF

The templates arrange and do not decide; nothing here is read as markup there.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import groupby

from pydantic import JsonValue

from holdfast.contracts.document import DocumentKind
from holdfast.contracts.inventory import MINUTES_PER_DAY
from holdfast.domains.document.facts import Facts, Party, Stop
from holdfast.domains.document.rules.words import (
    clock,
    counted,
    day,
    local_day,
    moment,
    money,
    percent,
    present,
    printable,
    weekday,
)
from holdfast.kernel.money import Money

Sheet = dict[str, JsonValue]

TIMES, DASH = "\N{MULTIPLICATION SIGN}", "\N{EN DASH}"

HEADINGS: Mapping[DocumentKind, str] = {
    DocumentKind.INVOICE: "Invoice",
    DocumentKind.CREDIT_NOTE: "Credit note",
    DocumentKind.VOUCHER: "Voucher",
    DocumentKind.ITINERARY: "Itinerary",
    DocumentKind.E_TICKET: "E-ticket",
    DocumentKind.QUOTATION: "Quotation",
}

WORDS: Sheet = {
    "description": "Description",
    "quantity": "Qty",
    "unit": "Price",
    "amount": "Amount",
    "tax": "Tax",
    "net": "Net",
    "for_whom": "Billed to",
    "from_whom": "From",
    "where": "Where",
    "reference": "Reference",
    "guest": "Guest",
    "travellers": "Travelling",
    "provider": "Provided by",
    "included": "Included",
    "admits": "Admits one",
    "traveller": "Traveller",
}


def sheet(facts: Facts) -> Sheet:
    """The whole paper but its look."""
    heading = HEADINGS[facts.kind]
    common: Sheet = {
        "title": f"{heading} {facts.number}",
        "heading": heading,
        "subtitle": facts.number,
        "language": facts.language,
        "words": {**WORDS, **({"for_whom": "Credited to"} if facts.correction else {})},
        "reference": facts.reference,
        "seller": party(facts.seller),
        "buyer": party(facts.buyer),
        "travellers": [*present(facts.travellers)],
        "footer": [*present(footer(facts.seller))] or [facts.brand],
        "notes": [*present(facts.notes)],
        "qr": None,
    }
    return {**common, **WRITERS[facts.kind](facts)}


def bill(facts: Facts) -> Sheet:
    sums, currency = facts.sums, facts.currency
    assert sums is not None, "a bill has sums"
    return {
        "meta": rows(meta(facts)),
        "about": printable(facts.venue),
        "about_detail": stay(facts),
        "lines": [
            {
                "label": printable(line.label),
                "detail": printable(line.detail) if line.detail else None,
                "quantity": line.quantity,
                "unit_amount": money(line.unit_amount),
                "amount": money(line.amount),
            }
            for line in facts.lines
        ],
        "taxes": [
            {"label": tax_name(tax.label, tax.percent), "base": money(tax.base), "amount": money(tax.amount)}
            for tax in facts.taxes
        ],
        "sums": rows({"Net": money(sums.net, currency), "Tax": money(sums.tax, currency)}) if facts.taxes else [],
        "grand": {"name": grand(facts), "value": money(sums.total, currency)},
        "settlement": settlement(facts),
    }


def grand(facts: Facts) -> str:
    return {DocumentKind.CREDIT_NOTE: "Total credited", DocumentKind.QUOTATION: "Total quoted"}.get(
        facts.kind, "Total"
    )


def settlement(facts: Facts) -> list[JsonValue]:
    """What was paid and what is open; nothing of it on a quotation or a credit note."""
    sums = facts.sums
    if sums is None or facts.kind is not DocumentKind.INVOICE:
        return []
    is_paid = Money.parse(sums.balance, facts.currency).minor <= 0
    due = "Balance due at the venue" if facts.payable_at_venue else "Balance due"
    return [
        {"name": "Paid, with thanks" if is_paid else "Paid", "value": money(sums.paid, facts.currency)},
        {"name": "Balance" if is_paid else due, "value": money(sums.balance, facts.currency), "strong": True},
    ]


def meta(facts: Facts) -> dict[str, str | None]:
    names: dict[str, str | None] = {
        "Number": facts.number,
        "Date": day(facts.issued_on),
        "Booking": facts.reference,
    }
    if facts.correction is not None:
        names |= {"Corrects": facts.correction.number, "Invoice of": day(facts.correction.issued_on)}
    if facts.valid_until is not None:
        names["Valid until"] = day(facts.valid_until)
    return names


def tax_name(label: str, rate: Decimal | None) -> str:
    return " ".join([printable(label), *([percent(rate)] if rate is not None else [])])


def voucher(facts: Facts) -> Sheet:
    return {
        "place": place(facts),
        "facts": rows(when(facts)),
        "lines": [
            {"label": printable(line.label), "quantity": f"{TIMES} {line.quantity}"} for line in facts.lines
        ],
    }


def e_ticket(facts: Facts) -> Sheet:
    names = present(facts.travellers) or [printable(facts.buyer.name)]
    number = facts.number
    return {
        "place": place(facts),
        "facts": rows({name: value for name, value in when(facts).items() if name != "Guests"}),
        "tickets": [
            {"name": name, "number": f"{number} · {index} of {len(names)}"} for index, name in enumerate(names, 1)
        ],
    }


def itinerary(facts: Facts) -> Sheet:
    points = sorted(facts.stops, key=lambda each: each.start_at)
    days = groupby(points, key=lambda each: local_day(each.start_at, each.zone))
    return {
        "about": printable(facts.venue),
        "about_detail": stay(facts),
        "days": [{"name": weekday(on), "stops": [stop(each) for each in stops]} for on, stops in days],
    }


def stop(each: Stop) -> Sheet:
    until = moment(each.end_at, each.zone)
    details = {"Until": until, "With": each.provider, "Confirmation": each.confirmation, "Time zone": each.zone}
    return {
        "time": clock(each.start_at, each.zone),
        "title": printable(each.title),
        "detail": printable(each.place) if each.place else None,
        "facts": rows(details),
    }


WRITERS: Mapping[DocumentKind, Callable[[Facts], Sheet]] = {
    DocumentKind.INVOICE: bill,
    DocumentKind.CREDIT_NOTE: bill,
    DocumentKind.QUOTATION: bill,
    DocumentKind.VOUCHER: voucher,
    DocumentKind.E_TICKET: e_ticket,
    DocumentKind.ITINERARY: itinerary,
}


def rows(named: Mapping[str, str | None]) -> list[JsonValue]:
    return [{"name": name, "value": printable(value)} for name, value in named.items() if value]


def place(facts: Facts) -> Sheet:
    return {"name": printable(facts.venue), "lines": [*present([facts.venue_address])]}


def when(facts: Facts) -> dict[str, str | None]:
    return {
        "From": moment(facts.start_at, facts.zone),
        "Until": moment(facts.end_at, facts.zone),
        "Guests": counted(facts.party_size, "person", "people"),
        "Time zone": facts.zone,
    }


def stay(facts: Facts) -> str:
    """`Fri 11 January 2030, 15:00 - Sun 13 January 2030, 11:00 · 2 nights · 2 people`, the dash a long one."""
    nights = (local_day(facts.end_at, facts.zone) - local_day(facts.start_at, facts.zone)).days
    minutes = int((facts.end_at - facts.start_at).total_seconds() // 60)
    over_night = nights > 0 and minutes > MINUTES_PER_DAY // 3
    parts = [
        f"{moment(facts.start_at, facts.zone)} {DASH} {moment(facts.end_at, facts.zone)}",
        counted(nights, "night", "nights") if over_night else "",
        counted(facts.party_size, "person", "people"),
    ]
    return " · ".join(part for part in parts if part)


def party(who: Party) -> Sheet:
    # the country as its code: the names of some are disputed, and the post takes codes
    town = ", ".join(present([" ".join(present([who.postcode, who.city])), who.country]))
    return {
        "name": printable(who.name),
        "lines": [*present([who.street, town, who.email, who.phone])],
        "vat_id": f"VAT ID {who.vat_id}" if who.vat_id else None,
        "registration": f"Tax number {printable(who.tax_number)}" if who.tax_number else None,
    }


def footer(seller: Party) -> list[str | None]:
    iban = " ".join(seller.iban[at : at + 4] for at in range(0, len(seller.iban), 4)) if seller.iban else None
    vat = f"VAT ID {seller.vat_id}" if seller.vat_id else None
    return [seller.name, seller.city, seller.email, vat, f"IBAN {iban}" if iban else None]
