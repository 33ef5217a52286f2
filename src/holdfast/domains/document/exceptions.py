"""What document refuses, and what its press and its storage say when they cannot.

NotFound     DocumentNotFound · SellerNotFound · CheckInCodeUnknown
Conflict     InvoiceStands · NothingToInvoice · NothingToCredit · NotInvoiced · AlreadyCheckedIn
             DocumentNotReady
Forbidden    NotYourPapers · NotYourSeller
Gone         LinkExpired
Invalid      CheckInCodeInvalid · CreditTooLarge · CreditSaysWhy · OnlyForCreditNotes · LinkInvalid
Unavailable  StorageUnavailable · FileDamaged
"""

from holdfast.kernel.errors import Conflict, Forbidden, Gone, Invalid, NotFound, Refusal, Unavailable


class DocumentNotFound(NotFound):
    """There is no such document, or it is not yours to see."""


class SellerNotFound(NotFound):
    """Nobody has said yet who this seller is."""


class InvoiceStands(Conflict):
    """This booking has an invoice; it is never changed, a credit note takes it back."""


class NothingToInvoice(Conflict):
    """This booking costs nothing, or is not sold yet."""


class NotInvoiced(Conflict):
    """This booking has no invoice to take back."""


class NothingToCredit(Conflict):
    """All of this booking's invoice is taken back already."""


class DocumentNotReady(Conflict):
    """This booking is not at the point where it has such a document."""


class AlreadyCheckedIn(Conflict):
    """This code has opened the door before."""


class NotYourPapers(Forbidden):
    """Only the house and the booking's supplier may make its documents."""


class NotYourSeller(Forbidden):
    """You may only say who you are yourself."""


class LinkExpired(Gone):
    """This link has expired; ask for a new one."""


class LinkInvalid(NotFound):
    """There is no document at this link."""


class CheckInCodeInvalid(Invalid):
    """This is not a check-in code of this house."""


class CreditTooLarge(Invalid):
    """A credit note takes back no more than is left of the invoice."""


class CreditSaysWhy(Invalid):
    """A credit note says why."""


class OnlyForCreditNotes(Invalid):
    """Only a credit note has an amount of its own."""


class StorageUnavailable(Unavailable):
    """The document's file cannot be reached right now."""


class FileDamaged(Unavailable):
    """The document's file is not what was stored; it must be brought back."""


class PressFailed(Exception):
    """A template could not be set with its sheet: a defect."""


VIOLATIONS: dict[str, type[Refusal]] = {}
