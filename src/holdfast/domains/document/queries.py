"""Every statement on document's tables. Locks: the booking's papers, then a counter, late."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import RowMapping, func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentId, DocumentKind, FileFormat, SellerDraft
from holdfast.contracts.identity import UserId
from holdfast.domains.document.exceptions import DocumentNotFound
from holdfast.domains.document.facts import Facts
from holdfast.domains.document.models import counters, documents, files, sellers
from holdfast.domains.document.records import DocumentRecord, FileRecord

LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('document:' || :booking_id, 0))")


async def lock_booking(db: AsyncSession, booking_id: BookingId) -> None:
    """One at a time makes papers of a booking: what stands is looked up and judged under this lock."""
    await db.execute(LOCK, {"booking_id": str(booking_id)})


async def next_number(db: AsyncSession, seller_id: UserId, kind: DocumentKind, *, year: int) -> int:
    """The number after the last; its row stays locked until the transaction ends, and goes back if that fails."""
    drawn = upsert(counters).values(seller_id=seller_id, kind=kind, year=year, last=1)
    drawn = drawn.on_conflict_do_update(
        index_elements=[counters.c.seller_id, counters.c.kind, counters.c.year], set_={"last": counters.c.last + 1}
    )
    return int(await db.scalar(drawn.returning(counters.c.last)) or 0)


async def insert_document(db: AsyncSession, record: DocumentRecord) -> None:
    values = {
        **{name: getattr(record, name) for name in record.__slots__},
        "facts": record.facts.model_dump(mode="json"),
    }
    await db.execute(insert(documents).inline(), values)


async def get(db: AsyncSession, document_id: DocumentId) -> DocumentRecord:
    """DocumentNotFound."""
    row = (await db.execute(select(documents).where(documents.c.id == document_id))).mappings().one_or_none()
    if row is None:
        raise DocumentNotFound
    return as_record(row)


async def of_booking(
    db: AsyncSession, booking_id: BookingId, kind: DocumentKind | None = None
) -> list[DocumentRecord]:
    """Oldest first."""
    chosen = select(documents).where(documents.c.booking_id == booking_id)
    if kind is not None:
        chosen = chosen.where(documents.c.kind == kind)
    rows = await db.execute(chosen.order_by(documents.c.created_at, documents.c.id))
    return [as_record(row) for row in rows.mappings()]


async def credited_minor(db: AsyncSession, invoice_id: DocumentId) -> int:
    """What credit notes have taken back of this invoice."""
    taken = select(func.coalesce(func.sum(documents.c.total_minor), 0)).where(
        documents.c.corrects_id == invoice_id
    )
    return int(await db.scalar(taken) or 0)


async def file_of(db: AsyncSession, document_id: DocumentId, form: FileFormat) -> FileRecord | None:
    chosen = select(files).where(files.c.document_id == document_id, files.c.format == form)
    row = (await db.execute(chosen)).mappings().one_or_none()
    if row is None:
        return None
    return FileRecord(
        document_id=row["document_id"],
        format=FileFormat(row["format"]),
        key=row["key"],
        sha256=row["sha256"],
        size=row["size"],
        standard=row["standard"],
    )


async def keep_file(db: AsyncSession, file: FileRecord, *, now: datetime) -> None:
    """The first one counts: of two that printed it at the same time, the other's is the same."""
    await db.execute(upsert(files).values(**asdict(file), created_at=now).on_conflict_do_nothing())


async def seller(db: AsyncSession, seller_id: UserId) -> tuple[SellerDraft, datetime] | None:
    row = (await db.execute(select(sellers).where(sellers.c.id == seller_id))).mappings().one_or_none()
    return None if row is None else (SellerDraft.from_store(row["details"]), row["updated_at"])


async def set_seller(db: AsyncSession, seller_id: UserId, details: SellerDraft, *, now: datetime) -> None:
    values: Mapping[str, object] = {"details": details.model_dump(mode="json"), "updated_at": now}
    said = upsert(sellers).values(id=seller_id, **values)
    await db.execute(said.on_conflict_do_update(index_elements=[sellers.c.id], set_=dict(values)))


def as_record(row: RowMapping) -> DocumentRecord:
    values = {name: row[name] for name in DocumentRecord.__slots__}
    return DocumentRecord(**{**values, "kind": DocumentKind(row["kind"]), "facts": Facts.from_store(row["facts"])})


INVARIANTS = {
    "numbers of invoices have no gap": text(
        """
        SELECT coalesce(made.seller_id, drawn.seller_id) AS subject,
               coalesce(made.kind, drawn.kind) || ' ' || coalesce(made.year, drawn.year) || ': '
               || coalesce(made.count, 0) || ' made, the last number is ' || coalesce(drawn.last, 0) AS detail
        FROM (SELECT seller_id, kind, extract(year FROM issued_on)::int AS year, count(*) AS count
              FROM document.documents WHERE kind IN ('invoice', 'credit_note') GROUP BY 1, 2, 3) AS made
        FULL JOIN document.counters AS drawn USING (seller_id, kind, year)
        WHERE made.count IS DISTINCT FROM drawn.last
        """
    ),
    "no invoice is taken back beyond its total": text(
        """
        SELECT invoice.id AS subject, sum(note.total_minor) || ' of ' || invoice.total_minor AS detail
        FROM document.documents AS invoice JOIN document.documents AS note ON note.corrects_id = invoice.id
        GROUP BY invoice.id, invoice.total_minor HAVING sum(note.total_minor) > invoice.total_minor
        """
    ),
}
