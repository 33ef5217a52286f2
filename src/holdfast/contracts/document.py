"""What document says: papers of a booking, their files, and the code that opens a door.

    invoice      what was sold, once and for all; its number follows the one before without a gap
    credit_note  takes back part or all of an invoice; nothing else changes one
    voucher      what a guest shows at the door, with a code to scan
    itinerary    the journey day by day, as PDF and as calendar
    e_ticket     one card per traveller, with the code
    quotation    what it would cost

Amounts are decimal strings beside their ISO 4217 currency.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, NewType
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StrictBool, StringConstraints

from holdfast.contracts.booking import BookingId, CountryCode, GuestId
from holdfast.contracts.identity import Email, Phone, UserId
from holdfast.contracts.inventory import VenueId
from holdfast.contracts.pricing import AmountText
from holdfast.kernel.contract import Contract, Instant, Name, Text, storable
from holdfast.kernel.outbox import Event

DocumentId = NewType("DocumentId", UUID)

TaxId = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Z]{2}[0-9A-Z+*. -]{2,20}$")]
Iban = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9-]{0,11}$")]
ShortText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(storable)
]
CheckInText = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9:]{20,400}$")]


class DocumentKind(StrEnum):
    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"
    VOUCHER = "voucher"
    ITINERARY = "itinerary"
    E_TICKET = "e_ticket"
    QUOTATION = "quotation"


class FileFormat(StrEnum):
    """What a document can be had as; only itineraries are calendars too."""

    PDF = "pdf"
    ICS = "ics"


class AttachmentRef(Contract):
    """A document to go with a message; whoever sends it asks document for its PDF then."""

    document_id: DocumentId
    filename: Name


class DocumentFile(Contract):
    """A document's bytes; in base64 where they cross as JSON."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")

    filename: str
    media_type: str
    content: bytes


class PostalAddress(Contract):
    """As on an envelope; the country as ISO 3166-1 alpha-2."""

    street: Name | None = None
    postcode: ShortText | None = None
    city: ShortText | None = None
    country: CountryCode | None = None


class Billing(PostalAddress):
    """To whom an invoice is made out, where that is not simply the guest."""

    name: Name
    vat_id: TaxId | None = None


class SellerDraft(PostalAddress):
    """`PUT /documents/sellers/{id}`: who a seller is in law. `prefix` starts the numbers of its invoices."""

    name: Name
    vat_id: TaxId | None = None
    tax_number: ShortText | None = None
    email: Email | None = None
    phone: Phone | None = None
    iban: Iban | None = None
    prefix: Prefix = "INV"


class SellerView(SellerDraft):
    """`id` is null for the house itself."""

    id: UserId | None
    updated_at: Instant


class DocumentOrder(Contract):
    """`POST /documents`: the booking's present document of this kind, made where there is none.

    `regenerate` makes a new version and keeps the old; an invoice or credit note has none. A credit note takes
    back `amount`, or all that is left of the invoice, and says why.
    """

    booking_id: BookingId
    kind: DocumentKind
    regenerate: StrictBool = False
    billing: Billing | None = None
    amount: AmountText | None = None
    reason: Annotated[Text, Field(min_length=1)] | None = None


class DocumentView(Contract):
    """`corrects` is the invoice that a credit note takes back from; `e_invoice`: the PDF holds it for machines
    too (EN 16931)."""

    id: DocumentId
    booking_id: BookingId
    kind: DocumentKind
    number: str
    version: int
    formats: list[FileFormat]
    filename: str
    currency: str | None
    total: str | None
    issued_on: date
    corrects: DocumentId | None
    e_invoice: bool
    created_at: Instant


class DocumentsView(Contract):
    """A booking's documents, oldest first."""

    items: list[DocumentView]


class LinkView(Contract):
    """A link that downloads the document without signing in, until it expires."""

    url: str
    expires_at: Instant


class CheckIn(Contract):
    """`POST /bookings/check-in`: what was read from the voucher."""

    code: CheckInText


class CheckInKeysView(Contract):
    """`GET /.well-known/check-in-keys.json` (RFC 7517, RFC 8037): what verifies check-in codes."""

    keys: list[dict[str, str]]


class DocumentGenerated(Event):
    """A document was made; its PDF can be had from now on."""

    type: ClassVar[str] = "document.generated"
    about: ClassVar[str] = "booking_id"

    document_id: DocumentId
    booking_id: BookingId
    kind: DocumentKind
    number: str
    version: int
    filename: str
    guest_id: GuestId
    venue_id: VenueId
    currency: str | None
    total: str | None
