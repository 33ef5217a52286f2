"""A guest without an account, a stranger, and the mail that went out."""

import time
from http import HTTPStatus

from holdfast.cli.demo.api import Api
from holdfast.cli.demo.story import BOOKINGS, SECOND_GUEST, Scene, status
from holdfast.cli.demo.teller import Teller, table
from holdfast.contracts.booking import BookingDraft, BookingView, Cancellation, MadeBookingView
from holdfast.gateways.mail_catcher import CaughtMail, MailFolder

# the events are told once a second, the mail is sent once a second
TRIES, SECONDS_BETWEEN = 50, 0.2
SHOWN = 10


def without_account(scene: Scene, nobody: Api, stranger: Api, freed: BookingView) -> None:
    """Chapters: what the token of one booking opens, and what nobody else can see."""
    scene.teller.chapter(
        "A guest without an account",
        "Nobody signs in here. The answer holds a token that is good for this one booking: to read it and to "
        "cancel it.",
    )
    draft = BookingDraft(
        resource_id=freed.resource_id,
        start_at=freed.start_at,
        end_at=freed.end_at,
        party_size=1,
        guest=SECOND_GUEST,
    )
    asked = nobody.ask("POST", BOOKINGS, draft, expect=HTTPStatus.CREATED)
    scene.teller.exchange(asked, scene.wish(draft))
    made = asked.read(MadeBookingView)
    token = made.manage_token
    scene.teller.facts({**scene.facts(made), "manage_token": f"{token[:10]}…{token[-4:]}"})
    path = f"{BOOKINGS}/{made.id}"
    refused(scene.teller, stranger, nobody, path)

    scene.teller.chapter("… who cancels with that token", "Whoever holds it is the guest of this booking.")
    guest = nobody.holding(token)
    scene.teller.exchange(guest.ask("GET", path), {"with": "manage_token"})
    cancellation = Cancellation(reason="found another day", expected_version=made.version)
    asked = guest.ask("POST", f"{path}/cancel", cancellation)
    scene.teller.exchange(asked, {"with": "manage_token", **cancellation.model_dump(exclude_unset=True)})
    cancelled = asked.read(BookingView)
    scene.teller.facts({"booking": cancelled.reference, "status": status(cancelled)})


def refused(teller: Teller, stranger: Api, nobody: Api, path: str) -> None:
    teller.chapter(
        "A stranger looks", "To all others there is no such booking, with an account of their own or without."
    )
    teller.exchange(stranger.ask("GET", path, expect=HTTPStatus.NOT_FOUND), {"as": "another account"})
    teller.exchange(nobody.ask("GET", path, expect=HTTPStatus.NOT_FOUND), {"as": "nobody"})
    teller.console.print()


def mail(teller: Teller, folder: MailFolder, base_url: str, references: set[str]) -> None:
    """Chapter: the messages about these bookings."""
    teller.chapter(
        "What the guests were mailed",
        "Queued in the transaction that tells the event, sent by the background work. Without a mail server "
        "it is caught here.",
    )
    caught = about(folder, references)
    drawn = table("subject", "enclosed")
    for each in caught[:SHOWN]:
        drawn.add_row(each.header("subject"), ", ".join(each.attachments()))
    teller.table(drawn)
    teller.facts({"mails": str(folder.folder), "read them": f"{base_url}/dev/mail"})


def about(folder: MailFolder, references: set[str]) -> list[CaughtMail]:
    """The mail about these bookings, as soon as there is some about each; what there is after ten seconds."""
    found: list[CaughtMail] = []
    for _ in range(TRIES):
        every = folder.newest(40)
        found = [each for each in every if any(name in each.header("subject") for name in references)]
        if all(any(name in each.header("subject") for each in found) for name in references):
            break
        time.sleep(SECONDS_BETWEEN)
    return found
