"""Bring what is invoiced in line with what is still sold."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId
from holdfast.contracts.document import DocumentKind, DocumentView
from holdfast.contracts.identity import Actor
from holdfast.domains.document import queries
from holdfast.domains.document.ops.making import Papers, left_of, standing_invoice
from holdfast.domains.document.rules.composing import is_given_up, still_sold
from holdfast.domains.document.rules.voice import Voice
from holdfast.kernel.database import transaction

K = DocumentKind


class SettleInvoice:
    """Credit what was invoiced and is sold no more; where a booking lives on at another price, invoice it anew.

    Asked twice it does nothing the second time: there is nothing left to bring in line.
    """

    def __init__(self, db: AsyncSession, papers: Papers) -> None:
        self.db = db
        self.papers = papers

    async def execute(
        self, booking_id: BookingId, *, reason: str | None, occasion: str, now: datetime, actor: Actor
    ) -> list[DocumentView]:
        maker = await self.papers.maker(booking_id, now=now, actor=actor)
        async with transaction(self.db):
            await queries.lock_booking(self.db, booking_id)
            invoice = await standing_invoice(self.db, booking_id)
            if invoice is None:
                return []
            left, sold = await left_of(self.db, invoice), still_sold(maker.sources)
            ended = is_given_up(maker.booking)
            # a living booking's invoice says its price, whatever was taken back of it by hand
            if sold == invoice.total or (ended and left <= sold):
                return []
            back = left - sold if ended else left
            said = reason or Voice.of(invoice.facts.language).say("over" if ended else "changed")
            notes = await queries.of_booking(self.db, booking_id, K.CREDIT_NOTE)
            made = [await maker.take_back(invoice, back, reason=said, version=len(notes) + 1, occasion=occasion)]
            if not ended and sold:
                version = invoice.version + 1
                made.append(await maker.make(K.INVOICE, version=version, occasion=occasion))
            return made
