"""Every kind of message: its category, its ways, and what it might be filled with.

The samples fill a preview and prove a new version of a template before it is kept; they name every value there is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.contracts.notification import Category, Channel, Template

MAIL = (Channel.EMAIL,)
MAIL_AND_APP = (Channel.EMAIL, Channel.IN_APP)
EVERY_WAY = (Channel.EMAIL, Channel.SMS, Channel.IN_APP)


@dataclass(frozen=True)
class Kind:
    """`optional` may be None; `secrets` are what the message is for: no version of it may leave them out."""

    category: Category
    channels: tuple[Channel, ...]
    sample: Mapping[str, str]
    optional: frozenset[str] = field(default_factory=frozenset)
    secrets: frozenset[str] = field(default_factory=frozenset)


BOOKING = {
    "guest_name": "Ada Lovelace",
    "reference": "K7QX2M",
    "venue_name": "Seaview",
    "starts": "Tuesday, 8 January 2030, 12:00 (Europe/Berlin)",
}

CONFIRMATION = {
    **BOOKING,
    "ends": "Tuesday, 8 January 2030, 13:00 (Europe/Berlin)",
    "party_size": "2 people",
    "total": "120.00 EUR",
}

ITEM = {
    "supplier_name": "Blue Transfers",
    "guest_name": "Ada Lovelace",
    "reference": "K7QX2M",
    "venue_name": "Seaview",
    "item": "Airport transfer",
    "starts": "Tuesday, 8 January 2030, 12:00 (Europe/Berlin)",
    "ends": "Tuesday, 8 January 2030, 13:00 (Europe/Berlin)",
    "quantity": "2",
}

KINDS: Mapping[Template, Kind] = {
    Template.VERIFY_ADDRESS: Kind(
        Category.LEGAL,
        MAIL,
        {"valid_minutes": "10", "otp": "493817", "link": "https://example.org/verify-email?token=sample"},
        secrets=frozenset({"otp", "link"}),
    ),
    Template.ADDRESS_KNOWN: Kind(
        Category.LEGAL,
        MAIL,
        {"login_url": "https://example.org/login", "reset_url": "https://example.org/forgot-password"},
        optional=frozenset({"login_url", "reset_url"}),
    ),
    Template.RESET_PASSWORD: Kind(
        Category.LEGAL,
        MAIL,
        {"valid_minutes": "60", "link": "https://example.org/reset-password?token=sample"},
        secrets=frozenset({"link"}),
    ),
    Template.PASSWORD_CHANGED: Kind(Category.LEGAL, MAIL, {"changed_at": "2030-01-07, 08:00 UTC"}),
    Template.ACCOUNT_BANNED: Kind(Category.LEGAL, MAIL, {"reason": "fraud"}, optional=frozenset({"reason"})),
    Template.BOOKING_CONFIRMED: Kind(
        Category.TRANSACTIONAL, EVERY_WAY, CONFIRMATION, optional=frozenset({"total"})
    ),
    Template.BOOKING_CANCELLED: Kind(
        Category.TRANSACTIONAL, EVERY_WAY, {**BOOKING, "refund": "60.00 EUR"}, optional=frozenset({"refund"})
    ),
    Template.BOOKING_REMINDER: Kind(
        Category.REMINDER,
        EVERY_WAY,
        {
            **{name: value for name, value in CONFIRMATION.items() if name != "total"},
            "outstanding": "90.00 EUR",
        },
        optional=frozenset({"outstanding"}),
    ),
    Template.BALANCE_DUE: Kind(Category.REMINDER, EVERY_WAY, {**BOOKING, "outstanding": "90.00 EUR"}),
    Template.DOCUMENTS_READY: Kind(
        Category.TRANSACTIONAL, MAIL, {**BOOKING, "documents": "Voucher K7QX2M-V1.pdf, Itinerary K7QX2M-I1.pdf"}
    ),
    Template.BOOKING_EXPIRED: Kind(Category.TRANSACTIONAL, MAIL_AND_APP, BOOKING),
    Template.BOOKING_FAILED: Kind(
        Category.TRANSACTIONAL,
        MAIL_AND_APP,
        {**BOOKING, "reason": "card declined"},
        optional=frozenset({"reason"}),
    ),
    Template.REFUND_REQUESTED: Kind(
        Category.TRANSACTIONAL,
        MAIL_AND_APP,
        {**BOOKING, "amount": "60.00 EUR", "why": "The difference goes back."},
    ),
    Template.LATE_PAYMENT_CONFIRMED: Kind(
        Category.TRANSACTIONAL, MAIL_AND_APP, CONFIRMATION, optional=frozenset({"total"})
    ),
    Template.LATE_PAYMENT_REFUNDED: Kind(
        Category.TRANSACTIONAL, MAIL_AND_APP, {**BOOKING, "amount": "120.00 EUR"}
    ),
    Template.BOOKING_COMPLETED: Kind(
        Category.TRANSACTIONAL,
        MAIL_AND_APP,
        {**BOOKING, "review_url": "https://example.org/review"},
        optional=frozenset({"review_url"}),
    ),
    Template.ITEM_REQUESTED: Kind(Category.TRANSACTIONAL, MAIL_AND_APP, ITEM),
    Template.ITEM_CANCELLED: Kind(
        Category.TRANSACTIONAL,
        MAIL_AND_APP,
        {**ITEM, "confirmation": "TR-4711", "reason": "plans changed"},
        optional=frozenset({"confirmation", "reason"}),
    ),
}
