"""Look at documents and have their files: for whom they concern, and for who holds a link."""

from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentId, DocumentsView, DocumentView, FileFormat, LinkView
from holdfast.contracts.identity import Actor
from holdfast.domains.document import queries
from holdfast.domains.document.exceptions import DocumentNotFound
from holdfast.domains.document.ports import Bookings
from holdfast.domains.document.proofs.links import Links
from holdfast.domains.document.records import DocumentRecord
from holdfast.domains.document.rules.access import may_read


class ListDocuments:
    """A booking's documents, as far as they are the actor's to see; BookingNotFound for a stranger."""

    def __init__(self, db: AsyncSession, bookings: Bookings) -> None:
        self.db = db
        self.bookings = bookings

    async def execute(self, booking_id: BookingId, *, actor: Actor) -> DocumentsView:
        await self.bookings.get(booking_id, actor=actor)
        made = await queries.of_booking(self.db, booking_id)
        return DocumentsView(items=[each.view() for each in made if may_read(actor, each)])


class GetDocument:
    """One document, or DocumentNotFound."""

    def __init__(self, db: AsyncSession) -> None:
        self.db = db

    async def execute(self, document_id: DocumentId, *, actor: Actor) -> DocumentView:
        return (await readable(self.db, document_id, FileFormat.PDF, actor=actor)).view()


class IssueLink:
    """A link that downloads the file for some time without signing in. DocumentNotFound."""

    def __init__(self, db: AsyncSession, links: Links) -> None:
        self.db = db
        self.links = links

    async def execute(
        self, document_id: DocumentId, form: FileFormat, *, lifetime: timedelta, now: datetime, actor: Actor
    ) -> LinkView:
        await readable(self.db, document_id, form, actor=actor)
        expires_at = now + lifetime
        token = self.links.issue(document_id, form, expires_at=expires_at)
        return LinkView(url=f"/api/v1/documents/by-link?token={token}", expires_at=expires_at)


async def readable(db: AsyncSession, document_id: DocumentId, form: FileFormat, *, actor: Actor) -> DocumentRecord:
    """DocumentNotFound, also for a format that it does not have."""
    record = await queries.get(db, document_id)
    if not may_read(actor, record) or form not in record.formats:
        raise DocumentNotFound
    return record
