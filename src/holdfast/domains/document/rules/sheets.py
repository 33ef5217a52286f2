"""What the templates are filled with: every word of a paper, already written for people.

    facts ──sheet()──> JSON ──typst──> PDF

The templates arrange and do not decide; nothing here is read as markup there.
"""

from collections.abc import Callable, Mapping

from holdfast.contracts.document import DocumentKind
from holdfast.domains.document.facts import Facts, Party
from holdfast.domains.document.rules.bill_sheets import bill
from holdfast.domains.document.rules.journey_sheets import e_ticket, itinerary, voucher
from holdfast.domains.document.rules.sheet_parts import Sheet
from holdfast.domains.document.rules.voice import Voice
from holdfast.domains.document.rules.words import present, printable

WRITERS: Mapping[DocumentKind, Callable[[Facts, Voice], Sheet]] = {
    DocumentKind.INVOICE: bill,
    DocumentKind.CREDIT_NOTE: bill,
    DocumentKind.QUOTATION: bill,
    DocumentKind.VOUCHER: voucher,
    DocumentKind.E_TICKET: e_ticket,
    DocumentKind.ITINERARY: itinerary,
}


def sheet(facts: Facts) -> Sheet:
    """The whole paper but its look, in its own language."""
    voice = Voice.of(facts.language)
    heading = voice.heading(facts.kind)
    common: Sheet = {
        "title": f"{heading} {facts.number}",
        "heading": heading,
        "subtitle": facts.number,
        "language": voice.language,
        "region": voice.locale.territory,
        "words": {**voice.labels, **({"for_whom": voice.name("credited_to")} if facts.correction else {})},
        "reference": facts.reference,
        "seller": party(facts.seller, voice),
        "buyer": party(facts.buyer, voice),
        "travellers": [*present(facts.travellers)],
        "footer": [*present(footer(facts.seller, voice))] or [facts.brand],
        "notes": [*present(facts.notes)],
        "qr": None,
    }
    return {**common, **WRITERS[facts.kind](facts, voice)}


def party(who: Party, voice: Voice) -> Sheet:
    # the country as its code: the names of some are disputed, and the post takes codes
    town = ", ".join(present([" ".join(present([who.postcode, who.city])), who.country]))
    return {
        "name": printable(who.name),
        "lines": [*present([who.street, town, who.email, who.phone])],
        "vat_id": f"{voice.name('vat_id')} {who.vat_id}" if who.vat_id else None,
        "registration": f"{voice.name('tax_number')} {printable(who.tax_number)}" if who.tax_number else None,
    }


def footer(seller: Party, voice: Voice) -> list[str | None]:
    iban = " ".join(seller.iban[at : at + 4] for at in range(0, len(seller.iban), 4)) if seller.iban else None
    vat = f"{voice.name('vat_id')} {seller.vat_id}" if seller.vat_id else None
    return [seller.name, seller.city, seller.email, vat, f"IBAN {iban}" if iban else None]
