"""Compare what stands here with what the providers list, and with the bookings it was paid for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import Status
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.payment import DifferenceKind, DifferenceView, ReconciliationView
from holdfast.domains.payment.ops.account import Account
from holdfast.domains.payment.ops.audit import astray
from holdfast.domains.payment.ops.compare_lists import CompareLists
from holdfast.domains.payment.ops.discrepancies import note
from holdfast.domains.payment.ports import Bookings
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import discrepancies, intents, ledger, reconciling
from holdfast.domains.payment.queries.audits import Held
from holdfast.domains.payment.queries.reconciling import Taken
from holdfast.kernel.database import transaction
from holdfast.kernel.money import Money
from holdfast.kernel.telemetry import PAYMENTS_UNRECONCILED

SOLD = frozenset({Status.CONFIRMED, Status.CHECKED_IN})


class Reconcile:
    """Everything of the time asked about that does not agree and that nobody has closed: with the providers' lists
    where they have some (what nobody told us of is settled on the way), with the bookings, and what was said
    before."""

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(self, *, since: datetime, until: datetime, now: datetime) -> ReconciliationView:
        account = Account(since, until)
        lists = CompareLists(self.db, account, now=now)
        for name, provider in sorted(self.providers.by_name.items()):
            await lists.execute(name, provider)
        taken = await reconciling.taken(self.db, since=since, until=until)
        for each in taken:
            account.captured[each.provider, each.amount.currency] += each.amount.minor
        account.refunded.update(await reconciling.refunded(self.db, since=since, until=until))
        await self.with_bookings(account, taken, now=now)
        account.found.extend(await reconciling.failed(self.db, since=since, until=until))
        account.found.extend(await reconciling.unasked(self.db, since=since, until=until))
        differences = await self.open_ones(account, now=now)
        self.measure(differences)
        held = {(entry.account, entry.currency): entry.amount for entry in await ledger.balances(self.db)}
        return ReconciliationView(
            since=since,
            until=until,
            totals=account.totals(held),
            differences=differences,
            unreachable=account.unreachable,
        )

    async def open_ones(self, account: Account, *, now: datetime) -> list[DifferenceView]:
        """What was found now and what was said before, each once, but for what is closed."""
        async with transaction(self.db):
            found = [await note(self.db, each, said=False, now=now, actor=SYSTEM) for each in account.found]
            said = await discrepancies.standing(self.db, since=account.since, until=account.until)
        every = {each.id: each for each in (*found, *said) if each.closed_at is None}
        return list(every.values())

    async def with_bookings(self, account: Account, taken: Sequence[Taken], *, now: datetime) -> None:
        """Money whose booking was given up, and bookings that were sold without the money that was due."""
        concerned = latest_of_bookings(taken)
        known = await self.bookings.get_many([each.booking_id for each in concerned], actor=SYSTEM)
        for each in concerned:
            booking = known.get(each.booking_id)
            taken_in_all, kept = await intents.taken_and_kept(self.db, each.booking_id, each.amount.currency)
            detail = astray(Held(each.booking_id, kept, taken_in_all, each.at), booking, now=now)
            if detail is not None:
                account.differ(
                    DifferenceKind.WITHOUT_BOOKING,
                    each.provider,
                    each.ref,
                    "a live booking, or a refund",
                    detail,
                    intent_id=each.intent_id,
                )
            if booking is not None and booking.status in SOLD:
                owed = Money.parse(booking.balance, booking.price.currency)
                if owed.minor > 0:
                    account.differ(
                        DifferenceKind.WITHOUT_PAYMENT,
                        each.provider,
                        booking.reference,
                        f"{owed} {owed.currency} paid",
                        f"{booking.status}, and that is still due",
                        intent_id=each.intent_id,
                    )

    def measure(self, differences: Iterable[DifferenceView]) -> None:
        found = Counter(each.kind for each in differences)
        for kind in DifferenceKind:
            PAYMENTS_UNRECONCILED.labels(kind).set(found[kind])


def latest_of_bookings(taken: Sequence[Taken]) -> list[Taken]:
    """One for each booking, with what is left of all of them."""
    found: dict[object, Taken] = {}
    for each in taken:
        earlier = found.get((each.booking_id, each.amount.currency))
        found[each.booking_id, each.amount.currency] = each.with_more(earlier.left) if earlier else each
    return list(found.values())
