"""`POST /api/documents/generate`: the same operation in an envelope, fields in camelCase."""

from datetime import date, timedelta

from fastapi import APIRouter
from pydantic import StrictBool

from holdfast.api.dependencies import Now, SupplyingActor, SystemSession, WiringDep
from holdfast.api.tos.envelope import CamelContract, Envelope, enveloped
from holdfast.api.v1.documents import MAKES
from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentId, DocumentKind, DocumentOrder, DocumentView, FileFormat
from holdfast.contracts.pricing import AmountText
from holdfast.kernel.contract import Instant, Text

router = APIRouter(prefix="/api/documents", tags=["documents"])


class DocumentRequest(CamelContract):
    booking_id: BookingId
    kind: DocumentKind
    regenerate: StrictBool = False
    amount: AmountText | None = None
    reason: Text | None = None


class TosDocument(CamelContract):
    """The document, and a link that downloads it without signing in until `url_expires_at`."""

    id: DocumentId
    booking_id: BookingId
    kind: DocumentKind
    number: str
    version: int
    filename: str
    currency: str | None
    total: str | None
    issued_on: date
    url: str
    url_expires_at: Instant


class GeneratedDocument(CamelContract):
    document: TosDocument


@router.post("/generate", responses=MAKES)
async def generate_document_enveloped(
    asked: DocumentRequest, wired: WiringDep, db: SystemSession, now: Now, actor: SupplyingActor
) -> Envelope[GeneratedDocument]:
    """The booking's present document of this kind, made where there is none, with a link to download it."""
    papers = wired.document(db)
    order = DocumentOrder(
        booking_id=asked.booking_id,
        kind=asked.kind,
        regenerate=asked.regenerate,
        amount=asked.amount,
        reason=asked.reason or None,
    )
    made = await papers.generate(order, now=now, actor=actor)
    # the link is for those who may have made it: a supplier's own paper may be the guest's alone to read
    expires_at = now + timedelta(hours=wired.settings.document.link_hours)
    token = wired.document_links.issue(made.id, FileFormat.PDF, expires_at=expires_at)
    url = f"{wired.settings.accounts.public_url}/api/v1/documents/by-link?token={token}"
    return enveloped(GeneratedDocument(document=shown(made, url, expires_at)))


def shown(made: DocumentView, url: str, expires_at: Instant) -> TosDocument:
    values = made.model_dump(exclude={"formats", "corrects", "e_invoice", "created_at"})
    return TosDocument.model_validate({**values, "url": url, "url_expires_at": expires_at}, by_name=True)
