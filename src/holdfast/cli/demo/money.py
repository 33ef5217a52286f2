"""Money: one guest pays on the provider's page and is given half of it back, another's card is declined."""

import time
from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from typing import TypeVar
from uuid import uuid4

import httpx
from rich.text import Text

from holdfast.cli.demo.api import Exchange
from holdfast.cli.demo.story import BOOKINGS, SECOND_GUEST, Scene, status
from holdfast.cli.demo.teller import money, table
from holdfast.contracts.booking import BookingDraft, BookingId, BookingView, Cancellation, Lifecycle, Status
from holdfast.contracts.payment import Confirmation, IntentDraft, IntentView, PostingView
from holdfast.contracts.sandbox import TestCard
from holdfast.kernel.paging import Page

INTENTS = "/api/v1/payments/intents"
LEDGER = "/api/v1/admin/ledger"
# webhooks are sent and refunds carried out by the background work, which looks every second
TRIES, SECONDS_BETWEEN = 200, 0.1

Seen = TypeVar("Seen")


def pay(scene: Scene, booking: BookingView) -> BookingView:
    """Chapter: as a browser does it, with a webhook for news; the booking as it then is."""
    scene.teller.chapter(
        "The guest pays",
        "On the provider's own page, here the sandbox's. Its signed webhook brings the news, and the money "
        "confirms the booking.",
    )
    intent = asked_for(scene, booking)
    browser = scene.api.client
    page = browser.get(str(intent.checkout_url), follow_redirects=True)
    scene.teller.exchange(seen(page), {"by": "the guest's browser"})
    paid = browser.post(page.url, data={"card": TestCard.OK}, follow_redirects=True)
    scene.teller.exchange(seen(paid), {"card": TestCard.OK})
    confirmed = until(lambda: current(scene, booking.id), has_its_papers)
    scene.teller.facts(
        {"booking": confirmed.reference, "status": status(confirmed), "payment": payment(confirmed)}
    )
    return confirmed


def pay_difference(scene: Scene, booking: BookingView) -> BookingView:
    """Chapter: what a move costs more, and no more than that."""
    scene.teller.chapter(
        "… and pays the difference", "What was paid stays paid: only what the new time costs more is due."
    )
    intent = asked_for(scene, booking)
    confirm(scene, intent, TestCard.OK)
    settled = until(lambda: current(scene, booking.id), lambda each: not Decimal(each.balance))
    scene.teller.facts({"booking": settled.reference, "due": money(settled.balance, settled.price.currency)})
    return settled


def decline(scene: Scene, like: BookingView) -> None:
    """Chapter: no money, no booking, and the room is free again."""
    scene.teller.chapter(
        "A card is declined", "The booking fails with its payment, and what it held is free at once."
    )
    draft = BookingDraft(
        resource_id=like.resource_id,
        start_at=like.start_at,
        end_at=like.end_at,
        party_size=like.party_size,
        guest=SECOND_GUEST,
    )
    booking = scene.book(draft)
    confirm(scene, asked_for(scene, booking), TestCard.DECLINED)
    failed = until(lambda: current(scene, booking.id), lambda each: each.status is not Status.PENDING)
    scene.teller.facts({"booking": failed.reference, "status": status(failed)})


def give_back(scene: Scene, booking: BookingView) -> None:
    """Chapters: the policy's part comes back, and the books of it all."""
    scene.teller.chapter(
        "The guest cancels after all",
        "The hotel gives half back, as its policy said when the booking was made. The provider is asked by the "
        "background work, again and again until it has answered.",
    )
    cancellation = Cancellation(reason="the guest fell ill", expected_version=booking.version)
    asked = scene.api.ask("POST", f"{BOOKINGS}/{booking.id}/cancel", cancellation)
    scene.teller.exchange(asked, cancellation.model_dump(exclude_unset=True))
    due = asked.read(BookingView).refund_due
    told = "nothing" if due is None else f"{money(due.amount, due.currency)}, {due.percent} %"
    books = until(lambda: posted(scene, booking.id), lambda postings: has(postings, "refund_settled"))
    gone = "on its way" if not has(books, "refund_settled") else "gone back to the guest"
    scene.teller.facts({"refund due": told, "refund": Text(gone, "green")})
    ledger(scene, booking, books)


def ledger(scene: Scene, booking: BookingView, postings: list[PostingView]) -> None:
    """Chapter: every movement of this booking's money, twice."""
    scene.teller.chapter(
        "The books of it",
        "Double entry, per currency, never changed: each posting sums to zero, and the database refuses one that "
        "does not.",
    )
    scene.teller.exchange(scene.api.ask("GET", LEDGER, query={"booking_id": str(booking.id)}))
    drawn = table("posting", "debit", "credit", booking.price.currency)
    drawn.columns[-1].justify = "right"
    for posting in postings:
        for entry in posting.entries:
            debit = not entry.amount.startswith("-")
            sides = (entry.account, "") if debit else ("", entry.account)
            first = posting.kind if entry is posting.entries[0] else ""
            drawn.add_row(first, *sides, entry.amount.removeprefix("-"))
        drawn.add_section()
    scene.teller.table(drawn)


def asked_for(scene: Scene, booking: BookingView) -> IntentView:
    draft = IntentDraft(booking_id=booking.id, idempotency_key=str(uuid4()))
    asked = scene.api.ask("POST", INTENTS, draft, expect=HTTPStatus.CREATED)
    scene.teller.exchange(asked, {"booking_id": f"…{str(booking.id)[-4:]}"})
    intent = asked.read(IntentView)
    scene.teller.facts({"due": money(intent.amount, intent.currency), "payment": told(intent)})
    return intent


def confirm(scene: Scene, intent: IntentView, card: TestCard) -> None:
    asked = scene.api.ask("POST", f"{INTENTS}/{intent.id}/confirm", Confirmation(payment_method=card))
    scene.teller.exchange(asked, {"payment_method": card})
    answer = asked.read(IntentView)
    scene.teller.facts({"payment": told(answer), **({"because": answer.failure} if answer.failure else {})})


def told(intent: IntentView) -> str:
    return f"{intent.status}, by {intent.provider}"


def payment(booking: BookingView) -> str:
    shown = booking.payment
    return "none" if shown is None else f"{shown.status}, {money(shown.amount, booking.price.currency)}"


def seen(answer: httpx.Response) -> Exchange:
    """What a browser did, redirects and all, told by where it began."""
    first = answer.history[0] if answer.history else answer
    return Exchange(first.request.method, first.request.url.path, answer)


def has_its_papers(booking: BookingView) -> bool:
    """Or will have none: it is over."""
    return booking.lifecycle_status in (Lifecycle.DOCUMENTS_GENERATED, Lifecycle.CANCELLED)


def current(scene: Scene, booking_id: BookingId) -> BookingView:
    return scene.api.ask("GET", f"{BOOKINGS}/{booking_id}").read(BookingView)


def posted(scene: Scene, booking_id: BookingId) -> list[PostingView]:
    query: dict[str, str | int] = {"booking_id": str(booking_id), "limit": 50}
    return scene.api.ask("GET", LEDGER, query=query).read(Page[PostingView]).items


def has(postings: list[PostingView], kind: str) -> bool:
    return any(each.kind == kind for each in postings)


def until(look: Callable[[], Seen], done: Callable[[Seen], bool]) -> Seen:
    """What is seen once it is as expected, or after twenty seconds."""
    found = look()
    for _ in range(TRIES):
        if done(found):
            break
        time.sleep(SECONDS_BETWEEN)
        found = look()
    return found
