"""Compare what stands here with what the providers list, and with the bookings it was paid for."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from holdfast.contracts.booking import Status
from holdfast.contracts.identity import SYSTEM
from holdfast.contracts.payment import DifferenceKind, DifferenceView, ReconciliationView, TotalsView
from holdfast.domains.payment.ops.audit import astray
from holdfast.domains.payment.ops.verify import VerifyPayment
from holdfast.domains.payment.ports import Bookings, Provider, Reading, Stage
from holdfast.domains.payment.providers import Providers
from holdfast.domains.payment.queries import intents, ledger, reconciling
from holdfast.domains.payment.queries.audits import Held
from holdfast.domains.payment.queries.reconciling import Taken
from holdfast.domains.payment.rules.postings import clearing
from holdfast.domains.payment.rules.statuses import PAID
from holdfast.kernel.database import give_back
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import Money
from holdfast.kernel.telemetry import PAYMENTS_UNRECONCILED

# a payment just before the end of the time asked about may be listed there and not be here yet
LAG = timedelta(minutes=15)
SOLD = frozenset({Status.CONFIRMED, Status.CHECKED_IN})

log = structlog.get_logger()


@dataclass
class Account:
    """One comparison while it is made; sums by (provider, currency) in minor units."""

    at: datetime
    captured: Counter[tuple[str, str]] = field(default_factory=Counter)
    refunded: Counter[tuple[str, str]] = field(default_factory=Counter)
    listed: Counter[tuple[str, str]] = field(default_factory=Counter)
    listing: set[str] = field(default_factory=set)
    differences: list[DifferenceView] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)

    def differ(
        self, kind: DifferenceKind, provider: str, ref: str, expected: str, seen: str, **intent: object
    ) -> None:
        said = {"kind": kind, "provider": provider, "ref": ref, "expected": expected, "seen": seen}
        self.differences.append(
            DifferenceView.model_validate({"intent_id": None, "at": self.at, **said, **intent})
        )


class Reconcile:
    """Everything of the time asked about that does not agree: with a provider's list where it has one (what it
    took and nobody told us of is settled on the way), with the bookings, and what was noted before."""

    def __init__(self, db: AsyncSession, bookings: Bookings, providers: Providers) -> None:
        self.db = db
        self.bookings = bookings
        self.providers = providers

    async def execute(self, *, since: datetime, until: datetime, now: datetime) -> ReconciliationView:
        account = Account(at=now)
        for name, provider in sorted(self.providers.by_name.items()):
            await self.with_list(account, name, provider, since=since, until=until, now=now)
        taken = await reconciling.taken(self.db, since=since, until=until)
        for each in taken:
            account.captured[each.provider, each.amount.currency] += each.amount.minor
        account.refunded.update(await reconciling.refunded(self.db, since=since, until=until))
        await self.with_bookings(account, taken, now=now)
        account.differences.extend(await reconciling.noted(self.db, since=since, until=until))
        account.differences.extend(await reconciling.unasked(self.db, since=since, until=until))
        self.measure(account.differences)
        return ReconciliationView(
            since=since,
            until=until,
            totals=await self.totals(account),
            differences=account.differences,
            unreachable=account.unreachable,
        )

    async def with_list(
        self, account: Account, name: str, provider: Provider, *, since: datetime, until: datetime, now: datetime
    ) -> None:
        """Payment by payment; a provider without a list, or one that does not answer, says nothing."""
        await give_back(self.db)
        try:
            listed = await provider.payments(since=since, until=until)
        except Refusal as refusal:
            log.warning("a provider could not be asked", provider=name, refusal=repr(refusal))
            account.unreachable.append(name)
            return
        if listed is None:
            return
        account.listing.add(name)
        for reading in listed:
            if reading.stage is Stage.SUCCEEDED and reading.amount is not None:
                account.listed[name, reading.amount.currency] += reading.amount.minor
                await self.listed(account, name, reading, now=now)
        known = {reading.ref for reading in listed if reading.stage is Stage.SUCCEEDED}
        for each in await reconciling.taken(self.db, since=since + LAG, until=until - LAG):
            if each.provider == name and each.ref not in known:
                here = f"{each.amount} {each.amount.currency}"
                account.differ(
                    DifferenceKind.MISSING_THERE, name, each.ref, here, "not listed", intent_id=each.intent_id
                )

    async def listed(self, account: Account, name: str, reading: Reading, *, now: datetime) -> None:
        """A payment that the provider took; settled where that is news."""
        seen = f"{reading.amount} {reading.amount.currency}" if reading.amount else "-"
        intent = await intents.find_by_ref(self.db, name, reading.ref)
        if intent is None and reading.intent_id is not None:
            meant = await intents.find_by_id(self.db, reading.intent_id)
            intent = meant if meant and meant.provider == name and meant.ref is None else None
        if intent is None:
            account.differ(DifferenceKind.UNKNOWN_HERE, name, reading.ref, "nothing", seen)
        elif intent.status not in PAID:
            expected = f"{intent.amount} {intent.currency}, {intent.status}"
            account.differ(DifferenceKind.UNSETTLED, name, reading.ref, expected, seen, intent_id=intent.id)
            await VerifyPayment(self.db).execute(intent.id, reading, now=now, actor=SYSTEM)
        elif reading.amount != intent.amount:
            expected = f"{intent.amount} {intent.currency}"
            account.differ(DifferenceKind.AMOUNT_DIFFERS, name, reading.ref, expected, seen, intent_id=intent.id)

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

    async def totals(self, account: Account) -> list[TotalsView]:
        held = {(entry.account, entry.currency): entry.amount for entry in await ledger.balances(self.db)}
        sums = sorted({*account.captured, *account.refunded, *account.listed})
        return [
            TotalsView(
                provider=provider,
                currency=currency,
                captured=str(Money(account.captured[provider, currency], currency)),
                refunded=str(Money(account.refunded[provider, currency], currency)),
                listed=str(Money(account.listed[provider, currency], currency))
                if provider in account.listing
                else None,
                clearing=held.get((clearing(provider), currency), str(Money.zero(currency))),
            )
            for provider, currency in sums
        ]

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
