"""Document's facade: one method per operation, no logic."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.document import (
    CheckInKeysView,
    DocumentFile,
    DocumentId,
    DocumentOrder,
    DocumentsView,
    DocumentView,
    FileFormat,
    LinkView,
    SellerDraft,
    SellerView,
)
from holdfast.contracts.identity import Actor, UserId
from holdfast.domains.document.ops.audit import AuditDocuments
from holdfast.domains.document.ops.check_in import CheckInByCode
from holdfast.domains.document.ops.files import PrintShop, TakeFile
from holdfast.domains.document.ops.generate import GenerateDocument
from holdfast.domains.document.ops.making import PRINT, Desk, Papers
from holdfast.domains.document.ops.read import GetDocument, IssueLink, ListDocuments
from holdfast.domains.document.ops.say_made import SayMade
from holdfast.domains.document.ops.sellers import GetSeller, SetSeller
from holdfast.domains.document.ops.settle import SettleInvoice
from holdfast.domains.document.ports import Bookings, People, Venues
from holdfast.domains.document.proofs.codes import CheckInCodes
from holdfast.domains.document.proofs.links import Links
from holdfast.kernel.invariants import Finding

__all__ = ["PRINT", "CheckInCodes", "Desk", "DocumentService", "Links", "PrintShop"]


class DocumentService:
    """Making, taking files by link and printing want a session of the system; reading the caller's."""

    def __init__(
        self,
        db: AsyncSession,
        bookings: Bookings,
        venues: Venues,
        people: People,
        *,
        desk: Desk,
        shop: PrintShop,
    ) -> None:
        self.db = db
        self.bookings = bookings
        self.papers = Papers(db, bookings, venues, people, desk)
        self.shop = shop

    async def generate(
        self, order: DocumentOrder, *, occasion: str | None = None, now: datetime, actor: Actor
    ) -> DocumentView:
        return await GenerateDocument(self.db, self.papers).execute(order, occasion=occasion, now=now, actor=actor)

    async def settle(
        self, booking_id: BookingId, *, reason: str | None, occasion: str, now: datetime, actor: Actor
    ) -> list[DocumentView]:
        op = SettleInvoice(self.db, self.papers)
        return await op.execute(booking_id, reason=reason, occasion=occasion, now=now, actor=actor)

    async def say_made(self, booking_id: BookingId, *, now: datetime) -> None:
        await SayMade(self.bookings).execute(booking_id, now=now)

    async def list_of_booking(self, booking_id: BookingId, *, actor: Actor) -> DocumentsView:
        return await ListDocuments(self.db, self.bookings).execute(booking_id, actor=actor)

    async def get(self, document_id: DocumentId, *, actor: Actor) -> DocumentView:
        return await GetDocument(self.db).execute(document_id, actor=actor)

    async def link(
        self,
        document_id: DocumentId,
        form: FileFormat,
        links: Links,
        *,
        lifetime: timedelta,
        now: datetime,
        actor: Actor,
    ) -> LinkView:
        op = IssueLink(self.db, links)
        return await op.execute(document_id, form, lifetime=lifetime, now=now, actor=actor)

    async def file(
        self, document_id: DocumentId, form: FileFormat = FileFormat.PDF, *, now: datetime
    ) -> DocumentFile:
        return await TakeFile(self.db, self.shop).execute(document_id, form, now=now)

    async def set_seller(
        self, seller_id: UserId | None, draft: SellerDraft, *, now: datetime, actor: Actor
    ) -> SellerView:
        return await SetSeller(self.db).execute(seller_id, draft, now=now, actor=actor)

    async def get_seller(self, seller_id: UserId | None, *, actor: Actor) -> SellerView:
        return await GetSeller(self.db).execute(seller_id, actor=actor)

    async def check_in(self, code: str, *, now: datetime, actor: Actor) -> BookingView:
        return await CheckInByCode(self.bookings, self.papers.desk.codes).execute(code, now=now, actor=actor)

    async def audit(self) -> list[Finding]:
        return await AuditDocuments(self.db).execute()

    @property
    def check_in_keys(self) -> CheckInKeysView:
        return CheckInKeysView(keys=[self.papers.desk.codes.jwk])
