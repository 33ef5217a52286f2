"""Papers of a booking: make, list, download; who sells; the door that reads vouchers."""

from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Response

from holdfast.api import problems
from holdfast.api.dependencies import (
    CallingActor,
    HouseActor,
    Now,
    Session,
    SupplyingActor,
    SystemSession,
    WiringDep,
)
from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.document import (
    CheckIn,
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
from holdfast.contracts.identity import UserId
from holdfast.domains.booking import exceptions as booking_refusals
from holdfast.domains.document import exceptions as refusals
from holdfast.kernel.money import NotAnAmount, TooManyDecimals

router = APIRouter(prefix="/api/v1/documents", tags=["documents"])
# what belongs to a booking, or to everybody who reads codes
door_router = APIRouter(tags=["documents"])

MAKES = problems.documents(
    booking_refusals.BookingNotFound,
    refusals.NotYourPapers,
    refusals.NothingToInvoice,
    refusals.DocumentNotReady,
    refusals.InvoiceStands,
    refusals.NotInvoiced,
    refusals.NothingToCredit,
    refusals.CreditTooLarge,
    refusals.CreditSaysWhy,
    refusals.OnlyForCreditNotes,
    NotAnAmount,
    TooManyDecimals,
)
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file",
        "content": {
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
            "text/calendar": {"schema": {"type": "string"}},
        },
    }
}
KEPT = (refusals.StorageUnavailable, refusals.FileDamaged)
Token = Annotated[str, Query(max_length=512, pattern=r"^[A-Za-z0-9_.-]+$")]


@router.post("", status_code=201, responses=MAKES)
async def generate_document(
    order: DocumentOrder, wired: WiringDep, db: SystemSession, now: Now, actor: SupplyingActor
) -> DocumentView:
    """The booking's present document of this kind, made where there is none."""
    return await wired.document(db).generate(order, now=now, actor=actor)


@door_router.get(
    "/api/v1/bookings/{booking_id}/documents", responses=problems.documents(booking_refusals.BookingNotFound)
)
async def list_documents(booking_id: UUID, wired: WiringDep, db: Session, actor: CallingActor) -> DocumentsView:
    """A booking's documents, oldest first; its supplier sees the vouchers, and what it invoiced itself."""
    return await wired.document(db).list_of_booking(BookingId(booking_id), actor=actor)


@router.get(
    "/by-link",
    response_class=Response,
    responses={**FILES, **problems.documents(refusals.LinkInvalid, refusals.LinkExpired, *KEPT)},
)
async def download_by_link(token: Token, wired: WiringDep, now: Now) -> Response:
    """The file that a link leads to. Its token is no part of the path: paths are logged."""
    document_id, form = wired.document_links.read(token, now=now)
    return await sent(wired, document_id, form, now)


@router.get("/{document_id}", responses=problems.documents(refusals.DocumentNotFound))
async def get_document(document_id: UUID, wired: WiringDep, db: Session, actor: CallingActor) -> DocumentView:
    """One document, without its file."""
    return await wired.document(db).get(DocumentId(document_id), actor=actor)


@router.get(
    "/{document_id}/download",
    response_class=Response,
    responses={**FILES, **problems.documents(refusals.DocumentNotFound, *KEPT)},
)
async def download_document(
    document_id: UUID,
    wired: WiringDep,
    db: Session,
    now: Now,
    actor: CallingActor,
    form: Annotated[FileFormat, Query(alias="format")] = FileFormat.PDF,
) -> Response:
    """The document's file; an itinerary is also a calendar, `?format=ics`."""
    view = await wired.document(db).get(DocumentId(document_id), actor=actor)
    if form not in view.formats:
        raise refusals.DocumentNotFound
    return await sent(wired, view.id, form, now)


@router.post("/{document_id}/links", status_code=201, responses=problems.documents(refusals.DocumentNotFound))
async def link_document(
    document_id: UUID,
    wired: WiringDep,
    db: Session,
    now: Now,
    actor: CallingActor,
    form: Annotated[FileFormat, Query(alias="format")] = FileFormat.PDF,
) -> LinkView:
    """A link that downloads the file without signing in, until it expires."""
    lifetime = timedelta(hours=wired.settings.document.link_hours)
    link = await wired.document(db).link(
        DocumentId(document_id), form, wired.document_links, lifetime=lifetime, now=now, actor=actor
    )
    return link.model_copy(update={"url": wired.settings.accounts.public_url + link.url})


SELLER = problems.documents(refusals.NotYourSeller)


@router.put("/sellers/house", responses=SELLER)
async def set_house(draft: SellerDraft, wired: WiringDep, db: Session, now: Now, actor: HouseActor) -> SellerView:
    """Who the house is in law, on invoices for venues without a supplier; what is out keeps what it says."""
    return await wired.document(db).set_seller(None, draft, now=now, actor=actor)


@router.get("/sellers/house", responses=problems.documents(refusals.NotYourSeller, refusals.SellerNotFound))
async def get_house(wired: WiringDep, db: Session, actor: HouseActor) -> SellerView:
    """Who the house is in law."""
    return await wired.document(db).get_seller(None, actor=actor)


@router.put("/sellers/{supplier_id}", responses=SELLER)
async def set_seller(
    supplier_id: UUID, draft: SellerDraft, wired: WiringDep, db: Session, now: Now, actor: SupplyingActor
) -> SellerView:
    """Who a supplier is in law; those of its invoices that are out keep what they say."""
    return await wired.document(db).set_seller(UserId(supplier_id), draft, now=now, actor=actor)


@router.get(
    "/sellers/{supplier_id}", responses=problems.documents(refusals.NotYourSeller, refusals.SellerNotFound)
)
async def get_seller(supplier_id: UUID, wired: WiringDep, db: Session, actor: SupplyingActor) -> SellerView:
    """Who a supplier is in law."""
    return await wired.document(db).get_seller(UserId(supplier_id), actor=actor)


@door_router.post(
    "/api/v1/bookings/check-in",
    responses=problems.documents(
        refusals.CheckInCodeInvalid,
        refusals.AlreadyCheckedIn,
        booking_refusals.BookingNotFound,
        booking_refusals.NotYourMove,
        booking_refusals.TransitionNotAllowed,
        booking_refusals.CheckInNotOpen,
        booking_refusals.PaymentDue,
    ),
)
async def check_in_by_code(
    check_in: CheckIn, wired: WiringDep, db: Session, now: Now, actor: SupplyingActor
) -> BookingView:
    """Let in whom a voucher's code admits, once; the second time says when, where and by whom it was used."""
    return await wired.document(db).check_in(check_in.code, now=now, actor=actor)


@door_router.get("/.well-known/check-in-keys.json")
async def check_in_keys(wired: WiringDep) -> CheckInKeysView:
    """The public keys of check-in codes (RFC 7517, RFC 8037): a door verifies them without asking."""
    return CheckInKeysView(keys=[wired.desk.codes.jwk])


async def sent(wired: WiringDep, document_id: DocumentId, form: FileFormat, now: Now) -> Response:
    """Whether the caller may have it is judged before; printing and storing are the system's."""
    async with wired.sessions() as db:
        file = await wired.document(db).file(document_id, form, now=now)
    return Response(file.content, media_type=file.media_type, headers=headers(file))


def headers(file: DocumentFile) -> dict[str, str]:
    """Saved under its own name (RFC 6266); never kept where others look."""
    return {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.filename)}",
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
