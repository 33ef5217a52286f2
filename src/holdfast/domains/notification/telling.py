"""Whom a message about a booking is for, in which language, and what every one of them says."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import BookingId, BookingView
from holdfast.contracts.document import AttachmentRef
from holdfast.contracts.identity import SYSTEM, UserId
from holdfast.contracts.notification import Channel, MessageDraft, Template
from holdfast.domains.notification import speech
from holdfast.domains.notification.letters import FALLBACK, script_for
from holdfast.domains.notification.office import Office
from holdfast.domains.notification.ports import Bookings, Papers, People, Venues
from holdfast.domains.notification.queries import templates
from holdfast.kernel.money import Money


@dataclass(frozen=True)
class Sources:
    """Where it is asked."""

    bookings: Bookings
    venues: Venues
    people: People
    office: Office
    papers: Papers | None = None


@dataclass(frozen=True)
class Telling:
    """A booking as its guest is told of it: in the venue's time, in a language that the template is written in."""

    booking: BookingView
    template: Template
    zone: str
    language: str

    @classmethod
    async def of(cls, db: AsyncSession, booking_id: BookingId, sources: Sources, *, template: Template) -> Self:
        """Any NotFound of the booking's or its venue's."""
        booking = await sources.bookings.get(booking_id, actor=SYSTEM)
        zone = (await sources.venues.get_venue(booking.venue.id)).timezone
        language = await written_language(db, template, await language_of(booking, sources))
        return cls(booking, template, zone, language)

    def moment(self, instant: datetime) -> str:
        return speech.moment(instant, self.zone, self.language)

    def amount(self, decimal: str, currency: str) -> str | None:
        """None for nothing."""
        if Money.parse(decimal, currency).minor <= 0:
            return None
        return speech.amount(decimal, currency, self.language)

    def people(self, count: int) -> str:
        return speech.people(count, self.language)

    def draft(
        self, *, starts: datetime, values: dict[str, JsonValue], attachments: Sequence[AttachmentRef] = ()
    ) -> MessageDraft:
        guest = self.booking.guest
        return MessageDraft(
            to=guest.email,
            to_name=guest.name,
            phone=guest.phone,
            template=self.template,
            values={
                "guest_name": guest.name,
                "reference": self.booking.reference,
                "venue_name": self.booking.venue.name,
                "starts": self.moment(starts),
                **values,
            },
            user_id=UserId(guest.id),
            booking_id=self.booking.id,
            attachments=list(attachments),
            language=self.language,
        )


async def language_of(booking: BookingView, sources: Sources) -> str:
    """What the guest's account says, else `language` in the booking's metadata, else the house's."""
    chosen = await sources.people.language(UserId(booking.guest.id))
    return chosen or booking.said_language or sources.office.language


async def written_language(db: AsyncSession, template: Template, wanted: str) -> str:
    """The nearest language that the template is written in."""
    stored = (await templates.scripts_in_use(db, Channel.EMAIL, [template]))[template]
    script = script_for(template, Channel.EMAIL, language=wanted, stored=stored)
    return script.language if script else FALLBACK
