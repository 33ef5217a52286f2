"""The hotel: a price line by line, a booking that waits for its money, and a move that changes the price."""

from datetime import datetime
from decimal import Decimal
from http import HTTPStatus
from itertools import pairwise

from holdfast.cli.demo import papers
from holdfast.cli.demo.api import Problem
from holdfast.cli.demo.money import decline, give_back, pay, pay_difference
from holdfast.cli.demo.story import BOOKINGS, FIRST_GUEST, NothingFree, Scene
from holdfast.cli.demo.teller import moment, money, period, table
from holdfast.contracts.booking import BookingChange, BookingDraft, BookingView, Status, StatusChange
from holdfast.contracts.inventory import SlotView
from holdfast.contracts.pricing import PriceView

NIGHTS = 2
DAYS = 31
THURSDAY = 3
# when guests leave; a night is a night whatever the hour
CHECK_OUT_HOUR = 11


def stays(scene: Scene) -> tuple[SlotView, SlotView]:
    """Two stays one night apart, the first on a Thursday where that is to be had: one weekend night, then two."""
    query = {**scene.days(DAYS), "duration_minutes": NIGHTS * 24 * 60, "quantity": 2}
    _, free = scene.slots(scene.place.resources[0].id, query)
    later = free[2:]
    pairs = list(pairwise(later))
    thursdays = [pair for pair in pairs if pair[0].start_at.astimezone(scene.place.zone).weekday() == THURSDAY]
    if not pairs:
        raise NothingFree(f"{scene.place.venue.name} is booked out for {DAYS} days.")
    return (thursdays or pairs)[0]


def stay(scene: Scene) -> BookingView:
    """All that becomes of it; the booking as it was paid for."""
    first, second = stays(scene)
    booked = pay(scene, book(scene, first))
    moved = move(scene, booked, second)
    decline(scene, booked)
    if Decimal(moved.balance) > 0:
        moved = pay_difference(scene, moved)
    give_back(scene, moved)
    papers.show(scene, moved)
    return moved


def book(scene: Scene, slot: SlotView) -> BookingView:
    """Chapter: the price is kept in the booking as it was told; money is due, so it waits."""
    scene.teller.chapter(
        "A stay, with money due",
        "Rooms are counted per night. The booking keeps its price line by line, holds the room, and waits "
        "for the money.",
    )
    draft = BookingDraft(
        resource_id=scene.place.resources[0].id,
        start_at=slot.start_at,
        end_at=check_out(scene, slot),
        party_size=2,
        guest=FIRST_GUEST,
    )
    booking = scene.book(draft)
    lines(scene, booking.price)
    refused = scene.api.ask(
        "POST",
        f"{BOOKINGS}/{booking.id}/status",
        StatusChange(status=Status.CONFIRMED),
        expect=HTTPStatus.CONFLICT,
    )
    scene.teller.exchange(refused, {"status": Status.CONFIRMED})
    problem = refused.read(Problem)
    held_until = moment(booking.expires_at, scene.place.zone) if booking.expires_at else "confirmed"
    scene.teller.facts(
        {
            "type": problem.type,
            "title": problem.title,
            "due": money(problem.amount or "", problem.currency or ""),
            "held until": held_until,
        }
    )
    return booking


def move(scene: Scene, booking: BookingView, slot: SlotView) -> BookingView:
    """Chapter: the new nights are claimed and the old ones freed at once; the price follows."""
    scene.teller.chapter(
        "The guest comes a day later",
        "One request claims the new nights and frees the old ones, or changes nothing. It names the version "
        "it has seen, so that no change is lost.",
    )
    change = BookingChange(expected_version=booking.version, start_at=slot.start_at, end_at=check_out(scene, slot))
    asked = scene.api.ask("PUT", f"{BOOKINGS}/{booking.id}", change)
    start = slot.start_at.astimezone(scene.place.zone).isoformat(timespec="minutes")
    scene.teller.exchange(asked, {"expected_version": booking.version, "start_at": start})
    moved = asked.read(BookingView)
    before, after = booking.price, moved.price
    difference = Decimal(after.total) - Decimal(before.total)
    scene.teller.facts(
        {
            "was": period(booking.start_at, booking.end_at, scene.place.zone),
            "is": period(moved.start_at, moved.end_at, scene.place.zone),
            "version": f"{booking.version} → {moved.version}",
            "price": f"{before.total} → {money(after.total, after.currency)}, {difference:+}",
            "due": money(moved.balance, after.currency),
        }
    )
    return moved


def lines(scene: Scene, price: PriceView) -> None:
    drawn = table("", "quantity", "each", price.currency)
    for column in drawn.columns[1:]:
        column.justify = "right"
    for line in price.lines:
        if line.included:
            drawn.add_row(f"including {line.label}", "", line.unit_amount, "", style="dim")
        else:
            drawn.add_row(line.label, line.quantity, line.unit_amount, line.amount)
    drawn.add_section()
    drawn.add_row("total", "", "", price.total, style="bold")
    scene.teller.table(drawn)


def check_out(scene: Scene, slot: SlotView) -> datetime:
    return slot.end_at.astimezone(scene.place.zone).replace(hour=CHECK_OUT_HOUR, minute=0)
