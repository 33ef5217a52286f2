"""The restaurant: any fitting table, a check-in, and the history of the booking."""

from datetime import timedelta

from holdfast.cli.demo.story import BOOKINGS, FIRST_GUEST, NothingFree, Scene, status
from holdfast.cli.demo.teller import table
from holdfast.contracts.booking import BookingDraft, BookingView, HistoryView, Status, StatusChange
from holdfast.contracts.inventory import SlotView

MINUTES = 90
# check-in opens 24 hours before the start; the story takes a moment to get there
SOONEST, LATEST = timedelta(minutes=15), timedelta(hours=23)
PARTY = 2


def soon(scene: Scene) -> SlotView:
    """The first time, today or tomorrow, at which some table is free and check-in is open already."""
    query = {**scene.days(3), "duration_minutes": MINUTES, "quantity": PARTY}
    free = [
        slot
        for each in scene.place.resources
        for slot in scene.slots(each.id, query)[1]
        if scene.now + SOONEST <= slot.start_at <= scene.now + LATEST
    ]
    if not free:
        raise NothingFree(
            f"{scene.place.venue.name} is booked out until tomorrow: this story was told here before."
        )
    return min(free, key=lambda slot: slot.start_at)


def dinner(scene: Scene) -> BookingView:
    booking = book(scene, soon(scene))
    check_in(scene, booking)
    history(scene, booking)
    return booking


def book(scene: Scene, slot: SlotView) -> BookingView:
    """Chapter: a request for the venue picks the smallest free table and claims it in the same statement."""
    scene.teller.chapter(
        "A table, whichever fits",
        f"{scene.place.venue.name} has {len(scene.place.resources)} tables. The guests ask for the venue, and "
        "the smallest free one that seats them is theirs.",
    )
    draft = BookingDraft(
        venue_id=scene.place.venue.id,
        start_at=slot.start_at,
        duration_minutes=MINUTES,
        party_size=PARTY,
        guest=FIRST_GUEST,
    )
    return scene.book(draft)


def check_in(scene: Scene, booking: BookingView) -> None:
    """Chapter: within 24 hours of the start, so it needs nobody's override."""
    scene.teller.chapter("The guests arrive", "Check-in is open: the start is less than 24 hours away.")
    change = StatusChange(status=Status.CHECKED_IN, expected_version=booking.version)
    asked = scene.api.ask("POST", f"{BOOKINGS}/{booking.id}/status", change)
    scene.teller.exchange(asked, {"status": change.status, "expected_version": booking.version})
    arrived = asked.read(BookingView)
    scene.teller.facts({"booking": arrived.reference, "status": status(arrived)})


def history(scene: Scene, booking: BookingView) -> None:
    """Chapter: every step of both machines."""
    scene.teller.chapter(
        "What happened to it",
        "Two machines, one booking: what is reserved (status) and how far the sale is (lifecycle_status). "
        "Every step of either is kept; the steps of one command share its version.",
    )
    asked = scene.api.ask("GET", f"{BOOKINGS}/{booking.id}/history")
    scene.teller.exchange(asked)
    drawn = table("v", "status", "lifecycle_status", "by", "why")
    for entry in asked.read(HistoryView).items:
        drawn.add_row(
            str(entry.version),
            entry.to_status,
            entry.to_lifecycle_status,
            entry.actor_type,
            entry.note or entry.reason or "",
        )
    scene.teller.table(drawn)
