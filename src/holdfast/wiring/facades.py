"""Every domain's facades, and which of them another one is given as its port."""

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.booking.services import BookingService
from holdfast.domains.document.services import DocumentService
from holdfast.domains.identity.services import AccountService, ApiKeyService, IdentityService, People
from holdfast.domains.inventory.services import InventoryService
from holdfast.domains.notification.services import NotificationService, TemplateService
from holdfast.domains.payment.services import LedgerService, OrderService, PaymentService, PaymentWork
from holdfast.domains.pricing.services import PricingService
from holdfast.domains.realtime.services import RealtimeService
from holdfast.domains.sandbox.services import SandboxService
from holdfast.domains.webhook.services import WebhookService
from holdfast.wiring.tools import Tools


class Facades(Tools):
    """In one process the facades share a session, so their transactions join."""

    def identity(self, db: AsyncSession) -> IdentityService:
        """Wants a session of the system: it looks accounts up by what strangers say."""
        return IdentityService(db, self.notification(db), self.vault, self.outside)

    def api_keys(self, db: AsyncSession) -> ApiKeyService:
        """Wants the caller's session: the database lets nobody make or delete another's keys."""
        return ApiKeyService(db, self.vault)

    def accounts(self, db: AsyncSession) -> AccountService:
        """The caller's session reads and changes their own part; bans and roles want one of the system."""
        return AccountService(db, self.notification(db), self.vault)

    def inventory(self, db: AsyncSession) -> InventoryService:
        return InventoryService(db)

    def pricing(self, db: AsyncSession) -> PricingService:
        return PricingService(db, self.inventory(db))

    def booking(self, db: AsyncSession) -> BookingService:
        return BookingService(db, self.inventory(db), self.pricing(db), self.orders(db))

    def notification(self, db: AsyncSession) -> NotificationService:
        return NotificationService(db, People(db), self.office)

    def templates(self, db: AsyncSession) -> TemplateService:
        return TemplateService(db, self.letterhead)

    def orders(self, db: AsyncSession) -> OrderService:
        """In the session of whoever books: what it writes commits with the booking."""
        return OrderService(db, self.till)

    def payment(self, db: AsyncSession) -> PaymentService:
        """Wants a session of the system, as do the next two: nobody else may change payments."""
        return PaymentService(db, self.booking(db), self.till)

    def payment_work(self, db: AsyncSession) -> PaymentWork:
        return PaymentWork(db, self.booking(db), self.till)

    def ledger(self, db: AsyncSession) -> LedgerService:
        return LedgerService(db)

    def document(self, db: AsyncSession) -> DocumentService:
        return DocumentService(db, self.booking(db), self.inventory(db), desk=self.desk, shop=self.print_shop)

    def sandbox(self, db: AsyncSession) -> SandboxService:
        """Wants a session of the system: a payment provider is nobody's to look into."""
        return SandboxService(db)

    def webhook(self, db: AsyncSession) -> WebhookService:
        return WebhookService(db, self.keyring, self.webhook_targets)

    def realtime(self, db: AsyncSession) -> RealtimeService:
        """Wants a transaction of the system's."""
        return RealtimeService(db)
