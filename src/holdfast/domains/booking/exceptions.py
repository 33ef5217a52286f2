"""What booking refuses.

NotFound     BookingNotFound · PassengerNotFound · GuestNotFound · VenueNotYours
             ResourceUnknown · ItemNotFound · ItemsNotYours · TaskNotFound
Conflict     VersionConflict · TransitionNotAllowed · BookingClosed · CurrencyChanged
             TooManyPassengers · PartyBelowPassengers · CaptureIdReused · CaptureUnknown
             NotAllReturned · ItemDecided · ItemGone · ItemsUnconfirmed
             └ guards staff may override: PaymentDue · CheckInNotOpen · NotYetNoShow
Forbidden    NotYourMove · NotYourGuest · ReservedForSystem · OverrideNotYours
Invalid      VersionRequired · EndsBeforeStart · EndsTooLate · RateNeeded
Unavailable  ReferencesExhausted
"""

from holdfast.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Unavailable


class BookingNotFound(NotFound):
    """There is no such booking, or it is not yours to see."""


class GuestNotFound(NotFound):
    """There is no such guest, or their bookings are not yours to see."""


class VenueNotYours(NotFound):
    """There is no such venue, or its bookings are not yours to see."""


class ItemNotFound(NotFound):
    """This booking has no such item."""


class ItemsNotYours(NotFound):
    """There is no such supplier, or their items are not yours to see."""


class TaskNotFound(NotFound):
    """There is no such task."""


class ResourceUnknown(NotFound):
    """There is no such resource."""


class PassengerNotFound(NotFound):
    """This booking has no such passenger."""


class VersionConflict(Conflict):
    """The booking has changed since you read it; read it again and retry."""


class TransitionNotAllowed(Conflict):
    """A booking in this state cannot go there."""


class BookingClosed(Conflict):
    """This booking has ended and cannot be changed any more."""


class PaymentDue(Conflict):
    """Money is due before this booking can be confirmed or checked in."""


class ItemDecided(Conflict):
    """The item's supplier has spoken already."""


class ItemGone(Conflict):
    """The item was taken off its booking before."""


class ItemsUnconfirmed(Conflict):
    """Not every item is confirmed by its supplier."""


class NotAllReturned(Conflict):
    """Only a booking whose captured money all went back is refunded."""


class CheckInNotOpen(Conflict):
    """Check-in opens 24 hours before the start."""


class NotYetNoShow(Conflict):
    """Nobody has missed a booking that has not started."""


class TooManyPassengers(Conflict):
    """The booking has as many passengers as its party."""


class PartyBelowPassengers(Conflict):
    """The booking has more passengers than this party."""


class CaptureIdReused(Conflict):
    """This capture is already noted for another booking or amount."""


class CaptureUnknown(Conflict):
    """Money cannot go back before its capture is noted."""


class CurrencyChanged(Conflict):
    """Money was captured, or items were priced, in another currency than the new price has."""


class NotYourMove(Forbidden):
    """You may see this booking, but not change it like this."""


class NotYourGuest(Forbidden):
    """You book for yourself; this is another account."""


class ReservedForSystem(Forbidden):
    """Only the system itself moves a booking there."""


class OverrideNotYours(Forbidden):
    """Only staff may override a guard."""


class VersionRequired(Invalid):
    """Say which version you are changing: expected_version, or If-Match."""


class EndsBeforeStart(Invalid):
    """The booking would end before it starts."""


class EndsTooLate(Invalid):
    """The booking would end after the last year that can be booked."""


class RateNeeded(Invalid):
    """An item in another currency than its booking's needs the rate between them."""


class ReferencesExhausted(Unavailable):
    """No unused booking reference was found."""


VIOLATIONS: dict[str, type[Refusal]] = {"passengers_booking_id_fkey": BookingNotFound}
