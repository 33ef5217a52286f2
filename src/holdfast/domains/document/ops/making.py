"""How a document comes to be: what it is made of is asked, its number drawn, and it is written down."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView, ItemStatus
from holdfast.contracts.document import Billing, DocumentGenerated, DocumentId, DocumentKind, DocumentView
from holdfast.contracts.identity import SYSTEM, Actor, UserId
from holdfast.domains.document import queries
from holdfast.domains.document.exceptions import NotYourPapers
from holdfast.domains.document.facts import Facts
from holdfast.domains.document.ports import Bookings, People, Venues
from holdfast.domains.document.proofs.codes import Admission, CheckInCodes
from holdfast.domains.document.records import HOUSE, DocumentRecord
from holdfast.domains.document.rules import composing
from holdfast.domains.document.rules.composing import Sources
from holdfast.domains.document.rules.e_invoice import unsayable
from holdfast.domains.document.rules.words import local_day
from holdfast.kernel.audit import Act, attest
from holdfast.kernel.ids import uuid7
from holdfast.kernel.jobs import enqueue
from holdfast.kernel.money import Money
from holdfast.kernel.outbox import record

K = DocumentKind
# the job that prints it, once its transaction has committed
PRINT = "document.print"
DEFAULT_PREFIX, CREDIT = "INV", "CN"


@dataclass(frozen=True)
class Desk:
    """In whose name papers are made, what signs their codes, and the language of who said none."""

    brand: str
    codes: CheckInCodes
    language: str = "en"


@dataclass(frozen=True)
class Maker:
    """Writes one booking's documents; `make` and `take_back` in the transaction, under the booking's lock."""

    db: AsyncSession
    desk: Desk
    sources: Sources
    prefix: str
    now: datetime
    actor: Actor

    @property
    def booking(self) -> BookingView:
        return self.sources.booking

    @property
    def seller_id(self) -> UserId:
        return self.sources.venue.supplier_id or HOUSE

    async def make(self, kind: DocumentKind, *, version: int, occasion: str) -> DocumentView:
        number = await self.number(kind, version)
        facts = composing.compose(
            kind, self.sources, number=number, version=version, code=self.code(kind), now=self.now
        )
        return await self.write(facts, occasion=occasion)

    async def take_back(
        self, invoice: DocumentRecord, amount: Money, *, reason: str, version: int, occasion: str
    ) -> DocumentView:
        """A credit note on `amount` of the invoice; by the hand of a person it is attested."""
        number = await self.number(K.CREDIT_NOTE, version)
        facts = composing.credit(
            invoice.facts, amount, number=number, version=version, reason=reason, now=self.now
        )
        if self.actor.id is not None:
            self.attest_credit(invoice, amount, number, reason)
        return await self.write(facts, occasion=occasion, corrects=invoice.id)

    async def number(self, kind: DocumentKind, version: int) -> str:
        if kind not in (K.INVOICE, K.CREDIT_NOTE):
            return composing.from_reference(kind, self.booking.reference, version)
        on = local_day(self.now, self.sources.venue.timezone)
        drawn = await queries.next_number(self.db, self.seller_id, kind, year=on.year)
        prefix = self.prefix if kind is K.INVOICE else f"{CREDIT}-{self.prefix}"
        return composing.numbered(prefix, on.year, drawn)

    def code(self, kind: DocumentKind) -> str | None:
        if kind not in (K.VOUCHER, K.E_TICKET):
            return None
        booking = self.booking
        return self.desk.codes.issue(
            Admission(
                booking_id=booking.id,
                venue_id=booking.venue.id,
                start_at=booking.start_at,
                end_at=booking.end_at,
                party_size=booking.party_size,
                reference=booking.reference,
            )
        )

    async def write(self, facts: Facts, *, occasion: str, corrects: DocumentId | None = None) -> DocumentView:
        total = Money.parse(facts.sums.total, facts.currency) if facts.sums else None
        kept = DocumentRecord(
            id=DocumentId(uuid7()),
            booking_id=self.booking.id,
            kind=facts.kind,
            version=facts.version,
            number=facts.number,
            seller_id=self.seller_id,
            occasion=occasion,
            guest_id=self.booking.guest.id,
            supplier_id=self.sources.venue.supplier_id,
            currency=facts.currency if total else None,
            total_minor=total.minor if total else None,
            corrects_id=corrects,
            e_invoice=unsayable(facts) or "",
            facts=facts,
            issued_on=facts.issued_on,
            generated_by_type=self.actor.type,
            generated_by_id=self.actor.id,
            created_at=self.now,
        )
        await queries.insert_document(self.db, kept)
        record(self.db, told(kept, self.sources))
        await enqueue(self.db, PRINT, {"document_id": str(kept.id)}, now=self.now)
        return kept.view()

    def attest_credit(self, invoice: DocumentRecord, amount: Money, number: str, reason: str) -> None:
        act = Act(
            action="invoice.credited",
            actor_type=self.actor.type,
            actor_id=self.actor.id,
            subject_type="booking",
            subject_id=invoice.booking_id,
            reason=reason,
            after={"invoice": invoice.number, "credit_note": number, "amount": f"{amount} {amount.currency}"},
        )
        attest(self.db, act, now=self.now)


@dataclass(frozen=True)
class Papers:
    """Where makers come from."""

    db: AsyncSession
    bookings: Bookings
    venues: Venues
    people: People
    desk: Desk

    async def maker(
        self, booking_id: BookingId, *, billing: Billing | None = None, now: datetime, actor: Actor
    ) -> Maker:
        """Ask all that a document is made of. BookingNotFound, NotYourPapers."""
        booking = await self.bookings.get(booking_id, actor=actor)
        venue = await self.venues.get_venue(booking.venue.id)
        if not actor.supplies(venue.supplier_id):
            raise NotYourPapers
        passengers = await self.bookings.list_passengers(booking_id, actor=actor)
        said = await queries.seller(self.db, venue.supplier_id or HOUSE)
        details = said[0] if said else None
        sources = Sources(
            booking=booking,
            venue=venue,
            seller=composing.seller_party(details, venue, brand=self.desk.brand),
            buyer=composing.buyer_party(booking, billing),
            travellers=[each.full_name for each in passengers.items],
            brand=self.desk.brand,
            language=await self.language_of(booking),
            items=await self.items(booking_id),
        )
        prefix = details.prefix if details else DEFAULT_PREFIX
        return Maker(self.db, self.desk, sources, prefix, now, actor)

    async def language_of(self, booking: BookingView) -> str:
        """What the guest's account says, else the booking, else the house's."""
        chosen = await self.people.language(UserId(booking.guest.id))
        return chosen or booking.said_language or self.desk.language

    async def items(self, booking_id: BookingId) -> list[composing.Item]:
        """What else there is in the booking, but for what was declined or removed."""
        items = (await self.bookings.list_items(booking_id, actor=SYSTEM)).items
        found = []
        for item in items:
            if item.status not in (ItemStatus.DECLINED, ItemStatus.REMOVED):
                said = await queries.seller(self.db, item.supplier_id) if item.supplier_id else None
                found.append(composing.Item(item, said[0].name if said else None))
        return found


async def left_of(db: AsyncSession, invoice: DocumentRecord) -> Money:
    """What no credit note has taken back yet."""
    assert invoice.total is not None, "an invoice has a total"
    return invoice.total - Money(await queries.credited_minor(db, invoice.id), invoice.total.currency)


async def standing_invoice(db: AsyncSession, booking_id: BookingId) -> DocumentRecord | None:
    """The invoice that is not all taken back; there is one at most, the latest."""
    invoices = await queries.of_booking(db, booking_id, K.INVOICE)
    return invoices[-1] if invoices and await left_of(db, invoices[-1]) else None


def told(kept: DocumentRecord, sources: Sources) -> DocumentGenerated:
    return DocumentGenerated(
        occurred_at=kept.created_at,
        document_id=kept.id,
        booking_id=kept.booking_id,
        kind=kept.kind,
        number=kept.number,
        version=kept.version,
        filename=kept.filename(),
        guest_id=kept.guest_id,
        venue_id=sources.venue.id,
        currency=kept.currency,
        total=str(kept.total) if kept.total is not None else None,
    )
