"""Make a document on request, or for an occasion."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.document import DocumentKind, DocumentOrder, DocumentView
from holdfast.contracts.identity import Actor
from holdfast.domains.document import queries
from holdfast.domains.document.exceptions import (
    CreditSaysWhy,
    CreditTooLarge,
    InvoiceStands,
    NothingToCredit,
    NotInvoiced,
    NotYourPapers,
    OnlyForCreditNotes,
)
from holdfast.domains.document.ops.making import Maker, Papers, left_of, standing_invoice
from holdfast.domains.document.records import DocumentRecord
from holdfast.domains.document.rules.access import OF_SUPPLIER
from holdfast.domains.document.rules.composing import must_be_ready
from holdfast.kernel.database import transaction
from holdfast.kernel.money import Money

K = DocumentKind


class GenerateDocument:
    """The booking's document of a kind, made where there is none.

    `occasion` is what it is made for: the same one finds what was made for it. Refusals: BookingNotFound,
    NotYourPapers, NothingToInvoice, DocumentNotReady, InvoiceStands, NotInvoiced, NothingToCredit, CreditTooLarge,
    CreditSaysWhy, OnlyForCreditNotes.
    """

    def __init__(self, db: AsyncSession, papers: Papers) -> None:
        self.db = db
        self.papers = papers

    async def execute(
        self, order: DocumentOrder, *, occasion: str | None = None, now: datetime, actor: Actor
    ) -> DocumentView:
        must_fit(order)
        if not actor.is_house and order.kind not in OF_SUPPLIER:
            raise NotYourPapers
        maker = await self.papers.maker(order.booking_id, billing=order.billing, now=now, actor=actor)
        async with transaction(self.db):
            await queries.lock_booking(self.db, order.booking_id)
            made = await queries.of_booking(self.db, order.booking_id, order.kind)
            if earlier := await self.found(made, order, occasion):
                return earlier.view()
            must_be_ready(order.kind, maker.booking)
            version = len(made) + 1
            name = occasion or f"by hand, version {version}"
            if order.kind is K.CREDIT_NOTE:
                return await self.credit(maker, order, version=version, occasion=name)
            return await maker.make(order.kind, version=version, occasion=name)

    async def found(
        self, made: list[DocumentRecord], order: DocumentOrder, occasion: str | None
    ) -> DocumentRecord | None:
        """What there is already. InvoiceStands where it is not to be, and is an invoice."""
        if occasion is not None and (same := next((each for each in made if each.occasion == occasion), None)):
            return same
        if order.kind is K.INVOICE:
            stands = await standing_invoice(self.db, order.booking_id)
            if stands is not None and order.regenerate:
                raise InvoiceStands(number=stands.number)
            return stands
        anew = order.regenerate or order.kind is K.CREDIT_NOTE or occasion is not None
        return made[-1] if made and not anew else None

    async def credit(self, maker: Maker, order: DocumentOrder, *, version: int, occasion: str) -> DocumentView:
        invoice = await standing_invoice(self.db, order.booking_id)
        if invoice is None:
            invoices = await queries.of_booking(self.db, order.booking_id, K.INVOICE)
            raise NothingToCredit if invoices else NotInvoiced
        left = await left_of(self.db, invoice)
        amount = Money.parse(order.amount, left.currency) if order.amount else left
        if not 0 < amount.minor <= left.minor:
            raise CreditTooLarge(f"{left} {left.currency} is left", pointer="/amount", left=str(left))
        reason = order.reason or ""
        return await maker.take_back(invoice, amount, reason=reason, version=version, occasion=occasion)


def must_fit(order: DocumentOrder) -> None:
    """CreditSaysWhy, OnlyForCreditNotes."""
    if order.kind is K.CREDIT_NOTE:
        if order.reason is None:
            raise CreditSaysWhy(pointer="/reason")
    elif order.amount is not None or order.reason is not None:
        raise OnlyForCreditNotes(pointer="/amount" if order.amount is not None else "/reason")
