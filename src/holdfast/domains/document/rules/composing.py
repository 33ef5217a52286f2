"""From a booking as it is now to what its papers will always say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import ValidationError

from holdfast.contracts.booking import BookingView, ItemStatus, ItemView, Lifecycle, Status
from holdfast.contracts.document import Billing, DocumentKind, SellerDraft
from holdfast.contracts.inventory import VenueView
from holdfast.contracts.pricing import LineKind, Terms
from holdfast.domains.document.exceptions import DocumentNotReady, NothingToInvoice
from holdfast.domains.document.facts import Correction, FactLine, Facts, Party, Stop, Sums
from holdfast.domains.document.rules.bills import credited_taxes, sold_lines, sums, tax_facts
from holdfast.domains.document.rules.countries import country_of
from holdfast.domains.document.rules.voice import Voice
from holdfast.domains.document.rules.words import local_day
from holdfast.kernel.money import Money, total_of

K = DocumentKind
SOLD = frozenset({Status.CONFIRMED, Status.CHECKED_IN, Status.COMPLETED})
UNSOLD = frozenset({Status.DRAFT, Status.PENDING})
GIVEN_UP = frozenset({Status.CANCELLED, Status.EXPIRED, Status.FAILED, Status.NO_SHOW})
QUOTATION_STANDS = timedelta(days=7)
SUFFIXES = {K.VOUCHER: "V", K.ITINERARY: "I", K.E_TICKET: "T", K.QUOTATION: "Q"}


@dataclass(frozen=True)
class Item:
    """An item of the booking, and who supplies it, where that is known."""

    view: ItemView
    provider: str | None


@dataclass(frozen=True)
class Sources:
    """Everything that a paper is made of."""

    booking: BookingView
    venue: VenueView
    seller: Party
    buyer: Party
    travellers: Sequence[str]
    brand: str
    language: str
    items: Sequence[Item] = ()

    @property
    def voice(self) -> Voice:
        return Voice.of(self.language)

    @property
    def paid(self) -> Money:
        """What was captured and not asked back."""
        price = self.booking.price
        due_now, balance = (Money.parse(each, price.currency) for each in (price.due_now, self.booking.balance))
        return due_now - balance


def must_be_ready(kind: DocumentKind, booking: BookingView) -> None:
    """NothingToInvoice, DocumentNotReady."""
    if kind is K.INVOICE:
        if booking.status not in SOLD or not Money.parse(booking.price.total, booking.price.currency):
            raise NothingToInvoice
    elif kind is K.QUOTATION:
        if booking.status not in UNSOLD:
            raise DocumentNotReady("a quotation is made before anything is sold")
    elif kind is not K.CREDIT_NOTE and booking.status not in SOLD:
        raise DocumentNotReady(f"the booking is {booking.status}")


def is_given_up(booking: BookingView) -> bool:
    return booking.status in GIVEN_UP or booking.lifecycle_status is Lifecycle.REFUNDED


def still_sold(sources: Sources) -> Money:
    """What the booking costs as it stands: its price; once given up, what was kept of the money; once refunded,
    nothing, whoever gave it back."""
    booking, currency = sources.booking, sources.booking.price.currency
    if booking.lifecycle_status is Lifecycle.REFUNDED:
        return Money.zero(currency)
    if is_given_up(booking):
        return max(sources.paid, Money.zero(currency))
    return Money.parse(booking.price.total, currency)


def compose(
    kind: DocumentKind, sources: Sources, *, number: str, version: int, code: str | None, now: datetime
) -> Facts:
    """Everything but credit notes, which are made of the invoice that they correct."""
    booking, venue, price = sources.booking, sources.venue, sources.booking.price
    on = local_day(now, venue.timezone)
    priced = kind in (K.INVOICE, K.QUOTATION) or bool(price.lines)
    paid = sources.paid if kind is K.INVOICE else Money.zero(price.currency)
    return Facts(
        kind=kind,
        number=number,
        version=version,
        issued_at=now,
        issued_on=on,
        brand=sources.brand,
        language=sources.language,
        seller=sources.seller,
        buyer=sources.buyer,
        booking_id=booking.id,
        reference=booking.reference,
        venue=booking.venue.name,
        venue_type=booking.venue.type,
        venue_address=venue.address,
        zone=venue.timezone,
        start_at=booking.start_at,
        end_at=booking.end_at,
        party_size=booking.party_size,
        travellers=list(sources.travellers),
        stops=stops(kind, sources),
        currency=price.currency,
        lines=sold_lines(price, {each.view.id: each.view for each in sources.items}),
        taxes=tax_facts(price),
        sums=sums(price, paid=paid) if priced else None,
        payable_at_venue=price.terms in (Terms.AT_VENUE, Terms.DEPOSIT),
        valid_until=local_day(quoted_until(booking, now), venue.timezone) if kind is K.QUOTATION else None,
        code=code,
        notes=notes(kind, sources),
    )


def quoted_until(booking: BookingView, now: datetime) -> datetime:
    return booking.expires_at or now + QUOTATION_STANDS


def stops(kind: DocumentKind, sources: Sources) -> list[Stop]:
    """All there is to be at; on a voucher, what suppliers have confirmed."""
    venue = sources.venue
    if kind is K.ITINERARY:
        return [stay_stop(sources.booking, venue), *(item_stop(each, venue) for each in sources.items)]
    if kind is K.VOUCHER:
        return [item_stop(each, venue) for each in sources.items if is_promised(each.view)]
    return []


def is_promised(item: ItemView) -> bool:
    return item.supplier_id is not None and item.status is ItemStatus.CONFIRMED


def stay_stop(booking: BookingView, venue: VenueView) -> Stop:
    return Stop(
        title=booking.venue.name,
        place=venue.address,
        zone=venue.timezone,
        start_at=booking.start_at,
        end_at=booking.end_at,
        confirmation=booking.reference,
    )


def item_stop(each: Item, venue: VenueView) -> Stop:
    """At the clock of the booking's venue: an item has none of its own."""
    item = each.view
    return Stop(
        title=item.label,
        place=None,
        zone=venue.timezone,
        start_at=item.start_at,
        end_at=item.end_at,
        provider=each.provider,
        confirmation=item.confirmation_reference,
        quantity=item.quantity,
    )


