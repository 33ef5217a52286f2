"""The clinic: what is free, two guests for one slot, and time given back."""

from collections import Counter
from http import HTTPStatus
from uuid import uuid4

from holdfast.cli.demo.api import Problem
from holdfast.cli.demo.story import BOOKINGS, FIRST_GUEST, SECOND_GUEST, NothingFree, Scene, status
from holdfast.cli.demo.teller import clock, day, period, table
from holdfast.contracts.booking import BookingDraft, BookingView, Cancellation, Stay
from holdfast.contracts.inventory import Alternative, SlotView

MINUTES = 20
# enough of the day left for two guests, and a day that still looks like one
FREE_SLOTS = 6
DAYS = 31


def open_day(scene: Scene) -> list[SlotView]:
    """Chapter: the next local day, from tomorrow on, with room enough."""
    scene.teller.chapter(
        "What is free?",
        "The clinic's next open day. Only what can be booked is listed: opening hours, the half-hour grid, "
        "ten minutes' buffer and everybody else's bookings are already in it.",
    )
    practitioner, zone = scene.place.resources[0], scene.place.zone
    _, free = scene.slots(practitioner.id, {**scene.days(DAYS), "duration_minutes": MINUTES})
    starts = Counter(slot.start_at.astimezone(zone).date() for slot in free)
    today = scene.now.astimezone(zone).date()
    chosen = next((on for on, slots in sorted(starts.items()) if on > today and slots >= FREE_SLOTS), None)
    if chosen is None:
        raise NothingFree(f"{scene.place.venue.name} is booked out for {DAYS} days.")
    query: dict[str, str | int] = {
        "from": chosen.isoformat(),
        "to": chosen.isoformat(),
        "duration_minutes": MINUTES,
    }
    asked, free = scene.slots(practitioner.id, query)
    scene.teller.exchange(asked, query)
    heading = f"{day(free[0].start_at, zone)}, {free[0].start_at.astimezone(zone):%Z}"
    scene.teller.times(heading, (clock(slot.start_at, zone) for slot in free))
    return free


def two_guests(scene: Scene) -> BookingView:
    """Chapters: the first guest books, the second is refused and takes what is offered; the second's booking."""
    draft = BookingDraft(
        resource_id=scene.place.resources[0].id,
        start_at=open_day(scene)[1].start_at,
        duration_minutes=MINUTES,
        party_size=1,
        guest=FIRST_GUEST,
        idempotency_key=str(uuid4()),
    )
    book_twice(scene, draft)
    alternative = refused(scene, draft.model_copy(update={"guest": SECOND_GUEST, "idempotency_key": None}))
    scene.teller.chapter("… and takes the first alternative", "What is offered can be booked.")
    return scene.book(
        BookingDraft(
            resource_id=alternative.resource_id,
            start_at=alternative.start_at,
            end_at=alternative.end_at,
            party_size=1,
            guest=SECOND_GUEST,
        )
    )


def book_twice(scene: Scene, draft: BookingDraft) -> None:
    """Chapter: a booking, and the same request again as after a lost answer."""
    scene.teller.chapter(
        "A guest books",
        "Nothing is due now, so it is confirmed at once. The answer gets lost, so the guest's app sends the "
        "same request with the same key again.",
    )
    scene.book(draft)
    again = scene.api.ask("POST", BOOKINGS, draft, expect=HTTPStatus.CREATED)
    scene.teller.exchange(again, {"idempotency_key": f"{draft.idempotency_key}, as before"})
    replayed = again.answer.headers.get("Idempotency-Replayed", "false")
    scene.teller.facts(
        {"booking": f"{again.read(BookingView).reference}, the same one", "Idempotency-Replayed": replayed}
    )


def refused(scene: Scene, wanted: BookingDraft) -> Alternative:
    """Chapter: why not, and what would do instead; the first of it."""
    scene.teller.chapter(
        "A second guest wants the same time", "The database refuses; the answer says why, and what would do."
    )
    answer = scene.api.ask("POST", BOOKINGS, wanted, expect=HTTPStatus.CONFLICT)
    scene.teller.exchange(answer, scene.wish(wanted))
    problem = answer.read(Problem)
    scene.teller.facts({"type": problem.type, "title": problem.title, "reason": problem.reason or ""})
    if not problem.alternatives:
        raise NothingFree("Nothing else is free near that time.")
    offered = table("alternatives", "")
    for each in problem.alternatives:
        offered.add_row(scene.place.label(each.resource_id), period(each.start_at, each.end_at, scene.place.zone))
    scene.teller.table(offered)
    return problem.alternatives[0]


def change_of_mind(scene: Scene, booking: BookingView) -> None:
    """Chapter: the second guest cancels, and the time is free again."""
    scene.teller.chapter("The second guest cancels", "The time is free again in the same transaction.")
    cancellation = Cancellation(reason="the guest cannot come", expected_version=booking.version)
    asked = scene.api.ask("POST", f"{BOOKINGS}/{booking.id}/cancel", cancellation)
    scene.teller.exchange(asked, cancellation.model_dump(exclude_unset=True))
    cancelled = asked.read(BookingView)
    scene.teller.facts({"booking": cancelled.reference, "status": status(cancelled)})
    scene.check(
        Stay(resource_id=booking.resource_id, start_at=booking.start_at, end_at=booking.end_at, party_size=1)
    )
