"""What a paper says, as it is stored with its number: everything that printing it takes, so that the paper can be
printed again years later as it was. Amounts are decimal strings of `currency`."""

from datetime import date

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentKind
from holdfast.contracts.pricing import LineKind, Percent
from holdfast.kernel.contract import Contract, Instant


class Party(Contract):
    """A person or a company; the country is ISO 3166-1 alpha-2. `id` is the house's own of a seller."""

    id: str | None = None
    name: str
    street: str | None = None
    postcode: str | None = None
    city: str | None = None
    country: str | None = None
    vat_id: str | None = None
    tax_number: str | None = None
    email: str | None = None
    phone: str | None = None
    iban: str | None = None


class ItemFact(Contract):
    """What a line is for, where it is an item of the booking: `price` in its own currency, of which one cost
    `rate` in the bill's."""

    start_at: Instant
    end_at: Instant
    price: str
    currency: str
    rate: str


class FactLine(Contract):
    """One line of what is sold, without its added taxes; `detail` is small print under it. A line that is not
    `taxed` has no part in the taxes: a supplier's item, of whose tax nobody said anything."""

    kind: LineKind
    label: str
    quantity: str
    unit_amount: str
    amount: str
    detail: str | None = None
    taxed: bool = True
    item: ItemFact | None = None


class TaxFact(Contract):
    """A tax on `base`, which is net of it; `included` where the prices of the lines contain it."""

    label: str
    percent: Percent | None
    base: str
    amount: str
    included: bool


class Sums(Contract):
    """`total` is what the lines and the added taxes come to; `paid` of it, `balance` still open."""

    net: str
    tax: str
    total: str
    paid: str
    balance: str


class Correction(Contract):
    """The invoice that a credit note takes back from, and why."""

    number: str
    issued_on: date
    reason: str


class Stop(Contract):
    """One thing to be at, in an itinerary or, with its supplier's word, on a voucher."""

    title: str
    place: str | None
    zone: str
    start_at: Instant
    end_at: Instant
    provider: str | None = None
    confirmation: str | None = None
    quantity: int | None = None


class Facts(Contract):
    """`zone` is where the venue's clocks are; dates are local to it. `language` is a tag such as `de-AT`."""

    kind: DocumentKind
    number: str
    version: int = 1
    issued_at: Instant
    issued_on: date
    brand: str
    language: str = "en"
    seller: Party
    buyer: Party
    booking_id: BookingId
    reference: str
    venue: str
    venue_type: str
    venue_address: str | None
    zone: str
    start_at: Instant
    end_at: Instant
    party_size: int
    travellers: list[str] = []
    stops: list[Stop] = []
    currency: str
    lines: list[FactLine] = []
    taxes: list[TaxFact] = []
    sums: Sums | None = None
    payable_at_venue: bool = False
    correction: Correction | None = None
    valid_until: date | None = None
    code: str | None = None
    notes: list[str] = []
