"""What is told as it happens.

    payment.completed                count_revenue_when_payment_completed
    user.banned, user.roles_changed  recheck_connections_when_rights_changed
    booking.*, while somebody looks  pulse_when_booking_moved

Each is called once in effect; what they say leaves with the relay's commit.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.identity import UserBanned, UserEvent, UserRolesChanged
from holdfast.contracts.payment import PaymentCompleted
from holdfast.domains.realtime.services import RealtimeService
from holdfast.kernel.broadcast import ANYBODY_LISTENS
from holdfast.kernel.money import Money
from holdfast.kernel.relay import Delivery

Answer = Callable[[AsyncSession, Delivery], Awaitable[None]]

# while nobody looks, no event of a booking is answered for realtime's sake
WANTED = ANYBODY_LISTENS


async def count_revenue_when_payment_completed(db: AsyncSession, event: Delivery) -> None:
    paid = PaymentCompleted.from_store(event.data)
    await RealtimeService(db).revenue(Money.parse(paid.amount, paid.currency), at=event.occurred_at)


async def recheck_connections_when_rights_changed(db: AsyncSession, event: Delivery) -> None:
    await RealtimeService(db).recheck(UserEvent.from_store(event.data).user_id)


async def pulse_when_booking_moved(db: AsyncSession, events: Sequence[Delivery]) -> None:
    moved = [(event.type, event.data) for event in events if event.type.startswith("booking.")]
    await RealtimeService(db).bookings(moved)


REACTIONS: Mapping[str, Sequence[Answer]] = {
    PaymentCompleted.type: (count_revenue_when_payment_completed,),
    UserBanned.type: (recheck_connections_when_rights_changed,),
    UserRolesChanged.type: (recheck_connections_when_rights_changed,),
}
