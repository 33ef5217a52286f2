"""Every event that something answers, and what each answer is given to ask."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.domains.booking import reactions as money
from holdfast.domains.document import reactions as paperwork
from holdfast.domains.identity.services import People
from holdfast.domains.notification import reactions as mail
from holdfast.domains.notification.telling import Sources
from holdfast.domains.payment import reactions as cashier
from holdfast.domains.realtime import reactions as live
from holdfast.domains.webhook import reactions as hooks
from holdfast.kernel.relay import Delivery, Listener, Reaction
from holdfast.wiring.facades import Facades

# wire name -> who answers it, bound to what it asks by `Wiring.reactions`; each reaction is a sentence
BOOKING_REACTIONS = money.REACTIONS
PAYMENT_REACTIONS = cashier.REACTIONS
MAIL_REACTIONS = mail.REACTIONS
PAPER_REACTIONS = paperwork.REACTIONS


def choreography() -> dict[str, list[str]]:
    """Every event that something answers, and the names of what does, in the order of their running."""
    told: dict[str, list[str]] = defaultdict(list)
    tables: Sequence[Mapping[str, Sequence[Callable[..., object]]]] = (
        BOOKING_REACTIONS, PAYMENT_REACTIONS, PAPER_REACTIONS, MAIL_REACTIONS, hooks.REACTIONS, live.REACTIONS,
    )  # fmt: skip
    for table in tables:
        for wire_name, answers in table.items():
            told[wire_name] += [answer.__name__ for answer in answers]
    return dict(sorted(told.items()))


@dataclass(frozen=True)
class Bindings:
    """They run in the relay's sessions, which are the system's: events carry no personal data to go by."""

    facades: Facades

    def reactions(self) -> Mapping[str, Sequence[Reaction]]:
        bound: dict[str, list[Reaction]] = defaultdict(list)
        for wire_name, movers in BOOKING_REACTIONS.items():
            bound[wire_name] += [self.moving(answer) for answer in movers]
        for wire_name, cashiers in PAYMENT_REACTIONS.items():
            bound[wire_name] += [self.paying(answer) for answer in cashiers]
        for wire_name, makers in PAPER_REACTIONS.items():
            bound[wire_name] += [self.papering(answer) for answer in makers]
        for wire_name, answers in MAIL_REACTIONS.items():
            bound[wire_name] += [self.asking(answer) for answer in answers]
        for wire_name, replies in hooks.REACTIONS.items():
            bound[wire_name] += [self.hooked(answer) for answer in replies]
        for wire_name, tellers in live.REACTIONS.items():
            bound[wire_name] += tellers
        return dict(bound)

    def moving(self, answer: money.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(self.facades.booking(db), event, self.facades.clock.now())

        return reaction

    def paying(self, answer: cashier.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(
                db, event, cashier.Desk(self.facades.booking(db), self.facades.orders(db), self.facades.ledger(db))
            )

        return reaction

    def papering(self, answer: paperwork.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(self.facades.document(db), event, self.facades.clock.now())

        return reaction

    def asking(self, answer: mail.Answer) -> Reaction:
        @wraps(answer)  # its name is on the receipts
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            sources = Sources(
                self.facades.booking(db),
                self.facades.inventory(db),
                People(db),
                self.facades.office,
                self.facades.document(db),
            )
            await answer(db, event, sources)

        return reaction

    def hooked(self, answer: hooks.Answer) -> Reaction:
        @wraps(answer)
        async def reaction(db: AsyncSession, event: Delivery) -> None:
            await answer(db, event, hooks.Sources(self.facades.booking(db), self.facades.inventory(db)))

        return reaction

    def listeners(self) -> Sequence[Listener]:
        """What hears of every event: webhooks while there are endpoints, `/socket.io` while somebody looks."""
        return [
            Listener(self.hooked(hooks.queue_messages_when_anything_happened), hooks.WANTED),
            Listener(live.pulse_when_booking_moved, live.WANTED),
        ]
