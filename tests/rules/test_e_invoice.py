"""The invoice for machines, judged by EN 16931's own schema and rules."""

import re
from datetime import date
from decimal import Decimal

import pytest

from holdfast.contracts.document import DocumentKind
from holdfast.contracts.pricing import LineKind, PriceView
from holdfast.domains.document.facts import Correction, FactLine, Facts, Party, Sums, TaxFact
from holdfast.domains.document.rules.bills import sums, tax_facts
from holdfast.domains.document.rules.composing import credit
from holdfast.domains.document.rules.e_invoice import unsayable, write
from holdfast.kernel.money import Money
from tests.e_invoices import rule_breaches, schema_breaches
from tests.papers import HOSTILE, ISSUED_AT, SELLER, facts, line, price

INVOICE = DocumentKind.INVOICE
UNREGISTERED = Party(id="house", name="Seaview", country="DE")


def with_city_tax() -> Facts:
    made = facts(INVOICE, price(included=False))
    city = TaxFact(label="City tax", percent=Decimal(5), base="730.80", amount="36.54", included=False)
    total = "818.50"
    return made.model_copy(
        update={
            "taxes": [*made.taxes, city],
            "sums": Sums(net="730.80", tax="87.70", total=total, paid="0.00", balance=total),
        }
    )


def discounted() -> Facts:
    made = facts(INVOICE, price(vat=None))
    line = FactLine(
        kind=LineKind.ADJUSTMENT, label="Long stay", quantity="1", unit_amount="-73.08", amount="-73.08"
    )
    sums = Sums(net="657.72", tax="0.00", total="657.72", paid="657.72", balance="0.00")
    return made.model_copy(update={"lines": [*made.lines, line], "sums": sums})


def with_an_item() -> PriceView:
    """What a supplier adds stands behind the taxes, and they are not on it."""
    sold = price()
    item = line(LineKind.RATE, "Transfer", Money.parse("50.00", "EUR"))
    total = str(Money.parse(sold.total, "EUR") + Money.parse("50.00", "EUR"))
    return sold.model_copy(update={"lines": [*sold.lines, item], "total": total})


def test_a_tax_is_on_what_stood_before_it() -> None:
    before, after = tax_facts(price()), tax_facts(with_an_item())
    assert before == after
    assert (before[0].base, before[0].amount) == ("682.99", "47.81")
    assert sums(with_an_item(), paid=Money.zero("EUR")).net == "732.99"


CORRECTION = Correction(number="INV-2030-00042", issued_on=date(2030, 1, 7), reason="Cancelled")
SAYABLE = {
    "VAT in the prices": facts(INVOICE, notes=["Thank you", "Come again"]),
    "VAT on the prices, seven lines": facts(INVOICE, price(included=False, lines=7, vat="19")),
    "nothing paid": facts(INVOICE, paid="0.00", payable_at_venue=True),
    "yen": facts(INVOICE, price("JPY", unit="12000", included=False)),
    "exempt": facts(INVOICE, price(vat=None)),
    "outside of VAT": facts(
        INVOICE, price(vat=None), seller=UNREGISTERED, buyer=Party(name="X", vat_id="ATU12345678")
    ),
    "zero rated": facts(INVOICE, price(vat="0", included=False)),
    "a buyer of whom only the name is known": facts(INVOICE, buyer=Party(name="محمد")),
    "names that are markup elsewhere": facts(INVOICE, buyer=Party(name=HOSTILE)),
    "a city's tax beside VAT": with_city_tax(),
    "a discount": discounted(),
    "credit note on half of it": credit(
        facts(INVOICE), Money.parse("365.40", "EUR"), number="CN-1", version=1, reason="Cancelled", now=ISSUED_AT
    ),
    "credit note on a part with VAT added": credit(
        facts(INVOICE, price(included=False, vat="19")),
        Money.parse("0.03", "EUR"),
        number="CN-1",
        version=1,
        reason="Noise",
        now=ISSUED_AT,
    ),
    "credit note": facts(DocumentKind.CREDIT_NOTE, number="CN-2030-00001", correction=CORRECTION),
}


@pytest.mark.parametrize("case", SAYABLE)
def test_it_is_valid(case: str) -> None:
    assert unsayable(SAYABLE[case]) is None
    xml = write(SAYABLE[case])
    assert schema_breaches(xml) == []
    assert rule_breaches(xml) == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "rule"),
    [
        (b"<ram:GrandTotalAmount>[^<]*", b"<ram:GrandTotalAmount>1.00", "BR-CO-15"),
        (b"<ram:CategoryCode>S", b"<ram:CategoryCode>O", "BR-O-02"),
        (b"<ram:CountryID>DE", b"<ram:CountryID>QQ", "CountryID"),
    ],
)
def test_the_judges_judge(pattern: bytes, replacement: bytes, rule: str) -> None:
    broken, count = re.subn(pattern, replacement, write(facts(INVOICE)))
    assert count > 0
    assert any(rule in breach for breach in rule_breaches(broken))
    assert schema_breaches(write(facts(INVOICE)).replace(b"CountryID", b"Country")) != []


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (facts(INVOICE, price("BHD", unit="120.505")), "two decimals"),
        (facts(INVOICE, seller=SELLER.model_copy(update={"country": None})), "country"),
        (facts(INVOICE, seller=UNREGISTERED), "VAT number"),
        (facts(INVOICE, taxes=[facts(INVOICE).taxes[0]] * 2), "several rates"),
        (facts(INVOICE, with_an_item()), "nobody said"),
        (facts(DocumentKind.VOUCHER), "no invoice"),
    ],
)
def test_what_cannot_be_said_is_known_before(made: Facts, why: str) -> None:
    assert why in (unsayable(made) or "")
