"""The papers of a booking that was paid, moved and cancelled: what they are, and files of them."""

from holdfast.cli.demo.money import until
from holdfast.cli.demo.story import BOOKINGS, Scene
from holdfast.cli.demo.teller import table
from holdfast.contracts.booking import BookingView
from holdfast.contracts.document import DocumentKind, DocumentsView, DocumentView


def show(scene: Scene, booking: BookingView) -> None:
    """Chapter: made by themselves as the booking went its way, none of them ever changed."""
    scene.teller.chapter(
        "The papers of it",
        "Made as the booking went its way: invoices numbered without a gap and taken back by credit notes, a "
        "voucher whose code a door verifies offline, an itinerary. They went to the guest by mail.",
    )
    path = f"{BOOKINGS}/{booking.id}/documents"

    def listed() -> list[DocumentView]:
        return scene.api.ask("GET", path).read(DocumentsView).items

    made = until(listed, lambda papers: papers[-1:] != [] and papers[-1].kind is DocumentKind.CREDIT_NOTE)
    scene.teller.exchange(scene.api.ask("GET", path))
    drawn = table("document", "number", booking.price.currency)
    drawn.columns[-1].justify = "right"
    for each in made:
        counts = each.kind in (DocumentKind.INVOICE, DocumentKind.CREDIT_NOTE)
        drawn.add_row(each.kind.replace("_", " "), each.number, each.total if counts else "")
    scene.teller.table(drawn)
    scene.folder.mkdir(parents=True, exist_ok=True)
    scene.teller.facts({each.number: kept(scene, each) for each in made})


def kept(scene: Scene, document: DocumentView) -> str:
    """Where its file is now."""
    asked = scene.api.ask("GET", f"/api/v1/documents/{document.id}/download")
    path = scene.folder / document.filename
    path.write_bytes(asked.answer.content)
    return f"{path}, {len(asked.answer.content) / 1024:.0f} kB of PDF"
