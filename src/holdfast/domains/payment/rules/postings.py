"""What every movement of money posts. Debits are above zero, credits below; each posting comes to zero.

                  guest   clearing:<p>   refunds_payable   revenue, fees, taxes   write_off
sale                +                                               -
capture             -          +
refund_requested    +                          -
refund_settled                 -               +
refund_failed       -                          +
refund_made         +          -
written_off         -                                                                 +

                       clearing:<p>   disputed   dispute_losses
dispute_withheld            -            +
dispute_won                 +            -             or from the losses, where it was lost before
dispute_lost                -                          +              or from what was disputed

                       supplier_costs   supplier_payable:<id>   bank
supplier_share                +                   -
supplier_payout                                   +               -

What is kept for a supplier's booking once it is completed, less the house's commission, is owed to that supplier.
It is restated as a sale is, so that a refund takes the same part of it back.

`guest` is what the guest owes (below zero: what is owed to the guest). A sale is restated, never changed: what its
accounts should hold less what was posted so far is posted in addition, so that a booking which was moved, given up
or confirmed late is right whatever was heard before. Of one that was given up, what the house keeps is a fee. What
staff gives back of one that stays sold does not come due again, so there is less revenue; when nothing of its
money is left, nothing was sold.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from holdfast.contracts.booking import BookingId, BookingView, Lifecycle, Status
from holdfast.contracts.identity import UserId
from holdfast.contracts.payment import DisputeStatus
from holdfast.contracts.pricing import LineKind, PriceView
from holdfast.kernel.money import Money, percent_of

GUEST, REFUNDS_PAYABLE, WRITE_OFF = "guest", "refunds_payable", "write_off"
SUPPLIER_COSTS, BANK = "supplier_costs", "bank"
DISPUTED, DISPUTE_LOSSES = "disputed", "dispute_losses"
REVENUE, FEES, TAXES = "revenue", "fees", "taxes"

CAPTURE, REFUND_REQUESTED = "capture", "refund_requested"
REFUND_SETTLED, REFUND_FAILED = "refund_settled", "refund_failed"
# of one that was thought to have failed
REFUND_MADE = "refund_made"
SALE, SALE_CHANGED, SALE_REVERSED, WRITTEN_OFF = "sale", "sale_changed", "sale_reversed", "written_off"
SALES = (SALE, SALE_CHANGED, SALE_REVERSED)
SUPPLIER_SHARE, SUPPLIER_PAYOUT = "supplier_share", "supplier_payout"

SOLD = frozenset({Status.CONFIRMED, Status.CHECKED_IN, Status.COMPLETED})
UNSOLD = frozenset({Status.DRAFT, Status.PENDING})

# (account, currency) -> minor units
Balances = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Posting:
    """A line of the journal with its entries; once for each kind and subject."""

    kind: str
    subject: UUID
    booking_id: BookingId | None
    entries: Balances
    note: str | None = None


def clearing(provider: str) -> str:
    """What a provider took and has not given back."""
    return f"clearing:{provider}"


def between(debit: str, credit: str, amount: Money) -> Balances:
    return {(debit, amount.currency): amount.minor, (credit, amount.currency): -amount.minor}


def of_capture(capture_id: UUID, booking_id: BookingId, provider: str, amount: Money) -> Posting:
    return Posting(CAPTURE, capture_id, booking_id, between(clearing(provider), GUEST, amount))


def of_refund(kind: str, refund_id: UUID, booking_id: BookingId, provider: str, amount: Money) -> Posting:
    ways = {
        REFUND_REQUESTED: (GUEST, REFUNDS_PAYABLE),
        REFUND_SETTLED: (REFUNDS_PAYABLE, clearing(provider)),
        REFUND_FAILED: (REFUNDS_PAYABLE, GUEST),
        REFUND_MADE: (GUEST, clearing(provider)),
    }
    return Posting(kind, refund_id, booking_id, between(*ways[kind], amount))


def disputed(status: DisputeStatus, provider: str, amount: Money) -> Balances:
    """Where the money of a dispute is that stands so; nowhere else than before where nothing is taken."""
    accounts = {DisputeStatus.WITHHELD: DISPUTED, DisputeStatus.LOST: DISPUTE_LOSSES}
    return between(accounts[status], clearing(provider), amount) if status in accounts else {}


def of_write_off(subject: UUID, booking_id: BookingId, amount: Money, note: str) -> Posting:
    return Posting(WRITTEN_OFF, subject, booking_id, between(WRITE_OFF, GUEST, amount), note)


def payable_to(supplier_id: UserId) -> str:
    """What a supplier is owed."""
    return f"supplier_payable:{supplier_id}"


def share(booking: BookingView, kept: Money, supplier_id: UserId, percent: Decimal) -> Balances:
    """What the supplier of a completed booking has earned of the money that is `kept` of it, less the commission
    of so many percent."""
    if booking.status is not Status.COMPLETED:
        return {}
    earned = kept - percent_of(kept, percent)
    return between(SUPPLIER_COSTS, payable_to(supplier_id), earned) if earned.minor > 0 else {}


def is_sold(booking: BookingView) -> bool:
    """Whether its price is earned; no more once all that was paid for it went back."""
    return booking.status in SOLD and booking.lifecycle_status is not Lifecycle.REFUNDED


def kept_by(booking: BookingView) -> Money:
    """What was captured and the booking did not ask back, as it says itself."""
    return Money.parse(booking.price.due_now, booking.price.currency) - Money.parse(
        booking.balance, booking.price.currency
    )


def gift(booking: BookingView, left: Money) -> Money:
    """What went back of a booking's money without its asking, where `left` is what did not go back at all. What
    either side has not heard of yet makes it too small, never too large; the news of it restates the sale."""
    return max(kept_by(booking) - left, Money.zero(left.currency))


def sold(price: PriceView, *, given: Money | None = None) -> Balances:
    """What a sale at this price comes to, account by account. A tax that the prices contain is taken out of
    the revenue; its line says how much, and adds nothing itself. What was `given` back is no revenue."""
    held: Counter[str] = Counter()
    for line in price.lines:
        amount = Money.parse(line.amount, price.currency).minor
        if line.kind is LineKind.TAX and line.included:
            contained = Money.parse(line.unit_amount, price.currency).minor
            held[TAXES] -= contained
            held[REVENUE] += contained
        elif line.kind is LineKind.TAX:
            held[TAXES] -= amount
        elif line.kind is LineKind.FEE:
            held[FEES] -= amount
        else:
            held[REVENUE] -= amount
    if given is not None:
        held[REVENUE] += given.minor
    held[GUEST] = -held.total()
    return {(account, price.currency): minor for account, minor in held.items() if minor}


def keeps(booking: BookingView, taken: Money) -> Money:
    """What the house may keep of the money of a booking that was given up: what the booking did not ask back, and
    no more of what was `taken` than its policy leaves. A no-show pays for what was kept for it, also later."""
    nothing = Money.zero(taken.currency)
    if taken.currency != booking.price.currency or booking.lifecycle_status is Lifecycle.REFUNDED:
        return nothing
    unasked = max(kept_by(booking), nothing)
    if booking.status is Status.NO_SHOW:
        return unasked
    if booking.refund_due is None:
        return nothing
    return min(unasked, taken - percent_of(taken, Decimal(booking.refund_due.percent)))


def retained(booking: BookingView, taken: Money, kept: Money) -> Balances:
    """What the house keeps of a booking that was given up: a fee, which the guest has paid already. It is no more
    than is `kept`: not promised back."""
    ours = min(kept, keeps(booking, taken))
    return between(GUEST, FEES, ours) if ours.minor > 0 else {}


def owed(booking: BookingView, currency: str) -> Money | None:
    """What the guest's account is to hold by what the booking says; None where nothing was sold yet."""
    if booking.status in UNSOLD:
        return None
    return (
        Money.parse(booking.outstanding, currency) if currency == booking.price.currency else Money.zero(currency)
    )


def restated(target: Balances, posted: Balances) -> Balances:
    """What is to be posted in addition, so that the accounts hold `target`; nothing where they do."""
    accounts = {*target, *posted}
    missing = {account: target.get(account, 0) - posted.get(account, 0) for account in sorted(accounts)}
    return {account: minor for account, minor in missing.items() if minor}
