"""Every domain's facades, and which of them another one is given as its port."""

from collections.abc import Callable, Mapping
from typing import TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.clients import ports
from holdfast.clients.asking import AskingFirst
from holdfast.domains.booking.services import BookingService
from holdfast.domains.document.services import DocumentService
from holdfast.domains.identity.services import AccountService, ApiKeyService, IdentityService, People
from holdfast.domains.inventory.services import InventoryService
from holdfast.domains.notification.services import NotificationService, TemplateService
from holdfast.domains.notification.telling import Sources
from holdfast.domains.payment.services import LedgerService, OrderService, PaymentService, PaymentWork
from holdfast.domains.pricing.services import PricingService
from holdfast.domains.realtime.services import RealtimeService
from holdfast.domains.sandbox.services import SandboxService
from holdfast.domains.webhook.services import WebhookService
from holdfast.wiring.tools import Tools

T = TypeVar("T")


class Facades(Tools):
    """In one process the facades share a session, so their transactions join. Where others are elsewhere, `ask_…`
    is their twin, and every operation here asks first and writes after."""

    def has(self, domain: str) -> bool:
        """Whether this process has that domain's data, whatever routes it serves."""
        return not self.split or domain in self.settings.server.services

    def first(self, facade: T) -> T:
        """The facade whose operations ask first, where there is anybody to ask over the wire."""
        return cast(T, AskingFirst(facade)) if self.split else facade

    def ask_inventory(self, db: AsyncSession) -> ports.Inventory:
        return self.inventory(db) if self.has("inventory") else self.peers.twin("inventory", db)

    def ask_pricing(self, db: AsyncSession) -> ports.Pricing:
        return self.pricing(db) if self.has("pricing") else self.peers.twin("pricing", db)

    def ask_payment(self, db: AsyncSession) -> ports.Payments:
        return self.orders(db) if self.has("payment") else self.peers.twin("payment", db)

    def ask_booking(self, db: AsyncSession) -> ports.Bookings:
        return self.booking(db) if self.has("booking") else self.peers.twin("booking", db)

    def ask_document(self, db: AsyncSession) -> ports.Documents:
        return self.document(db) if self.has("document") else self.peers.twin("document", db)

    def ask_people(self, db: AsyncSession) -> ports.People:
        return self.people(db) if self.has("identity") else self.peers.twin("people", db)

    def ask_identity(self, db: AsyncSession) -> ports.Tokens:
        return self.identity(db) if self.has("identity") else self.peers.twin("identity", db)

    def ask_notification(self, db: AsyncSession) -> ports.Messages:
        return self.notification(db) if self.has("notification") else self.peers.twin("notification", db)

    def answering(self, port: str, db: AsyncSession) -> object:
        """Who answers what others ask there, one of `ports.PORTS`."""
        asked: Mapping[str, Callable[[AsyncSession], object]] = {
            "inventory": self.ask_inventory,
            "pricing": self.ask_pricing,
            "payment": self.ask_payment,
            "booking": self.ask_booking,
            "document": self.ask_document,
            "people": self.ask_people,
            "identity": self.ask_identity,
            "notification": self.ask_notification,
        }
        return asked[port](db)

    def identity(self, db: AsyncSession) -> IdentityService:
        """Wants a session of the system: it looks accounts up by what strangers say."""
        return self.first(IdentityService(db, self.ask_notification(db), self.vault, self.outside))

    def api_keys(self, db: AsyncSession) -> ApiKeyService:
        """Wants the caller's session: the database lets nobody make or delete another's keys."""
        return self.first(ApiKeyService(db, self.vault))

    def accounts(self, db: AsyncSession) -> AccountService:
        """The caller's session reads and changes their own part; bans and roles want one of the system."""
        return self.first(AccountService(db, self.ask_notification(db), self.vault))

    def people(self, db: AsyncSession) -> People:
        return self.first(People(db))

    def inventory(self, db: AsyncSession) -> InventoryService:
        return self.first(InventoryService(db))

    def pricing(self, db: AsyncSession) -> PricingService:
        return self.first(PricingService(db, self.ask_inventory(db)))

    def booking(self, db: AsyncSession) -> BookingService:
        inventory, pricing, payments = self.ask_inventory(db), self.ask_pricing(db), self.ask_payment(db)
        return self.first(BookingService(db, inventory, pricing, payments, apart=self.split))

    def notification(self, db: AsyncSession) -> NotificationService:
        return self.first(NotificationService(db, self.ask_people(db), self.office))

    def templates(self, db: AsyncSession) -> TemplateService:
        return self.first(TemplateService(db, self.letterhead))

    def sources(self, db: AsyncSession) -> Sources:
        """Where notification asks what it tells."""
        bookings, venues, people = self.ask_booking(db), self.ask_inventory(db), self.ask_people(db)
        return Sources(bookings, venues, people, self.office, self.ask_document(db))

    def orders(self, db: AsyncSession) -> OrderService:
        """In the session of whoever books: what it writes commits with the booking."""
        return self.first(OrderService(db, self.till))

    def payment(self, db: AsyncSession) -> PaymentService:
        """Wants a session of the system, as do the next two: nobody else may change payments."""
        return self.first(PaymentService(db, self.ask_booking(db), self.till))

    def payment_work(self, db: AsyncSession) -> PaymentWork:
        return self.first(PaymentWork(db, self.ask_booking(db), self.till))

    def ledger(self, db: AsyncSession) -> LedgerService:
        return self.first(LedgerService(db))

    def document(self, db: AsyncSession) -> DocumentService:
        bookings, venues, people = self.ask_booking(db), self.ask_inventory(db), self.ask_people(db)
        return self.first(DocumentService(db, bookings, venues, people, desk=self.desk, shop=self.print_shop))

    def sandbox(self, db: AsyncSession) -> SandboxService:
        """Wants a session of the system: a payment provider is nobody's to look into."""
        return SandboxService(db)

    def webhook(self, db: AsyncSession) -> WebhookService:
        return WebhookService(db, self.keyring, self.webhook_targets)

    def realtime(self, db: AsyncSession) -> RealtimeService:
        """Wants a transaction of the system's."""
        return RealtimeService(db)
