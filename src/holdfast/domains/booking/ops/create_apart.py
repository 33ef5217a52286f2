"""Create bookings where inventory, pricing or payment has a database of its own.

asked                            written here                     should nothing follow
hold                                                              the hold frees itself
price                                                             the hold frees itself
                                 PENDING, history, event, answer  it expires, with its hold
open an intent                   the way to pay                   it expires, and the intent with it
commit the claim (nothing due)   CONFIRMED, and the answer        a job written with the booking does both

The same request again, under its key, is for the same booking id from the first step on: so it finds the hold of a
try that ended halfway, instead of meeting it as a stranger's.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from holdfast.contracts.booking import BookingId, Status
from holdfast.domains.booking import queries
from holdfast.domains.booking.exceptions import VIOLATIONS
from holdfast.domains.booking.ops.advance import arrive
from holdfast.domains.booking.ops.confirm_free import AFTER_SECONDS, CONFIRM_FREE
from holdfast.domains.booking.ops.create import CreateBookings, Sale, admission
from holdfast.kernel.access import admit
from holdfast.kernel.database import transaction
from holdfast.kernel.errors import Refusal
from holdfast.kernel.idempotency import Answer, IdempotencyKeyReused, Once, keep_instead
from holdfast.kernel.jobs import enqueue

# of the names that requests give their bookings (RFC 9562, version 5)
REQUESTS = UUID("6b7f1d0e-3c1a-4f6e-9d55-3f0c6f1a2b77")


class CreateApart(CreateBookings):
    """`CreateBookings` in several transactions, none of which is open while somebody else is asked."""

    async def sell(self, sales: Sequence[Sale], *, expires_at: datetime, now: datetime) -> None:
        for sale in sales:
            sale.booking_id = named_by(sale.once) if sale.once else sale.booking_id
        async with transaction(self.db, VIOLATIONS):
            await admit(self.db, [admission(sale) for sale in sales])
            await self.recall(sales)
        await self.hold(sales, expires_at=expires_at, now=now)
        await self.price(sales, now=now)
        async with transaction(self.db, VIOLATIONS):
            await admit(self.db, [admission(sale) for sale in sales])
            held = [sale for sale in sales if sale.outcome is None]
            await self.recall(held)  # nobody had the key while others were asked
            sold = await self.begin(held, expires_at=expires_at, now=now)
            await self.insert(sold)
            await self.tell(sold, now=now)
            for sale in sold:
                if sale.way:
                    due_at = now + timedelta(seconds=AFTER_SECONDS)
                    await enqueue(
                        self.db, CONFIRM_FREE, {"booking_id": str(sale.booking_id)}, now=now, due_at=due_at
                    )
        # what the same request holds beside this one is that one's
        strangers = [sale for sale in held if isinstance(sale.outcome, IdempotencyKeyReused)]
        await self.release(strangers, now=now)
        await self.pay(sold, now=now)
        await self.confirm([sale for sale in sold if sale.way], now=now)

    async def pay(self, sold: Sequence[Sale], *, now: datetime) -> None:
        waiting = await self.open_payments(sold, now=now)
        if waiting:
            async with transaction(self.db, VIOLATIONS):
                await admit(self.db, [admission(sale) for sale in waiting])
                await self.show_payments(waiting)
                await self.answer_anew(waiting)

    async def answer_anew(self, sales: Sequence[Sale]) -> None:
        answers = [(sale.once, sale.made.view()) for sale in sales]
        for sale, (_, view) in zip(sales, answers, strict=True):
            sale.outcome = Answer(view)
        await keep_instead(self.db, answers)

    async def confirm(self, free: Sequence[Sale], *, now: datetime) -> None:
        """Commit the claims of those that wait for no money, then say so. One whose hold is gone stays PENDING."""
        holds = [sale.hold.reservation_id for sale in free]
        outcomes = await self.inventory.commit_many(holds, now=now) if holds else []
        kept = [sale for sale, each in zip(free, outcomes, strict=True) if not isinstance(each, Refusal)]
        if not kept:
            return
        async with transaction(self.db, VIOLATIONS):
            await admit(self.db, [admission(sale) for sale in kept])
            locked = await queries.get_all_for_update(self.db, [sale.made.id for sale in kept])
            kept = [sale for sale in kept if locked[sale.made.id].status is Status.PENDING]
            if not kept:
                return
            entries = []
            for sale in kept:
                moved = arrive(locked[sale.made.id], sale.way, because=sale.because, now=now)
                sale.booking = replace(moved, version=moved.version + 1)
                entries += self.confirmed(sale, now=now)
            await queries.write(self.db, [sale.made for sale in kept], queries.MOVED)
            await queries.insert_history(self.db, entries)
            await self.answer_anew(kept)


def named_by(once: Once) -> BookingId:
    """The booking of this request, whenever it is made."""
    return BookingId(uuid5(REQUESTS, "\0".join((once.scope, once.key, once.fingerprint))))
