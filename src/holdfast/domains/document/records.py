"""A document as it is stored, and how it is shown."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from holdfast.contracts.booking import BookingId, GuestId
from holdfast.contracts.document import DocumentId, DocumentKind, DocumentView, FileFormat
from holdfast.contracts.identity import UserId
from holdfast.domains.document.facts import Facts
from holdfast.domains.document.rules.voice import Voice
from holdfast.kernel.money import Money

# the house itself, among sellers
HOUSE = UserId(UUID(int=0))
FORMATS = {DocumentKind.ITINERARY: [FileFormat.PDF, FileFormat.ICS]}


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRecord:
    """One row of `document.documents`; `e_invoice` is why it has no part for machines, empty where it has one."""

    id: DocumentId
    booking_id: BookingId
    kind: DocumentKind
    version: int
    number: str
    seller_id: UserId
    occasion: str
    guest_id: GuestId
    supplier_id: UserId | None
    currency: str | None
    total_minor: int | None
    corrects_id: DocumentId | None
    e_invoice: str | None
    facts: Facts
    issued_on: date
    generated_by_type: str
    generated_by_id: UserId | None
    created_at: datetime

    @property
    def total(self) -> Money | None:
        if self.currency is None or self.total_minor is None:
            return None
        return Money(self.total_minor, self.currency)

    @property
    def formats(self) -> list[FileFormat]:
        return FORMATS.get(self.kind, [FileFormat.PDF])

    def filename(self, form: FileFormat = FileFormat.PDF) -> str:
        """`Invoice INV-2030-00042.pdf`."""
        return f"{Voice.of(self.facts.language).heading(self.kind)} {self.number}.{form}"

    def view(self) -> DocumentView:
        return DocumentView(
            id=self.id,
            booking_id=self.booking_id,
            kind=self.kind,
            number=self.number,
            version=self.version,
            formats=self.formats,
            filename=self.filename(),
            currency=self.currency,
            total=str(self.total) if self.total is not None else None,
            issued_on=self.issued_on,
            corrects=self.corrects_id,
            e_invoice=self.e_invoice == "",
            created_at=self.created_at,
        )


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One row of `document.files`."""

    document_id: DocumentId
    format: FileFormat
    key: str
    sha256: str
    size: int
    standard: str
