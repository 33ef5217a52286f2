"""Whose a document is.

                 voucher   invoice, credit note   itinerary, e-ticket, quotation
the house           x               x                          x
its guest           x               x                          x
its token           x               x                          x
its supplier        x        where it sold it
everyone else    not even that it exists
"""

from holdfast.contracts.document import DocumentKind
from holdfast.contracts.identity import Actor, ActorType
from holdfast.domains.document.records import DocumentRecord

# what a supplier may make and read
OF_SUPPLIER = frozenset({DocumentKind.VOUCHER, DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE})


def may_read(actor: Actor, document: DocumentRecord) -> bool:
    if actor.is_house:
        return True
    if actor.type is ActorType.GUEST:
        return actor.booking_id == document.booking_id
    if actor.id is None:
        return False
    theirs = document.supplier_id if document.kind is DocumentKind.VOUCHER else document.seller_id
    return actor.id == document.guest_id or (document.kind in OF_SUPPLIER and actor.id == theirs)
