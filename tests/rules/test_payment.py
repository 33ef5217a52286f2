"""How a payment moves on, how much may be asked for it, and what is posted: whole tables."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.contracts.booking import BookingId, BookingView, Lifecycle, RefundDue, Status
from holdfast.contracts.payment import IntentStatus
from holdfast.contracts.pricing import LineKind, LineView, PriceView, Terms
from holdfast.domains.payment.exceptions import AmountAboveDue, AmountNotAboveZero, NothingDue
from holdfast.domains.payment.ops.audit import astray
from holdfast.domains.payment.ports import Stage
from holdfast.domains.payment.queries.audits import Held
from holdfast.domains.payment.rules import postings
from holdfast.domains.payment.rules.amounts import asked, due
from holdfast.domains.payment.rules.pauses import pause
from holdfast.domains.payment.rules.statuses import after
from holdfast.kernel.errors import Refusal
from holdfast.kernel.money import Money, digits_of, percent_of
from tests.clock import MONDAY

# `-` is where it was
#                   open   processing  succeeded  failed  cancelled
TABLE = """
requires_action      -     processing  succeeded  failed  cancelled
processing           -     -           succeeded  failed  cancelled
succeeded            -     -           -          -       -
failed               -     -           succeeded  -       -
cancelled            -     -           succeeded  -       -
partially_refunded   -     -           -          -       -
refunded             -     -           -          -       -
"""


def test_every_status_with_every_news() -> None:
    rows = [line.split() for line in TABLE.strip().splitlines()]
    assert {row[0] for row in rows} == set(IntentStatus)
    for start, *ends in rows:
        expected = [IntentStatus(start if end == "-" else end) for end in ends]
        assert [after(IntentStatus(start), stage) for stage in Stage] == expected


@given(
    st.permutations(
        [Stage.OPEN, Stage.PROCESSING, Stage.SUCCEEDED, Stage.FAILED, Stage.CANCELLED, Stage.SUCCEEDED]
    )
)
def test_money_that_was_taken_stays_taken_in_whatever_order_the_news_come(stages: list[Stage]) -> None:
    status = IntentStatus.REQUIRES_ACTION
    for stage in stages:
        status = after(status, stage)
    assert status is IntentStatus.SUCCEEDED


def price(*lines: tuple[LineKind, str, bool], currency: str = "EUR", due_now: str | None = None) -> PriceView:
    """Lines of (kind, amount, included)."""
    views = [
        LineView(
            kind=kind,
            label=kind,
            quantity="0" if included else "1",
            unit_amount=amount,
            amount=str(Money.zero(currency)) if included else amount,
            included=included,
        )
        for kind, amount, included in lines
    ]
    zero = Money.zero(currency)
    total = str(sum((Money.parse(view.amount, currency) for view in views), zero))
    said = {"subtotal": total, "fees": str(zero), "taxes": str(zero), "total": total}
    return PriceView(currency=currency, lines=views, due_now=due_now or total, terms=Terms.FULL, **said)


def booking(
    charged: PriceView,
    *,
    status: Status = Status.PENDING,
    lifecycle: Lifecycle = Lifecycle.CANCELLED,
    captured: str = "0.00",
    percent: str | None = None,
) -> BookingView:
    """As much of one as the rules read."""
    balance = Money.parse(charged.due_now, charged.currency) - Money.parse(captured, charged.currency)
    refund = RefundDue(amount="0.00", currency=charged.currency, percent=percent) if percent else None
    said: dict[str, Any] = {"status": status, "price": charged, "balance": str(balance), "refund_due": refund}
    said |= {"lifecycle_status": lifecycle, "updated_at": MONDAY, "expires_at": MONDAY + timedelta(minutes=15)}
    return BookingView.model_construct(None, **said)


RATE = (LineKind.RATE, "120.00", False)


@pytest.mark.parametrize(
    ("due_now", "captured", "kept", "status", "expected"),
    [
        ("120.00", "0.00", 0, Status.PENDING, 12_000),
        ("36.00", "0.00", 0, Status.PENDING, 3_600),
        ("36.00", "36.00", 3_600, Status.CONFIRMED, 8_400),
        ("36.00", "0.00", 3_600, Status.PENDING, 8_400),  # the booking has not heard of it yet
        ("36.00", "36.00", 0, Status.CONFIRMED, 8_400),  # and payment never took it: at the desk
        ("36.00", "20.00", 2_000, Status.PENDING, 1_600),
        ("0.00", "0.00", 0, Status.CHECKED_IN, 12_000),
        ("120.00", "120.00", 12_000, Status.COMPLETED, None),
        ("120.00", "0.00", 0, Status.CANCELLED, None),
        ("120.00", "0.00", 0, Status.EXPIRED, None),
        ("120.00", "0.00", 0, Status.FAILED, None),
        ("120.00", "0.00", 0, Status.NO_SHOW, None),
        ("120.00", "0.00", 0, Status.DRAFT, None),
    ],
)
def test_what_is_due(due_now: str, captured: str, kept: int, status: Status, expected: int | None) -> None:
    view = booking(price(RATE, due_now=due_now), status=status, captured=captured)
    if expected is None:
        with pytest.raises(NothingDue):
            due(view, Money(kept, "EUR"), now=MONDAY)
    else:
        assert due(view, Money(kept, "EUR"), now=MONDAY) == Money(expected, "EUR")


def test_a_pending_booking_whose_time_is_over_owes_nothing() -> None:
    view = booking(price(RATE))
    with pytest.raises(NothingDue):
        due(view, Money.zero("EUR"), now=MONDAY + timedelta(minutes=15))


@pytest.mark.parametrize(
    ("amount", "refusal"), [("120.01", AmountAboveDue), ("0.00", AmountNotAboveZero), ("1.001", None)]
)
def test_no_more_than_is_due_is_asked(amount: str, refusal: type[Refusal] | None) -> None:
    with pytest.raises(refusal or Refusal) as refused:
        asked(amount, Money(12_000, "EUR"))
    assert refused.value.pointer == "/amount"
    assert asked("120.00", Money(12_000, "EUR")) == asked(None, Money(12_000, "EUR"))


def test_a_sale_is_split_into_its_accounts() -> None:
    charged = price(
        RATE,
        (LineKind.ADJUSTMENT, "-20.00", False),
        (LineKind.FEE, "5.00", False),
        (LineKind.TAX, "7.00", False),
        (LineKind.TAX, "6.54", True),
    )
    assert postings.sold(charged) == {
        ("guest", "EUR"): 11_200,
        ("revenue", "EUR"): -9_346,
        ("fees", "EUR"): -500,
        ("taxes", "EUR"): -1_354,
    }


@pytest.mark.parametrize(
    ("captured", "left", "given"),
    [
        ("120.00", 12_000, 0),
        ("120.00", 7_000, 5_000),
        ("0.00", 12_000, 0),  # the booking has not heard of the money yet
        ("60.00", 12_000, 0),  # nor the provider that some of it is asked back
        ("60.00", 6_000, 0),
    ],
)
def test_a_gift_is_what_went_back_unasked(captured: str, left: int, given: int) -> None:
    view = booking(price(RATE), status=Status.CONFIRMED, captured=captured)
    assert postings.gift(view, Money(left, "EUR")) == Money(given, "EUR")
    sale = postings.sold(view.price, given=Money(given, "EUR"))
    assert sale == {("guest", "EUR"): 12_000 - given, ("revenue", "EUR"): given - 12_000}


CURRENCIES = ("JPY", "EUR", "BHD", "CLF")
amounts = st.integers(-(10**9), 10**9)


@given(
    st.sampled_from(CURRENCIES),
    st.lists(st.tuples(st.sampled_from(LineKind), amounts, st.booleans()), min_size=1, max_size=8),
    st.lists(st.tuples(st.sampled_from(LineKind), amounts, st.booleans()), min_size=1, max_size=8),
)
def test_every_sale_and_every_change_of_it_comes_to_zero(
    currency: str, before: list[tuple[LineKind, int, bool]], after_: list[tuple[LineKind, int, bool]]
) -> None:
    def sale(lines: list[tuple[LineKind, int, bool]]) -> postings.Balances:
        said = [
            (kind, str(Money(minor, currency)), included and kind is LineKind.TAX)
            for kind, minor, included in lines
        ]
        return postings.sold(price(*said, currency=currency))

    first, then = sale(before), sale(after_)
    change = postings.restated(then, first)
    assert sum(first.values()) == sum(change.values()) == 0
    held = {key: first.get(key, 0) + change.get(key, 0) for key in {*first, *change}}
    assert {key: minor for key, minor in held.items() if minor} == dict(then)


@pytest.mark.parametrize("currency", CURRENCIES)
@given(taken=st.integers(1, 10**9), percent=st.integers(0, 100))
def test_what_goes_back_and_what_is_kept_are_all_that_was_taken(currency: str, taken: int, percent: int) -> None:
    all_of_it = Money(taken, currency)
    back = percent_of(all_of_it, Decimal(percent))
    charged = price((LineKind.RATE, str(all_of_it), False), currency=currency)
    view = booking(charged, status=Status.CANCELLED, captured=str(all_of_it - back), percent=str(percent))
    fee = postings.retained(view, all_of_it, all_of_it - back)
    assert fee.get(("guest", currency), 0) == (all_of_it - back).minor
    assert digits_of(currency) in (0, 2, 3, 4)
    assert sum(fee.values()) == 0


def test_late_money_is_never_kept() -> None:
    view = booking(price(RATE), status=Status.EXPIRED)
    assert postings.retained(view, Money(500, "EUR"), Money(500, "EUR")) == {}


# `captured` less what the booking asked back, the percent its policy gives back, all that was taken, and of that
# what the house may keep
KEPT = [
    (Status.CANCELLED, "60.00", "50", 12_000, 6_000),
    (Status.CANCELLED, "0.00", "100", 12_000, 0),
    (Status.CANCELLED, "120.00", "0", 12_000, 12_000),
    (Status.CANCELLED, "30.00", "50", 12_000, 3_000),  # half had gone back before: it was moved to a cheaper day
    (Status.CANCELLED, "60.00", "50", 22_000, 6_000),  # more came when it was cancelled already
    (Status.CANCELLED, "20.00", "100", 12_000, 0),  # staff gave 20.00 back before
    (Status.EXPIRED, "0.00", None, 12_000, 0),
    (Status.NO_SHOW, "60.00", "50", 12_000, 6_000),
    (Status.NO_SHOW, "90.00", "50", 12_000, 9_000),  # 60.00 of it were paid afterwards
    (Status.NO_SHOW, "120.00", None, 12_000, 12_000),  # all of it
]


@pytest.mark.parametrize(("status", "captured", "percent", "taken", "ours"), KEPT)
def test_more_than_the_house_may_keep_is_astray(
    status: Status, captured: str, percent: str | None, taken: int, ours: int
) -> None:
    view = booking(price(RATE), status=status, captured=captured, percent=percent)
    all_of_it, later = Money(taken, "EUR"), MONDAY + timedelta(hours=1)
    assert postings.keeps(view, all_of_it) == Money(ours, "EUR")

    def why(minor: int, *, now: datetime = later) -> str | None:
        held = Held(BookingId(UUID(int=1)), Money(minor, "EUR"), all_of_it, MONDAY)
        return astray(held, view, now=now)

    assert why(ours) is None
    assert why(ours + 1) is not None
    assert why(ours + 1, now=MONDAY) is None  # what becomes of it may be on its way


def test_money_of_a_sale_that_was_undone_is_astray() -> None:
    view = booking(price(RATE), status=Status.CONFIRMED, lifecycle=Lifecycle.REFUNDED, captured="120.00")
    held = Held(BookingId(UUID(int=1)), Money(1, "EUR"), Money(12_000, "EUR"), MONDAY)
    assert astray(held, view, now=MONDAY + timedelta(hours=1)) is not None


@pytest.mark.parametrize("kind", [postings.REFUND_REQUESTED, postings.REFUND_SETTLED, postings.REFUND_FAILED])
def test_every_movement_comes_to_zero(kind: str) -> None:
    one = UUID(int=1)
    posting = postings.of_refund(kind, one, BookingId(one), "stripe", Money(700, "JPY"))
    assert sorted(posting.entries.values()) == [-700, 700]


def test_nobody_gives_up_and_nobody_hammers() -> None:
    waits = [pause(attempts) for attempts in (0, 1, 5, 60)]
    assert waits == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=16), timedelta(hours=6)]
