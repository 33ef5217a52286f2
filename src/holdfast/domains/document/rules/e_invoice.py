"""An invoice or credit note for machines: EN 16931 as UN/CEFACT Cross Industry Invoice, the XML of Factur-X 1.0.

VAT is one tax of one rate on all that is sold: that is what a rate's taxes can say. Other taxes (a city's) are
charges outside of VAT. Not everything that can be sold can be said so; `unsayable` says what stands in the way.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from holdfast.contracts.document import DocumentKind
from holdfast.domains.document.facts import Facts, Party, TaxFact
from holdfast.domains.document.rules.words import local_day, printable
from holdfast.kernel.money import Money, total_of

FILENAME = "factur-x.xml"
GUIDELINE = "urn:cen.eu:en16931:2017"
TYPE_CODES = {DocumentKind.INVOICE: "380", DocumentKind.CREDIT_NOTE: "381"}
NAMESPACES = {
    "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
    "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
}
MAX_DECIMALS = 2
# of several taxes, the one that is VAT calls itself so in its country's language
VAT = re.compile(
    r"\b(VAT|MwSt|USt|TVA|IVA|BTW|moms|MVA|ALV|PTU|DPH|ÁFA|AFA|ΦΠΑ|PDV|PVM|PVN|GST)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Category:
    """How VAT treats a part of the invoice: S standard, Z zero, E exempt, O outside of it."""

    code: str
    rate: Decimal | None
    reason: str | None = None


OUTSIDE = Category("O", None, "Not subject to VAT")
EXEMPT = Category("E", Decimal(0), "Exempt from VAT")
OTHER_TAX = Category("E", Decimal(0), "Tax or levy outside the scope of VAT")


def unsayable(facts: Facts) -> str | None:
    """Why this cannot be said in EN 16931, or None."""
    seller = facts.seller
    if facts.kind not in TYPE_CODES or facts.sums is None or not facts.lines:
        return "it is no invoice"
    if seller.country is None:
        return "the seller's country is unknown"
    vat = [tax for tax in facts.taxes if is_vat(tax, facts.taxes)]
    unsaid = any(tax.percent is None for tax in facts.taxes) or not all(line.taxed for line in facts.lines)
    if len(vat) > 1 or unsaid:
        return "it has several rates of VAT on one price, or one that nobody said"
    if (vat or facts.taxes) and seller.vat_id is None and seller.tax_number is None:
        return "the seller's VAT number is unknown"
    written = [facts.sums.total, facts.sums.tax, facts.sums.paid, *(line.amount for line in facts.lines)]
    if any(len(amount.partition(".")[2].rstrip("0")) > MAX_DECIMALS for amount in written):
        return "EN 16931 has amounts of two decimals"
    return None


def is_vat(tax: TaxFact, taxes: Sequence[TaxFact]) -> bool:
    return len(taxes) == 1 or VAT.search(tax.label) is not None


def write(facts: Facts) -> bytes:
    """The XML, for facts that `unsayable` has nothing against."""
    for prefix, namespace in NAMESPACES.items():
        ET.register_namespace(prefix, namespace)
    root = ET.Element(name("rsm:CrossIndustryInvoice"))
    add(root, "rsm:ExchangedDocumentContext/ram:GuidelineSpecifiedDocumentContextParameter/ram:ID", GUIDELINE)
    document = add(root, "rsm:ExchangedDocument")
    add(document, "ram:ID", facts.number)
    add(document, "ram:TypeCode", TYPE_CODES[facts.kind])
    day(document, "ram:IssueDateTime", facts.issued_on)
    for note in facts.notes:
        add(add(document, "ram:IncludedNote"), "ram:Content", printable(note))
    Transaction(facts).write(add(root, "rsm:SupplyChainTradeTransaction"))
    xml: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return xml


class Transaction:
    """The trade itself: every amount net, VAT once for all of it."""

    def __init__(self, facts: Facts) -> None:
        assert facts.sums is not None, "unsayable() was asked"
        self.facts, self.sums, self.currency = facts, facts.sums, facts.currency
        self.vat = next((tax for tax in facts.taxes if is_vat(tax, facts.taxes)), None)
        self.others = [tax for tax in facts.taxes if tax is not self.vat]
        self.category = self.category_of(self.vat)
        self.nets = self.net_lines()

    def money(self, amount: str) -> Money:
        return Money.parse(amount, self.currency)

    def category_of(self, vat: TaxFact | None) -> Category:
        if vat is not None:
            return Category("S" if vat.percent else "Z", vat.percent)
        has_number = self.facts.seller.vat_id or self.others
        return EXEMPT if has_number else OUTSIDE

    def net_lines(self) -> list[Money]:
        """The lines without the taxes that their prices contain, to the last unit of the whole."""
        gross = [self.money(line.amount) for line in self.facts.lines]
        contained = total_of(
            [self.money(tax.amount) for tax in self.facts.taxes if tax.included], currency=self.currency
        )
        whole = total_of(gross, currency=self.currency)
        if not contained or not whole:
            return gross
        ratio = Fraction(whole.minor - contained.minor, whole.minor)
        nets, run, before = [], Money.zero(self.currency), Money.zero(self.currency)
        for amount in gross:
            run += amount
            nets.append(run.times(ratio) - before)
            before = run.times(ratio)
        return nets

    def write(self, trade: ET.Element) -> None:
        for number, (line, net) in enumerate(zip(self.facts.lines, self.nets, strict=True), 1):
            self.line(
                add(trade, "ram:IncludedSupplyChainTradeLineItem"),
                number,
                label=printable(line.label),
                quantity=Decimal(line.quantity),
                net=net,
            )
        self.agreement(add(trade, "ram:ApplicableHeaderTradeAgreement"))
        delivery = add(trade, "ram:ApplicableHeaderTradeDelivery")
        day(delivery, "ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime", self.local(self.facts.start_at))
        self.settlement(add(trade, "ram:ApplicableHeaderTradeSettlement"))

    def local(self, instant: object) -> date:
        return local_day(instant, self.facts.zone)  # type: ignore[arg-type] # an instant of the facts

    def line(self, item: ET.Element, number: int, *, label: str, quantity: Decimal, net: Money) -> None:
        count, unit = unit_price(net, quantity)
        add(item, "ram:AssociatedDocumentLineDocument/ram:LineID", str(number))
        add(item, "ram:SpecifiedTradeProduct/ram:Name", label)
        add(item, "ram:SpecifiedLineTradeAgreement/ram:NetPriceProductTradePrice/ram:ChargeAmount", plain(unit))
        add(item, "ram:SpecifiedLineTradeDelivery/ram:BilledQuantity", plain(count), unitCode="C62")
        settled = add(item, "ram:SpecifiedLineTradeSettlement")
        self.tax(add(settled, "ram:ApplicableTradeTax"), self.category)
        add(settled, "ram:SpecifiedTradeSettlementLineMonetarySummation/ram:LineTotalAmount", str(net))

    def tax(self, element: ET.Element, category: Category) -> None:
        add(element, "ram:TypeCode", "VAT")
        add(element, "ram:CategoryCode", category.code)
        if category.rate is not None:
            add(element, "ram:RateApplicablePercent", plain(category.rate))

    def agreement(self, agreement: ET.Element) -> None:
        seller = add(agreement, "ram:SellerTradeParty")
        if self.facts.seller.id:
            add(seller, "ram:ID", self.facts.seller.id)
        self.party(seller, self.facts.seller, self.facts.seller.country)
        # who did not say where they live is taken to live where they buy
        buyer = self.facts.buyer
        if self.category is OUTSIDE:  # nobody's VAT number stands on such an invoice
            buyer = buyer.model_copy(update={"vat_id": None})
        self.party(add(agreement, "ram:BuyerTradeParty"), buyer, buyer.country or self.facts.seller.country)
        add(agreement, "ram:BuyerOrderReferencedDocument/ram:IssuerAssignedID", self.facts.reference)

    def party(self, element: ET.Element, who: Party, country: str | None) -> None:
        add(element, "ram:Name", printable(who.name))
        address = add(element, "ram:PostalTradeAddress")
        for tag, value in (("PostcodeCode", who.postcode), ("LineOne", who.street), ("CityName", who.city)):
            if value:
                add(address, f"ram:{tag}", printable(value))
        add(address, "ram:CountryID", country or "")
        if who.email:
            add(element, "ram:URIUniversalCommunication/ram:URIID", who.email, schemeID="EM")
        if who.vat_id:
            vat_id = re.sub(r"[ .-]", "", who.vat_id)
            add(element, "ram:SpecifiedTaxRegistration/ram:ID", vat_id, schemeID="VA")
        if who.tax_number:
            add(add(element, "ram:SpecifiedTaxRegistration"), "ram:ID", printable(who.tax_number), schemeID="FC")

    def settlement(self, settlement: ET.Element) -> None:
        facts, sums = self.facts, self.sums
        charges = [(tax, self.money(tax.amount)) for tax in self.others]
        lines = total_of(self.nets, currency=self.currency)
        charged = total_of([amount for _, amount in charges], currency=self.currency)
        vat = self.money(self.vat.amount) if self.vat else Money.zero(self.currency)
        add(settlement, "ram:PaymentReference", facts.number)
        add(settlement, "ram:InvoiceCurrencyCode", facts.currency)
        if facts.seller.iban:
            means = add(settlement, "ram:SpecifiedTradeSettlementPaymentMeans")
            add(means, "ram:TypeCode", "58" if facts.currency == "EUR" else "30")
            add(means, "ram:PayeePartyCreditorFinancialAccount/ram:IBANID", facts.seller.iban)
        self.breakdown(settlement, self.category, basis=lines, amount=vat)
        if charges:
            self.breakdown(settlement, OTHER_TAX, basis=charged, amount=Money.zero(self.currency))
        period = add(settlement, "ram:BillingSpecifiedPeriod")
        day(period, "ram:StartDateTime", self.local(facts.start_at))
        day(period, "ram:EndDateTime", self.local(facts.end_at))
        for tax, amount in charges:
            self.charge(add(settlement, "ram:SpecifiedTradeAllowanceCharge"), tax, amount)
        terms = "Payable at the venue" if facts.payable_at_venue else "Payable now"
        add(settlement, "ram:SpecifiedTradePaymentTerms/ram:Description", terms)
        total = add(settlement, "ram:SpecifiedTradeSettlementHeaderMonetarySummation")
        add(total, "ram:LineTotalAmount", str(lines))
        if charges:
            add(total, "ram:ChargeTotalAmount", str(charged))
        add(total, "ram:TaxBasisTotalAmount", str(lines + charged))
        add(total, "ram:TaxTotalAmount", str(vat), currencyID=facts.currency)
        add(total, "ram:GrandTotalAmount", sums.total)
        add(total, "ram:TotalPrepaidAmount", sums.paid)
        add(total, "ram:DuePayableAmount", sums.balance)
        if facts.correction is not None:
            corrected = add(settlement, "ram:InvoiceReferencedDocument")
            add(corrected, "ram:IssuerAssignedID", facts.correction.number)
            day(corrected, "ram:FormattedIssueDateTime", facts.correction.issued_on, kind="qdt")

    def breakdown(self, settlement: ET.Element, category: Category, *, basis: Money, amount: Money) -> None:
        element = add(settlement, "ram:ApplicableTradeTax")
        add(element, "ram:CalculatedAmount", str(amount))
        add(element, "ram:TypeCode", "VAT")
        if category.reason:
            add(element, "ram:ExemptionReason", category.reason)
        add(element, "ram:BasisAmount", str(basis))
        add(element, "ram:CategoryCode", category.code)
        if category.rate is not None:
            add(element, "ram:RateApplicablePercent", plain(category.rate))

    def charge(self, element: ET.Element, tax: TaxFact, amount: Money) -> None:
        add(element, "ram:ChargeIndicator/udt:Indicator", "true")
        add(element, "ram:ActualAmount", str(amount))
        add(element, "ram:Reason", printable(tax.label))
        self.tax(add(element, "ram:CategoryTradeTax"), OTHER_TAX)


def unit_price(net: Money, quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Quantity and price of one, whose product is the line's net amount; one of it where no price of six decimals
    gives that. A discount is less than nothing of something, for no price is below zero."""
    amount = Decimal(str(net))
    if quantity > 0:
        unit = round(abs(amount) / quantity, 6)
        if round(unit * quantity, MAX_DECIMALS) == abs(amount):
            return (quantity if amount >= 0 else -quantity), unit
    return Decimal(1 if amount >= 0 else -1), abs(amount)


def plain(value: Decimal) -> str:
    return format(value.normalize() + 0, "f")


def name(tag: str) -> str:
    prefix, _, local = tag.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def add(parent: ET.Element, path: str, text: str | None = None, **attributes: str) -> ET.Element:
    """A new element at the end of this path, whose other steps are made where they are not there."""
    steps = path.split("/")
    for tag in steps[:-1]:
        found = parent.find(name(tag))
        parent = ET.SubElement(parent, name(tag)) if found is None else found
    element = ET.SubElement(parent, name(steps[-1]), attributes)
    element.text = text
    return element


def day(parent: ET.Element, path: str, on: date, *, kind: str = "udt") -> None:
    add(parent, f"{path}/{kind}:DateTimeString", f"{on:%Y%m%d}", format="102")
