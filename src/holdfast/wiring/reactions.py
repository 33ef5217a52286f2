"""Every event that something answers, and what each answer is given to ask."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.booking import reactions as money
from holdfast.domains.document import reactions as paperwork
from holdfast.domains.notification import reactions as mail
from holdfast.domains.payment import reactions as cashier
from holdfast.domains.realtime import reactions as live
from holdfast.domains.webhook import reactions as hooks
from holdfast.kernel.relay import Delivery, Hearing, Listener, Reaction
from holdfast.wiring.facades import Facades

# wire name -> who answers it, bound to what it asks by `Wiring.reactions`; each reaction is a sentence
BOOKING_REACTIONS = money.REACTIONS
PAYMENT_REACTIONS = cashier.REACTIONS
MAIL_REACTIONS = mail.REACTIONS
PAPER_REACTIONS = paperwork.REACTIONS


# which domain answers, and hears of it by the broker where the domain that says it is elsewhere
ANSWERING: Mapping[str, Mapping[str, Sequence[Callable[..., object]]]] = {
    "booking": BOOKING_REACTIONS,
    "payment": PAYMENT_REACTIONS,
    "document": PAPER_REACTIONS,
    "notification": MAIL_REACTIONS,
    "webhook": hooks.REACTIONS,
    "realtime": live.REACTIONS,
}
# these hear of every event, while somebody wants to know
LISTENING = frozenset({"webhook", "realtime"})
EVERYTHING = "#"


def readers() -> dict[str, tuple[str, ...]]:
    """What each service wants to hear, as topics."""
    return {
        domain: (EVERYTHING,) if domain in LISTENING else tuple(sorted(table))
        for domain, table in ANSWERING.items()
    }


def choreography() -> dict[str, list[str]]:
    """Every event that something answers, and the names of what does, in the order of their running."""
    told: dict[str, list[str]] = defaultdict(list)
    for table in ANSWERING.values():
        for wire_name, answers in table.items():
            told[wire_name] += [answer.__name__ for answer in answers]
    return dict(sorted(told.items()))


T = TypeVar("T")


@dataclass(frozen=True)
class Bindings:
    """They run in the relay's sessions, which are the system's: events carry no personal data to go by."""

    facades: Facades

    def reactions(self) -> Mapping[str, Sequence[Reaction]]:
        bound: dict[str, list[Reaction]] = defaultdict(list)

        def bind(domain: str, table: Mapping[str, Sequence[T]], binding: Callable[[T], Reaction]) -> None:
            for wire_name, answers in table.items() if self.facades.has(domain) else ():
                bound[wire_name] += [binding(answer) for answer in answers]

        bind("booking", BOOKING_REACTIONS, self.moving)
        bind("payment", PAYMENT_REACTIONS, self.paying)
        bind("document", PAPER_REACTIONS, self.papering)
        bind("notification", MAIL_REACTIONS, self.asking)
        bind("webhook", hooks.REACTIONS, self.hooked)
        bind("realtime", live.REACTIONS, lambda teller: teller)
        return dict(bound)

    def moving(self, answer: money.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(self.facades.booking(db), event, self.facades.clock.now())

        return reaction

    def paying(self, answer: cashier.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            bookings, orders = self.facades.ask_booking(db), self.facades.orders(db)
            await answer(db, event, cashier.Desk(bookings, orders, self.facades.ledger(db)))

        return reaction

    def papering(self, answer: paperwork.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(self.facades.document(db), event, self.facades.clock.now())

        return reaction

    def asking(self, answer: mail.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(db, event, self.facades.sources(db))

        return reaction

    def hooked(self, answer: hooks.Answer) -> Reaction:
        @wraps(answer)
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(db, event, hooks.Sources(self.facades.ask_booking(db), self.facades.ask_inventory(db)))

        return reaction

    def hearing(self, hearer: hooks.Hearer) -> Hearing:
        @wraps(hearer)
        async def hearing(db: AsyncSession, events: Sequence[Delivery]) -> None:
            await hearer(db, events, hooks.Sources(self.facades.booking(db), self.facades.inventory(db)))

        return hearing

    def listeners(self) -> Sequence[Listener]:
        """What hears of every event: webhooks while there are endpoints, `/socket.io` while somebody looks."""
        hearing = {
            "webhook": Listener(self.hearing(hooks.queue_messages_when_anything_happened), hooks.WANTED),
            "realtime": Listener(live.pulse_when_booking_moved, live.WANTED),
        }
        return [listener for domain, listener in hearing.items() if self.facades.has(domain)]
