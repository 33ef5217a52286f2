"""A document's file: printed when it is first wanted, kept, and checked each time it is taken out."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.document import DocumentFile, DocumentId, FileFormat
from holdfast.domains.document import queries
from holdfast.domains.document.exceptions import DocumentNotFound, FileDamaged
from holdfast.domains.document.ports import Embedded, Press, Storage
from holdfast.domains.document.records import DocumentRecord, FileRecord
from holdfast.domains.document.rules import e_invoice
from holdfast.domains.document.rules.calendars import calendar
from holdfast.domains.document.rules.sheets import sheet
from holdfast.kernel.database import transaction

MEDIA_TYPES = {FileFormat.PDF: "application/pdf", FileFormat.ICS: "text/calendar; charset=utf-8"}
CALENDAR = "RFC 5545"


@dataclass(frozen=True)
class PrintShop:
    """What sets papers and where they are kept; neither is used while a transaction is open."""

    press: Press
    storage: Storage


class TakeFile:
    """The file, printed and kept first where nobody has wanted it yet. Wants a session of the system.

    DocumentNotFound, StorageUnavailable, FileDamaged where what is stored is not what was.
    """

    def __init__(self, db: AsyncSession, shop: PrintShop) -> None:
        self.db = db
        self.shop = shop

    async def execute(
        self, document_id: DocumentId, form: FileFormat = FileFormat.PDF, *, now: datetime
    ) -> DocumentFile:
        record = await queries.get(self.db, document_id)
        if form not in record.formats:
            raise DocumentNotFound
        kept = await queries.file_of(self.db, document_id, form)
        content = await self.print(record, form, now=now) if kept is None else await self.fetch(kept)
        return DocumentFile(filename=record.filename(form), media_type=MEDIA_TYPES[form], content=content)

    async def fetch(self, kept: FileRecord) -> bytes:
        content = await self.shop.storage.get(kept.key)
        if content is None or sha256(content).hexdigest() != kept.sha256:
            raise FileDamaged
        return content

    async def print(self, record: DocumentRecord, form: FileFormat, *, now: datetime) -> bytes:
        """Stored under its hash before its row says so: of two that print at once, the row says which counts."""
        content, standard = await self.set(record, form)
        digest = sha256(content).hexdigest()
        key = f"{record.issued_on.year}/{record.id}-{digest[:16]}.{form}"
        await self.shop.storage.put(key, content)
        file = FileRecord(record.id, form, key, digest, len(content), standard)
        async with transaction(self.db):
            await queries.keep_file(self.db, file, now=now)
        return content

    async def set(self, record: DocumentRecord, form: FileFormat) -> tuple[bytes, str]:
        facts = record.facts
        if form is FileFormat.ICS:
            return calendar(facts), CALENDAR
        embedded = None
        if record.e_invoice == "":
            embedded = Embedded(e_invoice.FILENAME, e_invoice.write(facts), "The invoice for machines (EN 16931)")
        printed = await self.shop.press.pdf(
            facts.kind, {**sheet(facts), "code": facts.code}, made_at=facts.issued_at, embedded=embedded
        )
        return printed.content, printed.standard
