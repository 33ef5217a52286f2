"""Invoice, credit note and quotation, as their template is filled."""

from collections.abc import Mapping
from decimal import Decimal

from pydantic import JsonValue

from holdfast.contracts.document import DocumentKind
from holdfast.domains.document.facts import FactLine, Facts
from holdfast.domains.document.rules.sheet_parts import DASH, Sheet, rows, stay
from holdfast.domains.document.rules.voice import Voice
from holdfast.domains.document.rules.words import clock, local_day, printable
from holdfast.kernel.money import Money

K = DocumentKind
GRAND: Mapping[DocumentKind, str] = {K.CREDIT_NOTE: "total_credited", K.QUOTATION: "total_quoted"}


def bill(facts: Facts, voice: Voice) -> Sheet:
    sums, currency = facts.sums, facts.currency
    assert sums is not None, "a bill has sums"
    net_and_tax = {
        voice.labels["net"]: voice.money(sums.net, currency),
        voice.labels["tax"]: voice.money(sums.tax, currency),
    }
    return {
        "meta": rows(meta(facts, voice)),
        "about": printable(facts.venue),
        "about_detail": stay(facts, voice),
        "lines": [
            {
                "label": printable(line.label),
                "detail": detail(line, facts, voice),
                "quantity": voice.number(Decimal(line.quantity)),
                "unit_amount": voice.money(line.unit_amount),
                "amount": voice.money(line.amount),
            }
            for line in facts.lines
        ],
        "taxes": [
            {
                "label": tax_name(tax.label, tax.percent, voice),
                "base": voice.money(tax.base),
                "amount": voice.money(tax.amount),
            }
            for tax in facts.taxes
        ],
        "sums": rows(net_and_tax) if facts.taxes else [],
        "grand": {"name": voice.name(GRAND.get(facts.kind, "total")), "value": voice.money(sums.total, currency)},
        "settlement": settlement(facts, voice),
    }


def detail(line: FactLine, facts: Facts, voice: Voice) -> str | None:
    """The small print: when it is, and what it cost in its own currency at which rate."""
    item = line.item
    if item is None:
        return printable(line.detail) if line.detail else None
    same_day = local_day(item.start_at, facts.zone) == local_day(item.end_at, facts.zone)
    until = clock(item.end_at, facts.zone) if same_day else voice.moment(item.end_at, facts.zone)
    parts = [f"{voice.moment(item.start_at, facts.zone)} {DASH} {until}"]
    if item.currency != facts.currency:
        rate = voice.number(Decimal(item.rate), "#,##0.##########")
        parts.append(voice.say("at_rate", price=voice.money(item.price, item.currency), rate=rate))
    return printable(" · ".join(parts))


def settlement(facts: Facts, voice: Voice) -> list[JsonValue]:
    """What was paid and what is open; nothing of it on a quotation or a credit note."""
    sums = facts.sums
    if sums is None or facts.kind is not K.INVOICE:
        return []
    is_paid = Money.parse(sums.balance, facts.currency).minor <= 0
    due = "balance_at_venue" if facts.payable_at_venue else "balance_due"
    paid, balance = (voice.money(each, facts.currency) for each in (sums.paid, sums.balance))
    return [
        {"name": voice.name("paid_with_thanks" if is_paid else "paid"), "value": paid},
        {"name": voice.name("balance" if is_paid else due), "value": balance, "strong": True},
    ]


def meta(facts: Facts, voice: Voice) -> dict[str, str | None]:
    names: dict[str, str | None] = {
        voice.name("number"): facts.number,
        voice.name("date"): voice.day(facts.issued_on),
        voice.name("booking"): facts.reference,
    }
    if facts.correction is not None:
        names[voice.name("corrects")] = facts.correction.number
        names[voice.name("invoice_of")] = voice.day(facts.correction.issued_on)
    if facts.valid_until is not None:
        names[voice.name("valid_until")] = voice.day(facts.valid_until)
    return names


def tax_name(label: str, rate: Decimal | None, voice: Voice) -> str:
    return " ".join([printable(label), *([voice.percent(rate)] if rate is not None else [])])