def notes(kind: DocumentKind, sources: Sources) -> list[str]:
    if kind in (K.VOUCHER, K.E_TICKET):
        return [sources.voice.say("show_code")]
    if kind in (K.INVOICE, K.QUOTATION) and any(tax.included for tax in tax_facts(sources.booking.price)):
        return [sources.voice.say("taxes_included")]
    return []


def credit(invoice: Facts, amount: Money, *, number: str, version: int, reason: str, now: datetime) -> Facts:
    """`amount` of the invoice's total goes back: its own lines where that is all of it, else one line."""
    assert invoice.sums is not None, "an invoice has sums"
    invoiced = Money.parse(invoice.sums.total, invoice.currency)
    whole, voice = amount == invoiced, Voice.of(invoice.language)
    taxes = invoice.taxes if whole else credited_taxes(invoice.taxes, invoiced=invoiced, credited=amount)
    tax = total_of([Money.parse(each.amount, invoice.currency) for each in taxes], currency=invoice.currency)
    part = FactLine(
        kind=LineKind.ADJUSTMENT,
        label=voice.say("credit_on", number=invoice.number),
        detail=reason,
        quantity="1",
        unit_amount=str(amount),
        amount=str(amount),
    )
    nothing = str(Money.zero(invoice.currency))
    return invoice.model_copy(
        update={
            "kind": K.CREDIT_NOTE,
            "number": number,
            "version": version,
            "issued_at": now,
            "issued_on": local_day(now, invoice.zone),
            "lines": invoice.lines if whole else [part],
            "taxes": taxes,
            "sums": Sums(
                net=str(amount - tax), tax=str(tax), total=str(amount), paid=nothing, balance=str(amount)
            ),
            "correction": Correction(number=invoice.number, issued_on=invoice.issued_on, reason=reason),
            "notes": [voice.say("takes_back", number=invoice.number)],
        }
    )


def seller_party(said: SellerDraft | None, venue: VenueView, *, brand: str) -> Party:
    """The venue's supplier or the house, as they said who they are; else by what the venue says of itself."""
    known = str(venue.supplier_id) if venue.supplier_id else "house"
    if said is not None:
        return Party.model_validate({**said.model_dump(exclude={"prefix"}), "id": known})
    name = venue.name if venue.supplier_id else brand
    return Party(id=known, name=name, street=venue.address, country=country_of(venue.timezone))


def buyer_party(booking: BookingView, billing: Billing | None) -> Party:
    """Whom the order names, else the booking's `metadata.billing`, else the guest."""
    billed = billing or said_in(booking.metadata.get("billing"))
    if billed is not None:
        return Party.model_validate({**billed.model_dump(), "email": booking.guest.email})
    guest = booking.guest
    return Party(name=guest.name, email=guest.email, phone=guest.phone)


def said_in(metadata: object) -> Billing | None:
    """Metadata is the client's own: what does not read as an address is passed over."""
    try:
        return Billing.model_validate(metadata) if metadata is not None else None
    except ValidationError:
        return None


def numbered(prefix: str, year: int, number: int) -> str:
    """`INV-2030-00042`."""
    return f"{prefix}-{year}-{number:05}"


def from_reference(kind: DocumentKind, reference: str, version: int) -> str:
    """`K7QM-3XRD-V1`: papers that the law does not count carry the booking's reference."""
    return f"{reference}-{SUFFIXES[kind]}{version}"
